"""The CompHEP and CalcHEP texts: own samples, hand-written files of every generation, damage."""

import gzip
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topdata import unpacked
from topdata.errors import InputError
from topdata.events import Damage, EventChunk, ReadOptions
from topdata.readers.comphep import CompHepReader, stream
from topdata.readers.comphep.lines import LineError, parse_line, parse_lines, rows_of
from topdata.readers.comphep.names import NAMES
from topdata.readers.comphep.reader import particles_of

# sqrt(p^2 + 175^2) = 400 for both tops
TT = "4.0000000000E+02 -4.0000000000E+02  0.0000000000E+00  3.0000000000E+02  1.9843134833E+02  0.0000000000E+00 -3.0000000000E+02 -1.9843134833E+02"
BLOCK = """#CompHEP version 4.5.2
#PROCESS   {process}
#Initial_state
  SQRT(S) 1.400000E+04
  Rapidity(c.m.s) 0.000000E+00
  StrFun1: PDF:cteq6l1(proton)
  StrFun2: PDF:cteq6l1(proton)
#MASSES  {masses}
#Cross_section(Width) {sigma}
#Number_of_events      10000
#----------------------------------------------------------
"""
TOTAL = """#Number_of_subprocesses = {n}
#Total_cross_section_(pb) = {sigma}
#Events_mixed_and_randomized = {events}
#Nproc ================== Events ==========================
"""
UU = BLOCK.format(process="u    U   -> t    T", masses="0 0 1.75E+02 1.75E+02", sigma="2.0E+01")
GG = BLOCK.format(
    process="G    G   -> t    T   A", masses="0 0 1.75E+02 1.75E+02 0", sigma="3.0E+01"
)
DECAY = BLOCK.format(process="t   -> b    W+", masses="1.0E+01 3.0E+00 6.0E+00", sigma="1.5E+00")
UU_LINE = f" 1     {TT}  1.750E+02   (1 3)(4 2)\n"
GG_LINE = f" 2     {TT} 0 0 0  1.750E+02   (1 2)(2 3)(4 1)\n"
# p = sqrt((100 - 9 - 36)^2 / 4 - 9 * 36) / 10 ..
P_DECAY = np.sqrt((100 - 9 - 36) ** 2 / 4 - 9 * 36) / 10
DECAY_LINE = f" 1  0 0 {P_DECAY:.10E} 0 0 {-P_DECAY:.10E} 1.0E+01\n"
MIXED = (
    "#PEVLIB_v.1.0 =============================================\n"
    + UU + GG + TOTAL.format(n=2, sigma="5.0E+01", events=3) + UU_LINE + GG_LINE + UU_LINE
)  # fmt: skip
RAW4 = UU + TOTAL.format(n=1, sigma="2.0E+01", events=2) + UU_LINE * 2
DECAYS = DECAY + TOTAL.format(n=1, sigma="1.5E+00", events=1) + DECAY_LINE
RAW41 = (
    UU.replace("4.5.2", "41.10").partition("#---")[0]
    + "#Events  P1_3 [Gev] ..\n"
    + UU_LINE.replace(" 1 ", " 3 ", 1) + UU_LINE.replace(" 1 ", "-2 ", 1)
)  # fmt: skip

BEAMS = """##beam: ID=1, energy=7.00000E+03, KF=2212, name='proton', mass=9.38000E-01,;
##beam: ID=2, energy=7.00000E+03, KF=2212, name='proton', mass=9.38000E-01,;
##strfun: IDbeam=1, name='cteq', version='6l1', PDFid=58, PDFgr=4,;
##strfun: IDbeam=2, name='cteq', version='6l1', PDFid=58, PDFgr=4,;
"""
TAGGED = """##process: ID={id}, name='u U -> t T', CrosSec={sigma}, CrosSecErr=1.00000E-03, Nparton=4,
           master=3, type='scattering',;
##generator: IDprocess={id}, name='CompHEP', name='4.5.2',;
##n_event: IDprocess={id}, N=       1, mult=1.00000E+00, maxW=1.00000E+00, CutN=0,;
##parton: IDprocess={id}, in=1, out=0, KF=2, name='u',
          mass=0.00000E+00,;
##parton: IDprocess={id}, in=2, out=0, KF=0, name='U',
          mass=0.00000E+00,;
##parton: IDprocess={id}, in=0, out=3, KF=6, name='t',
          mass=1.75000E+02,;
##parton: IDprocess={id}, in=0, out=4, KF=-6, name='T',
          mass=1.75000E+02,;
##format: IDprocess={id}, ProcNumber='i', p1.3='17.10E', p2.3='17.10E', p3.1='17.10E',
          p3.2='17.10E', p3.3='17.10E', p4.1='17.10E', p4.2='17.10E', p4.3='17.10E',
          Qsquared='10.3E', color_chain='string',;
"""
TAGGED_TOTAL = (
    "##total: Nproc={n}, Nevent=       {events}, CrosSec={sigma}, CrosSecErr=1.00000E-03,;\n"
)


