"""The figures of a classifier, with errors: from arrays to sections of a report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from topfm.evaluation import metrics as m
from topfm.evaluation.bootstrap import REPLICAS, difference, measure
from topfm.evaluation.calibration import expected_calibration_error, scaled
from topfm.evaluation.metrics import Array
from topfm.evaluation.report import CalibrationFound, Metrics, Row
from topfm.evaluation.values import Value, value_of, values_of

EFFICIENCIES = (0.7, 0.3)


def classification(
    probabilities: Array,
    labels: Array,
    weights: Array,
    classes: Sequence[str],
    *,
    kind: str,
    groups: Array | None = None,
    group_names: Sequence[str] = (),
    n_replicas: int = REPLICAS,
    seed: int = 0,
) -> Metrics:
    """Return all figures of probabilities [n, C] for labels [n], weighted by ``weights`` [n].

    ``kind`` names the weights: ``unit`` or ``pb``. Background efficiencies are against the rest and
    each other class, or each process where ``groups`` (int [n]) and ``group_names`` are given.

    Raises :class:`InputError` for what :func:`.metrics.require_probabilities` names.
    """
    m.require_probabilities(probabilities, labels)
    if groups is None:
        groups, group_names = labels, classes
    c, g = len(classes), len(group_names)
    backgrounds = ("rest", *group_names)

    per_class = m.one_vs_rest(probabilities, labels)
    scalars = m.joined([m.log_loss(probabilities, labels), m.accuracy(probabilities, labels)])
    cuts = [
        m.background_efficiencies(probabilities, labels, groups, g, efficiency)
        for efficiency in EFFICIENCIES
    ]

    def statistic(w: Array) -> Array:
        aucs = per_class(w)
        flat = [cut(w).reshape(*w.shape[:-1], -1) for cut in cuts]
        return np.concatenate([m.macro(aucs)[..., None], scalars(w), aucs, *flat], axis=-1)

    found = values_of(measure(statistic, weights, n_replicas=n_replicas, seed=seed))
    cells = np.reshape(np.array(found[3 + c :], object), (len(EFFICIENCIES), c, 1 + g))
    return Metrics(
        weights=kind,
        macro_auc=found[0],
        log_loss=found[1],
        accuracy=found[2],
        auc=dict(zip(classes, found[3 : 3 + c], strict=True)),
        backgrounds=backgrounds,
        background_efficiency={
            f"{efficiency}": _named(table, classes, backgrounds)
            for efficiency, table in zip(EFFICIENCIES, cells, strict=True)
        },
        confusion=m.confusion(probabilities, labels)(weights).tolist(),
    )


def _named(
    table: Array, classes: Sequence[str], backgrounds: Sequence[str]
) -> dict[str, dict[str, Value]]:
    """Name the cells [C, 1 + G]; a class has no value as a background of itself."""
    return {
        name: dict(zip(backgrounds, row, strict=True))
        for name, row in zip(classes, table, strict=True)
    }


def calibration(
    probabilities: Array,
    labels: Array,
    weights: Array,
    temperature: float,
    *,
    n_replicas: int = REPLICAS,
    seed: int = 0,
) -> CalibrationFound:
    """Return log-loss and calibration error before and after scaling by a temperature."""
    m.require_probabilities(probabilities, labels)
    after = scaled(probabilities, temperature)

    statistic = m.joined(
        [
            of(p, labels)
            for of in (m.log_loss, expected_calibration_error)
            for p in (probabilities, after)
        ]
    )
    found = values_of(measure(statistic, weights, n_replicas=n_replicas, seed=seed))
    return CalibrationFound(
        temperature=temperature,
        log_loss=found[0],
        log_loss_scaled=found[1],
        calibration_error=found[2],
        calibration_error_scaled=found[3],
    )


def baseline_row(
    name: str,
    probabilities: Array,
    labels: Array,
    pb: Array,
    *,
    model: Array | None = None,
    n_replicas: int = REPLICAS,
    seed: int = 0,
) -> Row:
    """Return a row of the table of baselines for probabilities [n, C] on events of weight ``pb``.

    With the probabilities of the ``model`` the row says by how much the model is better.
    """
    m.require_probabilities(probabilities, labels)
    ones = np.ones(len(labels))
    options = {"n_replicas": n_replicas, "seed": seed}
    macro_auc = m.macro_auc(probabilities, labels)
    loss = m.log_loss(probabilities, labels)
    better = None
    if model is not None:
        better = difference(m.macro_auc(model, labels), macro_auc, ones, **options)
    return Row(
        name=name,
        macro_auc=value_of(measure(macro_auc, ones, **options)),
        macro_auc_pb=value_of(measure(macro_auc, pb, **options)),
        log_loss=value_of(measure(loss, ones, **options)),
        difference=value_of(better) if better else None,
    )
