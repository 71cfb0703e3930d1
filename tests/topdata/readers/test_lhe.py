"""The LHE reader: every number against pylhe, bad input event by event, mutated files."""

import gzip
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topdata.errors import InputError
from topdata.events import Damage, EventChunk, ReadOptions
from topdata.readers.lhe import LheReader
from topdata.readers.lhe.block import parse_block
from topdata.readers.lhe.event import EventError, number, parse_event
from topdata.readers.lhe.reader import _columns
from topdata.readers.lhe.stream import EVENT_OPEN, blocks

FILES = ["tt", "ttdecay", "ttW", "ttdm", "mg5_ttbar", "mg5_ttbar_nlo"]

HEAD = """<LesHouchesEvents version="3.0">
<header>
a < b & c -- <eventsNumber> 7 </eventsNumber>
<initrwgt><weightgroup name='scale'><weight id='mu 1'> up </weight>
<weight id='2'>down</weight></weightgroup></initrwgt>
</header>
<init>
2212 2212 6.5D+03 6500. 0 0 247000 247000 -4 2
 1.0d+01 1.0e-01 1.0 1
 5.0 0.2 1.0 2
<generator name='ours' version='1'>text</generator>
</init>
"""
EVENT = """<event>
 5 1 {weight} 9.1e+01 7.5e-03 1.1e-01
  2 -1 0 0 501 0 0.0 0.0 100.0 100.0 0.0 0. 9.
 -2 -1 0 0 0 501 0.0 0.0 -100.0 100.0 0.0 0. 9.
 23  2 1 2 0 0 0.0 0.0 0.0 200.0 200.0 0. 9.
 13  1 3 3 0 0 60.0 0.0 80.0 100.0 0.1 0. 9.
-13  1 3 0 0 0 -60.0 0.0 -80.0 100.0 0.1 0. 9.
# a comment
<rwgt>
<wgt id='mu 1'> 1.5 </wgt>
<wgt id='2'> 0.5 </wgt>
</rwgt>
</event>
"""
TAIL = "</LesHouchesEvents>\n"


def write(path, *events, head=HEAD, tail=TAIL):
    path.write_bytes((head + "".join(events) + tail).encode("latin-1"))
    return path


def good(weight="+1.5e+01"):
    return EVENT.format(weight=weight)


def read(path, **options):
    reader = LheReader(str(path), ReadOptions(**options))
    info = reader.info
    items = list(reader.chunks(0, info.entries))
    chunks = [item for item in items if isinstance(item, EventChunk)]
    return info, chunks, [item for item in items if isinstance(item, Damage)]


@pytest.fixture(scope="module")
def lhe(pytestconfig):
    return pytestconfig.rootpath / "tests" / "data" / "lhe"


@pytest.mark.parametrize("name", FILES)
def test_every_number_agrees_with_pylhe(lhe, name):
    pylhe = pytest.importorskip("pylhe")
    path = lhe / f"{name}.lhe.gz"
    oracle = list(pylhe.LHEFile.fromfile(str(path)).events)
    text = b"".join(block.text for block in blocks(str(path)))
    events = parse_block(text[EVENT_OPEN.search(text).start() :])
    assert events is not None
    assert len(events) == len(oracle)
    names = {"pid": "id", "m1": "mother1", "energy": "e", "mass": "m", "px": "px", "pz": "pz"}
    for ours, theirs in names.items():
        expected = [getattr(p, theirs) for event in oracle for p in event.particles]
        assert np.array_equal(events.particles[ours], expected)
    assert np.array_equal(events.header["weight"], [e.eventinfo.weight for e in oracle])
    if events.weight_ids:
        expected = [list(event.weights.values()) for event in oracle]
        assert np.array_equal(events.weights, expected)


@pytest.mark.parametrize("name", FILES)
def test_the_strict_parser_agrees_with_the_fast_one(lhe, name):
    text = b"".join(block.text for block in blocks(str(lhe / f"{name}.lhe.gz")))
    text = text[EVENT_OPEN.search(text).start() :]
    starts = [m.start() for m in EVENT_OPEN.finditer(text)]
    slow = _columns(
        [parse_event(text[a:b]) for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]
    )
    fast = parse_block(text)
    assert fast.weight_ids == slow.weight_ids
    assert np.array_equal(fast.weights, slow.weights)
    assert np.array_equal(fast.offsets, slow.offsets)
    for table in ("header", "particles"):
        for key, values in getattr(fast, table).items():
            assert np.array_equal(values, getattr(slow, table)[key]), key


