"""Skims and merges are what a build at once gives."""

import hashlib

import awkward as ak
import pytest

import topdata as td
from topdata.build import build
from topdata.errors import InputError, OutputError, RecipeError
from topdata.recipe import make_recipe
from topdata.transform import merge, skim


def digests(folder, but=()):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in but
    }


def recipe_of(demo, processes, **more):
    return make_recipe(
        {
            "name": "d",
            "universal": True,
            "processes": [
                {"name": n, "files": [str(demo / f"{f}.root") for f in files], "cross_section": 2.5}
                for n, files in processes.items()
            ],
            **more,
        },
        "t",
    )


CUT = "n_jets >= 6 and n_btags >= 2 and ht > 500"


@pytest.fixture(scope="module")
def datasets(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    build(recipe_of(demo, {"tt": ["tt"], "tttt": ["tttt"]}, select="n_jets >= 4"), folder / "a")
    build(recipe_of(demo, {"tttt": ["ttt"], "wjj": ["wjj"]}, select="n_jets >= 4"), folder / "b")
    return folder


def test_a_skim_is_a_build_with_that_cut(demo, datasets, tmp_path):
    recipe = recipe_of(demo, {"tt": ["tt"], "tttt": ["tttt"]}, select=["n_jets >= 4", CUT])
    whole = build(recipe, tmp_path / "whole")
    skimmed = skim(datasets / "a", CUT, tmp_path / "out")
    expected = whole.model_dump(exclude={"history", "recipe"})
    assert skimmed.model_dump(exclude={"history", "recipe"}) == expected
    assert skimmed.recipe["select"] == whole.recipe["select"]
    but = ("topdata.json",)
    assert digests(tmp_path / "out", but) == digests(tmp_path / "whole", but)
    assert [step.command for step in skimmed.history] == ["build", "skim"]
    assert skimmed.history[1].detail == {"select": CUT}
    parent = hashlib.sha256((datasets / "a" / "topdata.json").read_bytes()).hexdigest()
    assert skimmed.history[1].parents[0].manifest_sha256 == parent


def test_weights_of_a_skim(datasets, tmp_path):
    manifest = skim(datasets / "a", "n_leptons == 1 and met > 30", tmp_path / "out")
    events = td.load(tmp_path / "out")
    assert 0 < len(events) == manifest.total.written < td.info(datasets / "a").total.written
    for index, process in enumerate(manifest.processes):
        mine = events[events.process == index]
        assert ak.sum(mine.weight) == pytest.approx(process.sum_weight, rel=1e-9)
        assert process.sum_weight == pytest.approx(2.5 * process.efficiency, rel=1e-12)
    assert ak.all(events.met.pt > 30)
    assert ak.all(ak.num(events.leptons) == 1)


def test_a_skim_can_be_extended(demo, datasets, tmp_path):
    skim(datasets / "a", CUT, tmp_path / "out")
    recipe = recipe_of(
        demo, {"tt": ["tt"], "tttt": ["tttt"], "ttt": ["ttt"]}, select=["n_jets >= 4", CUT]
    )
    manifest = build(recipe, tmp_path / "out", extend=True)
    assert [step.command for step in manifest.history] == ["build", "skim", "extend"]
    assert manifest.processes[2].ledger.read == 300


def test_a_merge_is_a_build_at_once(demo, datasets, tmp_path):
    recipe = recipe_of(
        demo, {"tt": ["tt"], "tttt": ["tttt", "ttt"], "wjj": ["wjj"]}, select="n_jets >= 4"
    )
    whole = build(recipe, tmp_path / "whole")
    merged = merge([datasets / "a", datasets / "b"], tmp_path / "out")
    expected = whole.model_dump(exclude={"history"})
    assert merged.model_dump(exclude={"history"}) == expected
    but = ("topdata.json",)
    assert digests(tmp_path / "out", but) == digests(tmp_path / "whole", but)
    assert [step.command for step in merged.history] == ["build", "build", "merge"]
    assert len(merged.history[2].parents) == 2


def test_merged_weights_and_classes(datasets, tmp_path):
    manifest = merge([datasets / "b", datasets / "a"], tmp_path / "out", name="both")
    assert manifest.name == "both"
    assert manifest.classes == ["tttt", "wjj", "tt"]
    events = td.load(tmp_path / "out")
    for index, process in enumerate(manifest.processes):
        mine = events[events.process == index]
        assert ak.sum(mine.weight) == pytest.approx(process.sum_weight, rel=1e-9)
        assert {manifest.sources[s].process for s in set(ak.to_list(mine.source))} == {process.name}
    assert len(events) == manifest.total.written


def test_what_does_not_merge(demo, datasets, tmp_path):
    def refused(match, *folders, error=RecipeError):
        with pytest.raises(error, match=match):
            merge(folders, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    a = datasets / "a"
    refused("two datasets or more", a)
    refused("its events are in", a, a)
    build(recipe_of(demo, {"x": ["ttt"]}), tmp_path / "x")
    refused("select: .* was built with", a, tmp_path / "x")
    content = recipe_of(demo, {"tt": ["ttdm"]}, select="n_jets >= 4").model_dump()
    content["processes"][0]["cross_section"] = 3.0
    build(make_recipe(content, "t"), tmp_path / "y")
    refused("process 'tt': its cross-section is 2.5 in one", a, tmp_path / "y")
    refused("not a topdata dataset", a, tmp_path, error=InputError)


def test_one_name_for_two_files(demo, tmp_path):
    import shutil

    for name, file in (("a", "tt"), ("b", "ttt")):
        (tmp_path / name).mkdir()
        shutil.copy(demo / f"{file}.root", tmp_path / name / "events.root")
        process = {"name": "p", "files": "events.root", "cross_section": 1}
        recipe = make_recipe({"name": name, "processes": [process]}, "t")
        build(recipe, tmp_path / f"out-{name}", base=tmp_path / name)
    manifest = merge([tmp_path / "out-a", tmp_path / "out-b"], tmp_path / "out")
    assert [source.file for source in manifest.sources] == ["a/events.root", "b/events.root"]
    assert any("is it the same process?" in note for note in manifest.sources[1].notes)


def test_cuts_that_cannot_be(datasets, tmp_path):
    for cut, match in (("n_jet > 3", "did you mean 'n_jets'"), ("n_jets", "not a condition")):
        with pytest.raises(RecipeError, match=match):
            skim(datasets / "a", cut, tmp_path / "out")
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        skim(datasets / "a", CUT, tmp_path / "there")


def test_on_the_command_line(topdata, datasets, tmp_path):
    ran = topdata("skim", datasets / "a", CUT, "-o", tmp_path / "s")
    assert ran.code == 0, ran.err
    assert CUT in ran.out
    ran = topdata("merge", datasets / "a", datasets / "b", "-o", tmp_path / "m", "--json")
    assert ran.code == 0, ran.err
    assert '"command": "merge"' in ran.out
    ran = topdata("skim", datasets / "a", "n_jets >= 4", "-o", tmp_path / "s", "--overwrite")
    assert ran.code == 0, ran.err
    assert td.info(tmp_path / "s").total.written == td.info(datasets / "a").total.written
    ran = topdata("skim", datasets / "a", "n_jets >", "-o", tmp_path / "x")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    ran = topdata("merge", datasets / "a", "-o", tmp_path / "x")
    assert ran.code == 2
    ran = topdata("migrate", datasets / "a", "-o", tmp_path / "x")
    assert ran.code == 2
    assert "is of schema 1.0 already" in ran.err
