"""Tops in fixed places: first the hadronic ones, then the leptonic ones, each pT-ordered.

Programs that assign jets to tops are told how many tops of which kind an event has at most.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from topdata.export.events import Events
from topdata.kinematics import Array
from topdata.schema.codes import Match

HADRONIC_PRODUCTS = ("b", "q1", "q2")  # q1 up-type, q2 down-type
LEPTONIC_PRODUCTS = ("b", "l")


@dataclass(frozen=True, slots=True)
class Targets:
    """Which object is which product of which top; P places.

    ``index`` holds rows of the padded jets for all products but ``l``, which is a row of the
    padded leptons. A matched object that the padding cut off is ``Match.TRUNCATED``.
    """

    top: Array  # int64 [n, P]: row of the flat true tops, or -1 for an empty place
    index: Array  # int64 [n, P, 3]: products in order; Match.NONE, Match.TRUNCATED or a row

    def stored(self) -> Array:
        """Return ``index`` with one code, -1, for everything that is not there."""
        return np.maximum(self.index, Match.NONE)


@dataclass(frozen=True, slots=True)
class Topology:
    """How many hadronic and leptonic tops an event is described with."""

    hadronic: int
    leptonic: int

    @property
    def size(self) -> int:
        """Number of places."""
        return self.hadronic + self.leptonic

    @property
    def products(self) -> list[tuple[str, ...]]:
        """Names of the products of each place."""
        return [HADRONIC_PRODUCTS] * self.hadronic + [LEPTONIC_PRODUCTS] * self.leptonic

    def places(self, events: Events) -> Array:
        """Return the place of each true top, -1 where there is none for it."""
        tops = events.tops
        place = np.full(len(tops.event), -1, np.int64)
        first = events.lists("truth.tops")[0][:-1]
        for kind, begin, size in (
            (tops.hadronic, 0, self.hadronic),
            (tops.leptonic, self.hadronic, self.leptonic),
        ):
            before = np.cumsum(kind) - kind  # tops of this kind before each, in the whole block
            rank = before - np.append(before, 0)[first][tops.event]
            inside = kind & (rank < size)
            place[inside] = begin + rank[inside]
        return place

    def targets(self, events: Events, max_jets: int, max_leptons: int) -> Targets:
        """Return the targets of a block."""
        tops, place = events.tops, self.places(events)
        top = np.full((len(events), self.size), -1, np.int64)
        index = np.full((len(events), self.size, 3), Match.NONE, np.int64)
        placed = np.flatnonzero(place >= 0)
        where = (tops.event[placed], place[placed])
        top[where] = placed
        leptonic = tops.leptonic[placed]
        jets = np.stack([tops.b, tops.up, tops.down], axis=-1)[placed]
        lepton = tops.lepton[placed]
        products = np.where(jets < max_jets, jets, Match.TRUNCATED)
        lepton = np.where(lepton < max_leptons, lepton, Match.TRUNCATED)
        products[leptonic, 1] = lepton[leptonic]
        products[leptonic, 2] = Match.NONE
        index[where] = products
        return Targets(top, index)

    def complete(self, targets: Targets) -> Array:
        """Tell for each place, [n, P], whether all products of its top are matched and kept."""
        needed = np.array([len(names) for names in self.products])
        found = targets.index >= 0
        return np.asarray((targets.top >= 0) & (found.sum(axis=-1) == needed))

    def count(self, events: Events, targets: Targets) -> Counter[str]:
        """Return what the report says of the tops of a block."""
        complete = self.complete(targets)
        return Counter(
            {
                "tops": len(events.tops.event),
                "tops_without_place": int((self.places(events) < 0).sum()),
                "tops_complete": int(complete.sum()),
                "events_complete": int(complete.all(axis=1).sum()),
                "matched_but_truncated": int((targets.index == Match.TRUNCATED).sum()),
            }
        )
