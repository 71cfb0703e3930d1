"""What an encoder reads: one batch, standardised, with what is hidden left out."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from torch import Tensor

from topfm.data.columns import of_variables
from topfm.data.events import Events, present
from topfm.data.normalise import Normaliser


@dataclass(frozen=True, slots=True)
class EventBatch:
    """B events of N slots; C = 8 columns of V = 7 variables."""

    columns: Tensor  # float [B, N, C], standardised, 0 where empty or hidden
    type: Tensor  # int64 [B, N], ObjectType; HIDDEN_TYPE where hidden
    there: Tensor  # bool [B, N]: slots that take part in attention
    hidden: Tensor  # bool [B, N, V]: variables that are hidden
    counts: Tensor  # float [B, 4], standardised
    variables: Tensor  # float [B, N, V], GeV and radians, as they are: for physics, not for input

    def to(self, device: str) -> EventBatch:
        """Return the batch on a device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})


HIDDEN_TYPE = 12  # one more than the last code of topdata.schema.codes.ObjectType


def batch_of(events: Events, normaliser: Normaliser) -> EventBatch:
    """Return a batch in which nothing is hidden."""
    there = present(events.type)
    variables = events.variables.to(normaliser.column_mean.dtype)
    return EventBatch(
        columns=normaliser.columns(variables, there),
        type=events.type.long(),
        there=there,
        hidden=there.new_zeros(variables.shape),
        counts=normaliser.counts(events.counts.to(variables.dtype)),
        variables=variables,
    )


def hide(batch: EventBatch, hidden: Tensor, type_hidden: Tensor) -> EventBatch:
    """Hide variables (bool [B, N, V]) and types (bool [B, N]) from a batch.

    An object of which everything is hidden still takes part, as a question.
    """
    return replace(
        batch,
        columns=batch.columns.masked_fill(of_variables(hidden), 0.0),
        type=batch.type.masked_fill(type_hidden, HIDDEN_TYPE),
        hidden=hidden,
    )
