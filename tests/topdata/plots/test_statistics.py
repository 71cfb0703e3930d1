"""The tests of two samples: equal to scipy's where scipy has them, uniform p-values by simulation."""

import numpy as np
import pytest
from scipy import stats

from topdata.plots.statistics import chi2_test, ks_binned, ks_test

TOYS = 400
EDGES = np.concatenate([[-np.inf], np.linspace(0, 6, 21), [np.inf]])


def histogram(values, weights):
    return (
        np.histogram(values, EDGES, weights=weights)[0],
        np.histogram(values, EDGES, weights=weights**2)[0],
    )


def samples(random, kind, n, m):
    """Return two samples of one distribution, exp(-x), the first one weighted."""
    x, y = random.exponential(1, n), random.exponential(1, m)
    if kind == "unit":
        return x, np.ones(n), y, np.ones(m)
    if kind == "scaled":
        return x, np.full(n, 0.37), y, np.full(m, 21.0)
    if kind == "spread":
        return x, random.gamma(3, 1, n), y, np.ones(m)
    if kind == "signed":
        return x, np.where(random.random(n) < 0.2, -1.0, 1.0), y, np.ones(m)
    x = random.exponential(2, n)  # drawn wider, and weighted to the same distribution
    return x, 2 * np.exp(-x / 2), y, np.ones(m)


def chi2_p(x, v, y, w):
    return chi2_test(*histogram(x, v), *histogram(y, w)).p


def ks_p(x, v, y, w):
    return ks_test(x, v, y, w).p


@pytest.mark.parametrize("test", [chi2_p, ks_p])
@pytest.mark.parametrize("kind", ["unit", "scaled", "spread", "signed", "reweighted"])
@pytest.mark.parametrize("sizes", [(3000, 2000), (400, 3000)])
def test_p_values_are_uniform_when_nothing_differs(test, kind, sizes):
    random = np.random.default_rng([20251124, *sizes])
    p = np.array([test(*samples(random, kind, *sizes)) for _ in range(TOYS)])
    assert 0.015 < np.mean(p < 0.05) < 0.095
    assert 0.42 < np.mean(p < 0.5) < 0.58
    assert np.mean(p < 0.005) < 0.02
    assert stats.kstest(p, "uniform").pvalue > 1e-4


def test_chi2_of_weights_that_fall_by_orders_of_magnitude():
    """Both flat, weighted to exp(-x): the scaling to one moves bins of large weights most."""
    random = np.random.default_rng(9)
    p = []
    for _ in range(2 * TOYS):
        x, y = random.uniform(0, 6, 4000), random.uniform(0, 6, 3000)
        p.append(chi2_p(x, np.exp(-x), y, np.exp(-y)))
    assert 0.45 < np.mean(np.array(p) < 0.5) < 0.55
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def several_entries(random, n):
    """Return events whose entries lie together: the event of each, and the values."""
    count = random.poisson(4, n)
    event = np.repeat(np.arange(n), count)
    return event, random.exponential(1, n)[event] * random.uniform(0.8, 1.2, len(event))


def event_covariance(event, values):
    filled = np.zeros((event[-1] + 1, len(EDGES) - 1))
    np.add.at(filled, (event, np.searchsorted(EDGES, values) - 1), 1)
    return filled.sum(axis=0), filled.T @ filled


def test_correlated_entries_need_their_covariance():
    random = np.random.default_rng(7)
    right, naive = [], []
    for _ in range(TOYS):
        a, cov_a = event_covariance(*several_entries(random, 1500))
        b, cov_b = event_covariance(*several_entries(random, 1000))
        right.append(chi2_test(a, cov_a, b, cov_b).p)
        naive.append(chi2_test(a, a, b, b).p)  # as if each entry were an event
    assert 0.015 < np.mean(np.array(right) < 0.05) < 0.095
    assert stats.kstest(right, "uniform").pvalue > 1e-4
    assert np.mean(np.array(naive) < 0.05) > 0.5  # so the covariance is what does it


