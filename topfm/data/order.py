"""In which order events come: a seed and the number of the epoch decide, nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def epoch_order(n: int, seed: int, epoch: int) -> Tensor:
    """Return a permutation of ``n`` events, int64 [n]."""
    generator = torch.Generator().manual_seed(mixed(seed, epoch))
    return torch.randperm(n, generator=generator)


def batches_of(
    order: Tensor, batch_size: int, *, start: int = 0, rank: int = 0, ranks: int = 1,
    drop_last: bool = False,
) -> Iterator[Tensor]:  # fmt: skip
    """Yield the rows of each batch from number ``start`` on.

    ``batch_size`` is that of all processes together; process ``rank`` of ``ranks`` gets every
    ``ranks``-th row of each, so that together they see the batches that one process sees.
    """
    n = len(order)
    stop = n - n % batch_size if drop_last else n
    for first in range(start * batch_size, stop, batch_size):
        yield order[first : min(first + batch_size, n)][rank::ranks]


def mixed(*numbers: int) -> int:
    """Return one 63-bit seed for several numbers (SplitMix64 finaliser)."""
    z = 0
    for number in numbers:
        z = (z * 0x9E3779B97F4A7C15 + number + 1) & (2**64 - 1)
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
        z ^= z >> 31
    return z >> 1
