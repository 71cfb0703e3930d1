"""The Dark Machines reader against a parse by the letter, and on lines that are not whole."""

import gzip
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topdata.errors import InputError
from topdata.events import Damage, EventChunk, ReadOptions
from topdata.readers.darkmachines import DarkMachinesReader
from topdata.readers.darkmachines import reader as module
from topdata.registry import head_of

FIRST = (
    "1001;ttbar;1;251300;1.2301;b,310500,250100,0.653,-2.104;j,96410.2,83102,-0.551,0.4;"
    "m+,70211.9,54020.3,0.756,2.9;e-,60000,50000,0.6,-3.1;m-,6e+04,5e+04,0.6,3.1;"
    "e+,60000,40000,0.9,0;g,1.2e+05,90000,-0.8,1;\n"
)
SECOND = "1001;ttH;-0.5;99000.5;-3.2;j,50000,50000,0.1,3.2;\n"
THIRD = "7;ttbar;1.05094e-07;12000;0;\n"
TEXT = FIRST + SECOND + THIRD
SAMPLES = ["background_chan1_first40.csv", "stlp_st1000_chan1_first40.csv"]
PDG = {"e-": 11, "e+": -11, "m-": 13, "m+": -13}


@pytest.fixture(params=SAMPLES)
def sample(request, pytestconfig):
    return pytestconfig.rootpath / "tests" / "data" / "darkmachines" / request.param


def read(path, start=0, stop=None):
    reader = DarkMachinesReader(str(path), ReadOptions())
    try:
        stop = reader.info.entries if stop is None else stop
        return reader.info, list(reader.chunks(start, stop))
    finally:
        reader.close()


def written(tmp_path, text):
    path = tmp_path / "events.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def events_of(items):
    """What chunks hold, as one plain dict an event; damage as it is."""
    found = []
    for item in items:
        if isinstance(item, Damage):
            found.append(item)
            continue
        for i in range(len(item)):
            event = {"event": int(item.event[i]), "weight": float(item.gen_weight[i])}
            event |= {f"met.{k}": v[i].item() for k, v in item.met.items()}
            for name in ("jets", "leptons", "photons"):
                rows = getattr(item, name)
                mine = slice(rows.offsets[i], rows.offsets[i + 1])
                event[name] = {k: v[mine].tolist() for k, v in rows.columns.items()}
            found.append(event)
    return found


def f32(value):
    return float(np.float32(value))


def folded(phi):
    return f32(phi - 2 * math.pi * math.copysign(1, phi) if abs(phi) > math.pi else phi)


def by_the_letter(text):
    """Parse undamaged text line by line, with nothing of the reader."""
    events = []
    for line in text.splitlines():
        _, _, weight, met, met_phi, *objects = line.removesuffix(";").split(";")
        event = {
            "event": len(events), "weight": float(weight),
            "met.pt": f32(float(met) / 1000), "met.phi": folded(float(met_phi)),
            "jets": {k: [] for k in ("pt", "eta", "phi", "mass", "btag", "tautag", "flavor", "charge")},
            "leptons": {k: [] for k in ("pt", "eta", "phi", "mass", "charge", "pdg_id", "isolation", "gen")},
            "photons": {k: [] for k in ("pt", "eta", "phi", "isolation")},
        }  # fmt: skip
        objects = [o.split(",") for o in objects]
        for code, *numbers in objects:
            energy, pt, eta, phi = map(float, numbers)
            row = {"pt": f32(pt / 1000), "eta": f32(eta), "phi": folded(phi)}
            if code in ("j", "b"):
                name = "jets"
                mass2 = (energy / 1000) ** 2 - (pt / 1000 * math.cosh(eta)) ** 2
                row["mass"] = pytest.approx(
                    math.sqrt(max(mass2, 0)), rel=1e-5, abs=1e-5 * energy / 1000
                )
                row |= {"btag": int(code == "b"), "tautag": 0, "flavor": 0, "charge": 0}
            elif code == "g":
                name, row["isolation"] = "photons", 0.0
            else:
                name = "leptons"
                mass = 0.000510999 if code[0] == "e" else 0.105658
                row |= {"mass": f32(mass), "charge": {"+": 1, "-": -1}[code[1]]}
                row |= {"pdg_id": PDG[code], "isolation": 0.0, "gen": -1}
            assert row.keys() == event[name].keys()
            for key, value in row.items():
                event[name][key].append(value)
        leptons = event["leptons"]
        order = sorted(range(len(leptons["pt"])), key=lambda i: leptons["mass"][i])
        event["leptons"] = {k: [v[i] for i in order] for k, v in leptons.items()}
        events.append(event)
    return events