@pytest.mark.parametrize("name", [*FILES, "tt_uU_raw_lhe_hepml"])
def test_momentum_is_conserved(lhe, name):
    path = lhe / (f"{name}.txt.gz" if "hepml" in name else f"{name}.lhe.gz")
    text = b"".join(block.text for block in blocks(str(path)))
    events = parse_block(text[EVENT_OPEN.search(text).start() :])
    event = np.repeat(np.arange(len(events)), np.diff(events.offsets))
    status = events.particles["status"]
    sign = np.where(status == -1, -1.0, np.where(status == 1, 1.0, 0.0))
    scale = np.bincount(event, np.abs(events.particles["energy"]))
    for component in ("px", "py", "pz", "energy"):
        total = np.bincount(event, sign * events.particles[component])
        assert (np.abs(total) < 1e-7 * scale).all()


def test_cross_sections_and_provenance(lhe):
    info, _, _ = read(lhe / "tt.lhe.gz")
    assert info.cross_section == pytest.approx(504.911)
    assert info.cross_section_error == pytest.approx(0.5826661)
    assert info.generator == "MadGraph5_aMC@NLO 3.1.1, seed 31"
    assert info.process == "p p > t t~"
    assert info.level == "parton"
    assert info.declared == 20000
    assert "20000 events declared, 300 found" in info.notes
    info, _, damage = read(lhe / "tt_uU_raw_lhe_hepml.txt.gz")
    assert info.generator == "CompHEP 4.6"
    assert info.cross_section == pytest.approx(23.640721268)
    assert (info.entries, damage) == (111, [])


def test_parton_level_objects(tmp_path):
    info, (chunk,), damage = read(write(tmp_path / "a", good(), good("-1.5D+01")))
    assert damage == []
    assert info.cross_section == 15.0
    assert info.cross_section_error == pytest.approx(np.hypot(0.1, 0.2))
    assert info.weight_names == ("mu 1", "2")
    assert chunk.gen_weight.tolist() == [15.0, -15.0]
    assert chunk.weights.tolist() == [[1.5, 0.5]] * 2
    assert chunk.leptons["pdg_id"].tolist() == [13, -13] * 2
    assert chunk.leptons["pt"].tolist() == [60.0] * 4
    assert chunk.jets.counts.tolist() == [0, 0]
    assert chunk.met["pt"].tolist() == [0, 0]
    assert chunk.gen.column("m1").tolist()[:5] == [-1, -1, 0, 2, 2]
    assert chunk.gen.column("m2").tolist()[:5] == [-1, -1, 1, -1, -1]


def test_invisible_particles_make_met(lhe):
    _, chunks, _ = read(lhe / "ttdm.lhe.gz")
    assert not any(chunk.met["pt"].any() for chunk in chunks)
    _, chunks, _ = read(lhe / "ttdm.lhe.gz", invisible=frozenset({5000521}))
    assert np.concatenate([chunk.met["pt"] for chunk in chunks]).mean() > 50
    assert {code for chunk in chunks for code in chunk.undecayed} == {6}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("13  1 3 3", "13  1 9 3"), "particle 4 has the mother 9"),
        (("13  1 3 3", "13  1 4 3"), "particle 4 has the mother 4"),
        (("23  2 1 2", "23  2 4 2"), "the mothers of particle 3 go round in a circle"),
        ((" 5 1 ", " 6 1 "), "6 particles declared, 5 found"),
        ((" 5 1 ", " 4 1 "), "4 particles declared, 5 found"),
        (("60.0 0.0 80.0", "NaN 0.0 80.0"), "px is 'NaN'"),
        (("60.0 0.0 80.0", "***** 0.0 80.0"), "px is '*****'"),
        (("60.0 0.0 80.0", "60.0 80.0"), "12 columns where 13 belong"),
        (("9.1e+01", "inf"), "scale is 'inf'"),
        (("id='2'", "id='3'"), "the weight '3' is not declared"),
        (("id='2'", "id='mu 1'"), "the weight 'mu 1' stands twice"),
        (("</event>\n", ""), "the event has no end"),
        (("13  1 3 3", "13.5  1 3 3"), "pid is '13.5'"),
        (("13  1 3 3", "1e300  1 3 3"), "pid is '1e300'"),
        (("13  1 3 3", "9999999999  1 3 3"), "pid is '9999999999'"),
    ],
)
def test_a_bad_event_is_named_and_the_rest_is_read(tmp_path, change, reason):
    bad = good().replace(*change, 1)
    path = write(tmp_path / "bad.lhe", good(), bad, good())
    info, chunks, damage = read(path)
    assert info.entries == 3
    assert [(d.start, d.stop) for d in damage] == [(1, 2)]
    offset = len(HEAD) + len(good())
    assert damage[0].reason == f"{reason}, at byte {offset}"
    assert np.concatenate([c.event for c in chunks]).tolist() == [0, 2]


