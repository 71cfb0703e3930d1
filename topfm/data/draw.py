"""Random numbers of a batch that do not depend on how many processes share it."""

from __future__ import annotations

import torch
from torch import Tensor

from topfm.data.order import mixed


class Draw:
    """Draws for all events of a batch, of which a process keeps those of its own events.

    What is drawn follows from the seeds alone, so a training that is resumed at a batch draws what
    it would have drawn, and two processes draw together what one would.
    """

    def __init__(self, *seeds: int, events: int, rank: int = 0, ranks: int = 1) -> None:
        self._generator = torch.Generator().manual_seed(mixed(*seeds))
        self._events, self._rank, self._ranks = events, rank, ranks

    def uniform(self, *shape: int) -> Tensor:
        """Return float32 [own events, *shape] in [0, 1), on the CPU."""
        drawn = torch.rand(self._events, *shape, generator=self._generator)
        return drawn[self._rank :: self._ranks]
