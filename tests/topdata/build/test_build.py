"""Building datasets: normalisation, ledger, splits, reproducibility, resuming."""

import hashlib
import json
import shutil

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

import topdata
from topdata.build import build, job
from topdata.build.split import assign, uniform
from topdata.errors import IncompleteError, InputError, OutputError, RecipeError
from topdata.recipe import load_recipe, make_recipe
from topdata.schema import dataset_fingerprint, view_fingerprint


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_weights_sum_to_the_cross_section(demo, build_files):
    manifest = build_files(demo / "tt.root", demo / "ttt.root", cross_section=12.5)
    events = topdata.load(_out(manifest, build_files))
    assert ak.sum(events.weight) == pytest.approx(12.5, rel=1e-9)
    assert manifest.processes[0].efficiency == pytest.approx(1, rel=1e-9)
    ratio = ak.to_numpy(events.weight / events.gen_weight)
    assert np.ptp(ratio) < 1e-12 * ratio[0]


def _out(manifest, build_files):
    return build_files.__closure__[0].cell_contents / "out"


def test_negative_weights_stay_negative(delphes, build_files):
    manifest = build_files(delphes / "herwig_status.root", cross_section=4.0)
    events = topdata.load(_out(manifest, build_files))
    assert ak.to_list(events.gen_weight) == [1.5, -0.5, 1.0]
    assert sorted(ak.to_list(events.weight)) == [-1.0, 2.0, 3.0]
    assert manifest.processes[0].negative_weights == 1


def test_cuts_and_cut_flow(demo, build_files):
    cuts = ["n_jets >= 6", "n_btags >= 2 and ht > 400", "not same_sign"]
    manifest = build_files(demo / "tttt.root", cross_section=2.0, select=cuts)
    process = manifest.processes[0]
    assert [line.cut for line in process.cut_flow] == ["all", *cuts]
    counts = [line.events for line in process.cut_flow]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 500
    assert counts[-1] < counts[0]
    events = topdata.load(_out(manifest, build_files))
    assert len(events) == counts[-1] == process.ledger.written
    assert process.ledger.cut == 500 - counts[-1]
    assert ak.all(ak.num(events.jets) >= 6)
    assert ak.all(ak.sum(events.jets.btag & 1, axis=1) >= 2)
    assert ak.all(ak.sum(events.jets.pt, axis=1) > 400)
    assert ak.sum(events.weight) == pytest.approx(2.0 * process.efficiency, rel=1e-9)
    assert process.efficiency == pytest.approx(counts[-1] / 500)


def test_the_working_point_of_a_cut_is_the_recipes(delphes, build_files):
    manifest = build_files(
        delphes / "two_working_points.root",
        objects={"jets": {"btag_bit": 1}},
        select="n_btags >= 1",
    )
    events = topdata.load(_out(manifest, build_files))
    assert ak.all(ak.any((events.jets.btag >> 1) & 1 == 1, axis=1))
    assert manifest.view_fingerprint == view_fingerprint(1)


def test_no_event_is_left(demo, delphes, build_files, tmp_path):
    with pytest.raises(IncompleteError, match="no event is left: 300 read, 300 cut"):
        build_files(demo / "ttt.root", select="n_jets > 99")
    with pytest.raises(IncompleteError, match="no event is left: 0 read"):
        build_files(delphes / "empty_tree.root")
    assert not (tmp_path / "out").exists()


def test_an_empty_process_beside_another(demo, tmp_path):
    recipe = make_recipe(
        {
            "name": "d",
            "select": "n_jets >= 10",
            "universal": True,
            "processes": [
                {"name": n, "files": [str(demo / f"{n}.root")], "cross_section": 1.0}
                for n in ("wjj", "tttt")
            ],
        },
        "t",
    )
    manifest = build(recipe, tmp_path / "out")
    assert manifest.processes[0].ledger.written == 0
    assert manifest.processes[1].ledger.written > 0


def test_a_cut_that_stands_twice_is_counted_twice(demo, build_files):
    manifest = build_files(demo / "tttt.root", select=["n_jets >= 8", "n_jets >= 8"])
    _, first, second = manifest.processes[0].cut_flow
    assert first.events == second.events == manifest.total.written


def test_without_a_record_there_is_no_truth(demo, build_files):
    manifest = build_files(demo / "ttt.root", truth=False)
    events = topdata.load(_out(manifest, build_files))
    assert set(events.n_tops) == {-1}
    assert ak.sum(ak.num(events.truth.partons)) == 0
    assert ak.all(events.jets.parton == -1)


