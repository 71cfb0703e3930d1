"""Dark Machines CSV: what is written is read back by the reader of that format, whole builds long."""

import gzip
import re

import pyarrow as pa
import pytest

import topdata
from topdata.build import build
from topdata.errors import RecipeError
from topdata.export import export
from topdata.recipe import make_recipe

# arXiv:2105.14027: event ID; process ID; event weight; MET; METphi; obj, E, pt, eta, phi; ...
NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
OBJECT = rf"(?:j|b|e-|e\+|m-|m\+|g)(?:,{NUMBER}){{4}};"
LINE = re.compile(rf"\d+;[^;,]+;{NUMBER};{NUMBER};{NUMBER};(?:{OBJECT})*")


@pytest.fixture(scope="module")
def folder(demo_dataset, tmp_path_factory):
    output = tmp_path_factory.mktemp("dm") / "out"
    return output, export(demo_dataset, "darkmachines-csv", output)


@pytest.fixture(scope="module")
def back(folder, tmp_path_factory):
    """The file of the training events, built to a dataset again."""
    output = tmp_path_factory.mktemp("back") / "again"
    files = [str(folder[0] / "train.csv")]
    processes = [{"name": "all", "files": files, "cross_section": 1.0}]
    recipe = make_recipe({"name": "again", "processes": processes}, "test")
    return build(recipe, output), topdata.load(output)


def test_every_line_is_an_event_of_the_format(folder, demo_dataset):
    lines = (folder[0] / "train.csv").read_text().splitlines()
    assert len(lines) == topdata.info(demo_dataset).split_counts()["train"]
    assert all(LINE.fullmatch(line) for line in lines)
    assert [int(line.partition(";")[0]) for line in lines] == list(range(len(lines)))
    assert {line.split(";")[1] for line in lines} == set(topdata.info(demo_dataset).classes)
    for line in lines[:300]:
        codes = [field.partition(",")[0] for field in line.split(";")[5:-1]]
        order = [0 if c in "jb" else 2 if c == "g" else 1 for c in codes]
        assert order == sorted(order)


def test_our_reader_finds_every_event_and_no_damage(back, demo_dataset):
    manifest, events = back
    n = topdata.info(demo_dataset).split_counts()["train"]
    assert manifest.total.read == manifest.total.written == n == len(events)
    assert not manifest.quarantine


def test_objects_come_back_exactly(back, folder, slow):
    _, events = back
    # the same events in the same order stand in every export, with their keys
    keys = _keys(folder)
    read = {e["event"]: e for e in events.to_list()}
    photons = 0
    for number, key in enumerate(keys):
        ours, event = read[number], slow.events[key]
        assert ours["met"] == pytest.approx(event["met"], rel=1e-7)
        assert len(ours["jets"]) == len(event["jets"])
        for a, b in zip(ours["jets"], event["jets"], strict=True):
            assert [a[k] for k in ("pt", "eta", "phi")] == [b[k] for k in ("pt", "eta", "phi")]
            assert a["btag"] == b["btag"] & 1
            assert a["mass"] == pytest.approx(abs(b["mass"]), rel=1e-6, abs=1e-3)
        for a, b in zip(ours["leptons"], event["leptons"], strict=True):
            same = ("pt", "eta", "phi", "charge", "pdg_id")
            assert [a[k] for k in same] == [b[k] for k in same]
        for a, b in zip(ours["photons"], event["photons"], strict=True):
            assert [a[k] for k in ("pt", "eta", "phi")] == [b[k] for k in ("pt", "eta", "phi")]
            photons += 1
        assert ours["gen_weight"] == event["weight"]
    assert photons > 20


def _keys(folder):
    """The (source, event) of each line, from the export that stores them."""
    import h5py

    dataset = folder[1].provenance["command"].split()[2]
    output = folder[0].parent / "keys"
    export(dataset, "spanet", output, split="train")
    with h5py.File(output / "train.h5") as file:
        columns = [file[f"METADATA/{name}"][:].tolist() for name in ("source", "event")]
    return list(zip(*columns, strict=True))


def test_weights_add_up(folder, total_weight):
    lines = [
        line
        for file in folder[1].files
        for line in (folder[0] / file.path).read_text().splitlines()
    ]
    assert sum(float(line.split(";")[2]) for line in lines) == pytest.approx(total_weight, rel=1e-9)


def test_packed_files_hold_the_same_text(demo_dataset, folder, tmp_path):
    plain = (folder[0] / "test.csv").read_bytes()
    for packed in ("gz", "zst"):
        export(
            demo_dataset, "darkmachines-csv", tmp_path / packed, split="test", compression=packed
        )
    assert gzip.decompress((tmp_path / "gz" / "test.csv.gz").read_bytes()) == plain
    with pa.CompressedInputStream(pa.OSFile(str(tmp_path / "zst" / "test.csv.zst")), "zstd") as f:
        assert f.read() == plain


def test_another_packing_is_refused(demo_dataset, tmp_path):
    with pytest.raises(RecipeError, match="--compression bz2"):
        export(demo_dataset, "darkmachines-csv", tmp_path / "out", compression="bz2")


def test_files_of_others_come_back_too(build_files, tmp_path):
    """A dataset without truth, written and read again: the same events."""
    from pathlib import Path

    original = Path(__file__).parents[2] / "data/darkmachines/stlp_st1000_chan1_first40.csv"
    build_files(original)
    export(tmp_path / "out", "darkmachines-csv", tmp_path / "csv")
    first = topdata.load(tmp_path / "out")
    lines = [
        line
        for path in sorted((tmp_path / "csv").glob("*.csv"))
        for line in path.read_text().splitlines()
    ]
    assert len(lines) == len(first)
    written = sorted(float(line.split(";")[3]) for line in lines)
    assert written == pytest.approx(sorted((first.met.pt * 1000).to_list()), rel=1e-6)