@pytest.mark.parametrize(
    "text",
    ["1.0D+00", "0.12d-3", ".5E+1", "-.5E+1", "1.234-100", "+1.5e+01", "2"],
)
def test_fortran_numbers(tmp_path, text):
    expected = float(re.sub(r"(\d)([+-]\d{3})$", r"\1e\2", text.lower().replace("d", "e")))
    assert number(text.encode()) == expected
    _, (chunk,), damage = read(write(tmp_path / "a", good(text)))
    assert damage == []
    assert chunk.gen_weight[0] == expected


@pytest.mark.parametrize("word", [b"1_000", b"0x10", b"nan", b"1e999", b"", b"--1", b"1.2.3"])
def test_what_is_no_number(word):
    assert number(word) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("\n", "\n\n"),
        lambda t: t.replace("<event>", "  <event npLO=' 1 '>").replace(" 13 ", "\t13 "),
        lambda t: t.replace("<header>", "<!-- one --><!-- < two & -->\n<header>\x1b[1;31m caf\xe9"),
        lambda t: t.replace("<rwgt>", "<mgrwt>\n<unclosed beam='1'> 1 2 0.1D+00\n</mgrwt>\n<rwgt>"),
        lambda t: t.replace("</event>", "<scales muf='1'>\n</scales>\n</event>"),
        lambda t: t.replace("</LesHouchesEvents>", "</LesHouchesEvent>"),
        lambda t: "\ufeff".encode().decode("latin-1") + t,
    ],
)
def test_what_generators_really_write_is_tolerated(tmp_path, spoil):
    path = tmp_path / "a"
    path.write_bytes(spoil(HEAD + good() + good() + TAIL).encode("latin-1"))
    info, chunks, damage = read(path)
    assert damage == []
    assert sum(len(c) for c in chunks) == info.entries == 2
    assert np.concatenate([c.leptons["pt"] for c in chunks]).tolist() == [60.0] * 4


def test_positional_weights(tmp_path):
    body = re.sub(r"<rwgt>.*</rwgt>", "<weights> 1.5 0.5 </weights>", good(), flags=re.S)
    _, (chunk,), damage = read(write(tmp_path / "a", body))
    assert damage == []
    assert chunk.weights.tolist() == [[1.5, 0.5]]


def test_sherpa_counts_trials(tmp_path):
    events = [good("4.0").replace("<event>", f"<event trials='{n}'>") for n in (1, 3)]
    info, _, _ = read(write(tmp_path / "a", *events))
    assert info.cross_section == pytest.approx(8.0 / 4)


def test_weights_that_disagree_with_the_cross_section_are_noted(tmp_path):
    info, _, _ = read(write(tmp_path / "a", good("7."), good("8."), good("7.5")))
    assert "mean weight 7.5 is not the cross-section 15 pb" in info.notes


def test_a_missing_end_is_damage_without_events(tmp_path):
    path = write(tmp_path / "a", good(), good(), tail="")
    _, chunks, damage = read(path)
    assert sum(len(c) for c in chunks) == 2
    assert [(d.start, d.stop) for d in damage] == [(2, 2)]
    assert damage[0].reason.startswith("no </LesHouchesEvents> at the end, at byte ")


@pytest.mark.parametrize("keep", [0.4, 0.8, 0.98])
@pytest.mark.parametrize("packed", [False, True])
def test_truncated_files_keep_whole_events(tmp_path, lhe, keep, packed):
    content = (lhe / "tt.lhe.gz").read_bytes()
    content = content if packed else gzip.decompress(content)
    path = tmp_path / "cut"
    path.write_bytes(content[: int(len(content) * keep)])
    info, chunks, damage = read(path)
    lost = sum(d.stop - d.start for d in damage)
    assert sum(len(c) for c in chunks) + lost == info.entries
    assert damage
    assert any("truncated gzip stream" in d.reason for d in damage) == packed