def test_the_cross_section_can_come_from_the_file(demo, build_files):
    manifest = build_files(demo / "tt.root", cross_section=None)
    assert manifest.processes[0].cross_section == pytest.approx(504.911, rel=1e-4)
    assert manifest.processes[0].cross_section_from == "file"


def test_two_builds_are_byte_identical(demo, tmp_path):
    recipe = make_recipe(
        {
            "name": "d",
            "universal": True,
            "processes": [
                {"name": n, "files": [str(demo / f"{n}.root")], "cross_section": 1.0}
                for n in ("tt", "ttt")
            ],
        },
        "test",
    )
    for name, threads in (("a", 1), ("b", 3)):
        build(recipe, tmp_path / name, threads=threads)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert "universal/train-00000.parquet" in digests(tmp_path / "a")


def test_another_process_leaves_the_shards_of_the_first_alone(demo, tmp_path):
    first = {"name": "tt", "files": [str(demo / "tt.root")], "cross_section": 1.0}
    second = {"name": "ttt", "files": [str(demo / "ttt.root")], "cross_section": 1.0}
    build(make_recipe({"name": "d", "processes": [first]}, "t"), tmp_path / "a")
    build(make_recipe({"name": "d", "processes": [first, second]}, "t"), tmp_path / "b")
    before = {k: v for k, v in digests(tmp_path / "a").items() if k.startswith("data/")}
    after = digests(tmp_path / "b")
    assert before.items() <= after.items()


def test_chunks_and_row_groups_do_not_shape_the_result(demo, tmp_path, monkeypatch):
    recipe = make_recipe(
        {
            "name": "d",
            "processes": [{"name": "p", "files": [str(demo / "tt.root")], "cross_section": 1}],
        },
        "t",
    )
    build(recipe, tmp_path / "a")
    monkeypatch.setattr("topdata.readers.delphes.reader._EVENTS", 37)
    build(recipe, tmp_path / "b")
    a, b = digests(tmp_path / "a"), digests(tmp_path / "b")
    a, b = ({k: v for k, v in x.items() if k.startswith("data/")} for x in (a, b))
    assert a == b


def test_shards_and_row_groups_have_fixed_sizes(demo, tmp_path, monkeypatch):
    monkeypatch.setattr("topdata.build.shard.ROW_GROUP", 50)
    monkeypatch.setattr("topdata.build.shard.SHARD_ROWS", 200)
    recipe = make_recipe(
        {
            "name": "d",
            "splits": {"train": 1, "validation": 0, "test": 0},
            "processes": [{"name": "p", "files": [str(demo / "tt.root")], "cross_section": 1}],
        },
        "t",
    )
    manifest = build(recipe, tmp_path / "a")
    assert [f.rows for f in manifest.files] == [200, 200, 200, 100]
    shard = pq.ParquetFile(tmp_path / "a" / manifest.files[0].path)
    assert [shard.metadata.row_group(i).num_rows for i in range(4)] == [50] * 4
    events = topdata.load(tmp_path / "a")
    assert ak.to_list(events.event) == list(range(700))
    assert "validation" not in (tmp_path / "a" / "README.md").read_text().partition("\n# ")[0]


def test_shards_carry_the_contract_and_no_names(demo_dataset):
    shard = pq.ParquetFile(demo_dataset / "data" / "train-tt-00000.parquet")
    metadata = shard.schema_arrow.metadata
    assert metadata[b"topdata.dataset_fingerprint"].decode() == dataset_fingerprint()
    assert metadata[b"topdata.view_fingerprint"].decode() == view_fingerprint(0)
    assert not any(b"ttt" in value for value in metadata.values())
    column = shard.metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert column.has_offset_index


def test_the_manifest_describes_every_file(demo_dataset):
    manifest = topdata.info(demo_dataset)
    found = {k: v for k, v in digests(demo_dataset).items() if k.endswith(".parquet")}
    assert {f.path: f.sha256 for f in manifest.files} == found
    for file in manifest.files:
        assert pq.ParquetFile(demo_dataset / file.path).metadata.num_rows == file.rows
    assert manifest.total.closes
    for process in manifest.processes:
        sources = [s.ledger for s in manifest.sources if s.process == process.name]
        assert sum(ledger.read for ledger in sources) == process.ledger.read
        assert sum(process.splits.values()) == process.ledger.written