def colons(line):
    """Write a cpyth1 event line as cpyth2 does."""
    numbers, paren, chains = line.strip().partition("(")
    return f" {':'.join(f'{word:>17}' for word in numbers.split())}:{paren}{chains}:\n"


TAGS = (
    BEAMS + TAGGED.format(id=1, sigma="2.00000E+01") + TAGGED_TOTAL.format(n=1, events=2, sigma="2.00000E+01")
    + ";\n" + colons(UU_LINE) * 2
)  # fmt: skip
TAGS_MIXED = (
    BEAMS + TAGGED.format(id=1, sigma="2.00000E+01") + TAGGED.format(id=2, sigma="3.00000E+01")
    + TAGGED_TOTAL.format(n=2, events=2, sigma="5.00000E+01") + "##:;;\n"
    + colons(UU_LINE) + colons(UU_LINE.replace(" 1 ", " 2 ", 1))
)  # fmt: skip
TAGS_DECAY = f"""##process: ID=1, name='t -> b W+', CrosSec=1.50000E+00, CrosSecErr=1.00000E-03, Nparton=3,
           master=3, type='decay',;
##parton: IDprocess=1, in=1, out=0, KF=6, name='t', mass=1.00000E+01,;
##parton: IDprocess=1, in=0, out=2, KF=5, name='b', mass=3.00000E+00,;
##parton: IDprocess=1, in=0, out=3, KF=24, name='W+', mass=6.00000E+00,;
##format: IDprocess=1, ProcNumber='i', p2.1='17.10E', p2.2='17.10E', p2.3='17.10E',
          p3.1='17.10E', p3.2='17.10E', p3.3='17.10E', Qsquared='10.3E', color_chain='string',;
;
{colons(DECAY_LINE).replace("::", ":")[:-2]}::
"""