def starts(content):
    return sum(1 for line in content.split(b"\n") if line.strip())


def test_every_value_of_the_samples(sample):
    info, items = read(sample)
    text = sample.read_text()
    assert info.entries == 40
    assert events_of(items) == by_the_letter(text)
    [chunk] = items
    assert len(chunk.jets["pt"]) == text.count(";j,") + text.count(";b,")
    assert 0 < chunk.jets["btag"].sum() == text.count(";b,")


def test_processes_are_counted(sample):
    info, _ = read(sample)
    names = Counter(line.split(";")[1] for line in sample.read_text().splitlines())
    assert (info.truth, info.level) == (False, "reconstructed")
    if len(names) == 1:
        assert info.process == "stlp_st1000"
        assert not any("processes" in note for note in info.notes)
    else:
        [note] = [note for note in info.notes if "processes" in note]
        assert note.startswith("6 processes in one file, events of each: njets 30, ttbar 6, ")
        assert all(f"{name} {count}" in note for name, count in names.items())
        assert info.process == ""


def test_many_processes_are_cut_short(tmp_path):
    text = "".join(FIRST.replace("ttbar", f"p{i}") for i in range(1200))
    info, _ = read(written(tmp_path, text))
    [note] = [note for note in info.notes if "processes" in note]
    assert note.startswith("1000 or more processes in one file")
    assert note.endswith(", others 1180")
    assert len(note) < 500


def test_types_and_order(tmp_path):
    _, [chunk] = read(written(tmp_path, TEXT))
    assert events_of([chunk]) == by_the_letter(TEXT)
    assert chunk.gen is None
    assert chunk.gen_weight.tolist() == [1.0, -0.5, 1.05094e-07]
    assert chunk.leptons["pdg_id"].tolist() == [11, -11, -13, 13]
    assert chunk.leptons["charge"].tolist() == [-1, 1, 1, -1]
    assert chunk.jets.counts.tolist() == [2, 1, 0]
    assert chunk.jets["mass"][2] == 0  # energy below the momentum
    assert chunk.event.dtype == chunk.leptons["gen"].dtype == np.int64
    assert chunk.gen_weight.dtype == np.float64
    for columns in (chunk.met, chunk.jets.columns, chunk.leptons.columns, chunk.photons.columns):
        for name in {"pt", "eta", "phi", "mass", "isolation"} & columns.keys():
            assert columns[name].dtype == np.float32
    for name in ("btag", "tautag", "flavor", "charge"):
        assert chunk.jets[name].dtype == np.int8
    assert chunk.leptons["charge"].dtype == np.int8
    assert chunk.leptons["pdg_id"].dtype == np.int32


@pytest.mark.parametrize("change", [
    lambda t: t.replace("\n", "\r\n"),
    lambda t: t.replace("\n", "\n\n  \n"),
    lambda t: t.replace(";\n", "\n"),
    lambda t: t.rstrip("\n"),
], ids=["crlf", "blank lines", "no last separator", "no line end"])  # fmt: skip
def test_layout_does_not_matter(tmp_path, change):
    path = written(tmp_path, change(TEXT).encode())
    assert DarkMachinesReader.sniff(head_of(str(path)))
    assert events_of(read(path)[1]) == by_the_letter(TEXT)


def test_ranges_and_chunk_sizes_do_not_matter(sample, monkeypatch):
    _, whole = read(sample)
    monkeypatch.setattr(module, "_EVENTS", 4)
    cuts = [0, 5, 5, 6, 29, 40]
    parts = [item for a, b in pairwise(cuts) for item in read(sample, a, b)[1]]
    assert max(len(part) for part in parts) == 4
    assert events_of(parts) == events_of(whole)


