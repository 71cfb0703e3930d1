"""The LHCO reader against a parse by the letter, and on files that are not as they should be."""

import gzip
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topdata.errors import InputError
from topdata.events import Damage, EventChunk, ReadOptions
from topdata.readers.lhco import LhcoReader
from topdata.readers.lhco import reader as module
from topdata.registry import head_of

TITLE = "  #  typ      eta    phi      pt    jmas  ntrk  btag   had/em  dum1  dum2\n"
FIRST = """  0             1   3603
  1    0    0.500  6.000   30.00    0.00   0.0   0.0     0.01   0.0   0.0
  2    2   -0.719  2.263  311.49    0.11  -1.0   5.0    12.34   0.0   0.0
  3    1    1.246  0.444    6.86    0.00   1.0   0.0     0.01   0.0   0.0
  4    3   -0.531  2.984   18.69    0.00  -3.0   0.0     1.82   0.0   0.0
  5    4    0.961  5.716  579.13  109.70  30.1   1.0     0.84   0.0   0.0
  8    4    1.294  3.142   56.45   -0.02   5.0   2.0     0.70   0.0   0.0
  9    6    0.000  2.485  124.50    0.00   0.0   0.0     0.00   0.0   0.0
"""
SECOND = """  0             2   3587
  1    4   -0.745 -3.142  119.10   10.57   8.0   0.0     2.99   0.0   0.0
  6    6    0.000  1.396   65.23    0.00   0.0   0.0     0.00   0.0   0.0
"""
THIRD = """  0             3   3587
  1    6    0.000  3.156   43.40    0.00   0.0   0.0     0.00   0.0   0.0
"""
TEXT = TITLE + FIRST + TITLE + SECOND + TITLE + THIRD


@pytest.fixture
def sample(pytestconfig):
    return pytestconfig.rootpath / "tests" / "data" / "lhco" / "mw_ttprod.lhco.gz"


def read(path, start=0, stop=None):
    reader = LhcoReader(str(path), ReadOptions())
    try:
        stop = reader.info.entries if stop is None else stop
        return reader.info, list(reader.chunks(start, stop))
    finally:
        reader.close()


def written(tmp_path, text):
    path = tmp_path / "events.lhco"
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
    while phi > math.pi:
        phi -= 2 * math.pi
    while phi <= -math.pi:
        phi += 2 * math.pi
    return f32(phi)


def by_the_letter(text):
    """Parse undamaged LHCO text line by line, with nothing of the reader."""
    events = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "0":
            assert len(words) == 3
            events.append({
                "event": len(events), "weight": 1.0,
                "jets": {k: [] for k in ("pt", "eta", "phi", "mass", "btag", "tautag", "flavor", "charge")},
                "leptons": {k: [] for k in ("pt", "eta", "phi", "mass", "charge", "pdg_id", "isolation", "gen")},
                "photons": {k: [] for k in ("pt", "eta", "phi", "isolation")},
            })  # fmt: skip
            continue
        typ = int(words[1])
        eta, phi, pt, mass, ntrk, btag, had_em = map(float, words[2:9])
        row = {"pt": f32(pt), "eta": f32(eta), "phi": folded(phi)}
        charge = (ntrk > 0) - (ntrk < 0)
        if typ == 6:
            events[-1] |= {"met.pt": f32(pt), "met.phi": folded(phi)}
        elif typ == 0:
            name, row["isolation"] = "photons", 0.0
        elif typ in (1, 2):
            name = "leptons"
            code = {1: 11, 2: 13}[typ]
            row |= {"charge": charge, "pdg_id": -code * charge, "gen": -1}
            row["mass"] = f32({1: 0.000510999, 2: 0.105658}[typ])
            row["isolation"] = f32(int(had_em) / pt) if typ == 2 else 0.0
        else:
            name = "jets"
            row |= {"mass": f32(max(mass, 0)), "flavor": 0, "tautag": int(typ == 3)}
            row["btag"] = {0: 0, 1: 1, 2: 3}[btag] if typ == 4 else 0
            row["charge"] = charge if typ == 3 else 0
        if typ != 6:
            assert row.keys() == events[-1][name].keys()
            for key, value in row.items():
                events[-1][name][key].append(value)
    for event in events:  # electrons before muons
        order = sorted(
            range(len(event["leptons"]["pt"])), key=lambda i: event["leptons"]["mass"][i]
        )
        event["leptons"] = {k: [v[i] for i in order] for k, v in event["leptons"].items()}
    return events


