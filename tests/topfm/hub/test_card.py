"""Model cards say what was recorded, and show what really happened."""

import json
import re
import shutil

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard

import topfm as package
from topfm.checkpoint.verify import verify
from topfm.errors import CheckpointError
from topfm.hub.card import run_snippet


@pytest.fixture(scope="module")
def own(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("card") / "own"
    shutil.copytree(base, folder)
    return folder


@pytest.fixture(scope="module")
def card(own, demo_dataset):
    from topfm.hub.card import write_card
    from topfm.located import Located
    from topfm.runs.evaluate import evaluate
    from topfm.runs.record import record_report

    report = evaluate(own, Located(demo_dataset), n_replicas=5)
    record_report(own, report)
    write_card(own, address="my-group/tops", dataset=Located(demo_dataset))
    return (own / "README.md").read_text(), report


def test_it_is_part_of_a_whole_checkpoint(own, card):
    assert {"README.md", "learning-curve.png", "evaluation.json"} <= set(verify(own).files)
    for picture in re.findall(r"\]\((\S+\.png)\)", card[0]):
        assert (own / picture).read_bytes()[:4] == b"\x89PNG"


def test_the_hub_can_read_it(own, card):
    loaded = ModelCard.load(own / "README.md")
    assert loaded.data.library_name == "topfm"
    (found,) = [r for r in loaded.data.eval_results if "unit" in r.metric_name]
    assert found.metric_value == card[1].metrics[0].macro_auc.value
    assert found.metric_args["error"] == card[1].metrics[0].macro_auc.error


def test_the_example_was_run(own, card, demo_dataset):
    probabilities = package.load(own).predict(demo_dataset, split="test").probabilities
    assert str(np.round(probabilities[:3], 3)) in card[0]


def test_an_example_that_fails_is_no_card(own, demo_dataset, tmp_path):
    with pytest.raises(CheckpointError, match="the example of its card fails"):
        run_snippet(own, tmp_path / "nothing")


@pytest.mark.parametrize(
    "what",
    ["input schema", "training data", "hyper-parameters", "figures", "lineage", "limits", "cost"],
)
def test_a_stranger_finds(what, own, card):
    text, report = card
    facts = verify(own).facts
    wanted = {
        "input schema": [f"`{c.name}`" for c in facts.inputs.columns] + [facts.view_fingerprint],
        "training data": [s.sha256[:16] for s in facts.data.sources] + ["14950"],
        "hyper-parameters": [yaml.safe_dump(facts.run["config"], sort_keys=False).strip()],
        "figures": [str(report.metrics[0].macro_auc), "Reconstruction, hidden"],
        "lineage": ["Trained from nothing"],
        "limits": ["not tested on collision data", "Out of scope"],
        "cost": ["kg of CO2"],
    }[what]
    missing = [w for w in wanted if w not in text]
    assert not missing
    assert "$" not in re.sub(r"```.*?```", "", text, flags=re.S)  # no hole of the template


def test_a_child_names_its_parent(own, card, demo_dataset, tmp_path, topfm):
    child = tmp_path / "child"
    ran = topfm("finetune", own, demo_dataset, "-o", child, "--labels", "64", "--epochs", "1")
    assert ran.code == 0, ran.err
    ran = topfm("card", child, "--address", "my-group/child", "--license", "mit")
    assert ran.code == 0, ran.err
    text = (child / "README.md").read_text()
    assert verify(own).digest in text
    assert "license: mit" in text
    assert "Not evaluated" in text
    assert json.loads((child / "config.json").read_text())["ancestors"]