CALCHEP = f"""#CalcHEP  3.6.30
#Type 2 -> 2
#Initial_state
   P1_3=7.000000E+03  P2_3=-7.000000E+03
 StrFun1="PDT:cteq6l1(proton)" 2212
 StrFun2="PDT:cteq6l1(proton)" 2212
#PROCESS   2(u) -2(U) -> 6(t) -6(T)
#MASSES  0.0000000000E+00 0.0000000000E+00 1.7500000000E+02 1.7500000000E+02
#Cross_section(Width) 2.0E+01
#Number_of_events          2
#Sum_of_weights   1.0000E+00   1.0000E+00
#Events       P1_3 [Gev]        P2_3 [Gev]  ..  Q_factor   alpha_QCD  Color chains
   1.500E+00  {TT}| 1.750E+02  1.080E-01   (2 1 3 0)(2 4 2 0)
  -5.000E-01  {TT}| 1.750E+02  1.080E-01   (3 1 3 2)(-3 4 2 1)
"""
CALCHEP_OLD = "".join(
    line for line in CALCHEP.splitlines(keepends=True) if not line.startswith("#Sum")
).replace("1.500E+00", "        3").replace("-5.000E-01", "       -1")  # fmt: skip
CALCHEP_OLD = re.sub(r"\(2 1 3 0\).*|\(3 1 3 2\).*", "(1 3)(4 2)", CALCHEP_OLD)
CALCHEP_OLDEST = CALCHEP_OLD.replace("  1.080E-01", "").replace("2(u)", "81(d)")
CALCHEP_DECAY = f"""#CalcHEP  3.6.30
#Type 1 -> 2
#Initial_state
  P1_3=0
#PROCESS   6(t) -> 5(b) 24(W+)
#MASSES  1.0E+01 3.0E+00 6.0E+00
#Cross_section(Width) 1.5E+00
#Number_of_events          1
#Sum_of_weights   1.0000E+00   1.0000E+00
#Events  ..
   1.000E+00 0 0 {P_DECAY:.10E} 0 0 {-P_DECAY:.10E}| 1.750E+02  1.080E-01
"""
FILES = {
    "mixed": MIXED, "raw4": RAW4, "raw41": RAW41, "decays": DECAYS, "tags": TAGS,
    "tags mixed": TAGS_MIXED, "tags decay": TAGS_DECAY, "calchep": CALCHEP,
    "calchep old": CALCHEP_OLD, "calchep oldest": CALCHEP_OLDEST, "calchep decay": CALCHEP_DECAY,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("comphep")


@pytest.fixture
def opened(folder):
    def open_(content, **options):
        path = folder / "events_1.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return CompHepReader(str(path), ReadOptions(**options))

    return open_


@pytest.fixture
def sample(pytestconfig):
    data = pytestconfig.rootpath / "tests" / "data" / "comphep"
    return lambda k: data / f"singletop_cpyth{k}.txt.gz"


def items(reader):
    return list(reader.chunks(0, reader.info.entries))


def particles(reader):
    """Return the particles of a file without damage, in double precision."""
    lines = [line for block in reader._events() for line in block.lines]
    rows = parse_lines(lines, reader.header)
    assert rows is not None
    return particles_of(rows, reader.header.processes)


def imbalance(found):
    """Return |outgoing - incoming| of px, py, pz, E, relative to the incoming energy."""
    sums = {
        c: np.bincount(found.event, found[c] * found["status"])
        for c in ("px", "py", "pz", "energy")
    }
    scale = np.bincount(found.event, found["energy"] * (found["status"] < 0))
    return np.max([np.abs(v) / scale for v in sums.values()], axis=0)


def tiling(reader, found):
    """Return (events, damaged events) after checking that all are there, in order."""
    at, events, damaged = 0, 0, 0
    for item in found:
        if isinstance(item, Damage):
            assert item.start == at
            assert "\n" not in item.reason
            damaged += item.stop - item.start
            at = item.stop
        else:
            assert item.event.tolist() == list(range(at, at + len(item)))
            events += len(item)
            at += len(item)
    assert at == reader.info.entries
    return events, damaged


# --- what is read ---------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2])
def test_sample(sample, k):
    reader = CompHepReader(str(sample(k)), ReadOptions())
    info = reader.info
    assert (info.entries, info.declared) == (300, 994)
    assert "the header declares 994 events, 300 are in the file" in info.notes
    assert info.cross_section == pytest.approx(43.5603, rel=1e-6)
    assert info.process == "u b -> d t"
    assert info.generator == "CompHEP 4.6"
    assert (info.level, info.truth) == ("parton", True)
    assert any("proton 6500 GeV" in note for note in info.notes)
    (chunk,) = items(reader)
    assert tiling(reader, [chunk]) == (300, 0)
    assert (chunk.gen_weight == 1).all()
    assert chunk.undecayed == (6,)
    assert chunk.gen.column("pid")[:4].tolist() == [2, 5, 1, 6]
    assert chunk.gen.column("m1")[:8].tolist() == [-1, -1, 0, 0, -1, -1, 4, 4]
    assert chunk.gen.column("m2")[:8].tolist() == [-1, -1, 1, 1, -1, -1, 5, 5]
    assert (chunk.jets.counts == 1).all()
    found = particles(reader)
    assert imbalance(found).max() < 1e-9
    top = found.where(found["pid"] == 6)
    mass2 = top["energy"] ** 2 - top["px"] ** 2 - top["py"] ** 2 - top["pz"] ** 2
    assert np.sqrt(mass2) == pytest.approx(np.full(300, 174.3), rel=1e-6)


def test_the_error_of_cpyth2_is_relative(sample):
    error = CompHepReader(str(sample(2)), ReadOptions()).info.cross_section_error
    assert error == pytest.approx(43.5603 * 2.15372e-3, rel=1e-6)
    assert CompHepReader(str(sample(1)), ReadOptions()).info.cross_section_error is None


def test_both_formats_agree(sample, opened):
    """The same events in both formats; and two samples of one process, statistically."""
    old, new = (gzip.decompress(sample(k).read_bytes()).decode() for k in (1, 2))
    events = old[old.index("#Nproc") :].splitlines(keepends=True)[1:]
    head = new[: new.index("\n;\n") + 3]
    first = particles(opened(old))
    again = particles(opened(head + "".join(map(colons, events))))
    for name in first.columns:
        assert np.array_equal(first[name], again[name]), name
    second = particles(opened(new))
    for values in (lambda p: np.hypot(p["px"], p["py"])[2::4], lambda p: p["energy"][3::4]):
        a, b = values(first), values(second)
        error = np.sqrt((a.var() + b.var()) / len(a))
        assert abs(a.mean() - b.mean()) < 4 * error


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("form", ["plain", "gzip", "crlf"])
def test_every_generation(opened, name, form):
    body = FILES[name].encode()
    if form == "crlf":
        body = body.replace(b"\n", b"\r\n")
    reader = opened(gzip.compress(body) if form == "gzip" else body)
    assert CompHepReader.sniff(body[:4096])
    assert tiling(reader, items(reader)) == (reader.info.entries, 0)
    found = particles(reader)
    assert imbalance(found).max() < 1e-5
    header = reader.header
    if "decay" in name:
        assert reader.info.cross_section is None
        assert "a decay: no cross-section, the width is 1.5 GeV" in reader.info.notes
        assert found["pid"].tolist() == [6, 5, 24]
        assert found["energy"][0] == 10
        assert (found["m1"].tolist(), found["m2"].tolist()) == ([-1, 0, 0], [-1, -1, -1])
    else:
        sigma = 50 if "mixed" in name else 20
        assert reader.info.cross_section == pytest.approx(sigma)
        assert found["energy"][:4] == pytest.approx([400] * 4)
        assert found["pid"][:4].tolist() == [1 if name == "calchep oldest" else 2, -2, 6, -6]
        assert any("7000 GeV" in beam for beam in header.beams)
        assert any("cteq" in beam for beam in header.beams)


@pytest.mark.parametrize(
    ("name", "weights"),
    [("raw41", [3, -2]), ("calchep", [1.5, -0.5]), ("calchep old", [3, -1]), ("mixed", [1, 1, 1])],
)
def test_weights(opened, name, weights):
    (chunk,) = items(opened(FILES[name]))
    assert chunk.gen_weight.tolist() == weights


def test_subprocesses_have_their_own_particles(opened):
    reader = opened(MIXED)
    found = particles(reader)
    assert found.counts.tolist() == [4, 5, 4]
    assert found["pid"].tolist() == [2, -2, 6, -6, 21, 21, 6, -6, 22, 2, -2, 6, -6]
    assert reader.info.process == "u U -> t T; G G -> t T A"
    assert reader.info.declared == 3
    assert "10000 + 10000 events before mixing, 3 after" in reader.info.notes
    (chunk,) = items(reader)
    assert chunk.photons.counts.tolist() == [0, 1, 0]


def test_errors_of_mixed_files_add_in_quadrature(opened):
    """The total of ``mix`` is a sum of relative errors, which means nothing."""
    assert opened(TAGS_MIXED).info.cross_section_error == pytest.approx(np.hypot(0.02, 0.03))


def test_unknown_cross_section(opened):
    text = RAW4.replace("#Cross_section(Width) 2.0E+01", "#Cross_section(Width) Unknown")
    text = text.replace("#Total_cross_section_(pb) = 2.0E+01", "#Cross_section(Width) Unknown")
    info = opened(text).info
    assert info.cross_section is None
    assert "the header gives no cross-section" in info.notes


def test_flavour_sums_are_named(opened):
    info = opened(RAW4.replace("u    U   ->", "u#   U#  ->")).info
    assert "U#, u#: sums over flavours, stored as one of them" in info.notes


def test_truth_can_be_left_out(opened):
    reader = opened(MIXED, truth=False)
    assert not reader.info.truth
    assert all(chunk.gen is None for chunk in items(reader))


def test_invisible_particles_make_missing_momentum(opened):
    text = RAW4.replace("u    U   -> t    T", "u    U   -> ~o1 , t")
    (chunk,) = items(opened(text, invisible=frozenset({1000022})))
    assert chunk.met["pt"][0] == pytest.approx(300)


def test_names_come_in_pairs():
    assert NAMES["T"] == -NAMES["t"] == -6
    assert NAMES["W-"] == -24
    assert NAMES["ne"] == 12
    assert NAMES["~o1"] == 1000022
    assert "" not in NAMES


# --- what is not ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("1.9843134833E+02", "1.9843134833E+O2"), "is no number"),
        (("1.9843134833E+02", "nan"), "is no number"),
        (("1.9843134833E+02", "1_0"), "is no number"),
        (("1.9843134833E+02", "1.9843134833E+92"), "is too large"),
        (("  1.9843134833E+02", ""), "columns where 10 belong"),
        ((" 1 ", " 7 "), "no process '7'"),
        ((" 1 ", " 1.5 "), "no process '1.5'"),
        (("(1 3)", "(1 1)"), "colour chains"),
        (("(1 3)", "(1 5)"), "colour chains"),
        (("(1 3)", "(1 3"), "colour chains"),
    ],
)
@pytest.mark.parametrize("form", ["blanks", "colons"])
def test_a_bad_line_is_damage(opened, change, reason, form):
    if form == "blanks":
        head, write = RAW4[: -2 * len(UU_LINE)], str
    else:
        head, write = TAGS[: -2 * len(colons(UU_LINE))], colons
    reader = opened(head + write(UU_LINE) + write(UU_LINE.replace(*change, 1)) + write(UU_LINE))
    first, bad, last = items(reader)
    assert (bad.start, bad.stop) == (1, 2)
    assert reason in bad.reason
    assert bad.reason.startswith(f"line {head.count(chr(10)) + 2}: ")
    assert tiling(reader, [first, bad, last]) == (2, 1)
    assert [len(c) for c in reader.chunks(2, 3)] == [1]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("raw4", "-> t    T", "-> t    xy", "particle 'xy'"),
        ("raw4", "#MASSES  0", "#MASSES  ", "#MASSES"),
        ("raw4", "->", "to", "#PROCESS"),
        ("raw4", "#Nproc", "Nproc", "no end"),
        ("mixed", "subprocesses = 2", "subprocesses = 3", "declares 3 subprocesses"),
        ("tags", "\n;\n", "\n", "no end"),
        ("tags", "p4.2='17.10E', ", "", "momentum column of particle 4"),
        ("tags", "##parton: IDprocess=1, in=0, out=3", "##parton: IDprocess=1, in=0, out=5", "##parton"),
        ("tags", "color_chain='string',", "", "color_chain"),
        ("tags", "KF=0, name='U'", "KF=0, name='V'", "particle 'V'"),
        ("calchep", "#Events", "#Event", "no end"),
        ("calchep", "2(u)", "u", "#PROCESS"),
    ],
)  # fmt: skip
def test_a_bad_header_is_one_line(opened, name, old, new, message):
    assert old in FILES[name]
    with pytest.raises(InputError) as error:
        opened(FILES[name].replace(old, new))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_joined_files_are_refused(opened):
    with pytest.raises(InputError, match="begins another header"):
        opened(RAW4 + RAW4)