def starts(content):
    """Count the events of any bytes: lines of events, and rows that stand before all of them."""
    count = 0
    for line in content.split(b"\n"):
        words = line.split()
        if words and not words[0].startswith(b"#") and (words[0] == b"0" or not count):
            count += 1
    return count


def test_every_value_of_the_sample(sample):
    info, items = read(sample)
    expected = by_the_letter(gzip.decompress(sample.read_bytes()).decode())
    assert len(expected) == info.entries == 37
    assert sum(len(e["jets"]["pt"]) for e in expected) == 140
    assert events_of(items) == expected


def test_what_the_sample_says_of_itself(sample):
    info, _ = read(sample)
    assert (info.format, info.level) == ("LHCO", "reconstructed")
    assert (info.truth, info.cross_section) == (False, None)
    assert any("tau" in note for note in info.notes)
    assert any("nearest jet" in note for note in info.notes)


def test_types(sample):
    _, [chunk] = read(sample)
    assert chunk.gen is None
    assert chunk.event.dtype == chunk.leptons["gen"].dtype == np.int64
    assert chunk.gen_weight.dtype == np.float64
    for columns in (chunk.met, chunk.jets.columns, chunk.leptons.columns, chunk.photons.columns):
        for name in {"pt", "eta", "phi", "mass", "isolation"} & columns.keys():
            assert columns[name].dtype == np.float32
    for name in ("btag", "tautag", "flavor", "charge"):
        assert chunk.jets[name].dtype == np.int8
    assert chunk.leptons["charge"].dtype == np.int8
    assert chunk.leptons["pdg_id"].dtype == np.int32


def test_repeated_titles_and_skipped_rows(tmp_path):
    _, items = read(written(tmp_path, TEXT))
    assert events_of(items) == by_the_letter(TEXT)
    [chunk] = items
    assert chunk.jets["btag"].tolist() == [0, 1, 3, 0]
    assert chunk.jets["tautag"].tolist() == [1, 0, 0, 0]
    assert chunk.jets["charge"].tolist() == [-1, 0, 0, 0]
    assert chunk.leptons["pdg_id"].tolist() == [-11, 13]
    assert chunk.leptons["isolation"][1] == np.float32(12 / 311.49)


def test_higher_working_points_stay_bits(tmp_path):
    text = TEXT.replace("5.0   2.0     0.70", "5.0   4.0     0.70")
    _, [chunk] = read(written(tmp_path, text))
    assert chunk.jets["btag"].tolist() == [0, 1, 5, 0]


@pytest.mark.parametrize("change", [
    lambda t: t.replace("\n", "\r\n"),
    lambda t: t.replace(" \n", "\n").replace("\n", "\n\n"),
    lambda t: t.replace("  ", "\t"),
    lambda t: t.rstrip("\n"),
    lambda t: t.replace(TITLE, ""),
    lambda t: "# a comment\n" + t,
], ids=["crlf", "blank lines", "tabs", "no line end", "no title", "comment"])  # fmt: skip
def test_layout_does_not_matter(tmp_path, change):
    path = written(tmp_path, change(TEXT).encode())
    assert LhcoReader.sniff(head_of(str(path)))
    assert events_of(read(path)[1]) == by_the_letter(TEXT)


def test_ranges_and_chunk_sizes_do_not_matter(sample, monkeypatch):
    _, whole = read(sample)
    monkeypatch.setattr(module, "_EVENTS", 4)
    cuts = [0, 5, 5, 6, 29, 37]
    parts = [item for a, b in pairwise(cuts) for item in read(sample, a, b)[1]]
    assert max(len(part) for part in parts) == 4
    assert events_of(parts) == events_of(whole)


def test_ranges_do_not_change_damage(tmp_path, monkeypatch):
    broken = SECOND.replace("119.10", "nan")
    path = written(tmp_path, TITLE + (FIRST + broken + THIRD) * 5)
    _, whole = read(path)
    monkeypatch.setattr(module, "_EVENTS", 2)
    for cut in range(16):
        parts = read(path, 0, cut)[1] + read(path, cut, 15)[1]
        assert events_of(parts) == events_of(whole)


