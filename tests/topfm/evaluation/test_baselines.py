"""Boosted trees on the demo events."""

import importlib.util

import numpy as np
import pytest
import torch

from topdata.errors import InputError, RecipeError, TopdataError
from topfm.data.events import load_events
from topfm.evaluation import baselines
from topfm.evaluation.baselines import INPUTS, balanced, boosted_trees, tree_inputs
from topfm.evaluation.metrics import macro_auc, require_probabilities


@pytest.fixture(scope="module")
def splits(demo_dataset):
    return [load_events(demo_dataset, split=s)[0] for s in ("train", "validation", "test")]


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(baselines, "_ROUNDS", 40)


def test_trees_learn_and_more_inputs_help(splits):
    test = splits[2]
    labels, ones = test.label.numpy(), np.ones(len(test))
    found = {name: boosted_trees(*splits, name, n_classes=5) for name in INPUTS}
    for p in found.values():
        require_probabilities(p, labels)
        assert macro_auc(p, labels)(ones) > 0.7
    again = boosted_trees(*splits, "universal", n_classes=5)
    assert np.array_equal(found["universal"], again)
    other = boosted_trees(*splits, "universal", n_classes=5, seed=1)
    assert not np.array_equal(found["universal"], other)


def test_inputs(splits):
    events = splits[0]
    counts = tree_inputs(events, "multiplicities")
    assert np.array_equal(counts, events.counts.numpy())
    x = tree_inputs(events, "universal")
    assert x.shape == (len(events), 19 * 5 + 4)
    assert np.array_equal(x[:, -4:], counts)
    slots = x[:, : 19 * 4].reshape(-1, 19, 4)
    empty = events.type.numpy() == 0
    assert np.isnan(slots[empty]).all()
    assert np.array_equal(slots[~empty][:, 0], events.variables.numpy()[~empty][:, 0])
    with pytest.raises(RecipeError, match="did you mean 'universal'"):
        tree_inputs(events, "univrsal")


def test_weights(splits):
    labels = splits[0].label.numpy()
    weights = balanced(labels)
    sums = np.bincount(labels, weights)
    assert sums == pytest.approx(sums[0])
    assert weights.mean() == pytest.approx(1)
    ones = np.ones(len(splits[0])), np.ones(len(splits[1]))
    p = boosted_trees(*splits, "multiplicities", n_classes=5)
    q = boosted_trees(*splits, "multiplicities", n_classes=5, weights=ones)
    assert np.abs(p - q).max() > 0.01
    with pytest.raises(InputError, match="negative weights"):
        boosted_trees(*splits, n_classes=5, weights=(-ones[0], ones[1]))


def test_a_class_that_train_does_not_have(splits):
    train, validation, test = splits
    kept = train.rows(torch.nonzero(train.label != 3).squeeze(1))
    p = boosted_trees(kept, validation, test, "multiplicities", n_classes=5)
    assert np.isfinite(p).all()
    assert p[:, 3].max() < 0.01


def test_without_lightgbm(splits, monkeypatch):
    monkeypatch.setattr(
        baselines,
        "find_spec",
        lambda name: None if name == "lightgbm" else importlib.util.find_spec(name),
    )
    with pytest.raises(TopdataError, match=r"pip install 'topdata\[fm\]'"):
        boosted_trees(*splits, n_classes=5)