def test_ranges_do_not_change_damage(tmp_path, monkeypatch):
    path = written(tmp_path, (FIRST + SECOND.replace("0.1,", "nan,") + THIRD) * 5)
    _, whole = read(path)
    assert sum(isinstance(item, Damage) for item in whole) == 5
    monkeypatch.setattr(module, "_EVENTS", 2)
    for cut in range(16):
        parts = read(path, 0, cut)[1] + read(path, cut, 15)[1]
        assert events_of(parts) == events_of(whole)


@pytest.mark.parametrize(("old", "new", "reason"), [
    (",0.1,3.2;", ",0.1;", "object 1 has 4 columns, not 5"),
    (",0.1,3.2;", ",0.1,3.2,1;", "object 1 has 6 columns, not 5"),
    (",3.2;", ",3.2;;", "object 2 has 1 columns, not 5"),
    ("j,50000,50000,0.1", "j,50000,50000,nan", "eta is 'nan'"),
    ("j,50000,50000,0.1", "j,50000,50000,x\x1b[1m", "eta is 'x\\x1b[1m'"),
    ("j,50000,50000,0.1", "j,50000,50000,", "eta is ''"),
    ("j,50000,50000,0.1", "j,50000,1_0,0.1", "pt is '1_0'"),
    ("j,50000,50000,0.1", "j,50000,-50000,0.1", "pt is '-50000'"),
    ("j,50000,50000,0.1", "j,inf,50000,0.1", "E is 'inf'"),
    ("j,50000,50000,0.1", "j,1e39,50000,0.1", "E is '1e39'"),
    ("j,50000,50000,0.1", "t,50000,50000,0.1", "object 1 has the unknown code 't'"),
    ("j,50000,50000,0.1", ",50000,50000,0.1", "object 1 has the unknown code ''"),
    (";-0.5;", ";;", "weight is ''"),
    (";-0.5;", ";NaN;", "weight is 'NaN'"),
    (";99000.5;", ";-99000.5;", "MET is '-99000.5'"),
    (";-3.2;", ";*****;", "MET phi is '*****'"),
    ("1001;ttH", "x;ttH", "event ID is 'x'"),
    (";-0.5;99000.5;-3.2;j,50000,50000,0.1,3.2;", ";-0.5;1;", "4 fields, an event has at least 5"),
])  # fmt: skip
def test_damage(tmp_path, old, new, reason):
    text = FIRST + SECOND.replace(old, new) + THIRD
    assert text != TEXT
    info, [first, damage, last] = read(written(tmp_path, text))
    assert info.entries == 3
    assert (damage.start, damage.stop) == (1, 2)
    assert damage.reason.startswith(f"line 2: {reason}")
    expected = by_the_letter(TEXT)
    assert events_of([first, last]) == [expected[0], expected[2]]


def test_every_cut_is_noticed(tmp_path):
    content = TEXT.encode()
    for cut in range(1, len(content)):
        if not content[:cut].strip():
            continue
        info, items = read(written(tmp_path, content[:cut]))
        found = events_of(items)
        assert len(found) == info.entries == starts(content[:cut])
        for event, expected in zip(found, by_the_letter(TEXT), strict=False):
            if event != expected:  # behind a separator the line may as well end
                assert event is found[-1]
                at_separator = content[:cut].endswith(b";")
                noted = any("line end" in note for note in info.notes)
                assert isinstance(event, Damage) or (at_separator and noted)


def test_momenta_in_gev_are_refused(tmp_path):
    text = FIRST.replace("310500,250100", "310.5,250.1").replace("96410.2,83102", "96.41,83.1")
    text = text[: text.index("m+,")] + "\n"
    with pytest.raises(InputError, match=r"median leading pT is 250\.1 MeV"):
        read(written(tmp_path, text))


@pytest.mark.parametrize("where", [0.3, 0.8, 1.0])
def test_truncated_gzip(tmp_path, where):
    generator = np.random.default_rng(1)
    text = "".join(
        FIRST.replace("250100", f"{generator.uniform(1e5, 3e5):.0f}") for _ in range(5000)
    )
    content = gzip.compress(text.encode())
    info, items = read(written(tmp_path, content[: int(where * len(content)) - 4]))
    damage = items[-1]
    assert isinstance(damage, Damage)
    assert (damage.start, damage.stop) == (info.entries - 1, info.entries)
    assert "truncated gzip stream" in damage.reason
    assert any("truncated gzip stream" in note for note in info.notes)
    expected = by_the_letter(text)
    assert 0.2 * where * len(expected) < info.entries <= len(expected) + 1
    assert events_of(items[:-1]) == expected[: info.entries - 1]


