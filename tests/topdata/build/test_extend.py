"""Adding files and processes to a dataset that is there."""

import shutil

import awkward as ak
import numpy as np
import pytest
import yaml

import topdata as td
from topdata.build import build
from topdata.errors import InputError, RecipeError
from topdata.recipe import make_recipe


def digests(folder):
    import hashlib

    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def recipe_of(demo, processes, **more):
    return make_recipe(
        {
            "name": "d",
            "universal": True,
            "select": "n_jets >= 5",
            "processes": [
                {"name": n, "files": [str(demo / f"{f}.root") for f in files], "cross_section": 2.5}
                for n, files in processes.items()
            ],
            **more,
        },
        "t",
    )


@pytest.fixture
def no_conversion(monkeypatch):
    """Let conversions of some files fail."""
    import topdata.build.engines

    original = topdata.build.engines.run_job

    def only(*allowed):
        def run_job(task, job, advance):
            assert job.source.path.rpartition("/")[2] in allowed, job.source.path
            return original(task, job, advance)

        monkeypatch.setattr("topdata.build.engines.run_job", run_job)

    return only


def test_a_new_process(demo, tmp_path, no_conversion):
    before = {"tt": ["tt"], "ttt": ["ttt"]}
    after = {**before, "tttt": ["tttt"]}
    build(recipe_of(demo, before), tmp_path / "out")
    old = digests(tmp_path / "out")
    no_conversion("tttt.root")
    manifest = build(recipe_of(demo, after), tmp_path / "out", extend=True)
    new = digests(tmp_path / "out")
    assert {k: v for k, v in old.items() if k.startswith("data/")}.items() <= new.items()
    assert manifest.classes == ["tt", "ttt", "tttt"]
    assert [step.command for step in manifest.history] == ["build", "extend"]
    assert manifest.history[1].detail == {"sources": ["tttt.root"], "processes": ["tttt"]}
    assert manifest.history[1].parents[0].manifest_sha256 == old["topdata.json"]


def test_extending_is_building_at_once(demo, tmp_path, no_conversion):
    """Process and file added last: every byte but the history is that of a whole build."""
    before = {"tt": ["tt"], "rest": ["ttt"]}
    after = {"tt": ["tt"], "rest": ["ttt", "tttt"], "wjj": ["wjj"]}
    build(recipe_of(demo, before), tmp_path / "out")
    whole = build(recipe_of(demo, after), tmp_path / "whole")
    no_conversion("tttt.root", "wjj.root")
    extended = build(recipe_of(demo, after), tmp_path / "out", extend=True)
    assert extended.model_copy(update={"history": whole.history}) == whole
    ours, theirs = digests(tmp_path / "out"), digests(tmp_path / "whole")
    assert {k: v for k, v in ours.items() if k != "topdata.json"} == {
        k: v for k, v in theirs.items() if k != "topdata.json"
    }


def test_a_new_file_changes_weights_only(demo, tmp_path):
    build(recipe_of(demo, {"p": ["tt"]}), tmp_path / "out")
    columns = ["event", "source", "weight", "gen_weight", "jets.pt"]
    old = {s: td.load(tmp_path / "out", split=s, columns=columns) for s in ("train", "test")}
    manifest = build(recipe_of(demo, {"p": ["tt", "ttt"]}), tmp_path / "out", extend=True)
    for split, events in old.items():
        now = td.load(tmp_path / "out", split=split, columns=columns)
        kept = now[now.source == 0]
        assert ak.to_list(kept.event) == ak.to_list(events.event)
        assert ak.all(kept.jets.pt == events.jets.pt)
        assert np.ptp(ak.to_numpy(kept.weight / events.weight)) < 1e-12
    events = td.load(tmp_path / "out")
    process = manifest.processes[0]
    assert ak.sum(events.weight) == pytest.approx(2.5 * process.efficiency, rel=1e-9)
    assert process.sum_gen_weight == pytest.approx(sum(s.sum_gen_weight for s in manifest.sources))