def test_lhe_is_left_to_others():
    for head in (b"<LesHouchesEvents version='1.0'>\n<!-- generated with CompHEP 4.5.2", b"", b"#"):
        assert not CompHepReader.sniff(head)


def test_a_truncated_file_is_damaged_at_its_end(sample, opened):
    packed = sample(2).read_bytes()
    whole = gzip.decompress(packed)
    for keep in range(2000, len(packed) - 8, 997):
        reader = opened(packed[:keep])
        found = items(reader)
        assert isinstance(found[-1], Damage)
        assert "truncated gzip stream" in found[-1].reason
        events, damaged = tiling(reader, found)
        assert 0 < events <= 299
        assert damaged <= 1
        assert any("truncated gzip" in note for note in reader.info.notes)
    reader = opened(whole[:-20])
    assert tiling(reader, items(reader)) == (299, 1)


def test_a_cut_header_is_an_error(opened):
    for size in range(0, MIXED.index("#Nproc"), 50):
        with pytest.raises(InputError):
            opened(MIXED[:size])


def test_blocks_do_not_change_the_events(sample, opened, monkeypatch):
    path = str(sample(1))
    whole = particles(CompHepReader(path, ReadOptions()))
    real = stream.blocks
    monkeypatch.setattr(
        "topdata.readers.comphep.reader.blocks", lambda path: real(path, size=10_000)
    )
    monkeypatch.setattr(unpacked, "READ_BYTES", 4_000)
    reader = CompHepReader(path, ReadOptions())
    chunks = items(reader)
    assert len(chunks) > 3
    assert tiling(reader, chunks) == (300, 0)
    assert np.array_equal(particles(reader)["px"], whole["px"])
    parts = [c for a, b in pairwise([0, 100, 100, 299, 300]) for c in reader.chunks(a, b)]
    pt = [np.concatenate([c.jets["pt"] for c in cs]) for cs in (chunks, parts)]
    assert np.array_equal(*pt)


