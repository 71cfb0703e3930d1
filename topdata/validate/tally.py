"""Sums over all events, kept while shards are read: one byte an entry of a source, and counts."""

from __future__ import annotations

import math

import numpy as np

from topdata.kinematics import Array
from topdata.validate.dataset import Batch, Dataset, Shard
from topdata.validate.signatures import Comparison

_MOST = 1 << 33  # entries of a source; more can only be damage of the manifest


class Tally:
    """What was seen of each source and process."""

    def __init__(self, dataset: Dataset) -> None:
        n = len(dataset.manifest.sources)
        self.rows = np.zeros(n, np.int64)
        self.gen_weight: list[list[float]] = [[] for _ in range(n)]
        self.weight: list[list[float]] = [[] for _ in dataset.manifest.classes]
        self.largest = np.zeros(n)  # |gen_weight|
        self.met = np.tile([np.inf, -np.inf], (n, 1))  # smallest and largest of each source
        # processes of which some events could not be read: their sums say nothing
        self.incomplete: set[str] = set()
        self.comparison = Comparison()
        self._entries = [min(max(s.entries, 0), _MOST) for s in dataset.manifest.sources]
        self._seen: dict[int, Array] = {}

    def miss(self, shard: Shard) -> None:
        """Note that not all events of a shard could be read."""
        self.incomplete.add(shard.process)
        self.comparison.broken.add(shard.split)

    def repeated(self, batch: Batch) -> Array:
        """Return the positions of events that were there before, and remember the others."""
        event, found = batch.scalar("event"), []
        for source in np.unique(batch.source[batch.source >= 0]).tolist():
            seen = self._seen.setdefault(source, np.zeros(self._entries[source], np.bool_))
            at = np.flatnonzero((batch.source == source) & (event >= 0) & (event < len(seen)))
            first = np.zeros(len(at), np.bool_)
            first[np.unique(event[at], return_index=True)[1]] = True
            found.append(at[~first | seen[event[at]]])
            seen[event[at]] = True
        return np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def add(self, batch: Batch) -> None:
        """Add the events of a batch."""
        gen_weight, weight, met = (
            batch.scalar("gen_weight"),
            batch.scalar("weight"),
            batch.met("pt"),
        )
        for source in np.unique(batch.source[batch.source >= 0]).tolist():
            mine = batch.source == source
            self.rows[source] += int(mine.sum())
            self.gen_weight[source].append(float(gen_weight[mine].sum()))
            self.largest[source] = max(self.largest[source], float(np.abs(gen_weight[mine]).max()))
            low, high = self.met[source]
            self.met[source] = min(low, met[mine].min()), max(high, met[mine].max())
        label = batch.dataset.manifest.classes.index(batch.shard.process)
        self.weight[label].append(float(weight.sum()))

    def sum_gen_weight(self, source: int) -> float:
        """Return the sum of ``gen_weight`` over the events of a source."""
        return math.fsum(self.gen_weight[source])

    def sum_weight(self, label: int) -> float:
        """Return the sum of ``weight`` over the events of a class, pb."""
        return math.fsum(self.weight[label])