@pytest.mark.parametrize(("old", "new", "reason"), [
    ("    2.99   0.0   0.0", "    2.99   0.0", "line 12: a row has 10 columns, not 11"),
    ("    2.99   0.0   0.0", "    2.99   0.0 0.0 0.0", "line 12: a row has 12 columns, not 11"),
    ("119.10", "abc", "line 12: pt is 'abc'"),
    ("119.10", "1_1", "line 12: pt is '1_1'"),
    ("119.10", "NaN", "line 12: pt is 'NaN'"),
    ("119.10", "inf", "line 12: pt is 'inf'"),
    ("119.10", "1e39", "line 12: pt is '1e39'"),
    ("119.10", "-1.0", "line 12: negative pt"),
    ("  1    4   -0.745", "  1    5   -0.745", "line 12: unknown typ"),
    ("  1    4   -0.745", "  1  4.5   -0.745", "line 12: unknown typ"),
    ("  1    4   -0.745", "  1    1   -0.745", None),
    ("   8.0   0.0     2.99", "   8.0   0.5     2.99", "line 12: btag is no tag"),
    ("   8.0   0.0     2.99", "   8.0  -1.0     2.99", "line 12: btag is no tag"),
    ("  1    4   -0.745", "  7    4   -0.745", "line 13: the row number does not grow"),
    ("  6    6    0.000  1.396", "  1    6    0.000  1.396", "line 13: the row number does not grow"),
    ("  6    6    0.000  1.396", "  6    4    0.000  1.396", "line 11: no missing-ET row"),
    ("  1    4   -0.745", "  1    6   -0.745", "line 11: two missing-ET rows"),
    ("  0             2   3587", "  0             2", "line 11: an event's line has 2 columns"),
    ("  0             2   3587", "  0     x       1", "line 11: event or trigger number"),
])  # fmt: skip
def test_damage(tmp_path, old, new, reason):
    text = TEXT.replace(old, new)
    info, items = read(written(tmp_path, text))
    assert info.entries == 3
    if reason is None:
        assert not any(isinstance(item, Damage) for item in items)
        return
    first, damage, last = items
    assert (damage.start, damage.stop) == (1, 2)
    assert damage.reason.startswith(reason)
    expected = by_the_letter(TEXT)
    assert events_of([first, last]) == [expected[0], expected[2]]


def test_a_lepton_without_charge(tmp_path):
    text = TEXT.replace("0.11  -1.0", "0.11   0.0")
    _, [damage, chunk] = read(written(tmp_path, text))
    assert damage == Damage(0, 1, "line 4: a lepton without charge (ntrk 0)")
    assert chunk.event.tolist() == [1, 2]


def test_an_event_that_lost_its_line_spoils_the_one_before(tmp_path):
    text = TEXT.replace("  0             2   3587\n", "")
    info, [damage, chunk] = read(written(tmp_path, text))
    assert info.entries == 2
    assert damage.reason.startswith("line 11: the row number does not grow")
    assert chunk.event.tolist() == [1]


def test_rows_before_the_first_event(tmp_path):
    info, [damage, chunk] = read(written(tmp_path, TEXT.replace("  0             1   3603\n", "")))
    assert info.entries == 3
    assert damage == Damage(0, 1, "line 2: a row before the first event")
    assert chunk.event.tolist() == [1, 2]


def test_too_many_objects(tmp_path):
    row = SECOND.splitlines()[1].removeprefix("  1")
    text = THIRD + SECOND + "".join(f"{i}{row}\n" for i in range(7, 1100)) + THIRD
    _, [_, damage, _] = read(written(tmp_path, TITLE + text))
    assert "more than 1000 objects" in damage.reason


def test_every_cut_is_noticed(tmp_path):
    content = TEXT.encode()
    last = content.index(b"   0.0   0.0\n", content.rindex(b"  1    6"))
    for cut in range(content.index(b"  0  "), last):
        info, items = read(written(tmp_path, content[:cut]))
        found = events_of(items)
        assert len(found) == info.entries == starts(content[:cut])
        whole = by_the_letter(TEXT)
        for event, expected in zip(found, whole, strict=False):
            # the last two columns of the last row tell nothing, and may be cut in their digits
            assert event == expected or (isinstance(event, Damage) and event.stop == info.entries)


