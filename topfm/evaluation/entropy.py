"""Search by entropy: a classifier of known processes is less sure about unknown ones.

The third part of arXiv:2511.09335. Calibrate probabilities first (:mod:`.calibration`): an
over-confident network gives entropies near 0 for everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topdata.errors import InputError
from topfm.evaluation.bootstrap import REPLICAS, Measured, measure
from topfm.evaluation.metrics import Array, Statistic, Tally, auc, joined


def entropy(probabilities: Array) -> Array:
    """Return H = -sum p log2 p of probabilities [n, C] in bits, [n]: from 0 to log2 C."""
    p = probabilities.astype(float)
    logs = np.log2(np.where(p > 0, p, 1.0))
    return np.asarray(np.clip(-(p * logs).sum(axis=1), 0.0, np.log2(p.shape[1])))


def ks_distance(score: Array, signal: Array) -> Statistic:
    """Return the largest distance of the cumulative distributions of signal and rest.

    ``signal`` is bool [n]. Shapes only, each side is scaled to one; NaN where the weights of one
    do not sum above 0.
    """
    tally = Tally.of(score)

    def share(weights: Array) -> Array:
        steps = tally(weights)
        total = steps.sum(axis=-1, keepdims=True)
        return np.asarray(steps / np.where(total > 0, total, np.nan))

    def statistic(weights: Array) -> Array:
        steps = share(weights * signal) - share(weights * ~signal)
        return np.asarray(np.abs(np.cumsum(steps, axis=-1)).max(axis=-1))

    return statistic


@dataclass(frozen=True, slots=True)
class Sample:
    """What the search knows of one sample of n events."""

    entropy: Array  # bits [n]
    met: Array  # GeV [n]
    weight: Array  # [n], may be signed


@dataclass(frozen=True, slots=True)
class Search:
    """How well signal stands out of background, with bootstrap errors.

    Signal-like is declared, not found: higher entropy, and higher MET. An AUC below 0.5 says that
    the signal is what the classifier is surer about.
    """

    entropy_auc: Measured
    met_auc: Measured
    gain: Measured  # entropy_auc - met_auc on the same events
    entropy_ks: Measured  # fluctuations only ever add to a distance: compare it with its error
    met_ks: Measured


def search(
    background: Sample, signal: Sample, *, n_replicas: int = REPLICAS, seed: int = 0
) -> Search:
    """Compare the distributions of entropy, and of MET alone, of two samples.

    Only shapes count: each sample is scaled to one. Raises :class:`InputError` for an empty sample,
    one whose weights do not sum above 0, or a value that is not finite.
    """
    for name, sample in (("background", background), ("signal", signal)):
        if not len(sample.weight) or sample.weight.sum() <= 0:
            raise InputError(f"search: the weights of the {name} do not sum above 0")
        if not (np.isfinite(sample.entropy).all() and np.isfinite(sample.met).all()):
            raise InputError(f"search: the {name} has an entropy or MET that is not finite")
    is_signal = np.repeat([False, True], [len(background.weight), len(signal.weight)])
    h, met, weights = (
        np.concatenate([getattr(background, name), getattr(signal, name)])
        for name in ("entropy", "met", "weight")
    )

    aucs = auc(h, is_signal), auc(met, is_signal)
    distances = ks_distance(h, is_signal), ks_distance(met, is_signal)
    statistic = joined([*aucs, lambda w: aucs[0](w) - aucs[1](w), *distances])
    found = measure(statistic, weights, n_replicas=n_replicas, seed=seed)
    return Search(*(Measured(found.value[i], found.error[i]) for i in range(5)))
