"""``l2-transformer``: self-attention over the objects of an event and one event token.

The second level of arXiv:2511.09335, with a class token in the place of the flattened slots: what
it says does not depend on the order of objects or on how much padding there is.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from topfm.data.batch import EventBatch
from topfm.interfaces import Encoded
from topfm.layers import Block, EventToken, ObjectEmbedding, padding_bias

SIZES = {"small": (60, 4), "large": (125, 6)}  # width, depth; both widths divide by 5 heads


class L2Transformer(nn.Module):
    """Embedding, ``depth`` blocks, a last norm."""

    name: ClassVar[str] = "l2-transformer"
    ordered: ClassVar[bool] = False

    def __init__(self, size: str = "small", heads: int = 5, dropout: float = 0.0) -> None:
        super().__init__()
        self.width, depth = SIZES[size]
        self._options = {"size": size, "heads": heads, "dropout": dropout}
        self.objects = ObjectEmbedding(self.width)
        self.event = EventToken(self.width)
        self.blocks = nn.ModuleList(Block(self.width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(self.width)

    def forward(self, batch: EventBatch, query: Tensor | None = None) -> Encoded:
        """See :class:`topfm.interfaces.Encoder`."""
        objects = self.objects(batch)
        if query is not None:
            objects = objects + query
        x = torch.cat([self.event(batch), objects], dim=1)
        there = torch.cat([batch.there.new_ones(len(x), 1), batch.there], dim=1)
        bias = padding_bias(there, x.dtype)
        for block in self.blocks:
            x = block(x, bias)
        x = self.norm(x)
        return Encoded(objects=x[:, 1:], event=x[:, 0])

    def options(self) -> dict[str, Any]:
        """See :class:`topfm.interfaces.Encoder`."""
        return dict(self._options)
