"""Networks and a training loop as one writes them by hand, for `train.py` to compare with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from topfm.data.batch import batch_of
from topfm.data.events import Events
from topfm.model import Model


class PlainMlp(nn.Module):
    """``l1-mlp`` as a classifier: its decoder says nothing about the event, so there is none."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        width, classes = _sizes(model)
        self.kind = nn.Embedding(13, 8)
        self.body = nn.Sequential(
            nn.Linear(19 * 23 + 4, 512), nn.GELU(), nn.Linear(512, 256), nn.GELU(),
            nn.Linear(256, width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, classes),
        )  # fmt: skip

    def forward(self, x: Tensor, kind: Tensor, counts: Tensor, *_: Tensor) -> Tensor:
        slots = torch.cat([x, self.kind(kind)], dim=-1) * (kind > 0).unsqueeze(-1)
        out: Tensor = self.body(torch.cat([slots.flatten(1), counts], dim=1))
        return out


class PlainBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.inner, self.outer = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        b, s, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(b, s, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*qkv.unbind(0), attn_mask=mask)
        x = x + self.out(mixed.transpose(1, 2).reshape(b, s, width))
        out: Tensor = x + self.outer(functional.gelu(self.inner(self.norm2(x))))
        return out


class PlainTransformer(nn.Module):
    """``l2-transformer`` as a classifier."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        width, classes = _sizes(model)
        heads = model.encoder.options()["heads"]  # type: ignore[operator]
        self.kind = nn.Embedding(13, width)
        self.embed = nn.Sequential(nn.Linear(15, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.pair_in, self.pair_out = nn.Linear(4, 16), nn.Linear(16, width)
        self.token = nn.ParameterList([torch.zeros(width)])  # a list, to keep its place in order
        self.counts = nn.Linear(4, width)
        depth = len(model.encoder.blocks)  # type: ignore[arg-type]
        self.blocks = nn.ModuleList(PlainBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, classes))

    def forward(self, x: Tensor, kind: Tensor, counts: Tensor, variables: Tensor) -> Tensor:
        token = (self.token[0] + self.counts(counts)).unsqueeze(1)
        objects = self.embed(x) + self.kind(kind) + self.pairs(variables, kind > 0)
        x = torch.cat([token, objects], dim=1)
        there = functional.pad(kind > 0, (1, 0), value=True)
        mask = torch.zeros(there.shape).masked_fill(~there, float("-inf"))[:, None, None]
        for block in self.blocks:
            x = block(x, mask)
        out: Tensor = self.head(self.norm(x)[:, 0])
        return out

    def pairs(self, variables: Tensor, there: Tensor) -> Tensor:
        pt, eta, phi = (v.unsqueeze(2) for v in variables[..., :3].unbind(-1))
        d_eta, d_phi = eta - eta.mT, phi - phi.mT
        d_phi = torch.remainder(d_phi + torch.pi, 2 * torch.pi) - torch.pi
        d_r = (d_eta**2 + d_phi**2).clamp_min(1e-4).sqrt()
        least, both = torch.minimum(pt, pt.mT).clamp_min(1e-2), (pt + pt.mT).clamp_min(1e-2)
        m2 = 2 * pt * pt.mT * (d_eta.clamp(-8, 8).cosh() - d_phi.cos())
        values = torch.stack(
            [d_r.log(), (least * d_r).log() / 2 - 1.5, (least / both).log() + 1,
             m2.clamp_min(1).log() / 2 - 4.5], dim=-1,
        )  # fmt: skip
        real = there.unsqueeze(2) & there.unsqueeze(1)
        real = real & ~torch.eye(there.shape[1], dtype=torch.bool)
        read = functional.gelu(self.pair_in(values)) * real.unsqueeze(-1)
        out: Tensor = self.pair_out(read.sum(2) / 4)
        return out


PLAIN: dict[str, Callable[[Model], nn.Module]] = {
    "l1-mlp": PlainMlp,
    "l1-transformer": PlainTransformer,
    "l2-transformer": PlainTransformer,
}


def _sizes(model: Model) -> tuple[int, int]:
    return model.encoder.width, model.tasks["classify"].outer.out_features  # type: ignore


def plain_of(model: Model, name: str, events: Events) -> nn.Module:
    """Return the plain network with the weights of ``model``, which must then say the same.

    Its parameters come in the order of those that ``classify`` uses.
    """
    (term,) = model(events, {"classify": None}).values()
    term.total.backward()
    used = [p for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    plain = PLAIN[name](model)
    with torch.no_grad():
        for parameter, value in zip(plain.parameters(), used, strict=True):
            parameter.copy_(value)
        torch.testing.assert_close(plain(*ready(model, events)), model.logits(events))
    return plain


def ready(model: Model, events: Events) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what a plain network reads: columns with flags, types, counts, variables."""
    batch = batch_of(events, model.normaliser)
    x = torch.cat([batch.columns, batch.hidden.to(batch.columns.dtype)], dim=-1)
    return x, batch.type, batch.counts, batch.variables


class PlainLoop:
    """The least that trains the same network to the same end."""

    def __init__(self, network: nn.Module, model: Model, events: Events, batch: int) -> None:
        self.network, self.batch, self.at = network, batch, 0
        self.inputs = ready(model, events)
        self.label, self.weight = events.label, events.weight.float()
        self.order = torch.randperm(len(events))
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)

    def steps(self, n: int) -> None:
        for _ in range(n):
            rows = self.order[self.at : self.at + self.batch]
            self.at = (self.at + self.batch) % (len(self.order) - self.batch)
            logits = self.network(*(tensor[rows] for tensor in self.inputs))
            losses = functional.cross_entropy(logits, self.label[rows], reduction="none")
            loss = (losses * self.weight[rows]).mean()
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimiser.step()
