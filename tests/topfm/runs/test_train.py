"""Pre-training and fine-tuning on the demo dataset: what is written, kept, new and recorded."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import topdata
from topdata.build import build
from topdata.errors import InputError, OutputError, RecipeError, SchemaError
from topdata.recipe import load_recipe
from topfm.checkpoint.verify import verify
from topfm.config import make_config
from topfm.errors import CheckpointError, DivergedError
from topfm.located import Located
from topfm.runs.train import finetune, pretrain

SMALL = {"data": {"labels": 64}, "training": {"epochs": 1, "batch_size": 32}}


def config(base=None, /, **parts):
    content = {key: dict(value) for key, value in (base or SMALL).items()}
    for key, value in parts.items():
        content[key] = {**content.get(key, {}), **value} if key != "tasks" else value
    return make_config(content, "test")


def weights_of(checkpoint):
    """Return the tensors of a checkpoint without the sketch of what they saw."""
    tensors = load_file(checkpoint / "model.safetensors")
    assert tensors.pop("seen.events").dtype == torch.int64
    return tensors


@pytest.fixture
def tuned(base, demo_dataset, tmp_path):
    """Fine-tune the small checkpoint; returns what became of it, and its tensors."""

    def run(name="tuned", parent=base, dataset=demo_dataset, **parts):
        done = finetune(Located(parent), Located(dataset), tmp_path / name, config(**parts))
        return done, weights_of(done.output)

    return run


@pytest.fixture(scope="module")
def parent(base):
    return weights_of(base)


def changed(one, other, prefix="encoder."):
    return {n for n in one if n.startswith(prefix) and not torch.equal(one[n], other[n])}


# --- what a pre-training writes -------------------------------------------------------------------


def test_a_checkpoint_says_what_it_is(base, demo_dataset):
    facts = verify(base).facts
    manifest = topdata.info(demo_dataset)
    assert facts.dataset_fingerprint == manifest.dataset_fingerprint
    assert (facts.label.text, facts.label.classes) == ("n_tops", ["0", "1", "2", "3", "4"])
    assert facts.data.dataset == manifest.name
    assert facts.data.events == 96 == sum(s.events for s in facts.data.sources)
    assert {p.name for p in facts.data.processes} <= set(manifest.classes)
    assert facts.normalisation.fitted_on == 96
    assert (facts.epochs, facts.steps) == (2, 6)
    assert set(facts.tasks) == {"classify", "masked"}
    assert facts.run["config"]["training"]["batch_size"] == 32
    assert 0.05 < facts.results["temperature"] < 20
    log = [json.loads(line) for line in (base / "training-log.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in log] == [1, 2]
    best = log[facts.best_epoch - 1]
    assert best["validation"] == facts.results["validation"]
    assert best["validation"]["loss"] == min(r["validation"]["loss"] for r in log)
    assert str(Path.home()) not in (base / "config.json").read_text()


def test_weights_follow_from_the_seed(base, base_settings, demo_dataset, tmp_path):
    digests = {}
    for name, seed in (("same", 0), ("other", 1)):
        given = config(base_settings, training={"seed": seed})
        pretrain(Located(demo_dataset), tmp_path / name, given)
        digests[name] = (tmp_path / name / "model.safetensors").read_bytes()
    assert digests["same"] == (base / "model.safetensors").read_bytes()
    assert digests["other"] != digests["same"]


def test_without_a_label(demo_dataset, tmp_path):
    given = config(tasks={"masked": {"options": {"truth": False}}})
    facts = pretrain(Located(demo_dataset, "org/demo", "c0ffee"), tmp_path / "out", given).facts
    assert facts.label is None
    assert "temperature" not in facts.results
    assert (facts.data.dataset, facts.data.revision) == ("org/demo", "c0ffee")
    assert facts.tasks["masked"]["truth"] is False


def test_best_weights_of_a_training_that_diverged_are_written(demo_dataset, tmp_path):
    """A rate that grows too far: the first epochs are fine, a later one is not."""
    output = tmp_path / "out"
    given = config(
        training={"epochs": 60, "learning_rate": 5e4, "warmup": 0.99, "clip": None},
        encoder={"name": "l1-mlp"},
    )
    with pytest.raises(DivergedError) as caught:
        pretrain(Located(demo_dataset), output, given)
    facts = verify(output).facts
    assert f"the weights of epoch {facts.best_epoch} are in {output}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert 1 <= facts.best_epoch <= facts.epochs < 60
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# --- fine-tuning ----------------------------------------------------------------------------------


def test_a_frozen_encoder_stays_the_same_to_the_bit(tuned, parent):
    done, tensors = tuned(data={"label": "process"}, finetune={"freeze": True})
    assert not changed(parent, tensors, "encoder.")
    assert not changed(parent, tensors, "normaliser.")
    assert {n.split(".")[1] for n in done.report.new} == {"classify"}
    assert {n.split(".")[1] for n in done.report.dropped} == {"classify", "masked"}
    assert set(done.report.loaded) == {n for n in parent if not n.startswith("tasks.")}
    verify(done.output)


def test_low_rank_updates_are_merged(tuned, parent):
    done, tensors = tuned(
        finetune={"lora": 2}, training={"epochs": 3, "learning_rate": 1e-2},
        tasks={"classify": {}, "masked": {}},
    )  # fmt: skip
    assert tensors.keys() == parent.keys()
    assert all(tensors[n].shape == parent[n].shape for n in parent)
    moved = changed(parent, tensors)
    assert moved
    for name in moved:
        assert name.endswith(".weight")
        assert parent[name].ndim == 2
        values = torch.linalg.svdvals(tensors[name].double() - parent[name].double())
        assert values[1] > 1e-4, "of rank two"
        assert values[2] < 1e-3 * values[0], name
    assert not any("kind" in name or "norm" in name for name in moved)
    linear = {n for n in parent if n.endswith("qkv.weight")}
    assert linear <= moved
    verify(done.output)


def test_blocks_further_down_move_less(tuned, parent):
    _, tensors = tuned(finetune={"layer_decay": 0.1}, training={"schedule": "constant"})
    names = [f"encoder.blocks.{k}.inner.weight" for k in range(4)]
    moves = [float((tensors[n] - parent[n]).abs().max()) for n in names]
    for lower, upper in pairwise(moves):
        assert lower == pytest.approx(upper / 10, rel=0.5)


def test_heads_are_kept_where_they_fit(tuned, parent):
    still = {"learning_rate": 1e-30}
    both = {"classify": {}, "masked": {}}
    done, tensors = tuned("a", training=still, tasks=both)
    assert done.report.new == done.report.dropped == ()
    assert {n for n in parent if not torch.equal(parent[n], tensors[n])} <= {
        "tasks.classify.temperature"
    }
    done, tensors = tuned("b", training=still, tasks=both, data={"label": "process"})
    assert (
        {n.split(".")[1] for n in done.report.new}
        == {"classify"}
        == {n.split(".")[1] for n in done.report.dropped}
    )
    assert not changed(parent, tensors, "tasks.masked.")
    done, tensors = tuned("c", training=still, tasks={"masked": {"options": {"truth": False}}})
    assert {n.split(".")[1] for n in done.report.new} == {"masked"}
    assert tensors["tasks.masked.questions"].shape[0] == 19
    done, _ = tuned("d", training=still, tasks={"classify": {"options": {"smoothing": 0.1}}})
    assert {n.split(".")[1] for n in done.report.new} == {"classify"}
    done, _ = tuned("e", training=still, data={"classes": ["0", "4", "3", "2", "1"]})
    assert {n.split(".")[1] for n in done.report.new} == {"classify"}


def test_ancestors_of_two_generations(tuned, base):
    first, _ = tuned("first", data={"label": "process", "labels": 50})
    second, _ = tuned("second", parent=first.output, data={"label": "n_btags >= 2"})
    assert [a.address for a in second.facts.ancestors] == ["first", "base"]
    assert [a.digest for a in second.facts.ancestors] == [first.digest, verify(base).digest]
    assert [seen.events for seen in second.facts.seen] == [64, 50, 96]
    assert first.facts.parent.digest == verify(base).digest
    assert second.facts.encoder == verify(base).facts.encoder
    assert second.facts.normalisation == verify(base).facts.normalisation


def test_an_encoder_of_the_parent_wins(tuned):
    done, _ = tuned(encoder={"name": "l1-mlp"})
    assert done.facts.encoder.name == "l2-transformer"


# --- what cannot be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "error", "text"),
    [
        ({"data": {"label": "n_topss"}}, RecipeError, "did you mean 'n_tops'"),
        ({"data": {"processes": ["tttt"]}}, RecipeError, "no two classes"),
        ({"data": {"classes": ["4", "9"]}}, InputError, "class '9' of n_tops has no event"),
        ({"data": {"train": "trian"}}, RecipeError, "train"),
        ({"encoder": {"name": "l2-transfomer"}}, RecipeError, "did you mean 'l2-transformer'"),
        ({"tasks": {"mask": {}}}, RecipeError, "did you mean 'masked'"),
        ({"tasks": {"masked": {"options": {"fraction": 2}}}}, RecipeError, "fraction"),
        ({"encoder": {"options": {"size": "tiny"}}}, RecipeError, "'tiny'"),
    ],
    ids=str,
)
def test_one_line_and_nothing_left(demo_dataset, tmp_path, parts, error, text):
    with pytest.raises(error) as caught:
        pretrain(Located(demo_dataset), tmp_path / "out", config(**parts))
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_output_is_replaced_only_if_told(base, demo_dataset, tmp_path):
    output = tmp_path / "out"
    pretrain(Located(demo_dataset), output, config())
    before = verify(output).digest
    with pytest.raises(OutputError, match="exists already"):
        pretrain(Located(demo_dataset), output, config())
    pretrain(Located(demo_dataset), output, config(training={"seed": 3}), overwrite=True)
    assert verify(output).digest != before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.md").touch()
    with pytest.raises(OutputError, match="other things than a checkpoint"):
        finetune(Located(base), Located(demo_dataset), tmp_path / "other", config(), overwrite=True)


def test_what_is_no_checkpoint(demo_dataset, tmp_path):
    with pytest.raises(CheckpointError, match="no such folder"):
        finetune(Located(tmp_path / "no"), Located(demo_dataset), tmp_path / "out", config())
    with pytest.raises(CheckpointError):
        finetune(Located(demo_dataset), Located(demo_dataset), tmp_path / "out", config())


@pytest.fixture(scope="module")
def partons(pytestconfig, tmp_path_factory):
    recipe = pytestconfig.rootpath / "cards" / "recipes" / "parton-level.yaml"
    output = tmp_path_factory.mktemp("partons") / "out"
    build(load_recipe(recipe), output, base=recipe.parent)
    return output


def test_parton_level_only_if_told(partons, base, tmp_path):
    given = {"label": "process", "labels": None}
    with pytest.raises(SchemaError, match="--parton-level"):
        pretrain(Located(partons), tmp_path / "out", config(data=given))
    given["parton_level"] = True
    done = pretrain(Located(partons), tmp_path / "out", config(data=given))
    assert done.facts.label.classes == ["ttdecay", "ttdm"]
    finetune(Located(base), Located(partons), tmp_path / "tuned", config(data=given))
    verify(tmp_path / "tuned")
