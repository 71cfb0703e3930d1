"""What an evaluation found: one object, kept as canonical JSON."""

from __future__ import annotations

from topdata.schema.fingerprint import canonical_json
from topfm.evaluation.reconstruction import VariableError
from topfm.evaluation.values import Number, Plain, Value


class Data(Plain):
    """What was evaluated on."""

    name: str
    split: str
    fingerprint: str  # of the view
    label: str
    classes: tuple[str, ...]
    events: dict[str, int]  # by class
    absent: tuple[str, ...] = ()  # classes without an event: they have no result
    sum_weight: Number = None  # pb
    negative: int = 0  # events of negative weight
    left_out: int = 0  # events of the split that have none of the labels
    seen: Number = None  # share of the events that its weights, or their ancestors, trained on


class Metrics(Plain):
    """Figures of one classifier with one kind of weights."""

    weights: str  # unit or pb
    macro_auc: Value
    auc: dict[str, Value]  # class against the rest
    log_loss: Value
    accuracy: Value
    backgrounds: tuple[str, ...]  # "rest", then classes or processes
    # signal efficiency > signal class > background > its efficiency
    background_efficiency: dict[str, dict[str, dict[str, Value]]]
    confusion: tuple[tuple[Number, ...], ...]  # true class in rows: sums of weights


class CalibrationFound(Plain):
    """Before and after temperature scaling; the temperature is from validation."""

    temperature: Number
    log_loss: Value
    log_loss_scaled: Value
    calibration_error: Value
    calibration_error_scaled: Value


class Row(Plain):
    """A classifier in the table of baselines."""

    name: str
    macro_auc: Value
    macro_auc_pb: Value
    log_loss: Value
    difference: Value | None = None  # macro_auc of the model minus this one's, on the same events


class Reconstruction(Plain):
    """One way of hiding, and the errors on what was hidden."""

    hidden: str  # what was hidden: "30% of variables", "whole objects"
    errors: tuple[VariableError, ...]
    type_accuracy: Number = None
    commonest_type: Number = None  # accuracy of always saying the commonest type


class Report(Plain):
    """All that an evaluation found; sections that were not asked for are empty."""

    data: Data
    metrics: tuple[Metrics, ...] = ()
    calibration: CalibrationFound | None = None
    baselines: tuple[Row, ...] = ()
    reconstruction: tuple[Reconstruction, ...] = ()

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no NaN, one text for one report."""
        return canonical_json(self.model_dump(mode="json"))
