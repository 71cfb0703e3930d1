"""Errors against formulas, and against what repeated experiments do."""

import time

import numpy as np
import pytest

from topfm.evaluation import metrics as m
from topfm.evaluation.bootstrap import difference, measure, replicas, spread


def hanley_mcneil(area, n_signal, n_background):
    """Standard error of an AUC (Hanley and McNeil, Radiology 143 (1982) 29)."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = (
        area * (1 - area) + (n_signal - 1) * (q1 - area**2) + (n_background - 1) * (q2 - area**2)
    ) / (n_signal * n_background)
    return np.sqrt(variance)


def test_error_of_an_auc_is_that_of_hanley_and_mcneil():
    random = np.random.default_rng(3)
    signal = np.arange(4000) < 1000
    # exponential scores, for which the formula is exact
    score = random.exponential(np.where(signal, 3.0, 1.0))
    found = measure(m.auc(score, signal), np.ones(4000), n_replicas=1000)
    assert found.value == pytest.approx(0.75, abs=0.03)
    assert found.error == pytest.approx(hanley_mcneil(0.75, 1000, 3000), rel=0.1)


def test_error_is_the_spread_of_repeated_experiments():
    """Of a weighted mean with signed weights."""
    random = np.random.default_rng(4)

    def experiment():
        values = random.normal(size=500)
        weights = np.where(random.random(500) < 0.2, -1.0, 2.0)
        return values, weights

    seen = np.std([m.mean(v)(w) for v, w in (experiment() for _ in range(2000))])
    errors = [measure(m.mean(v), w).error for v, w in (experiment() for _ in range(20))]
    assert np.mean(errors) == pytest.approx(seen, rel=0.06)


def test_a_paired_difference_knows_that_the_events_are_the_same(toy, make_toy):
    better = toy.p**1.5
    better /= better.sum(axis=1, keepdims=True)
    worse = 0.9 * toy.p + 0.1 * make_toy(seed=8).p
    a, b = m.macro_auc(toy.p, toy.labels), m.macro_auc(worse, toy.labels)
    paired = difference(a, b, toy.weights)
    alone = measure(a, toy.weights)
    assert paired.value == pytest.approx(a(toy.weights) - b(toy.weights))
    assert 0 < paired.error < 0.5 * alone.error
    assert difference(a, a, toy.weights).error == 0


def test_replicas_are_the_seeds_and_not_the_blocks(toy, monkeypatch):
    statistic = m.accuracy(toy.p, toy.labels)
    one, same, other = (
        replicas(statistic, toy.weights, n_replicas=20, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    monkeypatch.setattr("topfm.evaluation.bootstrap._BLOCK", 7 * len(toy.ones))
    np.testing.assert_allclose(replicas(statistic, toy.weights, n_replicas=20, seed=1), one)


def test_replicas_without_a_result_are_left_out():
    values = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan], [2.0, 1.0]])
    assert spread(values) == pytest.approx([1.0, np.nan], nan_ok=True)
    assert np.isnan(spread(np.ones((1, 1)))).all()


def test_a_class_of_one_event_has_an_error_and_an_absent_one_has_none(toy):
    labels = np.where(toy.labels == 3, 2, toy.labels)
    labels[0] = 3
    found = measure(m.one_vs_rest(toy.p, labels), toy.ones)
    assert np.isfinite(found.value).all()
    assert np.isfinite(found.error).all()
    labels[0] = 2
    found = measure(m.one_vs_rest(toy.p, labels), toy.ones)
    assert np.isnan(found.value[3])
    assert np.isnan(found.error[3])


def test_hundreds_of_replicas_take_seconds(make_toy):
    toy = make_toy(n=8000)
    start = time.process_time()
    measure(m.one_vs_rest(toy.p, toy.labels), toy.weights, n_replicas=300)
    assert time.process_time() - start < 10  # about 1
