"""Figures: drawn, small, the same bytes every time."""

import numpy as np
import pytest

from topdata.errors import TopdataError
from topfm.evaluation import plots
from topfm.evaluation.calibration import reliability
from topfm.evaluation.metrics import confusion
from topfm.evaluation.reconstruction import VariableError
from topfm.evaluation.values import Value

CLASSES = ("0", "1", "$2", "3", "4")


def errors(scale):
    return [
        VariableError(
            object=o, variable=v, unit="", entries=9 if v != "eta" else 0, mae=1,
            rmse=Value(value=scale if v != "eta" else None, error=0.1), mean_mae=1, mean_rmse=2,
        )
        for o in ("jet 1", "lepton 1") for v in ("pt", "eta", "phi")
    ]  # fmt: skip


@pytest.fixture(scope="module")
def drawings(toy):
    labels = np.where(toy.labels == 3, 1, toy.labels)  # an absent class
    matrix = confusion(toy.p, labels)(toy.signed)
    found = {c: reliability(toy.p[:, k], labels == k, toy.ones) for k, c in enumerate(CLASSES)}
    log = [
        {"epoch": 1, "train_loss": 1.5, "validation_loss": 1.4},
        {"epoch": 1, "step": 10, "train_loss": None},
        {"epoch": 2, "train_loss": 1.2, "validation_loss": 1.3},
    ]
    samples = {"SM": (toy.p[:, 0], toy.signed), "none": (toy.p[:0, 0], toy.ones[:0])}
    return {
        "roc": lambda p: plots.roc_curves(p, toy.p, labels, toy.signed, CLASSES, "test, $x"),
        "confusion": lambda p: plots.confusion_matrix(p, matrix, CLASSES),
        "reliability": lambda p: plots.reliability_diagram(p, found),
        "entropy": lambda p: plots.distributions(p, samples, "entropy [bits]", limits=(0, 1)),
        "bars": lambda p: plots.reconstruction_bars(
            p, {"masked": errors(1.0), "autoencoder": errors(1.5)}
        ),
        "learning": lambda p: plots.learning_curve(p, log),
        "learning nothing": lambda p: plots.learning_curve(p, []),
    }


@pytest.mark.parametrize(
    "name", ["roc", "confusion", "reliability", "entropy", "bars", "learning", "learning nothing"]
)
def test_drawn_small_and_the_same_twice(drawings, tmp_path, name):
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    for path in (first, second):
        drawings[name](path)
    content = first.read_bytes()
    assert content == second.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert 5_000 < len(content) < 200_000
    assert b"tEXt" not in content
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_what_is_drawn_is_what_was_given(toy, tmp_path):
    better = toy.p**3 / (toy.p**3).sum(axis=1, keepdims=True)
    for name, p in (("a", toy.p), ("b", better[:, ::-1])):
        plots.roc_curves(tmp_path / f"{name}.png", p, toy.labels, toy.ones, CLASSES)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_users_settings_change_nothing(drawings, tmp_path):
    import matplotlib as mpl

    drawings["learning"](tmp_path / "a.png")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        drawings["learning"](tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_without_the_extra(drawings, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    with pytest.raises(TopdataError, match=r"matplotlib, mplhep: pip install 'topdata\[plot\]'"):
        drawings["learning"](tmp_path / "a.png")
