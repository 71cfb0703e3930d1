"""Do two weighted samples come from one distribution? Shapes only; signed weights may be used.

The yields are compared elsewhere: both samples are scaled to one here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topdata.kinematics import Array

MIN_ENTRIES = 10  # effective entries that the common shape gives each sample in a bin
MIN_EVENTS = 20  # effective events of each sample for a Kolmogorov-Smirnov test


@dataclass(frozen=True, slots=True)
class Chi2:
    """Outcome of :func:`chi2_test`."""

    chi2: float
    ndf: int
    p: float


@dataclass(frozen=True, slots=True)
class Distance:
    """Outcome of a Kolmogorov-Smirnov test: the largest distance, and its p-value."""

    distance: float
    p: float


def effective(values: Array, variances: Array) -> float:
    """Return the effective number of entries, (sum w)^2 / sum w^2 (Kish, Survey Sampling 1965)."""
    squares = float(np.sum(variances))
    return float(np.sum(values)) ** 2 / squares if squares else 0.0


def chi2_test(a: Array, cov_a: Array, b: Array, cov_b: Array) -> Chi2 | None:
    """Compare the shapes of two weighted histograms; None where there is too little to compare.

    ``a``, ``b`` are sums of weights [n] in the same bins (give under- and overflow too); ``cov_a``,
    ``cov_b`` the variances [n], or covariances [n, n] where an event fills several bins.

    The statistic is that of N. Gagunashvili for two weighted histograms (arXiv:physics/0605123;
    arXiv:0905.4221), written for a full covariance: with a and b scaled to one, d = a - b, p the
    common shape and V the covariance of d before the scaling,

        chi2 = min over s of (d + s p)^T V^-1 (d + s p),    n - 1 degrees of freedom.

    The minimum accounts for the scaling of the two to one, whatever the weights. V follows the
    common shape, not the fluctuations of each histogram: for unit weights this is Pearson's test
    of homogeneity. Neighbouring bins are merged until the common shape gives the smaller sample
    :data:`MIN_ENTRIES` effective entries in each.
    """
    if a.sum() <= 0 or b.sum() <= 0:
        return None
    a, cov_a = a / a.sum(), cov_a / a.sum() ** 2
    b, cov_b = b / b.sum(), cov_b / b.sum() ** 2
    size_a, size_b = (effective(x, _diagonal(cov)) for x, cov in ((a, cov_a), (b, cov_b)))
    shape = (a * size_a + b * size_b) / (size_a + size_b)
    starts = _merged(shape, (a, _diagonal(cov_a)), (b, _diagonal(cov_b)))
    if len(starts) < 2:
        return None
    a, b, shape = (_sum(x, starts) for x in (a, b, shape))
    cov_a, cov_b = (_sum_covariance(cov, starts) for cov in (cov_a, cov_b))
    covariance = _under_null(a, cov_a, shape) + _under_null(b, cov_b, shape)
    d = a - b
    try:
        of_d, of_shape = np.linalg.solve(covariance, np.stack([d, shape], axis=1)).T
    except np.linalg.LinAlgError:  # fewer events than bins
        return None
    chi2 = max(float(d @ of_d - (shape @ of_d) ** 2 / (shape @ of_shape)), 0.0)
    ndf = len(starts) - 1
    from scipy.stats import chi2 as distribution

    return Chi2(chi2, ndf, float(distribution.sf(chi2, ndf)))


def _merged(shape: Array, *samples: tuple[Array, Array]) -> Array:
    """Return the first bins of groups in which the common shape gives each sample enough.

    A sample is (shares [n], variances [n]). The shares found in a bin must not decide whether it
    is used: a bin that was filled by a fluctuation would be.
    """
    sums = [np.zeros((2, len(shape) + 1)) for _ in samples]
    for of_sample, sample in zip(sums, samples, strict=True):
        np.cumsum(sample, axis=1, out=of_sample[:, 1:])
    common = np.concatenate([[0.0], np.cumsum(shape)])
    starts = [0]
    for stop in range(1, len(shape) + 1):
        expected = common[stop] - common[starts[-1]]
        groups = [of_sample[:, stop] - of_sample[:, starts[-1]] for of_sample in sums]
        weights = [
            max(square / value if value > 0 else 0.0, of_sample[1, -1])  # per entry
            for (value, square), of_sample in zip(groups, sums, strict=True)
        ]
        if expected >= MIN_ENTRIES * max(weights):
            starts.append(stop)
    return np.array(starts[:-1] or [0])  # what is left joins the last group


def _under_null(values: Array, covariance: Array, shape: Array) -> Array:
    """Scale a covariance from what was found in each bin to what the common shape expects."""
    factor = np.ones(len(values))
    np.divide(shape, values, out=factor, where=values > 0)
    root = np.sqrt(np.clip(factor, 0.25, 4.0))
    return np.asarray(covariance * np.outer(root, root))


def _diagonal(covariance: Array) -> Array:
    return covariance if covariance.ndim == 1 else np.diagonal(covariance)


def _sum(values: Array, starts: Array) -> Array:
    return np.asarray(np.add.reduceat(values, starts))


def _sum_covariance(covariance: Array, starts: Array) -> Array:
    if covariance.ndim == 1:
        return np.diag(_sum(covariance, starts))
    return np.asarray(np.add.reduceat(np.add.reduceat(covariance, starts, axis=0), starts, axis=1))


def ks_test(a: Array, weight_a: Array, b: Array, weight_b: Array) -> Distance | None:
    """Compare two weighted samples by the largest distance of their cumulative distributions.

    Values and weights are arrays [n] and [m] of independent events. The p-value is that of two
    unweighted samples with as many events as the weighted ones have effective entries, exact for
    the asymptotic distribution when the weights do not depend on the value. For unit weights it
    is what ``scipy.stats.ks_2samp(method="asymp")`` gives (the finite-size distribution of
    Simard and L'Ecuyer, J. Stat. Softw. 39 (2011), at n m / (n + m)). Ties make it too large.
    None for less than :data:`MIN_EVENTS` effective events, too few for that distribution.
    """
    size_a, size_b = effective(weight_a, weight_a**2), effective(weight_b, weight_b**2)
    if not _enough(weight_a.sum(), size_a, weight_b.sum(), size_b):
        return None
    values = np.concatenate([a, b])
    order = np.argsort(values, kind="stable")
    step = np.concatenate([weight_a / weight_a.sum(), -weight_b / weight_b.sum()])[order]
    last_of_ties = np.diff(values[order], append=np.inf) > 0
    distance = float(np.abs(np.cumsum(step)[last_of_ties]).max())
    return Distance(distance, _ks_p(distance, size_a, size_b))


def ks_binned(a: Array, var_a: Array, b: Array, var_b: Array) -> Distance | None:
    """Do as :func:`ks_test` from histograms [n]; the distance, so 1 - p, is a lower limit."""
    size_a, size_b = effective(a, var_a), effective(b, var_b)
    if not _enough(a.sum(), size_a, b.sum(), size_b):
        return None
    distance = float(np.abs(np.cumsum(a) / a.sum() - np.cumsum(b) / b.sum()).max())
    return Distance(distance, _ks_p(distance, size_a, size_b))


def _enough(sum_a: float, size_a: float, sum_b: float, size_b: float) -> bool:
    """Tell whether the asymptotic distribution may be used."""
    return min(sum_a, sum_b) > 0 and min(size_a, size_b) >= MIN_EVENTS


def _ks_p(distance: float, size_a: float, size_b: float) -> float:
    from scipy.stats import kstwo

    events = max(round(size_a * size_b / (size_a + size_b)), 1)
    return float(np.clip(kstwo.sf(distance, events), 0, 1))
