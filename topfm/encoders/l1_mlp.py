"""``l1-mlp``: the slots of an event as one vector, through a bottleneck and back to the slots.

The first level of arXiv:2511.09335: 512-256-128-256-512. The bottleneck is the event embedding.
Slots have fixed places, so the order of objects has a meaning here.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from topdata.schema import slots
from topfm.data.batch import HIDDEN_TYPE, EventBatch
from topfm.data.columns import COLUMNS, VARIABLES
from topfm.data.events import COUNTS
from topfm.interfaces import Encoded

_TYPE = 8  # numbers for the type of a slot
_SLOT = 16  # numbers that the decoder keeps for a slot
_MOST = slots.N_SLOTS + 2 * slots.MAX_TOPS  # with questions about true Ws and tops


class L1Mlp(nn.Module):
    """Encoder and decoder of two hidden layers each."""

    name: ClassVar[str] = "l1-mlp"
    ordered: ClassVar[bool] = True

    def __init__(self, latent: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = latent
        self._options = {"latent": latent, "dropout": dropout}
        self.kind = nn.Embedding(HIDDEN_TYPE + 1, _TYPE)
        size = slots.N_SLOTS * (len(COLUMNS) + len(VARIABLES) + _TYPE) + len(COUNTS)
        self.encode = _two_layers(size, 512, 256, latent, dropout)
        self.decode = _two_layers(latent, 256, 512, _MOST * _SLOT, dropout)
        self.objects = nn.Linear(_SLOT, latent)

    def forward(
        self, batch: EventBatch, query: Tensor | None = None, objects: bool = True
    ) -> Encoded:
        """See :class:`topfm.interfaces.Encoder`. Slots beyond the view are answered, not read."""
        n, n_slots = batch.type.shape
        values = torch.cat(
            [batch.columns, batch.hidden.to(batch.columns.dtype), self.kind(batch.type)], dim=-1
        )
        values = values * batch.there.unsqueeze(-1)
        flat = values[:, : slots.N_SLOTS].flatten(1)
        event = self.encode(torch.cat([flat, batch.counts], dim=1))
        if not objects:
            return Encoded(objects=event.new_zeros(n, 0, self.width), event=event)
        decoded = self.objects(self.decode(event).view(n, _MOST, _SLOT)[:, :n_slots])
        if query is not None:
            decoded = decoded + query
        return Encoded(objects=functional.gelu(decoded), event=event)

    def options(self) -> dict[str, Any]:
        """See :class:`topfm.interfaces.Encoder`."""
        return dict(self._options)


def _two_layers(size: int, first: int, second: int, out: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(size, first),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(first, second),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.Linear(second, out),
    )