def test_the_card_is_valid_and_tells_the_truth(demo_dataset):
    from huggingface_hub import DatasetCard

    card = DatasetCard.load(demo_dataset / "README.md")
    data = card.data.to_dict()
    assert [c["config_name"] for c in data["configs"]] == ["default", "universal"]
    assert data["topdata"]["dataset_fingerprint"] == dataset_fingerprint()
    assert data["size_categories"] == ["1K<n<10K"]
    manifest = topdata.info(demo_dataset)
    for process in manifest.processes:
        assert f"| {process.name} | {process.cross_section:.6g} (recipe) |" in card.text
    assert "$" not in card.text.replace("topdata build recipe.yaml", "")
    recipe = yaml.safe_load(card.text.partition("```yaml\n")[2].partition("```")[0])
    assert make_recipe(recipe, "card").name == "demo-tops"


def test_splits_are_stable_and_fair():
    entries = np.arange(100_000)
    fractions = {"train": 0.8, "validation": 0.1, "test": 0.1}
    split = assign("ab" * 32, entries, fractions)
    assert np.bincount(split) / len(split) == pytest.approx([0.8, 0.1, 0.1], abs=0.005)
    assert np.array_equal(assign("ab" * 32, entries[500:600], fractions), split[500:600])
    assert (assign("cd" * 32, entries, fractions) != split).mean() > 0.2
    values = uniform("ab" * 32, entries)
    assert (values >= 0).all()
    assert (values < 1).all()
    # frozen: a change would move events between splits of published datasets
    assert uniform("00" * 32, np.array([0]))[0] == pytest.approx(0.8833108082136426, rel=1e-15)


def test_an_event_keeps_its_split_when_files_are_added(demo, tmp_path):
    def splits(name, files):
        process = {"name": "p", "files": [str(demo / f) for f in files], "cross_section": 1}
        build(make_recipe({"name": "d", "processes": [process]}, "t"), tmp_path / name)
        manifest = topdata.info(tmp_path / name)
        result = {}
        for split in manifest.split_counts():
            events = topdata.load(tmp_path / name, split=split, columns=["event", "source"])
            for event, source in zip(events.event.tolist(), events.source.tolist(), strict=True):
                result[manifest.sources[source].file, event] = split
        return result

    assert splits("a", ["tt.root"]).items() <= splits("b", ["ttt.root", "tt.root"]).items()


