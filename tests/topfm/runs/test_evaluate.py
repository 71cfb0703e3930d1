"""Evaluations of a real checkpoint on real events."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from topfm.checkpoint.format import SEEN
from topfm.checkpoint.load import read
from topfm.checkpoint.save import save
from topfm.checkpoint.verify import verify
from topfm.config import make_config
from topfm.data.events import load_events
from topfm.evaluation.report import Report
from topfm.located import Located
from topfm.runs.evaluate import evaluate
from topfm.runs.opened import events_for, open_checkpoint
from topfm.runs.predict import predict
from topfm.runs.train import finetune, pretrain


@pytest.fixture(scope="module")
def report(base, demo_dataset, tmp_path_factory):
    pictures = tmp_path_factory.mktemp("pictures")
    found = evaluate(base, Located(demo_dataset), baselines=True, pictures=pictures, n_replicas=20)
    return found, pictures


def test_the_figures_are_those_of_scikit_learn(report, base, demo_dataset):
    opened = open_checkpoint(base)
    events = events_for(opened, Located(demo_dataset), "test", labelled=True)
    p = predict(opened.model, events).probabilities.astype(float)
    p /= p.sum(1, keepdims=True)
    labels, pb = events.label.numpy(), events.weight.numpy()
    unit, weighted = report[0].metrics
    assert (unit.weights, weighted.weights) == ("unit", "pb")
    for metrics, weights in ((unit, None), (weighted, pb)):
        aucs = [
            roc_auc_score(labels == c, p[:, c], sample_weight=weights) for c in range(p.shape[1])
        ]
        assert metrics.macro_auc.value == pytest.approx(np.mean(aucs), abs=1e-5)
        assert metrics.macro_auc.error > 0


def test_background_efficiencies_name_processes(report):
    table = report[0].metrics[0].background_efficiency["0.7"]["4"]
    assert set(table) == {"rest", "wjj", "tchan", "tt", "ttt", "tttt", "ttdm"}
    assert table["tttt"].value is None


def test_baselines_stand_beside_with_paired_differences(report, base, demo_dataset, tmp_path):
    rows = {row.name: row for row in report[0].baselines}
    assert list(rows) == [
        "checkpoint", "boosted trees, universal", "boosted trees, multiplicities",
        "same network from scratch, 2 epochs, rate 0.002",
    ]  # fmt: skip
    assert rows["checkpoint"].macro_auc == report[0].metrics[0].macro_auc.__class__(
        **report[0].metrics[0].macro_auc.model_dump()
    )
    # it was pre-trained from nothing on the same events, so the same network is the same
    assert rows[list(rows)[-1]].difference.value == 0
    trees = rows["boosted trees, universal"]
    assert trees.difference.value == pytest.approx(
        rows["checkpoint"].macro_auc.value - trees.macro_auc.value, abs=1e-5
    )


def test_the_same_report_from_its_json(report):
    assert Report.model_validate_json(report[0].to_json()) == report[0]


def test_pictures_are_drawn(report):
    names = {path.name for path in report[1].iterdir()}
    assert names == {
        "roc.png", "confusion.png", "calibration.png", "reconstruction.png", "truth.png",
    }  # fmt: skip
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in report[1].iterdir())


def test_reconstruction_asks_the_same_of_every_model(report, demo_dataset, tmp_path):
    settings = {
        "data": {"labels": 96}, "tasks": {"masked": {}},
        "training": {"epochs": 1, "batch_size": 32, "seed": 5},
    }  # fmt: skip
    pretrain(Located(demo_dataset), tmp_path / "other", make_config(settings, "test"))
    other = evaluate(tmp_path / "other", Located(demo_dataset))
    assert not other.metrics
    for ours, theirs in zip(report[0].reconstruction, other.reconstruction, strict=True):
        assert ours.hidden == theirs.hidden
        assert [e.entries for e in ours.errors] == [e.entries for e in theirs.errors]
        assert [e.mean_rmse for e in ours.errors] == [e.mean_rmse for e in theirs.errors]
        assert [e.rmse.value for e in ours.errors] != [e.rmse.value for e in theirs.errors]


def test_baselines_need_a_classifier(demo_dataset, tmp_path, topfm):
    settings = {"data": {"labels": 64}, "tasks": {"masked": {}}, "training": {"epochs": 1}}
    pretrain(Located(demo_dataset), tmp_path / "m", make_config(settings, "test"))
    ran = topfm("evaluate", tmp_path / "m", demo_dataset, "--baselines")
    assert ran.code == 2
    assert "no classify task" in ran.err


def test_a_report_is_kept_in_the_checkpoint(base, demo_dataset, tmp_path, topfm):
    own = tmp_path / "own"
    shutil.copytree(base, own)
    before = verify(own)
    ran = topfm("evaluate", own, demo_dataset, "--record", "--json", "--replicas", "5",
                "--plots", tmp_path / "plots")  # fmt: skip
    assert ran.code == 0, ran.err
    after = verify(own)
    assert after.digest != before.digest
    kept = Report.model_validate_json((own / "evaluation.json").read_bytes())
    assert kept.to_json() == ran.out.strip()
    unit = after.facts.results["evaluation"]["test"]["macro_auc_unit"]
    assert unit["value"] == kept.metrics[0].macro_auc.value
    assert (own / "roc.png").exists()
    assert (own / "model.safetensors").read_bytes() == (base / "model.safetensors").read_bytes()


def test_tables_on_the_terminal(base, demo_dataset, topfm):
    ran = topfm("evaluate", base, demo_dataset, "--replicas", "5")
    assert ran.code == 0, ran.err
    assert re.search(r"macro AUC +352 +0\.\d+ ± 0\.\d+", ran.out)
    assert "Reconstruction, hidden: whole objects" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "{base}", "{demo}", "--split", "tset"), "did you mean 'test'"),
        (("evaluate", "{tmp}/none", "{demo}"), "no such"),
        (("evaluate", "{base}", "{tmp}"), "no such dataset"),
        (("score", "{base}", "{demo}", "-o", "{tmp}/there"), "exists already"),
        (("search", "{tmp}/none", "{tmp}/none"), "no such file"),
        (("search", "{tmp}/there", "{tmp}/there"), "not a file of scores"),
        (("info", "{demo}"), "no such model"),
    ],
)
def test_mistakes_are_one_line(arguments, message, base, demo_dataset, tmp_path, topfm):
    (tmp_path / "there").write_text("text")
    ran = topfm(*(a.format(base=base, demo=demo_dataset, tmp=tmp_path) for a in arguments))
    assert ran.code == 2, ran.out
    assert message in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_info(base, topfm):
    ran = topfm("info", base)
    assert ran.code == 0
    assert "l2-transformer" in ran.out
    assert json.loads(topfm("info", base, "--json").out)["label"]["classes"] == list("01234")


def test_events_of_the_training_are_noticed(base, demo_dataset, topfm):
    seen = topfm("evaluate", base, demo_dataset, "--split", "train", "--replicas", "2")
    assert re.search(r"warning: \d+\.\d% of these events were in the training data", seen.err)
    assert "warning" not in topfm("evaluate", base, demo_dataset, "--replicas", "2").err


def test_what_an_ancestor_saw_is_remembered(base, demo_dataset, tmp_path, topfm):
    """The parent saw 96 events of train, the child 96 of test: both are known to the child."""
    ran = topfm(
        "finetune", base, demo_dataset, "-o", tmp_path / "child", "--labels", "96", "--epochs", "1",
        "--set", "data.train=test", "--set", "data.validation=train",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "of the events of 'train' were in the training data" in ran.err
    for split in ("train", "test"):
        ran = topfm("evaluate", tmp_path / "child", demo_dataset, "--split", split,
                    "--replicas", "2")  # fmt: skip
        assert "warning" in ran.err


def resaved(base, folder, change):
    """Save a checkpoint again with changed tensors, as somebody may who means harm."""
    stored = read(base)
    tensors = dict(stored.tensors)
    change(tensors)
    save(folder, tensors, stored.facts, texts={})
    return folder


def test_a_sketch_that_is_none(base, demo_dataset, tmp_path, topfm):
    bad = resaved(base, tmp_path / "bad", lambda t: t.update({SEEN: torch.zeros(2, 2).long()}))
    ran = topfm("evaluate", bad, demo_dataset)
    assert ran.code == 2
    assert "no sketch" in ran.err


def test_what_a_parent_does_not_tell_its_children_do_not_know(base, demo_dataset, tmp_path, topfm):
    silent = resaved(base, tmp_path / "silent", lambda t: t.pop(SEEN))
    ran = topfm("finetune", silent, demo_dataset, "-o", tmp_path / "child", "--labels", "64",
                "--epochs", "1")  # fmt: skip
    assert ran.code == 0, ran.err
    ran = topfm("evaluate", tmp_path / "child", demo_dataset, "--replicas", "2")
    assert "it is not known which events" in ran.err


def test_from_scratch_learns_at_the_rate_of_one_that_starts(base, demo_dataset, tmp_path):
    """A child was trained at a rate that keeps what is there: too low to start with."""
    finetune(Located(base), Located(demo_dataset), tmp_path / "child",
             make_config({"data": {"labels": 64}, "training": {"epochs": 1}}, "test"))  # fmt: skip
    report = evaluate(tmp_path / "child", Located(demo_dataset), baselines=True, n_replicas=2)
    assert report.baselines[-1].name == "same network from scratch, 1 epochs, rate 0.003"


def test_means_are_those_of_all_training_events(report, demo_dataset):
    """Events come process by process: the first ones have no tops."""
    train, _ = load_events(demo_dataset, split="train")
    test, _ = load_events(demo_dataset, split="test")
    pt = train.tops[..., 0].max(1).values
    mean = float(pt[pt > 0].mean())
    true = test.tops[..., 0].max(1).values
    true = true[true > 0]
    (row,) = [
        e for e in report[0].reconstruction[2].errors if (e.object, e.variable) == ("top 1", "pt")
    ]
    assert row.mean_rmse == pytest.approx(float((true - mean).square().mean().sqrt()), rel=1e-3)


@pytest.mark.parametrize(
    "arguments",
    [("search", "{s}", "{s}", "--seed", "-1"), ("evaluate", "{b}", "{d}", "--seed", "-1")],
)
def test_negative_seeds(arguments, base, demo_dataset, tmp_path, topfm):
    ran = topfm(*(a.format(s=tmp_path, b=base, d=demo_dataset) for a in arguments))
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_half_precision_needs_a_gpu(demo_dataset, tmp_path, topfm):
    ran = topfm("pretrain", demo_dataset, "-o", tmp_path / "x", "--precision", "fp16",
                "--labels", "32")  # fmt: skip
    assert ran.code == 2
    assert "needs a GPU" in ran.err
