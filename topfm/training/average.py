"""A moving average of the weights: often better, and steadier, than the last ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Average of the parameters that learn; its memory grows to ``decay`` in the first steps."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._live = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._decay = decay
        self.values = {name: p.detach().clone() for name, p in self._live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step number ``step``, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(
            list(self.values.values()), [p.detach() for p in self._live.values()], 1 - decay
        )

    def set(self, values: dict[str, Tensor]) -> None:
        """Take over saved averages."""
        for name, value in values.items():
            self.values[name].copy_(value)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model hold the average within a ``with`` block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self._live.items():
            live = parameter.detach().clone()
            parameter.copy_(self.values[name])
            self.values[name].copy_(live)