def test_output_that_exists_is_left_alone(demo, build_files, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    with pytest.raises(OutputError, match="exists already"):
        build_files(demo / "ttt.root")
    recipe = make_recipe(
        {
            "name": "d",
            "processes": [{"name": "p", "files": [str(demo / "ttt.root")], "cross_section": 1}],
        },
        "t",
    )
    with pytest.raises(OutputError, match="not a topdata dataset"):
        build(recipe, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "precious").read_text() == "x"


def test_overwrite_keeps_what_is_not_ours(demo, build_files, tmp_path):
    build_files(demo / "ttt.root")
    (tmp_path / "out" / ".git").mkdir()
    (tmp_path / "out" / ".git" / "config").write_text("x")
    process = {"name": "q", "files": [str(demo / "ttt.root")], "cross_section": 1}
    with pytest.raises(OutputError, match="is no file of the dataset"):
        build(
            make_recipe({"name": "e", "processes": [process]}, "t"),
            tmp_path / "out",
            overwrite=True,
        )
    assert (tmp_path / "out" / ".git" / "config").exists()


def test_overwrite_through_a_link(demo, build_files, tmp_path):
    build_files(demo / "ttt.root")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    process = {"name": "q", "files": [str(demo / "ttt.root")], "cross_section": 1}
    build(
        make_recipe({"name": "e", "processes": [process]}, "t"), tmp_path / "link", overwrite=True
    )
    assert (tmp_path / "link").is_symlink()
    assert topdata.info(tmp_path / "out").classes == ["q"]


def test_overwrite_replaces_a_dataset(demo, build_files, tmp_path):
    build_files(demo / "ttt.root")
    recipe = make_recipe(
        {
            "name": "e",
            "processes": [{"name": "q", "files": [str(demo / "ttt.root")], "cross_section": 1}],
        },
        "t",
    )
    build(recipe, tmp_path / "out", overwrite=True)
    assert topdata.info(tmp_path / "out").classes == ["q"]
    assert not list(tmp_path.glob(".out*"))


def test_an_interrupted_build_goes_on(demo, tmp_path, monkeypatch):
    """Stop in the middle; the second run converts only what is missing, to the same bytes."""
    recipe = make_recipe(
        {
            "name": "d",
            "processes": [
                {"name": n, "files": [str(demo / f"{n}.root")], "cross_section": 1.0}
                for n in ("tt", "ttt", "tttt")
            ],
        },
        "t",
    )
    build(recipe, tmp_path / "whole")
    converted = []
    original = job.convert

    def stopping(chunk, *rest):
        if len(converted) == 2:
            raise KeyboardInterrupt
        converted.append(len(chunk))
        return original(chunk, *rest)

    monkeypatch.setattr(job, "convert", stopping)
    with pytest.raises(KeyboardInterrupt):
        build(recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(job, "convert", lambda *a: converted.append(len(a[0])) or original(*a))
    build(recipe, tmp_path / "out")
    assert sum(converted) == 700 + 300 + 500
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")
    assert not list(tmp_path.glob(".out*"))


def test_a_changed_recipe_is_noticed(demo, build_files, tmp_path, monkeypatch):
    monkeypatch.setattr("topdata.build.run.assemble", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build_files(demo / "ttt.root")
    assert len(list((tmp_path / ".out.partial" / "parts").glob("*.json"))) == 1
    monkeypatch.undo()
    manifest = build_files(demo / "ttt.root", select="n_jets >= 8")
    assert 0 < manifest.total.written < 300


def test_a_second_build_of_one_output_says_so(demo, build_files, tmp_path, monkeypatch):
    def again(*args):
        monkeypatch.undo()
        with pytest.raises(OutputError, match="another build is writing it"):
            build_files(demo / "ttt.root")
        raise ZeroDivisionError

    monkeypatch.setattr("topdata.build.run.assemble", again)
    with pytest.raises(ZeroDivisionError):
        build_files(demo / "ttt.root")


def test_the_committed_recipes_are_valid(pytestconfig):
    recipes = sorted((pytestconfig.rootpath / "cards" / "recipes").glob("*.yaml"))
    assert recipes
    for path in recipes:
        load_recipe(path)


def test_no_private_folder_in_the_dataset(demo_dataset, pytestconfig):
    for path in (demo_dataset / "topdata.json", demo_dataset / "README.md"):
        assert str(pytestconfig.rootpath) not in path.read_text()
    json.loads((demo_dataset / "topdata.json").read_text())


def test_copies_of_a_dataset_load(demo_dataset, tmp_path):
    shutil.copytree(demo_dataset, tmp_path / "moved")
    assert len(topdata.load(tmp_path / "moved")) == topdata.info(demo_dataset).total.written


def test_files_of_one_name_stay_distinct(demo, tmp_path):
    for folder, name in (("run1", "ttt"), ("run2", "tt")):
        (tmp_path / "[in]" / folder).mkdir(parents=True)
        shutil.copy(demo / f"{name}.root", tmp_path / "[in]" / folder / "events.root")
    recipe = make_recipe(
        {
            "name": "d",
            "processes": [{"name": "p", "files": "run*/events.root", "cross_section": 1}],
        },
        "t",
    )
    manifest = build(recipe, tmp_path / "out", base=tmp_path / "[in]")
    assert [s.file for s in manifest.sources] == ["run1/events.root", "run2/events.root"]
    assert manifest.recipe["processes"][0]["files"] == ["run1/events.root", "run2/events.root"]
    assert any("mean weight" in note for note in manifest.sources[1].notes)


def test_files_of_different_cross_sections_are_no_process(demo, build_files):
    with pytest.raises(RecipeError, match="different processes"):
        build_files(demo / "ttt.root", demo / "tttt.root", cross_section=None)


def test_without_truth_the_manifest_says_so(demo, build_files):
    manifest = build_files(demo / "ttt.root", truth=False)
    assert not manifest.sources[0].truth
    assert "generator record left unread: no truth" in manifest.sources[0].notes


def test_a_manifest_cannot_lead_out_of_its_folder(demo_dataset, tmp_path):
    content = json.loads((demo_dataset / "topdata.json").read_text())
    for path in ("../other/x.parquet", "/etc/x.parquet", "data/../../x.parquet", ""):
        content["files"][0]["path"] = path
        (tmp_path / "topdata.json").write_text(json.dumps(content))
        with pytest.raises(InputError):
            topdata.info(tmp_path)