def test_no_events(tmp_path):
    info, items = read(written(tmp_path, TITLE))
    assert (info.entries, items) == (0, [])
    assert "no events" in info.notes


def test_several_gzip_members_and_padding(tmp_path):
    content = gzip.compress(TITLE.encode()) + gzip.compress((FIRST + SECOND).encode()) + b"\0" * 99
    _, items = read(written(tmp_path, content))
    assert events_of(items) == by_the_letter(FIRST + SECOND)


@pytest.mark.parametrize("where", [0.3, 0.8, 1.0])
def test_truncated_gzip(tmp_path, where):
    generator = np.random.default_rng(1)
    text = TITLE + "".join(
        FIRST.replace("311.49", f"{generator.uniform(10, 900):.2f}") for _ in range(3000)
    )
    content = gzip.compress(text.encode())
    info, items = read(written(tmp_path, content[: int(where * len(content)) - 4]))
    damage = items[-1]
    assert isinstance(damage, Damage)
    assert (damage.start, damage.stop) == (info.entries - 1, info.entries)
    assert "truncated gzip stream" in damage.reason
    assert any("truncated gzip stream" in note for note in info.notes)
    expected = by_the_letter(text)
    assert 0.2 * where * len(expected) < info.entries <= len(expected)
    assert events_of(items[:-1]) == expected[: info.entries - 1]


def test_nothing_usable(tmp_path):
    content = gzip.compress(TEXT.encode())
    with pytest.raises(InputError, match="before the end of the first event"):
        read(written(tmp_path, content[:40]))
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "absent.lhco")
    with pytest.raises(InputError, match="no text"):
        read(written(tmp_path, b"x" * (5 << 20)))


@pytest.mark.parametrize("head", [
    b"", b"<html>", b"\x89HDF\r\n", b"PAR1", b"root\0\0", b"HepMC::Version 3",
    b"#PEVLIB_v.1.0 ====\n#CompHEP version 4.5.2\n", b"#CalcHEP  3.6.30\n",
    b'<LesHouchesEvents version="1.0">\n<!--\n#  comment -->\n',
    b"1;ttbar;1;216178;1.5;j,1.2e+06,274658,2.2,-1.1;\n", b"0 1 2\n0 3 4\n",
])  # fmt: skip
def test_other_files_are_not_taken(head):
    assert not LhcoReader.sniff(head)


def test_the_sample_is_known_by_its_banner(sample):
    assert b"typ" not in head_of(str(sample))
    assert LhcoReader.sniff(head_of(str(sample)))


BASE = (TEXT + (FIRST + SECOND) * 3).encode()
MUTATION = st.tuples(
    st.sampled_from(["set", "delete", "insert", "cut", "repeat"]),
    st.integers(0, len(BASE) - 1),
    st.integers(1, 40),
    st.sampled_from([b"0", b"\n", b" ", b"#", b"-", b"x", b"\xff", b"\0", b"nan", b"\r", b"\n0 ", b"e9"]),
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


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(mutations=st.lists(MUTATION, min_size=1, max_size=6), packed=st.booleans())
def test_mutations_lose_nothing(tmp_path, mutations, packed):
    content = mutated(BASE, mutations)
    path = written(tmp_path, gzip.compress(content, 1) if packed else content)
    info, items = read(path)
    assert info.entries == starts(content)
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
        for columns in (item.met, item.jets.columns, item.leptons.columns, item.photons.columns):
            assert all(np.isfinite(values).all() for values in columns.values())
            assert (np.abs(columns["phi"]) <= np.float32(np.pi)).all()
        entry += len(item)
    assert entry == info.entries


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(where=st.integers(0, 400), bit=st.integers(0, 7), cut=st.integers(0, 400))
def test_damaged_gzip_is_never_a_traceback(tmp_path, where, bit, cut):
    content = bytearray(gzip.compress(BASE))
    content[where % len(content)] ^= 1 << bit
    path = written(tmp_path, bytes(content[: len(content) - cut % 50]))
    try:
        info, items = read(path)
    except InputError:
        return
    read_ = sum(i.stop - i.start if isinstance(i, Damage) else len(i) for i in items)
    assert read_ == info.entries
