"""Which split an event belongs to: a pure function of its source's content and its entry.

Stable when files are added, renamed or moved, and equal in every rebuild.
"""

from __future__ import annotations

import numpy as np

from topdata.events import Array


def uniform(source_sha256: str, entry: Array) -> Array:
    """Return a number in [0, 1) for each entry of a source, float64 [n].

    The first eight bytes of the source's hash start a SplitMix64 sequence (Steele, Lea and
    Flood, OOPSLA 2014), of which entry k takes the k-th value.
    """
    with np.errstate(over="ignore"):
        z = np.uint64(int(source_sha256[:16], 16)) + (entry.astype(np.uint64) + np.uint64(1)) * (
            np.uint64(0x9E3779B97F4A7C15)
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return np.asarray((z >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def assign(source_sha256: str, entry: Array, fractions: dict[str, float]) -> Array:
    """Return the position of each entry's split in ``fractions``, int8 [n]."""
    edges = np.cumsum(list(fractions.values()))[:-1]
    return np.searchsorted(edges, uniform(source_sha256, entry), side="right").astype(np.int8)