def test_a_line_without_end_needs_bounded_memory(opened, monkeypatch):
    real = stream.blocks
    monkeypatch.setattr(
        "topdata.readers.comphep.reader.blocks", lambda path: real(path, size=5_000)
    )
    monkeypatch.setattr(unpacked, "READ_BYTES", 2_000)
    monkeypatch.setattr(stream, "LONGEST_LINE", 4_000)
    monkeypatch.setattr("topdata.readers.comphep.lines.LONGEST_LINE", 4_000)
    reader = opened(RAW4 + " 1 " + "1.0 " * 50_000 + "\n" + UU_LINE)
    found = items(reader)
    assert tiling(reader, found) == (3, 1)
    assert any("too long" in d.reason for d in found if isinstance(d, Damage))


# --- mutations --------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [b"", b"\n", b"\r", b" ", b"#", b":", b";", b"|", b"(", b")", b"-", b".", b"_", b"'", b",",
     b"\x00", b"\xff", b"nan", b"inf", b"1e999", b"E+90", b"0x1", b"##process:", b"->"]
    + [b"%d" % k for k in range(10)]
)  # fmt: skip


@st.composite
def mutated(draw):
    """Return a hand-written file with a few bytes changed."""
    content = FILES[draw(st.sampled_from(sorted(FILES)))].encode()
    from_ = draw(st.sampled_from([0, len(content) // 2, content.rindex(b"\n", 0, -1)]))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(min(from_, len(content)), len(content)))
        content = content[:at] + draw(PIECES) + content[at + draw(st.integers(0, 3)) :]
    if draw(st.booleans()) and draw(st.booleans()):
        content = content[: draw(st.integers(0, len(content)))]
    return content


def event_lines(content):
    """Count the lines that are not blank after the header, without the reader's help."""
    lines = content.split(b"\n")
    for k, line in enumerate(lines):
        end = line.startswith(b"#Nproc") or line.strip() in (b";", b"##:;;")
        calchep = content.lstrip().startswith(b"#CalcHEP") and line.split()[:1] == [b"#Events"]
        raw41 = (
            content.lstrip().startswith(b"#CompHEP")
            and re.match(rb"\s*#Number_of_events\b", lines[max(k - 1, 0)])
            and line.startswith(b"#")
            and not line.startswith((b"#---", b"#CompHEP"))
            and not b"".join(lines[k + 1 : k + 2]).startswith(b"#")
        )
        if end or calchep or raw41:
            return sum(1 for rest in lines[k + 1 :] if rest.strip())
    raise AssertionError("no end of the header")


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(mutated())
def test_mutations_give_events_damage_or_one_line(opened, content):
    try:
        reader = opened(content)
    except InputError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message
    if message:
        return
    found = items(reader)
    events, damaged = tiling(reader, found)
    assert events + damaged == event_lines(content)
    for chunk in found:
        if isinstance(chunk, EventChunk):
            assert np.isfinite(chunk.gen.column("pt")).all()
    assert all(len(note) < 1000 for note in reader.info.notes)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(mutated())
def test_the_fast_parser_agrees_with_the_strict_one(opened, content):
    try:
        reader = opened(content)
    except InputError:
        return
    for block in reader._events():
        for line in block.lines:
            fast = parse_lines([line], reader.header)
            try:
                strict = rows_of([parse_line(line, reader.header)], reader.header)
            except LineError:
                assert fast is None, line
                continue
            if fast is not None:
                assert np.array_equal(fast.flat, strict.flat)
                assert np.array_equal(fast.process, strict.process)
