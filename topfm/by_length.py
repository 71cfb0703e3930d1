"""Encode events of about the same length together, so that little is computed for empty slots.

An event of tops fills 8 of 19 slots on average. Objects of an event and events of a batch do not
see their order, so both may be sorted, encoded without most of the padding, and put back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from topfm.data.batch import EventBatch
from topfm.interfaces import Encoded

Encode = Callable[[EventBatch, Tensor | None], Encoded]
_LEAST = 96  # events in a group; fewer cost more in calls than they save in padding
_GROUPS = 8


def by_length(encode: Encode, batch: EventBatch, query: Tensor | None) -> Encoded:
    """Return what ``encode`` says of a batch, up to rounding; objects are 0 in empty slots.

    ``encode`` must depend neither on the order of objects nor on empty slots. Shapes depend on the
    content of the batch: not for :func:`torch.export.export`.
    """
    if not len(batch.there):
        return encode(batch, query)
    lengths = batch.there.sum(dim=1)
    order = lengths.argsort(stable=True)
    slots = (~batch.there).to(torch.int8).argsort(dim=1, stable=True)  # filled ones first
    groups = order.chunk(max(1, min(_GROUPS, len(order) // _LEAST)))
    longest = [int(lengths[rows[-1]]) for rows in groups]
    objects, events = None, []
    for rows, length in zip(groups, longest, strict=True):
        where = (rows.unsqueeze(1), slots[rows, : max(length, 1)])
        some = _taken(batch, rows, where)
        encoded = encode(some, None if query is None else query[where])
        if objects is None:
            objects = encoded.objects.new_zeros(*batch.there.shape, encoded.objects.shape[-1])
        kept = encoded.objects.masked_fill(~some.there.unsqueeze(-1), 0.0)
        objects = objects.index_put(where, kept)
        events.append(encoded.event)
    assert objects is not None
    return Encoded(objects=objects, event=torch.cat(events)[order.argsort()])


def _taken(batch: EventBatch, rows: Tensor, where: tuple[Tensor, Tensor]) -> EventBatch:
    """Return some slots of some events."""
    slotted = ("columns", "type", "there", "hidden", "variables")
    return replace(
        batch, counts=batch.counts[rows], **{name: getattr(batch, name)[where] for name in slotted}
    )
