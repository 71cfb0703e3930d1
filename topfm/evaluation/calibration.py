"""Are probabilities frequencies? Temperature scaling and reliability (arXiv:1706.04599).

Frequencies depend on the mixture of classes: judge a classifier that was trained with equal sums of
weights by class with such weights, else the mixture looks like bad calibration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topdata.errors import InputError
from topfm.evaluation.metrics import Array, Statistic, Tally, log_loss, require_probabilities

BINS = 15
LIMITS = (0.05, 20.0)  # of a temperature


def scaled(probabilities: Array, temperature: float) -> Array:
    """Return probabilities [n, C] at another temperature: softmax of logits / T.

    Logits are logarithms of probabilities up to a constant, so none are needed. A probability of 0
    counts as the smallest of its number type.
    """
    least = np.finfo(probabilities.dtype).tiny
    logits = np.log(np.maximum(probabilities, least).astype(float)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def fit_temperature(probabilities: Array, labels: Array, weights: Array) -> float:
    """Return the temperature of least log-loss; fit it on validation, never on test.

    A value at one of :data:`LIMITS` means that no minimum lies between: a classifier without error,
    or signed weights that leave none. Raises :class:`InputError` where weights do not sum above 0,
    and for what :func:`.metrics.require_probabilities` names.
    """
    require_probabilities(probabilities, labels)
    from scipy.optimize import minimize_scalar

    if weights.sum() <= 0:
        raise InputError("calibration: the weights of the validation events do not sum above 0")

    def loss(log_temperature: float) -> float:
        return float(log_loss(scaled(probabilities, np.exp(log_temperature)), labels)(weights))

    found = minimize_scalar(
        loss, bounds=tuple(np.log(LIMITS)), method="bounded", options={"xatol": 1e-5}
    )
    return float(np.exp(found.x))


@dataclass(frozen=True, slots=True)
class Reliability:
    """What was predicted and what was found, by equal bins of the prediction, [bins]."""

    predicted: Array  # weighted mean of the prediction, NaN where a bin is empty
    observed: Array  # weighted share of events for which it came true
    error: Array  # of the share: binomial, with the effective number of events
    share: Array  # of all weights


def reliability(predicted: Array, outcome: Array, weights: Array, bins: int = BINS) -> Reliability:
    """Compare predicted probabilities [n] with outcomes (bool [n]) of events with weights [n]."""
    tally = Tally.by(_bins(predicted, bins), bins)
    total, squares, sum_predicted, sum_observed = (
        tally(w) for w in (weights, weights**2, weights * predicted, weights * outcome)
    )
    filled = total > 0
    safe = np.where(filled, total, 1.0)
    mean, share = (np.where(filled, s / safe, np.nan) for s in (sum_predicted, sum_observed))
    variance = np.clip(share * (1 - share), 0, None) * squares / safe**2
    return Reliability(mean, share, np.sqrt(variance), total / weights.sum())


def expected_calibration_error(probabilities: Array, labels: Array, bins: int = BINS) -> Statistic:
    """Return the mean of |share correct - confidence| over bins of the top probability."""
    confidence = probabilities.max(axis=1)
    gap = (probabilities.argmax(axis=1) == labels) - confidence
    tally = Tally.by(_bins(confidence, bins), bins)

    def statistic(weights: Array) -> Array:
        total = weights.sum(axis=-1)
        positive = np.where(total > 0, total, np.nan)
        return np.asarray(np.abs(tally(weights * gap)).sum(axis=-1) / positive)

    return statistic


def _bins(predicted: Array, bins: int) -> Array:
    return np.minimum((predicted * bins).astype(np.int64), bins - 1)