def test_packed_streams_are_read_alike(tmp_path, lhe):
    text = gzip.decompress((lhe / "tt.lhe.gz").read_bytes())
    (tmp_path / "plain").write_bytes(text)
    middle = len(text) // 2
    (tmp_path / "members").write_bytes(gzip.compress(text[:middle]) + gzip.compress(text[middle:]))
    with pa.CompressedOutputStream(str(tmp_path / "zstd"), "zstd") as stream:
        stream.write(text)
    for name in ("plain", "members", "zstd"):
        info, chunks, damage = read(tmp_path / name)
        assert (info.entries, damage) == (300, [])
        assert sum(len(c) for c in chunks) == 300


def test_small_blocks_change_nothing(lhe, monkeypatch):
    _, whole, _ = read(lhe / "mg5_ttbar.lhe.gz")
    monkeypatch.setattr("topdata.unpacked.PACKED_BYTES", 4_000)
    monkeypatch.setattr(blocks, "__defaults__", (20_000,))
    _, parts, _ = read(lhe / "mg5_ttbar.lhe.gz")
    assert len(parts) > len(whole)
    for column in ("pid", "pt", "status"):
        a, b = (np.concatenate([c.gen.column(column) for c in cs]) for cs in (whole, parts))
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "text", ["<html>no</html>", "<LesHouchesEvents>\n", HEAD.replace("<init>", "")]
)
def test_what_is_no_event_file(tmp_path, text):
    path = tmp_path / "a"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        LheReader(str(path), ReadOptions())
    assert "\n" not in str(caught.value)


def test_two_runs_in_one_file(tmp_path):
    twice = HEAD + good() + TAIL + HEAD + good() + TAIL
    (tmp_path / "a").write_text(twice)
    info, chunks, damage = read(tmp_path / "a")
    assert (info.entries, damage) == (2, [])
    assert sum(len(c) for c in chunks) == 2


def tags_of(content):
    """Count event tags at line starts, apart from the reader's own scanner."""
    lines = content.replace(b"\r\n", b"\n").split(b"\n")
    return sum(bool(re.match(rb"[ \t]*<event[\s>/]", line + b"\n")) for line in lines)


words = st.sampled_from(
    [b"NaN", b"</event>", b"<event>", b"\n<event>\n", b"1.0D+00", b"#", b"\n", b"\r\n", b"<wgt id='1'>", b"-1",
     b"99", b"", b"<init>", b"</LesHouchesEvents>", b"\x00", b"1e999", b"<", b">", b" "]
)  # fmt: skip


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mutated_files_lose_no_event_silently(lhe, tmp_path_factory, data):
    content = gzip.decompress((lhe / "mg5_ttbar.lhe.gz").read_bytes())
    start = content.find(b"<event>")
    content = content[start - 1500 :][: data.draw(st.integers(2_000, 30_000))]
    content = HEAD.replace("mu 1", "1").encode() + content[1500:]
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 12))
        content = content[:place] + data.draw(words) + content[place + length :]
    path = tmp_path_factory.mktemp("m") / "a"
    packed = data.draw(st.booleans())
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    try:
        _, chunks, damage = read(path)
    except InputError:
        return  # one line of its own, tested elsewhere
    found = [*np.concatenate([c.event for c in chunks] or [np.zeros(0, np.int64)]).tolist()]
    lost = [e for d in damage for e in range(d.start, d.stop)]
    assert sorted(found + lost) == list(range(tags_of(content)))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_text_of_an_event_is_parsed_or_refused(text):
    reason = ""
    try:
        parse_event(b"<event>\n" + text)
    except EventError as error:
        reason = str(error)
    assert "\n" not in reason


def test_a_damaged_checksum_is_damage(tmp_path, lhe):
    text = gzip.decompress((lhe / "tt.lhe.gz").read_bytes())
    start = text.find(b"<event>")
    content = bytearray(
        gzip.compress(text[:start] + 10 * text[start:].replace(TAIL.encode(), b"") + TAIL.encode())
    )
    content[-6] ^= 0xFF
    (tmp_path / "a").write_bytes(content)
    _, chunks, damage = read(tmp_path / "a")
    assert damage[-1].reason.startswith("damaged gzip stream")
    assert sum(len(c) for c in chunks) > 1000
