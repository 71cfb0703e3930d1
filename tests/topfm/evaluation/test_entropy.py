"""Entropy and its bounds, distances against scipy, and the search of a known signal."""

import numpy as np
import pytest
from scipy.stats import ks_2samp, norm

from topdata.errors import InputError
from topfm.evaluation.entropy import Sample, entropy, ks_distance, search


def test_bounds():
    p = np.array([[1.0, 0, 0, 0, 0], [0.2] * 5, [0.5, 0.5, 0, 0, 0]])
    assert entropy(p) == pytest.approx([0, np.log2(5), 1])
    random = np.random.default_rng(1).dirichlet(np.full(5, 0.3), 10_000).astype(np.float32)
    h = entropy(random)
    assert h.min() >= 0
    assert h.max() <= np.log2(5)
    assert entropy(np.full((1, 5), 0.2, np.float32))[0] <= np.log2(5)


def test_ks_distance_is_that_of_scipy():
    random = np.random.default_rng(2)
    a, b = np.round(random.normal(size=400), 1), np.round(random.normal(0.3, 1, 700), 1)
    score = np.concatenate([a, b])
    is_signal = np.arange(1100) >= 400
    of = ks_distance(score, is_signal)
    assert of(np.ones(1100)) == pytest.approx(ks_2samp(a, b).statistic)
    # a weight of 3 is three events
    weights = random.integers(0, 4, 1100)
    expected = ks_2samp(np.repeat(a, weights[:400]), np.repeat(b, weights[400:])).statistic
    assert of(weights.astype(float)) == pytest.approx(expected)
    assert of(np.stack([weights, np.ones(1100)])).shape == (2,)
    assert np.isnan(of(np.where(is_signal, 0.0, 1.0)))


@pytest.fixture(scope="module")
def samples():
    random = np.random.default_rng(3)
    background = Sample(random.normal(1, 0.3, 4000), random.exponential(50, 4000), np.ones(4000))
    signal = Sample(
        random.normal(1.3, 0.3, 2000), random.exponential(150, 2000), np.full(2000, 1e-3)
    )
    return background, signal


def test_a_known_signal(samples):
    found = search(*samples)
    assert found.entropy_auc.value == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.015)
    assert found.met_auc.value == pytest.approx(0.75, abs=0.015)
    assert found.gain.value == pytest.approx(found.entropy_auc.value - found.met_auc.value)
    assert found.entropy_ks.value == pytest.approx(2 * norm.cdf(0.5) - 1, abs=0.03)
    assert 0.003 < found.entropy_auc.error < 0.01
    assert found.gain.error == pytest.approx(
        np.hypot(found.entropy_auc.error, found.met_auc.error), rel=0.15
    )


def test_the_direction_is_declared(samples):
    background, signal = samples
    ahead = search(background, signal, n_replicas=10)
    swapped = search(signal, background, n_replicas=10)
    assert swapped.entropy_auc.value == pytest.approx(1 - ahead.entropy_auc.value)
    assert swapped.entropy_auc.value < 0.5
    assert swapped.entropy_ks.value == pytest.approx(ahead.entropy_ks.value)


def test_samples_that_cannot_be_searched(samples):
    background, signal = samples
    nothing = Sample(np.zeros(0), np.zeros(0), np.zeros(0))
    negative = Sample(signal.entropy, signal.met, -signal.weight)
    broken = Sample(np.full(2, np.nan), np.ones(2), np.ones(2))
    for bad, match in (
        (nothing, "weights of the signal do not sum above 0"),
        (negative, "weights of the signal do not sum above 0"),
        (broken, "signal has an entropy or MET that is not finite"),
    ):
        with pytest.raises(InputError, match=match):
            search(background, bad)
    with pytest.raises(InputError, match="background"):
        search(nothing, signal)
