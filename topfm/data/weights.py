"""What an event counts in a training."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from topdata.errors import InputError
from topfm.config import Data
from topfm.data.events import Events, Label


def weighted(
    events: Events, label: Label, config: Data, *, where: str = "train", complete: bool = True
) -> Events:
    """Return events with training weights, of mean 1 over all events.

    ``balanced``: 1 an event, each class scaled to the same sum. ``physical``: weights in pb with
    their sign, each class scaled to the same sum, and no event beyond ``weight_cap`` times the mean
    size of its class, so that one of them cannot make the gradient of a batch. ``unit``: 1.

    Raises :class:`InputError` for a class without events in the split ``where``, unless it need not
    be ``complete``, and for a class whose weights sum to nothing.
    """
    n_classes = len(label.classes)
    count = torch.bincount(events.label, minlength=n_classes)
    for name, n in zip(label.classes, count.tolist(), strict=True):
        if not n and complete:
            raise InputError(
                f"class {name!r} of {label.text} has no event in the split {where!r}; name the "
                "classes to tell apart, or add data"
            )
    if config.weights == "unit":
        return replace(events, weight=torch.ones_like(events.weight))
    if config.weights == "balanced":
        weight = torch.ones_like(events.weight)
    else:
        weight = _capped(events, count, config.weight_cap)
    sums = torch.zeros(n_classes, dtype=weight.dtype).index_add_(0, events.label, weight)
    for name, total, n in zip(label.classes, sums.tolist(), count.tolist(), strict=True):
        if n and total <= 0:
            raise InputError(
                f"class {name!r}: its weights sum to {total:.3g} pb, which cannot be scaled; "
                "train with balanced weights"
            )
    scale = len(events) / int((count > 0).sum()) / sums.clamp_min(1e-300)
    return replace(events, weight=weight * scale[events.label])


def _capped(events: Events, count: Tensor, cap: float) -> Tensor:
    size = torch.zeros(len(count), dtype=torch.float64)
    size.index_add_(0, events.label, events.weight.abs())
    limit = (cap * size / count)[events.label]
    return torch.minimum(torch.maximum(events.weight, -limit), limit)
