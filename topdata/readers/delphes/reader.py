"""The Delphes reader: entry ranges of a tree as :class:`topdata.events.EventChunk`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import ClassVar

import numpy as np

from topdata.errors import DamagedError, InputError
from topdata.events import Array, Damage, EventChunk, ReadOptions, SourceInfo
from topdata.readers.delphes.collections import Collections, Layout
from topdata.readers.delphes.record import gen_record, has_pile_up, resolve
from topdata.readers.delphes.tree import DelphesTree

# Large enough that the fixed cost of a leaf (about 1 ms) vanishes, small enough for the memory
# of one worker: a full record has about 1,600 particles an event and ten 4-byte leaves.
_EVENTS = 5000
_PARTICLES = 1_500_000


class DelphesReader:
    """Reads Delphes 3.3 to 3.5 files, local or remote."""

    format: ClassVar[str] = "Delphes ROOT"
    seekable = True

    def __init__(self, path: str, options: ReadOptions) -> None:
        self.path = path
        self._tree = DelphesTree(path, options.threads)
        self._layout = Layout.of(self._tree, options.branches)
        self._collections = Collections(self._tree, self._layout)
        self._pile_up: bool | None = None
        self._truth = options.truth and self._layout.has_record
        if not any(
            (self._layout.jets, self._layout.electrons, self._layout.muons, self._layout.particles)
        ):
            raise InputError(
                f"{path}: no jets, leptons or particles (collections: "
                f"{', '.join(self._tree.collections) or 'none'})"
            )

    @staticmethod
    def sniff(head: bytes) -> bool:
        """A ROOT file begins with the four bytes ``root``."""
        return head.startswith(b"root")

    @property
    def info(self) -> SourceInfo:
        """Entries, collections, cross-section and what is absent."""
        notes = [
            f"no {what} collection: empty"
            for what in ("jets", "electrons", "muons", "photons")
            if getattr(self._layout, what) is None
        ]
        if self._layout.met is None:
            notes.append("no missing transverse momentum: zero")
        if self._layout.weight is None or not self._tree.has(self._layout.weight, "Weight"):
            notes.append("no event weight: one")
        if self._layout.particles is None:
            notes.append("no generator record: no truth")
        if len(self._tree.cycles) > 1:
            notes.append(f"{len(self._tree.cycles)} cycles of the tree: the highest is read")
        if self._layout.has_record and not self._truth:
            notes.append("generator record left unread: no truth")
        notes.extend(f"no leaf {leaf}: zero" for leaf in self._collections.absent())
        cross_section, more = self._cross_section()
        notes.extend(more)
        versions = [
            f"{name} {version}"
            for name in ("Jet", "GenParticle", "Electron")
            if (version := self._tree.class_version(name)) is not None
        ]
        return SourceInfo(
            format=self.format,
            entries=self._tree.entries,
            collections=self._tree.collections,
            truth=self._truth,
            cross_section=cross_section,
            generator=f"Delphes, classes {', '.join(versions)}" if versions else "Delphes",
            notes=tuple(notes),
        )

    def _cross_section(self) -> tuple[float | None, list[str]]:
        """Return ``Event.CrossSection`` of the last entry in pb if it can be believed, and notes.

        HepMC input sets it, and its estimate improves from event to event. In an ``LHEFEvent`` it
        is the constant 1 of the class, elsewhere memory as it was: so it must be of a
        ``HepMCEvent``, positive and agree over the last entries.
        """
        tree, name = self._tree, self._layout.weight
        if name is None or not tree.entries or not tree.has(name, "CrossSection"):
            return None, []
        if tree.collections[name] != "HepMCEvent":
            return None, []
        first = max(0, tree.entries - 100)
        try:
            values = tree.read(name, "CrossSection", first, tree.entries)[1].astype(np.float64)
        except DamagedError as error:
            return None, [f"no cross-section: {error}"]
        if not len(values) or not np.isfinite(values).all() or values.min() < 1e-12:
            return None, []
        last = float(values[-1])
        return (last if np.ptp(values) <= 0.2 * last else None), []

    def chunks(self, start: int, stop: int) -> Iterator[EventChunk | Damage]:
        """Yield the events of [start, stop) in order; unreadable baskets come as damage."""
        lost: Damage | None = None  # neighbouring baskets are reported as one range
        for first, last in pairwise(self._ranges(start, stop)):
            for item in self._salvage(first, last):
                if isinstance(item, Damage):
                    lost = _joined(lost, item)
                    continue
                if lost is not None:
                    yield lost
                    lost = None
                yield item
        if lost is not None:
            yield lost

    def _ranges(self, start: int, stop: int) -> list[int]:
        """Cut [start, stop) at cluster edges into pieces that fit the memory."""
        limit = _EVENTS
        if self._truth and self._layout.particles is not None:
            particles = self._tree.rows_per_event(self._layout.particles, "PID")
            limit = int(np.clip(_PARTICLES / max(particles, 1.0), 1, _EVENTS))
        edges = self._tree.cluster_edges()
        cuts = [start]
        while cuts[-1] < stop:
            limit_stop = min(cuts[-1] + limit, stop)
            inside = edges[(edges > cuts[-1]) & (edges <= limit_stop)]
            cuts.append(int(inside[-1]) if len(inside) else limit_stop)
        return cuts

    def _salvage(self, start: int, stop: int) -> Iterator[EventChunk | Damage]:
        """Read a range; where that fails, halve it at basket edges down to the damaged basket."""
        try:
            yield self._read(start, stop)
            return
        except DamagedError as error:
            reason = str(error)
        edges = self._tree.basket_edges(start, stop)
        if len(edges) <= 2:
            yield Damage(start, stop, reason)
            return
        middle = int(edges[len(edges) // 2])
        yield from self._salvage(start, middle)
        yield from self._salvage(middle, stop)

    def _read(self, start: int, stop: int) -> EventChunk:
        read = self._collections
        leptons = read.leptons(start, stop)
        record = None
        gen: Array = np.full(len(leptons["ref"]), -1, np.int64)
        if self._truth and self._layout.particles is not None:
            name = self._layout.particles
            if self._pile_up is None:
                self._pile_up = has_pile_up(self._tree, name)
            record = gen_record(self._tree, name, start, stop, pile_up=self._pile_up)
            gen = resolve(record, leptons)
        del leptons.columns["ref"]
        leptons.columns["gen"] = gen
        return EventChunk(
            event=np.arange(start, stop, dtype=np.int64),
            gen_weight=read.weights(start, stop),
            met=read.met(start, stop),
            jets=read.jets(start, stop),
            leptons=leptons,
            photons=read.photons(start, stop),
            gen=record,
        )

    def close(self) -> None:
        """Close the file."""
        self._tree.close()


def _joined(lost: Damage | None, more: Damage) -> Damage:
    """Return one damage for two neighbours, with the reasons of both."""
    if lost is None:
        return more
    known = more.reason in lost.reason
    reason = lost.reason if known else f"{lost.reason}; {more.reason}"
    return Damage(lost.start, more.stop, reason[:300])
