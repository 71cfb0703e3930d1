"""Statistical errors: the same events, re-weighted many times.

Each replica multiplies the weight of each event by a Poisson(1) number, which is drawing events
with replacement where their number is itself random (Oza and Russell, AISTATS 2001), and asks for
no second sort: replicas are rows of one array of weights.

Where no event passes a cut, none does in any replica: an efficiency of 0 comes with an error of 0,
which says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topfm.evaluation.metrics import Array, Statistic

REPLICAS = 300  # an error is then known to 4%

_BLOCK = 1 << 18  # numbers in one array of weights: 2 MB stay in the cache


@dataclass(frozen=True, slots=True)
class Measured:
    """A result and its statistical error, of one shape; NaN where there is none."""

    value: Array
    error: Array


def replicas(
    statistic: Statistic, weights: Array, *, n_replicas: int = REPLICAS, seed: int = 0
) -> Array:
    """Return a statistic of ``n_replicas`` re-weightings of the events, [n_replicas, result].

    ``weights`` is [n]. The numbers depend on n and the seed alone: two statistics of the same
    events see the same replicas.
    """
    random = np.random.default_rng(seed)
    rows = max(_BLOCK // max(len(weights), 1), 1)
    found = []
    for first in range(0, n_replicas, rows):
        shape = (min(rows, n_replicas - first), len(weights))
        found.append(statistic(weights * random.poisson(1.0, shape)))
    return np.concatenate(found)


def spread(values: Array) -> Array:
    """Return the standard deviation over replicas [R, ...] that have a result, NaN for under half.

    A class of few events is missing from some replicas.
    """
    there = np.isfinite(values)
    n = there.sum(axis=0)
    safe = np.maximum(n, 2)
    mean = np.where(there, values, 0.0).sum(axis=0) / safe
    squares = (np.where(there, values - mean, 0.0) ** 2).sum(axis=0) / (safe - 1)
    return np.where(2 * n >= max(len(values), 4), np.sqrt(squares), np.nan)


def measure(
    statistic: Statistic, weights: Array, *, n_replicas: int = REPLICAS, seed: int = 0
) -> Measured:
    """Return a statistic of the events as they are, with its error."""
    found = replicas(statistic, weights, n_replicas=n_replicas, seed=seed)
    return Measured(np.asarray(statistic(weights)), spread(found))


def difference(
    first: Statistic,
    second: Statistic,
    weights: Array,
    *,
    n_replicas: int = REPLICAS,
    seed: int = 0,
) -> Measured:
    """Return first - second on the same events; what moves both cancels in the error."""
    return measure(lambda w: first(w) - second(w), weights, n_replicas=n_replicas, seed=seed)