@pytest.mark.parametrize("sizes", [(3000, 2000), (5000, 400)])
def test_chi2_of_counts_is_the_test_of_homogeneity(sizes):
    random = np.random.default_rng(1)
    a, b = (np.histogram(random.normal(0, 1, n), np.linspace(-1.2, 1.2, 9))[0] for n in sizes)
    ours = chi2_test(a, a, b, b)
    theirs = stats.chi2_contingency(np.stack([a, b]), correction=False)
    assert ours.ndf == theirs.dof == 7
    assert ours.chi2 == pytest.approx(theirs.statistic, rel=1e-9)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-9)


def test_chi2_of_weights_is_that_of_the_reference():
    """arXiv:physics/0605123, two weighted histograms: same weights in all bins, large numbers."""
    random = np.random.default_rng(2)
    x, y = random.uniform(0, 6, 400_000), random.uniform(0, 6, 300_000)
    (a, var_a), (b, var_b) = histogram(x, np.full(len(x), 0.5)), histogram(y, np.full(len(y), 3.0))
    ours = chi2_test(a, var_a, b, var_b)
    inside = slice(1, -1)  # nothing lies outside
    total_a, total_b = a.sum(), b.sum()
    reference = (total_a * b - total_b * a)[inside] ** 2
    reference /= (total_a**2 * var_b + total_b**2 * var_a)[inside]
    assert ours.ndf == 19
    assert ours.chi2 == pytest.approx(reference.sum(), rel=0.01)


@pytest.mark.parametrize("sizes", [(3000, 2000), (50, 400)])
def test_ks_of_unit_weights_is_that_of_scipy(sizes):
    random = np.random.default_rng(3)
    x, y = random.normal(0, 1, sizes[0]), random.normal(0.1, 1, sizes[1])
    ours = ks_test(x, np.full(len(x), 2.0), y, np.ones(len(y)))
    theirs = stats.ks_2samp(x, y, method="asymp")
    assert ours.distance == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-9)


def test_ks_with_ties_takes_the_distance_after_them():
    x, y = np.repeat([1.0, 2.0, 3.0], [20, 10, 10]), np.repeat([1.0, 2.0, 3.0], [10, 20, 10])
    assert ks_test(x, np.ones(40), y, np.ones(40)).distance == pytest.approx(0.25)


def test_the_distance_of_weights_is_that_of_repeated_values():
    random = np.random.default_rng(8)
    x, y = random.normal(0, 1, 200), random.normal(0, 1, 300)
    v, w = random.integers(1, 5, 200), random.integers(1, 5, 300)
    weighted = ks_test(x, v.astype(float), y, w.astype(float))
    repeated = stats.ks_2samp(np.repeat(x, v), np.repeat(y, w))
    assert weighted.distance == pytest.approx(repeated.statistic)
    assert weighted.p > repeated.pvalue  # fewer events than repeated values


def test_ks_of_histograms_never_exceeds_that_of_values():
    random = np.random.default_rng(4)
    x, v, y, w = samples(random, "spread", 3000, 2000)
    binned = ks_binned(*histogram(x, v), *histogram(y, w))
    whole = ks_test(x, v, y, w)
    assert 0.5 * whole.distance < binned.distance <= whole.distance
    assert binned.p >= whole.p


@pytest.mark.parametrize("test", [chi2_p, ks_p])
def test_a_small_difference_is_found(test):
    random = np.random.default_rng(5)
    x, y = random.exponential(1.0, 20_000), random.exponential(1.1, 20_000)
    assert test(x, random.gamma(3, 1, len(x)), y, np.full(len(y), 0.1)) < 1e-6


def test_identical_samples_have_no_difference():
    x = np.random.default_rng(6).exponential(1, 1000)
    assert chi2_p(x, np.ones(1000), x, np.ones(1000)) == pytest.approx(1)
    assert ks_p(x, np.ones(1000), x, np.ones(1000)) == 1


def test_too_little_to_compare():
    few = np.linspace(0.5, 5, 15)
    one = np.ones(15)
    assert chi2_test(*histogram(few, one), *histogram(few, one)) is None
    assert chi2_test(*histogram(few, -one), *histogram(few, one)) is None
    assert ks_test(few, one, few, one) is None
    many = np.ones(100)
    assert ks_test(many, -many, many, many) is None
