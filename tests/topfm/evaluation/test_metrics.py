"""Figures of classifiers against scikit-learn, and against sums over all pairs of events."""

import numpy as np
import pytest
from sklearn import metrics as sk

from topdata.errors import InputError
from topfm.evaluation import metrics as m

CLASSES = ("0", "1", "2", "3", "4")


@pytest.mark.parametrize("which", ["toy", "tied"])
@pytest.mark.parametrize("weighted", [False, True])
def test_auc_is_that_of_scikit_learn(request, which, weighted):
    toy = request.getfixturevalue(which)
    w = toy.weights if weighted else toy.ones
    expected = [sk.roc_auc_score(toy.labels == c, toy.p[:, c], sample_weight=w) for c in range(5)]
    assert m.one_vs_rest(toy.p, toy.labels)(w) == pytest.approx(expected, rel=1e-12)
    macro = np.mean(expected)
    assert m.macro_auc(toy.p, toy.labels)(w) == pytest.approx(macro, rel=1e-12)


def test_auc_of_signed_weights_is_a_sum_over_pairs(tied):
    signal, score, w = tied.labels == 2, tied.p[:, 2], tied.signed
    pairs = (score[signal][:, None] > score[~signal]) + 0.5 * (
        score[signal][:, None] == score[~signal]
    )
    expected = w[signal] @ pairs @ w[~signal] / (w[signal].sum() * w[~signal].sum())
    assert m.auc(score, signal)(w) == pytest.approx(expected, rel=1e-12)
    assert m.auc(score, signal)(np.abs(w)) != pytest.approx(expected, rel=1e-3)
    assert np.isnan(m.auc(score, signal)(np.where(signal, -1.0, 1.0)))


def test_direction_is_declared():
    assert m.auc(np.array([1.0, 2.0, 3.0]), np.array([True, False, False]))(np.ones(3)) == 0


