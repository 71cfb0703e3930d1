"""How well probabilities tell classes apart: AUC, background efficiency, log-loss, confusion.

Every function takes ``weights`` float [..., n]: ones for "unweighted", pb for "weighted by pb", or
a row for each of many re-weightings of the same events (:mod:`topfm.evaluation.bootstrap`), and
returns [..., result]; scores are sorted once for all rows.

Weights may be signed. Sums are then differences of sums, as in a histogram: an AUC or an efficiency
can leave [0, 1], and where the sum of a class is not positive there is no result, NaN. NaN is also
the result for a class without events. No weight is ever clipped or made positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topdata.errors import InputError

Array = NDArray[Any]

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


def auc(score: Array, signal: Array, weights: Array) -> Array:
    """Return the area under the ROC curve, [...]; a higher ``score`` [n] is more like signal.

    It is the weighted share of (signal, background) pairs in which signal has the higher score, a
    tie counting half (Mann-Whitney). ``signal`` is bool [n].
    """
    codes = np.unique(score, return_inverse=True)[1]
    of_signal = sums(weights * signal, codes)
    of_background = sums(weights * ~signal, codes)
    below = np.cumsum(of_background, axis=-1) - of_background / 2
    pairs = of_signal.sum(axis=-1), of_background.sum(axis=-1)
    return _ratio((of_signal * below).sum(axis=-1), pairs[0] * pairs[1], *pairs)


def one_vs_rest(probabilities: Array, labels: Array, weights: Array) -> Array:
    """Return the AUC of each class against all others by its probability, [..., C]."""
    return np.stack([auc(p, labels == c, weights) for c, p in enumerate(probabilities.T)], axis=-1)


def macro(per_class: Array) -> Array:
    """Return the plain mean over the classes [..., C] that have a result; NaN where none has."""
    there = np.isfinite(per_class)
    return _ratio(np.where(there, per_class, 0.0).sum(axis=-1), there.sum(axis=-1).astype(float))


def macro_auc(probabilities: Array, labels: Array, weights: Array) -> Array:
    """Return the plain mean of :func:`one_vs_rest`, [...]."""
    return macro(one_vs_rest(probabilities, labels, weights))


def roc(score: Array, signal: Array, weights: Array) -> tuple[Array, Array]:
    """Return background and signal efficiency of every cut, [K + 1] each, tightest first.

    For one row of weights; NaN for a side whose sum of weights is not positive.
    """
    codes = np.unique(-score, return_inverse=True)[1]
    sides = (sums(weights * side, codes) for side in (~signal, signal))
    background, of_signal = (
        _ratio(np.concatenate([[0.0], np.cumsum(side)]), side.sum()) for side in sides
    )
    return background, of_signal


def background_efficiency(
    score: Array, signal: Array, backgrounds: Array, weights: Array, efficiency: float
) -> Array:
    """Return the share of each background that a cut on ``score`` leaves, [..., G].

    The cut keeps ``efficiency`` of the signal; of events that tie at the cut it keeps the share
    that gives exactly this (the ROC curve between its points). With signed weights it is the
    tightest cut that reaches it. ``backgrounds`` is bool [n, G].
    """
    codes = np.unique(-score, return_inverse=True)[1]
    steps = sums(weights * signal, codes)
    reached = np.cumsum(steps, axis=-1)
    total = reached[..., -1:]
    last = np.argmax(reached >= efficiency * total, axis=-1)[..., None]
    step = np.take_along_axis(steps, last, axis=-1)
    excess = np.take_along_axis(reached, last, axis=-1) - efficiency * total
    share = 1 - _ratio(excess, step)
    kept = weights * np.where(codes < last, 1.0, np.where(codes == last, share, 0.0))
    mask = backgrounds.astype(float)
    below = weights @ mask
    return _ratio(kept @ mask, below, below, np.broadcast_to(total, below.shape))


def background_efficiencies(
    probabilities: Array,
    labels: Array,
    groups: Array,
    n_groups: int,
    weights: Array,
    efficiency: float,
) -> Array:
    """Return :func:`background_efficiency` of each class by its probability, [..., C, 1 + G].

    First against all other classes together, then against the part of each group (int [n]: the
    labels themselves, or processes) that is not of the class.
    """
    member = groups[:, None] == np.arange(n_groups)
    every = np.concatenate([np.ones((len(labels), 1), np.bool_), member], axis=1)
    of_class = [
        background_efficiency(p, labels == c, every & (labels != c)[:, None], weights, efficiency)
        for c, p in enumerate(probabilities.T)
    ]
    return np.stack(of_class, axis=-2)


def log_loss(probabilities: Array, labels: Array, weights: Array) -> Array:
    """Return the weighted mean of -ln p of the true class, [...].

    A probability of 0 counts as the smallest step of its number type, as in scikit-learn.
    """
    p = probabilities[np.arange(len(labels)), labels]
    return mean(-np.log(np.maximum(p, np.finfo(p.dtype).eps)), weights)


def accuracy(probabilities: Array, labels: Array, weights: Array) -> Array:
    """Return the weighted share of events whose most probable class is the true one, [...]."""
    return mean(probabilities.argmax(axis=1) == labels, weights)


def confusion(probabilities: Array, labels: Array, weights: Array) -> Array:
    """Return sums of weights [..., C, C]: true class in rows, most probable class in columns."""
    c = probabilities.shape[1]
    cells = sums(weights, labels * c + probabilities.argmax(axis=1), c * c)
    return cells.reshape(*cells.shape[:-1], c, c)


def mean(values: Array, weights: Array) -> Array:
    """Return the weighted mean of values [n], [...]."""
    total = weights.sum(axis=-1)
    return _ratio(weights @ values.astype(float), total, total)


def sums(weights: Array, codes: Array, n_codes: int | None = None) -> Array:
    """Return the sum of weights [..., n] of each code (int [n]), [..., n_codes]."""
    order = np.argsort(codes, kind="stable")
    found, starts = np.unique(codes[order], return_index=True)
    out = np.zeros((*weights.shape[:-1], n_codes or len(found)))
    if len(found):
        out[..., found] = np.add.reduceat(weights[..., order], starts, axis=-1)
    return out


def _ratio(above: Array, below: Array, *positive: Array) -> Array:
    """Divide; NaN where the divisor is 0 or one of ``positive`` is not."""
    defined = below != 0
    for values in positive:
        defined = defined & (values > 0)
    return np.asarray(np.where(defined, above / np.where(defined, below, 1.0), np.nan))
