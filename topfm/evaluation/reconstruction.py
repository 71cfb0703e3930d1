"""How well hidden variables are reconstructed, in GeV and radians, on hidden entries alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from topdata.errors import InputError
from topdata.schema import slots
from topfm.evaluation.metrics import Array
from topfm.evaluation.values import Number, Plain, Value

_PHI = slots.FEATURE_NAMES.index("phi")
_PT = slots.FEATURE_NAMES.index("pt")
_JETS = tuple(range(slots.BJETS.start, slots.JETS.stop))
_LEPTONS = tuple(range(slots.LEPTONS.start, slots.LEPTONS.stop))


@dataclass(frozen=True, slots=True)
class Ranked:
    """The object of a rank in true pT, 0 the leading one, among some slots."""

    slots: tuple[int, ...]
    rank: int


# The leading jet is in the first slot of b-jets or of further jets: the event decides.
OBJECTS: Mapping[str, Ranked] = {
    "jet 1": Ranked(_JETS, 0),
    "jet 2": Ranked(_JETS, 1),
    "lepton 1": Ranked(_LEPTONS, 0),
    "lepton 2": Ranked(_LEPTONS, 1),
}
WS: Mapping[str, Ranked] = {f"W {k + 1}": Ranked(tuple(range(slots.MAX_TOPS)), k) for k in range(2)}
TOPS: Mapping[str, Ranked] = {
    f"top {k + 1}": Ranked(tuple(range(slots.MAX_TOPS)), k) for k in range(2)
}


class VariableError(Plain):
    """Errors of one variable of one object; null where no entry was hidden."""

    object: str
    variable: str
    unit: str
    entries: int
    mae: Number
    rmse: Value  # its error is statistical
    mean_mae: Number  # of predicting the mean of training
    mean_rmse: Number


def object_means(
    true: Array, there: Array, objects: Mapping[str, Ranked] = OBJECTS
) -> dict[str, Array]:
    """Return the mean variables [7] of each object over (training) events, 0 without one.

    ``true`` is float [n, S, 7] and ``there`` bool [n, S].
    """
    means = {}
    for name, ranked in objects.items():
        rows, columns = _located(true, there, ranked)
        found = true[rows, columns].astype(float)
        means[name] = found.sum(axis=0) / max(len(found), 1)
    return means


def reconstruction_errors(
    predicted: Array,
    true: Array,
    hidden: Array,
    there: Array,
    means: Mapping[str, Array],
    objects: Mapping[str, Ranked] = OBJECTS,
) -> list[VariableError]:
    """Return the errors of each variable of each object, beside those of predicting ``means``.

    ``predicted`` and ``true`` are float [n, S, 7] in GeV and radians, ``hidden`` bool [n, S, 7] the
    entries that were hidden, ``there`` bool [n, S] the slots that hold an object. Ranks are in true
    pT. Differences in phi are wrapped to [-pi, pi].

    Raises :class:`InputError` where a prediction of a hidden entry is not finite.
    """
    broken = hidden & there[..., None] & ~np.isfinite(predicted)
    if broken.any():
        event = int(broken.any(axis=(1, 2)).argmax())
        raise InputError(f"evaluation: event {event} has a prediction that is not finite")
    table = []
    for name, ranked in objects.items():
        at = _located(true, there, ranked)
        errors, baseline = (_difference(p, true[at]) for p in (predicted[at], means[name]))
        for v, (variable, unit) in enumerate(slots.FEATURES):
            kept = hidden[at][:, v]
            mae, rmse = _mae_rmse(errors[kept, v])
            mean_mae, mean_rmse = _mae_rmse(baseline[kept, v])
            table.append(
                VariableError(
                    object=name,
                    variable=variable,
                    unit=unit,
                    entries=int(kept.sum()),
                    mae=mae,
                    rmse=rmse,
                    mean_mae=mean_mae,
                    mean_rmse=mean_rmse.value,
                )
            )
    return table


def type_accuracy(predicted: Array, true: Array, hidden: Array) -> tuple[float, float]:
    """Return the share of hidden types told right, and that of always saying the commonest one.

    All are [n, S]: codes of :class:`topdata.schema.codes.ObjectType`, and bool. NaN where no type
    was hidden.
    """
    found = true[hidden]
    if not len(found):
        return float("nan"), float("nan")
    return float(np.mean(predicted[hidden] == found)), float(np.bincount(found).max() / len(found))


def _located(true: Array, there: Array, ranked: Ranked) -> tuple[Array, Array]:
    """Return events and slots of the objects of a rank, where there is one."""
    among = list(ranked.slots)
    pt = np.where(there[:, among], true[:, among, _PT], -np.inf)
    at = np.argsort(-pt, axis=1, kind="stable")[:, ranked.rank]
    rows = np.flatnonzero(np.isfinite(pt[np.arange(len(pt)), at]))
    return rows, np.array(among)[at[rows]]


def _difference(predicted: Array, true: Array) -> Array:
    difference = np.asarray(predicted, float) - true
    phi = difference[..., _PHI]
    difference[..., _PHI] = (phi + np.pi) % (2 * np.pi) - np.pi
    return difference


def _mae_rmse(errors: Array) -> tuple[float | None, Value]:
    """Return the mean absolute error, and the root mean square with its statistical error."""
    if not len(errors):
        return None, Value(value=None)
    squares = errors**2
    rmse = float(np.sqrt(squares.mean()))
    error = float(squares.std() / np.sqrt(len(squares)) / (2 * rmse)) if rmse else 0.0
    return float(np.abs(errors).mean()), Value(value=rmse, error=error)