def test_nothing_usable(tmp_path):
    content = gzip.compress(TEXT.encode())
    with pytest.raises(InputError, match="holds no event"):
        read(written(tmp_path, content[:40]))
    with pytest.raises(InputError, match="the file holds no event"):
        read(written(tmp_path, "\n\n"))
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="no text"):
        read(written(tmp_path, b"x" * (5 << 20)))


@pytest.mark.parametrize("head", [
    b"", b"<html>", b"\x89HDF\r\n", b"PAR1", b"root\0\0", b"HepMC::Version 3",
    b"  #  typ      eta    phi      pt\n  0  1  3603\n", b"a;b;c\n1;2;3;4;5;6\n",
    b" 1: 4.0000000000E+02:-4.0000000000E+02:\n",
])  # fmt: skip
def test_other_files_are_not_taken(head):
    assert not DarkMachinesReader.sniff(head)


def test_the_samples_are_known_packed_or_not(sample, tmp_path):
    assert DarkMachinesReader.sniff(head_of(str(sample)))
    packed = written(tmp_path, gzip.compress(sample.read_bytes()))
    assert DarkMachinesReader.sniff(head_of(str(packed)))
    assert events_of(read(packed)[1]) == events_of(read(sample)[1])


BASE = (TEXT + (FIRST + SECOND) * 3).encode()
MUTATION = st.tuples(
    st.sampled_from(["set", "delete", "insert", "cut", "repeat"]),
    st.integers(0, len(BASE) - 1),
    st.integers(1, 40),
    st.sampled_from([b"0", b"\n", b" ", b",", b";", b"-", b"x", b"\xff", b"\0", b"nan", b"\r", b"e9"]),
)  # fmt: skip


def mutated(content, mutations):
    for kind, where, length, what in mutations:
        if kind == "set":
            content = content[:where] + what + content[where + len(what) :]
        elif kind == "delete":
            content = content[:where] + content[where + length :]
        elif kind == "insert":
            content = content[:where] + what + content[where:]
        elif kind == "cut":
            content = content[: max(where, 200)]
        else:
            content = content[: where + length] + content[where:]
    return content


def require_all(info, items):
    """Every entry is there once, read or damaged, and what is read is finite."""
    entry = 0
    for item in items:
        if isinstance(item, Damage):
            assert (item.start, item.stop) == (entry, entry + 1)
            assert item.reason.startswith("line ")
            assert "\n" not in item.reason
            entry += 1
            continue
        assert isinstance(item, EventChunk)
        assert item.event.tolist() == list(range(entry, entry + len(item)))
        assert np.isfinite(item.gen_weight).all()
        for columns in (item.met, item.jets.columns, item.leptons.columns, item.photons.columns):
            assert all(np.isfinite(values).all() for values in columns.values())
            assert (np.abs(columns["phi"]) <= np.float32(np.pi)).all()
        entry += len(item)
    assert entry == info.entries


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(mutations=st.lists(MUTATION, min_size=1, max_size=6), packed=st.booleans())
def test_mutations_lose_nothing(tmp_path, mutations, packed):
    content = mutated(BASE, mutations)
    try:
        info, items = read(written(tmp_path, gzip.compress(content, 1) if packed else content))
    except InputError as error:
        assert "median leading pT" in str(error)  # too few events are left to tell  # noqa: PT017
        return
    assert info.entries == starts(content)
    require_all(info, items)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=st.integers(0, 400), bit=st.integers(0, 7), cut=st.integers(0, 400))
def test_damaged_gzip_is_never_a_traceback(tmp_path, where, bit, cut):
    content = bytearray(gzip.compress(BASE))
    content[where % len(content)] ^= 1 << bit
    try:
        info, items = read(written(tmp_path, bytes(content[: len(content) - cut % 50])))
    except InputError:
        return
    require_all(info, items)
