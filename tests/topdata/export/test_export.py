"""What all exports share: options, splits, output there whole or not at all, the command."""

import json
import shutil
import sys

import awkward as ak
import pyarrow.parquet as pq
import pytest

import topdata
from topdata.errors import InputError, OutputError, RecipeError
from topdata.export import export, targets

TARGETS = ["darkmachines-csv", "evenet", "hyper", "spanet"]


def test_targets_are_found_through_entry_points():
    assert targets() == TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_every_split_has_its_own_files(demo_dataset, tmp_path, target):
    report = export(demo_dataset, target, tmp_path / "out")
    counts = topdata.info(demo_dataset).split_counts()
    assert {file.split: file.events for file in report.files} == counts
    there = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    assert there == {file.path for file in report.files} | set(report.other_files)
    readme = (tmp_path / "out" / "README.md").read_text()
    assert topdata.info(demo_dataset).dataset_fingerprint in readme
    assert report.provenance["command"] in readme
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert provenance["manifest_sha256"] == report.provenance["manifest_sha256"]
    assert sum(file["events"] for file in provenance["files"]) == report.events


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("spanett", {}, "no export to 'spanett'; did you mean 'spanet'"),
        ("spanet", {"split": "valid"}, "no split 'valid'"),
        ("spanet", {"max_jets": 2}, "--max-jets 2: Input should be greater than or equal to 3"),
        ("spanet", {"leptonic": 5}, "--leptonic 5: from 0 to the 4 tops"),
        ("spanet", {"tops": 0}, "no true tops to assign jets to; give --tops"),
        ("spanet", {"events_per_file": 10}, "--events-per-file: not an option of spanet"),
        ("evenet", {"tops": 2}, "--tops: not an option of evenet"),
    ],
)
def test_a_wrong_option_is_one_line(demo_dataset, tmp_path, target, options, message):
    with pytest.raises(RecipeError, match=message):
        export(demo_dataset, target, tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_an_output_is_not_overwritten(demo_dataset, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        export(demo_dataset, "spanet", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("target", TARGETS)
def test_a_damaged_dataset_leaves_nothing_behind(demo_dataset, tmp_path, target):
    copy = tmp_path / "copy"
    shutil.copytree(demo_dataset, copy)
    shard = copy / "data" / "train-tttt-00000.parquet"
    offset = pq.ParquetFile(shard).metadata.row_group(0).column(10).data_page_offset
    content = bytearray(shard.read_bytes())
    content[offset : offset + 40] = b"\xff" * 40
    shard.write_bytes(content)
    with pytest.raises((InputError, OSError)):
        export(copy, target, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


@pytest.mark.parametrize("target", ["spanet", "darkmachines-csv"])  # with and without a first look
def test_a_file_cut_short_is_one_line(demo_dataset, tmp_path, target):
    copy = tmp_path / "copy"
    shutil.copytree(demo_dataset, copy)
    shard = copy / "data" / "train-tt-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged data file"):
        export(copy, target, tmp_path / "out")


def test_the_chosen_working_point_is_the_btag(build_files, delphes, tmp_path):
    objects = {"jets": {"btag_bit": 1}}
    build_files(delphes / "two_working_points.root", objects=objects)
    jets = topdata.load(tmp_path / "out").jets.btag
    export(tmp_path / "out", "darkmachines-csv", tmp_path / "csv")
    text = "".join(path.read_text() for path in (tmp_path / "csv").glob("*.csv"))
    tagged = int(ak.sum((jets & 2) > 0))
    assert tagged != int(ak.sum(jets > 0))
    assert text.count(";b,") == tagged


def test_a_dataset_without_truth_needs_the_number_of_tops(demo, build_files, tmp_path):
    build_files(demo / "tt.root", truth=False)
    with pytest.raises(RecipeError, match="no true tops"):
        export(tmp_path / "out", "spanet", tmp_path / "spanet")
    report = export(tmp_path / "out", "spanet", tmp_path / "spanet", tops=2)
    assert report.counts["tops"] == report.counts["tops_complete"] == 0
    report = export(tmp_path / "out", "evenet", tmp_path / "evenet")
    assert "assignments-indices" not in report.files[0].arrays
    assert "x" in report.files[0].arrays


@pytest.mark.parametrize("target", TARGETS)
def test_a_parton_level_dataset_says_so(build_files, demo, tmp_path, target):
    build_files(demo.parent / "lhe" / "ttdecay.lhe.gz")
    report = export(tmp_path / "out", target, tmp_path / "exported")
    assert report.provenance["level"] == "parton"
    assert "parton objects" in (tmp_path / "exported" / "README.md").read_text()
    assert report.counts.get("matched_but_truncated", 0) == 0


def test_without_h5py_the_remedy_is_named(demo_dataset, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(RecipeError, match=r"pip install 'topdata\[export\]'"):
        export(demo_dataset, "spanet", tmp_path / "out")
    assert not list(tmp_path.iterdir())
    export(demo_dataset, "evenet", tmp_path / "out", split="test")


def test_the_command_prints_what_it_wrote(topdata, demo_dataset, tmp_path):
    ran = topdata(
        "export", demo_dataset, "--to", "spanet", "-o", tmp_path / "out", "--split", "test",
        "--tops", 2, "--max-jets", 8,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "test.h5" in ran.out
    assert "float32 [352, 8]" in ran.out
    assert "matched but truncated: " in ran.out
    assert "352 events for spanet" in ran.out
    assert (tmp_path / "out" / "event.yaml").is_file()


def test_the_command_gives_json(topdata, demo_dataset, tmp_path):
    ran = topdata("export", demo_dataset, "--to", "hyper", "-o", tmp_path / "out", "--json")
    report = json.loads(ran.out)
    assert report["events"] == 3312
    assert report["counts"]["tops"] > 0
    assert report["files"][0]["arrays"]["INPUTS/GLOBAL"] == "(njet, nbTagged) [2623, 1]"


def test_any_option_can_be_set_by_name(topdata, demo_dataset, tmp_path):
    arguments = ("export", demo_dataset, "--to", "evenet", "-o", tmp_path / "out", "--set")
    assert topdata(*arguments, "max-invisible=4", "--json").code == 0
    ran = topdata(*arguments, "max-invisible")
    assert (ran.code, ran.err) == (2, "topdata: --set max-invisible: give NAME=VALUE\n")


def test_mistakes_end_with_one_line(topdata, demo_dataset, tmp_path):
    ran = topdata("export", demo_dataset, "--to", "hypr", "-o", tmp_path / "out")
    assert (ran.code, ran.err) == (2, "topdata: no export to 'hypr'; did you mean 'hyper'?\n")
    ran = topdata("export", tmp_path, "--to", "hyper", "-o", tmp_path / "out")
    assert ran.code == 2
    assert "not a topdata dataset" in ran.err
