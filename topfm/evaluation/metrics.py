"""How well probabilities tell classes apart: AUC, background efficiency, log-loss, confusion.

A figure is a *statistic*: a function of the weights of the events. ``auc(score, signal)`` sorts the
scores and returns one; given weights [..., n] it returns [..., result]. Ones give the unweighted
figure, pb the one weighted by pb, and a row for each of many re-weightings gives its error
(:mod:`topfm.evaluation.bootstrap`) for one sort.

Weights may be signed. Sums are then differences of sums, as in a histogram: an AUC or an efficiency
can leave [0, 1], and where the sum of a class is not positive there is no result, NaN. NaN is also
the result for a class without events. No weight is ever clipped or made positive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topdata.errors import InputError

Array = NDArray[Any]
Statistic = Callable[[Array], Array]  # weights [..., n] -> [..., result]

_UNITY = 1e-3  # how far probabilities of half precision may be from a sum of 1


def require_probabilities(probabilities: Array, labels: Array) -> None:
    """Check probabilities [n, C] and labels [n]; :class:`InputError` names the first bad event."""
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise InputError(
            f"probabilities {list(probabilities.shape)} and labels {list(labels.shape)} do not fit"
        )
    for bad, what in (
        (~np.isfinite(probabilities).all(axis=1), "a probability that is not finite"),
        ((probabilities < 0).any(axis=1), "a negative probability"),
        (np.abs(probabilities.sum(axis=1) - 1) > _UNITY, "probabilities that do not sum to 1"),
        ((labels < 0) | (labels >= probabilities.shape[1]), "a label outside the classes"),
    ):
        if bad.any():
            raise InputError(f"evaluation: event {int(bad.argmax())} has {what}")


def absent(labels: Array, classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the classes that no event has."""
    found = np.bincount(labels, minlength=len(classes)) > 0
    return tuple(name for name, there in zip(classes, found, strict=True) if not there)


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums weights by code, [..., n] -> [..., n_codes]; the events are sorted once."""

    codes: Array  # int [n]
    order: Array
    starts: Array  # of each code that there is, in the order
    found: Array  # the codes that there are
    n_codes: int

    @classmethod
    def of(cls, values: Array) -> Tally:
        """Return the tally of the distinct values [n], in rising order."""
        codes = np.unique(values, return_inverse=True)[1]
        return cls.by(codes, int(codes.max(initial=-1)) + 1)

    @classmethod
    def by(cls, codes: Array, n_codes: int) -> Tally:
        """Return the tally of codes, int [n]."""
        order = np.argsort(codes, kind="stable")
        found, starts = np.unique(codes[order], return_index=True)
        return cls(codes, order, starts, found, n_codes)

    def __call__(self, weights: Array) -> Array:
        """Return the sum of weights of each code."""
        out = np.zeros((*weights.shape[:-1], self.n_codes))
        if not len(self.found):
            return out
        sums = np.add.reduceat(weights[..., self.order], self.starts, axis=-1)
        if len(self.found) == self.n_codes:
            return np.asarray(sums)
        out[..., self.found] = sums
        return out


def joined(statistics: Sequence[Statistic]) -> Statistic:
    """Return several statistics of a number each as one of a vector, [..., k]."""
    return lambda weights: np.stack([of(weights) for of in statistics], axis=-1)


def auc(score: Array, signal: Array) -> Statistic:
    """Return the area under the ROC curve; a higher ``score`` [n] is more like signal (bool [n]).

    It is the weighted share of (signal, background) pairs in which signal has the higher score, a
    tie counting half (Mann-Whitney).
    """
    tally = Tally.of(score)

    def statistic(weights: Array) -> Array:
        of_signal, of_background = tally(weights * signal), tally(weights * ~signal)
        below = np.cumsum(of_background, axis=-1) - of_background / 2
        sums = of_signal.sum(axis=-1), of_background.sum(axis=-1)
        return _ratio((of_signal * below).sum(axis=-1), sums[0] * sums[1], *sums)

    return statistic


def one_vs_rest(probabilities: Array, labels: Array) -> Statistic:
    """Return the AUC of each class against all others by its probability, [..., C]."""
    return joined([auc(p, labels == c) for c, p in enumerate(probabilities.T)])


def macro(per_class: Array) -> Array:
    """Return the plain mean over the classes [..., C] that have a result; NaN where none has."""
    there = np.isfinite(per_class)
    return _ratio(np.where(there, per_class, 0.0).sum(axis=-1), there.sum(axis=-1))


def macro_auc(probabilities: Array, labels: Array) -> Statistic:
    """Return the plain mean of :func:`one_vs_rest`."""
    per_class = one_vs_rest(probabilities, labels)
    return lambda weights: macro(per_class(weights))


def roc(score: Array, signal: Array, weights: Array) -> tuple[Array, Array]:
    """Return background and signal efficiency of every cut, [K + 1] each, tightest first.

    For one row of weights; NaN for a side whose sum of weights is not positive.
    """
    tally = Tally.of(-score)
    sides = (tally(weights * side) for side in (~signal, signal))
    background, of_signal = (
        _ratio(np.concatenate([[0.0], np.cumsum(side)]), side.sum()) for side in sides
    )
    return background, of_signal


def background_efficiency(
    score: Array, signal: Array, backgrounds: Array, efficiency: float
) -> Statistic:
    """Return the share of each background (bool [n, G]) that a cut on ``score`` leaves, [..., G].

    The cut keeps ``efficiency`` of the signal; of events that tie at the cut it keeps the share
    that gives exactly this (the ROC curve between its points). With signed weights it is the
    tightest cut that reaches it.
    """
    tally = Tally.of(-score)
    mask = backgrounds.astype(float)

    def statistic(weights: Array) -> Array:
        steps = tally(weights * signal)
        reached = np.cumsum(steps, axis=-1)
        total = reached[..., -1:]
        last = np.argmax(reached >= efficiency * total, axis=-1)[..., None]
        excess = np.take_along_axis(reached, last, axis=-1) - efficiency * total
        share = 1 - _ratio(excess, np.take_along_axis(steps, last, axis=-1))
        tied = np.where(tally.codes == last, share, 0.0)
        kept = weights * np.where(tally.codes < last, 1.0, tied)
        whole = weights @ mask
        return _ratio(kept @ mask, whole, whole, np.broadcast_to(total, whole.shape))

    return statistic


def background_efficiencies(
    probabilities: Array, labels: Array, groups: Array, n_groups: int, efficiency: float
) -> Statistic:
    """Return :func:`background_efficiency` of each class by its probability, [..., C, 1 + G].

    First against all other classes together, then against the part of each group (int [n]: the
    labels themselves, or processes) that is not of the class.
    """
    member = groups[:, None] == np.arange(n_groups)
    every = np.concatenate([np.ones((len(labels), 1), np.bool_), member], axis=1)
    cuts = [
        background_efficiency(p, labels == c, every & (labels != c)[:, None], efficiency)
        for c, p in enumerate(probabilities.T)
    ]
    return lambda weights: np.stack([cut(weights) for cut in cuts], axis=-2)


def log_loss(probabilities: Array, labels: Array) -> Statistic:
    """Return the weighted mean of -ln p of the true class.

    A probability of 0 counts as the smallest step of double precision, whatever its own.
    """
    p = probabilities[np.arange(len(labels)), labels].astype(float)
    return mean(-np.log(np.maximum(p, np.finfo(p.dtype).eps)))


def accuracy(probabilities: Array, labels: Array) -> Statistic:
    """Return the weighted share of events whose most probable class is the true one."""
    return mean(probabilities.argmax(axis=1) == labels)


def confusion(probabilities: Array, labels: Array) -> Statistic:
    """Return sums of weights [..., C, C]: true class in rows, most probable class in columns."""
    c = probabilities.shape[1]
    tally = Tally.by(labels * c + probabilities.argmax(axis=1), c * c)
    return lambda weights: tally(weights).reshape(*weights.shape[:-1], c, c)


def mean(values: Array) -> Statistic:
    """Return the weighted mean of values [n]."""
    values = values.astype(float)

    def statistic(weights: Array) -> Array:
        total = weights.sum(axis=-1)
        return _ratio(weights @ values, total, total)

    return statistic


def _ratio(above: Array, below: Array, *positive: Array) -> Array:
    """Divide; NaN where the divisor is 0 or one of ``positive`` is not."""
    defined = below != 0
    for values in positive:
        defined = defined & (values > 0)
    return np.asarray(np.where(defined, above / np.where(defined, below, 1.0), np.nan))
