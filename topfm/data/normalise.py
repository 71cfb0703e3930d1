"""Standardisation that is fitted once on training events and travels in the checkpoint."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from topfm.data.columns import COLUMNS, VARIABLES, columns_of
from topfm.data.events import COUNTS, Events, present

_BLOCK = 16_384
_CONSTANT = 1e-6  # a smaller spread is none


class Normaliser(nn.Module):
    """Means and scales of what networks read (columns, counts) and predict (variables).

    Predicted variables are standardised linearly, apart for objects, Ws and tops, so that a squared
    error has one meaning in GeV. A column that never varies gets scale 1; its spread stays 0.
    """

    kinds = ("object", "w", "top")

    def __init__(self) -> None:
        super().__init__()
        for name, shape in (
            ("column", (len(COLUMNS),)),
            ("count", (len(COUNTS),)),
            ("target", (len(self.kinds), len(VARIABLES))),
        ):
            self.register_buffer(f"{name}_mean", torch.zeros(shape))
            self.register_buffer(f"{name}_scale", torch.ones(shape))
            self.register_buffer(f"{name}_spread", torch.ones(shape))
        self.register_buffer("fitted", torch.tensor(0, dtype=torch.int64))  # events

    column_spread: Tensor  # before it became a scale: 0 where a column never varies
    count_spread: Tensor
    column_mean: Tensor
    column_scale: Tensor
    count_mean: Tensor
    count_scale: Tensor
    target_mean: Tensor
    target_scale: Tensor
    fitted: Tensor

    def fit(self, events: Events) -> None:
        """Set means and scales from events; empty slots count for nothing."""
        objects = [e.variables[present(e.type)] for e in _blocks(events)]
        self._set("column", _moments(columns_of(block) for block in objects))
        self._set("count", _moments(e.counts for e in _blocks(events)))
        by_kind = [
            _moments(iter(objects)),
            _moments(e.ws[e.ws[..., 0] > 0] for e in _blocks(events)),
            _moments(e.tops[e.tops[..., 0] > 0] for e in _blocks(events)),
        ]
        self._set("target", (torch.stack([m for m, _ in by_kind]),
                             torch.stack([s for _, s in by_kind])))  # fmt: skip
        self.fitted.fill_(len(events))

    def _set(self, name: str, moments: tuple[Tensor, Tensor]) -> None:
        mean, spread = moments
        getattr(self, f"{name}_mean").copy_(mean)
        constant = spread < _CONSTANT
        getattr(self, f"{name}_scale").copy_(torch.where(constant, 1.0, spread))
        getattr(self, f"{name}_spread").copy_(torch.where(constant, 0.0, spread))

    def columns(self, variables: Tensor, there: Tensor) -> Tensor:
        """Return standardised columns [..., 8] of variables [..., 7]; 0 where nothing is there."""
        values = (columns_of(variables) - self.column_mean) / self.column_scale
        return values.masked_fill(~there.unsqueeze(-1), 0.0)

    def counts(self, counts: Tensor) -> Tensor:
        """Return standardised counts [..., 4]."""
        return (counts - self.count_mean) / self.count_scale

    def targets(self, variables: Tensor, kind: str) -> Tensor:
        """Return standardised variables [..., 7] of a kind of particle."""
        k = self.kinds.index(kind)
        return (variables - self.target_mean[k]) / self.target_scale[k]

    def restored(self, targets: Tensor, kind: str) -> Tensor:
        """Return variables [..., 7] in GeV and radians from standardised ones."""
        k = self.kinds.index(kind)
        return targets * self.target_scale[k] + self.target_mean[k]


def _blocks(events: Events) -> Iterator[Events]:
    for first in range(0, len(events), _BLOCK):
        yield events.rows(torch.arange(first, min(first + _BLOCK, len(events))))


def _moments(blocks: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation over rows; 0 and 0 where there are none."""
    n, total, squares = 0, None, None
    for block in blocks:
        values = block.double()
        n += len(values)
        total = values.sum(0) if total is None else total + values.sum(0)
        squares = (values**2).sum(0) if squares is None else squares + (values**2).sum(0)
    assert total is not None
    assert squares is not None
    if not n:
        return total.float(), total.float()
    mean = total / n
    return mean.float(), (squares / n - mean**2).clamp_min(0).sqrt().float()
