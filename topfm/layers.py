"""Blocks that encoders and heads share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from topfm.data.batch import HIDDEN_TYPE, EventBatch
from topfm.data.columns import COLUMNS, VARIABLES
from topfm.data.events import COUNTS

_KINEMATICS = 3  # the first variables of a slot: pt, eta, phi
_USUAL_PARTNERS = 4.0  # so that sums are of order one


class ObjectEmbedding(nn.Module):
    """Standardised columns, flags of what is hidden, and the type of an object as one vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.kind = nn.Embedding(HIDDEN_TYPE + 1, width)
        self.inner = nn.Linear(len(COLUMNS) + len(VARIABLES), 2 * width)
        self.outer = nn.Linear(2 * width, width)

    def forward(self, batch: EventBatch) -> Tensor:
        """Return float [B, N, width]."""
        columns = batch.columns
        values = torch.cat([columns, batch.hidden.to(columns.dtype)], dim=-1)
        embedded: Tensor = self.outer(functional.gelu(self.inner(values))) + self.kind(batch.type)
        return embedded


class PairSums(nn.Module):
    """What an object has to do with all others, as one vector: float [B, N, width].

    Each pair is ln dR, ln kT, ln z and ln m2 (arXiv:2202.03772), read by a small network and summed
    over partners before the first block: attention then needs no learned bias, with which it is
    slower. Pairs of which a pt, eta or phi is hidden say nothing, so that nothing hidden is told.
    """

    def __init__(self, width: int, pair_width: int = 16) -> None:
        super().__init__()
        self.inner = nn.Linear(4, pair_width)
        self.outer = nn.Linear(pair_width, width)

    def forward(self, batch: EventBatch) -> Tensor:
        """Return float [B, N, width]."""
        known = batch.there & ~batch.hidden[..., :_KINEMATICS].any(dim=-1)
        pairs = known.unsqueeze(2) & known.unsqueeze(1)
        pairs = pairs & ~torch.eye(known.shape[1], dtype=torch.bool, device=known.device)
        values = functional.gelu(self.inner(pair_columns(batch.variables)))
        summed = values.masked_fill(~pairs.unsqueeze(-1), 0.0).sum(dim=2)
        out: Tensor = self.outer(summed / _USUAL_PARTNERS)
        return out


def pair_columns(variables: Tensor) -> Tensor:
    """Return ln dR, ln kT, ln z, ln m2 of all pairs, moved to order one: [B, N, N, 4].

    Masses of objects are left out: 2 pt pt (cosh deta - cos dphi).
    """
    pt, eta, phi = variables[..., :_KINEMATICS].unbind(-1)
    d_eta = eta.unsqueeze(2) - eta.unsqueeze(1)
    d_phi = torch.remainder(phi.unsqueeze(2) - phi.unsqueeze(1) + math.pi, 2 * math.pi) - math.pi
    d_r = (d_eta.square() + d_phi.square()).clamp_min(1e-4).sqrt()
    least = torch.minimum(pt.unsqueeze(2), pt.unsqueeze(1)).clamp_min(1e-2)
    both = (pt.unsqueeze(2) + pt.unsqueeze(1)).clamp_min(1e-2)
    m2 = 2 * pt.unsqueeze(2) * pt.unsqueeze(1) * (d_eta.clamp(-8, 8).cosh() - d_phi.cos())
    return torch.stack(
        [
            d_r.log(),
            (least * d_r).log() / 2 - 1.5,
            (least / both).log() + 1.0,
            m2.clamp_min(1.0).log() / 2 - 4.5,
        ],
        dim=-1,
    )


class EventToken(nn.Module):
    """A learned vector, moved by the counts of the event: float [B, 1, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(0.02 * torch.randn(width))
        self.counts = nn.Linear(len(COUNTS), width)

    def forward(self, batch: EventBatch) -> Tensor:
        """Return float [B, 1, width]."""
        token: Tensor = self.token + self.counts(batch.counts)
        return token.unsqueeze(1)


class Attention(nn.Module):
    """Multi-head self-attention with an optional additive bias."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is no multiple of {heads} heads")
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Return float [B, S, width]; ``bias`` is added to the logits, [B, 1 or heads, S, S]."""
        b, s, width = x.shape
        q, k, v = (
            part.view(b, s, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        mixed = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=bias, dropout_p=self.dropout if self.training else 0.0
        )
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(b, s, width))
        return out


class Block(nn.Module):
    """Attention and a feed-forward network, each after a layer norm and with a residual."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0, expansion: int = 2) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.norm_inner = nn.LayerNorm(width)
        self.inner = nn.Linear(width, expansion * width)
        self.outer = nn.Linear(expansion * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Return float [B, S, width]."""
        x = x + self.dropout(self.attention(self.norm_attention(x), bias))
        inner = functional.gelu(self.inner(self.norm_inner(x)))
        out: Tensor = x + self.dropout(self.outer(inner))
        return out


def padding_bias(there: Tensor, dtype: torch.dtype) -> Tensor:
    """Return 0 where a slot may be attended to and -inf where it is empty: [B, 1, 1, S]."""
    bias = torch.zeros(there.shape, dtype=dtype, device=there.device)
    return bias.masked_fill(~there, float("-inf"))[:, None, None, :]