def test_many_weights_at_once_are_each_on_their_own(toy):
    rows = np.stack([toy.ones, toy.weights, toy.signed])
    for statistic in (
        m.one_vs_rest(toy.p, toy.labels),
        m.macro_auc(toy.p, toy.labels),
        m.log_loss(toy.p, toy.labels),
        m.accuracy(toy.p, toy.labels),
        m.confusion(toy.p, toy.labels),
        m.background_efficiencies(toy.p, toy.labels, toy.labels, 5, 0.7),
    ):
        together, alone = statistic(rows), np.stack([statistic(row) for row in rows])
        assert together.shape == alone.shape
        np.testing.assert_allclose(together, alone, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_loss_accuracy_confusion_are_those_of_scikit_learn(toy, dtype):
    p = toy.p.astype(dtype)
    p[0] = np.eye(5)[(toy.labels[0] + 1) % 5]  # a probability of 0 for the truth
    double = p.astype(float)  # sums of rows in single precision are not 1 to all of its digits
    double /= double.sum(axis=1, keepdims=True)
    expected = sk.log_loss(toy.labels, double, sample_weight=toy.weights)
    assert m.log_loss(p, toy.labels)(toy.weights) == pytest.approx(expected, rel=1e-6)
    best = p.argmax(axis=1)
    expected = sk.accuracy_score(toy.labels, best, sample_weight=toy.weights)
    assert m.accuracy(p, toy.labels)(toy.weights) == pytest.approx(expected)
    expected = sk.confusion_matrix(toy.labels, best, sample_weight=toy.weights)
    assert m.confusion(p, toy.labels)(toy.weights) == pytest.approx(expected)
    assert m.confusion(p, toy.labels)(toy.ones).sum() == len(p)


@pytest.mark.parametrize("which", ["toy", "tied"])
def test_background_efficiency_is_on_the_roc_curve(request, which):
    toy = request.getfixturevalue(which)
    signal, score, w = toy.labels == 1, toy.p[:, 1], toy.weights
    false, true, _ = sk.roc_curve(signal, score, sample_weight=w, drop_intermediate=False)
    of_class = m.background_efficiencies(toy.p, toy.labels, toy.labels, 5, 0.3)(w)[1]
    assert of_class[0] == pytest.approx(np.interp(0.3, true, false), rel=1e-9)
    for c in (0, 2, 3, 4):
        kept = signal | (toy.labels == c)
        false, true, _ = sk.roc_curve(
            signal[kept], score[kept], sample_weight=w[kept], drop_intermediate=False
        )
        # the cut is where all of the signal says, also between values of this background
        assert of_class[1 + c] == pytest.approx(np.interp(0.3, true, false), abs=2e-3)
    assert np.isnan(of_class[1 + 1])  # a class is no background of itself
    shares = np.array([w[toy.labels == c].sum() for c in (0, 2, 3, 4)])
    assert of_class[0] == pytest.approx(of_class[[1, 3, 4, 5]] @ shares / shares.sum())


def test_backgrounds_can_be_processes(toy):
    process = (np.arange(len(toy.labels)) % 7 == 0).astype(int)
    found = m.background_efficiencies(toy.p, toy.labels, process, 2, 0.7)(toy.ones)
    assert found.shape == (5, 3)
    rest = [(toy.labels != 0) & (process == g) for g in (0, 1)]
    shares = np.array([r.sum() for r in rest])
    assert found[0, 0] == pytest.approx(found[0, 1:] @ shares / shares.sum())
    cut = np.quantile(toy.p[toy.labels == 0, 0], 0.3)
    for g in (0, 1):
        assert found[0, 1 + g] == pytest.approx(np.mean(toy.p[rest[g], 0] > cut), abs=3e-3)


@pytest.mark.parametrize("which", ["toy", "tied"])
def test_roc_is_that_of_scikit_learn(request, which):
    toy = request.getfixturevalue(which)
    signal, score = toy.labels == 1, toy.p[:, 1]
    false, true, _ = sk.roc_curve(signal, score, sample_weight=toy.weights, drop_intermediate=False)
    background, kept = m.roc(score, signal, toy.weights)
    assert background == pytest.approx(false)
    assert kept == pytest.approx(true)


def test_an_absent_class_has_no_result(toy):
    kept = toy.labels != 3
    p, labels, w = toy.p[kept], toy.labels[kept], toy.ones[kept]
    assert m.absent(labels, CLASSES) == ("3",)
    per_class = m.one_vs_rest(p, labels)(w)
    assert np.isnan(per_class).tolist() == [False, False, False, True, False]
    assert m.macro(per_class) == pytest.approx(per_class[[0, 1, 2, 4]].mean())
    efficiencies = m.background_efficiencies(p, labels, labels, 5, 0.7)(w)
    assert np.isnan(efficiencies[3]).all()
    assert np.isnan(efficiencies[0, 1 + 3])
    assert m.confusion(p, labels)(w)[3].sum() == 0
    only = np.zeros(10, int)
    assert np.isnan(m.macro_auc(toy.p[:10], only)(np.ones(10)))
    none = m.macro_auc(toy.p[:0], only[:0]), m.accuracy(toy.p[:0], only[:0])
    assert all(np.isnan(of(np.ones(0))) for of in none)


def test_probabilities_that_are_none(toy):
    m.require_probabilities(toy.p.astype(np.float16), toy.labels)
    for value, match in (
        (np.nan, "event 7 has a probability that is not finite"),
        (np.inf, "event 7 has a probability that is not finite"),
        (-0.1, "event 7 has a negative probability"),
        (1.1, "event 7 has probabilities that do not sum to 1"),
    ):
        bad = toy.p.copy()
        bad[7, 2] = value
        with pytest.raises(InputError, match=match):
            m.require_probabilities(bad, toy.labels)
    for label in (-1, 5):
        labels = toy.labels.copy()
        labels[9] = label
        with pytest.raises(InputError, match="event 9 has a label outside"):
            m.require_probabilities(toy.p, labels)
    with pytest.raises(InputError, match=r"probabilities \[3000, 5\] and labels \[2999\]"):
        m.require_probabilities(toy.p, toy.labels[1:])