def test_an_order_of_processes_that_changes_keeps_the_classes(demo, tmp_path):
    build(recipe_of(demo, {"tt": ["tt"], "ttt": ["ttt"]}), tmp_path / "out")
    manifest = build(
        recipe_of(demo, {"tttt": ["tttt"], "ttt": ["ttt"], "tt": ["tt"]}),
        tmp_path / "out",
        extend=True,
    )
    assert manifest.classes == ["tt", "ttt", "tttt"]
    events = td.load(tmp_path / "out", columns=["process", "source"])
    for event in events[::97]:
        assert manifest.sources[event.source].process == manifest.classes[event.process]


def test_another_cross_section_rewrites_the_weights(demo, tmp_path, no_conversion):
    build(recipe_of(demo, {"tt": ["tt"], "ttt": ["ttt"]}), tmp_path / "out")
    old = digests(tmp_path / "out")
    content = recipe_of(demo, {"tt": ["tt"], "ttt": ["ttt"]}).model_dump()
    content["processes"][1]["cross_section"] = 5.0
    no_conversion()
    manifest = build(make_recipe(content, "t"), tmp_path / "out", extend=True)
    new = digests(tmp_path / "out")
    assert new["data/train-tt-00000.parquet"] == old["data/train-tt-00000.parquet"]
    assert new["data/train-ttt-00000.parquet"] != old["data/train-ttt-00000.parquet"]
    events = td.load(tmp_path / "out")
    total = ak.sum(events.weight[events.process == 1])
    assert total == pytest.approx(manifest.processes[1].sum_weight, rel=1e-9)
    assert total == pytest.approx(5.0 * manifest.processes[1].efficiency, rel=1e-9)


def test_nothing_new_changes_nothing(demo, tmp_path):
    recipe = recipe_of(demo, {"tt": ["tt"]})
    build(recipe, tmp_path / "out")
    old = digests(tmp_path / "out")
    build(recipe, tmp_path / "out", extend=True)
    assert digests(tmp_path / "out") == old


def test_what_cannot_be_extended(demo, tmp_path):
    build(recipe_of(demo, {"tt": ["tt"], "ttt": ["ttt"]}), tmp_path / "out")
    old = digests(tmp_path / "out")

    def refused(match, recipe, error=RecipeError):
        with pytest.raises(error, match=match):
            build(recipe, tmp_path / "out", extend=True)
        assert digests(tmp_path / "out") == old

    both = {"tt": ["tt"], "ttt": ["ttt"]}
    refused("no longer in the recipe", recipe_of(demo, {"tt": ["tt"], "x": ["tttt"]}))
    refused("already in the dataset as process 'ttt'", recipe_of(demo, {"tt": ["tt", "ttt"]}))
    refused("select: the dataset was built with", recipe_of(demo, both, select="n_jets >= 6"))
    refused("splits: the dataset", recipe_of(demo, both, splits={"train": 0.5, "test": 0.4}))
    shutil.copy(demo / "tt.root", tmp_path / "again.root")
    refused(
        "the same events as|already in the dataset",
        recipe_of(demo, {"tt": ["tt", tmp_path / "again"], "ttt": ["ttt"]}),
    )
    shard = tmp_path / "out" / "data" / "train-tt-00000.parquet"
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    old = digests(tmp_path / "out")
    refused("train-tt-00000.parquet: sha256", recipe_of(demo, both), InputError)


def test_extending_on_the_command_line(topdata, demo, tmp_path):
    content = recipe_of(demo, {"tt": ["tt"]}).plain()
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(content))
    assert topdata("build", path, "-o", tmp_path / "out").code == 0
    content["processes"].append(
        {"name": "ttt", "files": [str(demo / "ttt.root")], "cross_section": 1.0}
    )
    path.write_text(yaml.safe_dump(content))
    assert "exists already" in topdata("build", path, "-o", tmp_path / "out").err
    ran = topdata("build", path, "-o", tmp_path / "out", "--extend")
    assert ran.code == 0, ran.err
    assert td.info(tmp_path / "out").classes == ["tt", "ttt"]
    ran = topdata("build", path, "-o", tmp_path / "none", "--extend")
    assert ran.code == 2
    assert "not a topdata dataset" in ran.err
    ran = topdata("build", path, "-o", tmp_path / "out", "--extend", "--overwrite")
    assert "choose one" in ran.err
