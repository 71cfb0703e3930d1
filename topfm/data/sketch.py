"""Which events weights have seen, in half a megabyte: the smallest hashes of what was seen.

Hashes of source files miss events that were cut out, skimmed or merged into other files. So events
are known by what was reconstructed: the MET and the two leading jets, rounded to three digits. Of
all hashes the smallest are kept (a bottom-k sketch): of another sample, events whose hash is below
the largest one kept are either among them or were not seen, so their share is an unbiased estimate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from topdata.schema import slots
from topfm.data.events import Events

KEPT = 65_536
_DIGITS = 1000.0
_KINEMATICS = 3  # pt, eta, phi


def event_hashes(events: Events) -> Tensor:
    """Return a hash of each event's MET and two leading jets, int64 [n], not negative."""
    jets = events.variables[:, slots.BJETS.start : slots.JETS.stop, :_KINEMATICS]
    leading = jets[..., 0].topk(2, dim=1).indices.unsqueeze(-1).expand(-1, -1, _KINEMATICS)
    met = events.variables[:, slots.MET.start, :_KINEMATICS]
    pt, *angles = torch.cat([jets.gather(1, leading), met[:, None]], dim=1).double().unbind(-1)
    power = 10.0 ** torch.floor(torch.log10(pt.clamp_min(1e-3)))
    rounded = [torch.round(pt / power * 100) * power, *(torch.round(a * _DIGITS) for a in angles)]
    words = torch.cat(rounded, dim=1).mul(_DIGITS).round().long()
    state = torch.zeros(len(words), dtype=torch.int64)
    for column in words.unbind(1):
        state = _mixed(state ^ column)
    return state & (2**63 - 1)


def sketch(*seen: Tensor) -> Tensor:
    """Return the smallest different hashes of all, sorted, int64 [at most KEPT]."""
    different: Tensor = torch.unique(torch.cat(seen))
    return different[:KEPT]


def is_sketch(tensor: Tensor) -> bool:
    """Tell whether a tensor can have come from :func:`sketch`."""
    return (
        tensor.dtype == torch.int64
        and tensor.ndim == 1
        and len(tensor) <= KEPT
        and bool((tensor >= 0).all())
        and bool((tensor[1:] > tensor[:-1]).all())
    )


def known(kept: Tensor, hashes: Tensor) -> float:
    """Return the share of events that were seen; NaN where the sketch cannot tell."""
    if len(kept) >= KEPT:
        hashes = hashes[hashes <= kept[-1]]
    if not len(hashes):
        return float("nan")
    return float(torch.isin(hashes, kept).double().mean())


def _mixed(z: Tensor) -> Tensor:
    """Mix the bits of each number (the finaliser of SplitMix64, shifts without the sign)."""
    z = z + _signed(0x9E3779B97F4A7C15)
    z = (z ^ ((z >> 30) & (2**34 - 1))) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ ((z >> 27) & (2**37 - 1))) * _signed(0x94D049BB133111EB)
    return z ^ ((z >> 31) & (2**33 - 1))


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number
