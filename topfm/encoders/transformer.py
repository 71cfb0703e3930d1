"""``l1-transformer`` and ``l2-transformer``: self-attention over objects and one event token.

The two levels of arXiv:2511.09335, with a class token in the place of the flattened slots: what
they say does not depend on the order of objects or on how much padding there is.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from topfm.by_length import by_length
from topfm.data.batch import EventBatch
from topfm.interfaces import Encoded
from topfm.layers import Block, EventToken, ObjectEmbedding, PairSums, padding_bias


class Transformer(nn.Module):
    """Embedding, ``depth`` blocks, a last norm.

    ``pair_width`` is the width of the network that reads pairs of objects; 0 leaves pairs out.
    """

    name: ClassVar[str]
    ordered: ClassVar[bool] = False
    sizes: ClassVar[dict[str, tuple[int, int, int]]]  # width, depth, heads

    def __init__(
        self, size: str = "small", heads: int | None = None, dropout: float = 0.0,
        pair_width: int = 16,
    ) -> None:  # fmt: skip
        super().__init__()
        self.width, depth, usual = self.sizes[size]
        heads = heads or usual
        self._options = {"size": size, "heads": heads, "dropout": dropout, "pair_width": pair_width}
        self.objects = ObjectEmbedding(self.width)
        self.pairs = PairSums(self.width, pair_width) if pair_width else None
        self.event = EventToken(self.width)
        self.blocks = nn.ModuleList(Block(self.width, heads, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(self.width)

    def forward(
        self, batch: EventBatch, query: Tensor | None = None, objects: bool = True
    ) -> Encoded:
        """See :class:`topfm.interfaces.Encoder`."""
        if torch.compiler.is_exporting():  # shapes must not depend on the content
            return self._encode(batch, query)
        return by_length(self._encode, batch, query)

    def _encode(self, batch: EventBatch, query: Tensor | None) -> Encoded:
        objects = self.objects(batch)
        if self.pairs is not None:
            objects = objects + self.pairs(batch)
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


class L1Transformer(Transformer):
    """The first level, made for masked reconstruction."""

    name: ClassVar[str] = "l1-transformer"
    sizes: ClassVar[dict[str, tuple[int, int, int]]] = {"small": (64, 4, 4)}


class L2Transformer(Transformer):
    """The second level, made for classification.

    Three heads for five in the small one: a sixth less time, and no loss seen with one seed.
    """

    name: ClassVar[str] = "l2-transformer"
    sizes: ClassVar[dict[str, tuple[int, int, int]]] = {"small": (60, 4, 3), "large": (125, 6, 5)}
