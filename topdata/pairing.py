"""Simulated events beside the generator events that they were made from.

Entry k of a Delphes file is paired with the k-th event of its LHE file, and the pairing is checked:
what the hard process made (t, W, Z, H, new particles; where there is none, all outgoing partons)
must be found among the *first* copies of the generator record with the momenta of the LHE file.
Last copies would not do: initial-state radiation moves them by tens of GeV.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from topdata.errors import InputError
from topdata.events import Array, EventChunk, Jagged, ReadOptions, SourceInfo, expand, offsets_of
from topdata.kinematics import cartesian
from topdata.registry import reader_for
from topdata.truth.history import history, is_new_physics

TOLERANCE = 1e-3  # of the energy: simulated records may be rounded
_HEAVY = (6, 23, 24, 25)
_ME = ("pt", "eta", "phi", "mass", "pdg_id")


class Partner:
    """The LHE file of a Delphes file, read along with it."""

    def __init__(self, path: str, options: ReadOptions) -> None:
        self.path = path
        reader = reader_for(path)(path, options)
        self.info = reader.info
        if self.info.level != "parton":
            raise InputError(f"{path}: holds no generator events to pair with")
        self._chunks: Iterator[EventChunk] = (
            chunk for chunk in reader.chunks(0, self.info.entries) if isinstance(chunk, EventChunk)
        )
        self._held: list[EventChunk] = []

    def completed(self, info: SourceInfo) -> SourceInfo:
        """Add what the LHE file knows to a source: cross-section and names of the weights."""
        own = (info.cross_section, info.cross_section_error)
        cross_section, error = (
            own if own[0] else (self.info.cross_section, self.info.cross_section_error)
        )
        more = self.info.entries - info.entries
        notes = (f"{more} events of the LHE file are not here",) if more > 0 else ()
        return replace(
            info, cross_section=cross_section, cross_section_error=error, notes=info.notes + notes,
            weight_names=self.info.weight_names, process=self.info.process,
        )  # fmt: skip

    def attach(self, chunk: EventChunk, source: str) -> int:
        """Add ``lhe_event``, ``weights`` and ``me`` to a chunk; return the events without partner.

        Chunks must come in order. Raises :class:`InputError` at the first event that does not fit.
        """
        first, last = (int(chunk.event[i]) if len(chunk) else -1 for i in (0, -1))
        while not self._held or int(self._held[-1].event[-1]) < last:
            coming = next(self._chunks, None)
            if coming is None:
                break
            if int(coming.event[-1]) >= first:  # a job may begin in the middle of the file
                self._held.append(coming)
        width = len(self.info.weight_names)
        chunk.lhe_event = np.full(len(chunk), -1, np.int64)
        chunk.weights = np.full((len(chunk), width), np.nan, np.float32)
        parts: list[tuple[Array, Jagged]] = []  # event positions of the chunk, their partons
        for partner in self._held:
            common, here, there = np.intersect1d(
                chunk.event, partner.event, assume_unique=True, return_indices=True
            )
            if not len(common):
                continue
            _require_same(chunk, here, partner, there, f"{source} and {self.path}")
            chunk.lhe_event[here] = common
            if partner.weights is not None:
                chunk.weights[here] = partner.weights[there]
            parts.append((here, _partons(partner, there)))
        chunk.me = _spread(parts, len(chunk))
        self._held = [held for held in self._held if int(held.event[-1]) > last]
        return int((chunk.lhe_event < 0).sum())


def _partons(partner: EventChunk, events: Array) -> Jagged:
    """Return incoming and outgoing partons of some events, in their order."""
    gen = partner.gen
    assert gen is not None
    event, particle = expand(gen.offsets[events], np.diff(gen.offsets)[events])
    status = gen.column("status")[particle]
    keep = (status == -1) | (status == 1)
    event, particle = event[keep], particle[keep]
    columns = {name: gen.column(name)[particle] for name in _ME[:4]}
    columns["pdg_id"] = gen.column("pid")[particle]
    return Jagged(offsets_of(np.bincount(event, minlength=len(events))), columns)


def _spread(parts: list[tuple[Array, Jagged]], n: int) -> Jagged:
    """Put the partons of paired events at their places in a chunk of n events."""
    counts = np.zeros(n, np.int64)
    for here, partons in parts:
        counts[here] = partons.counts
    names = {name: [p[name] for _, p in parts] for name in _ME}
    empty = {name: np.zeros(0, np.int32 if name == "pdg_id" else np.float32) for name in _ME}
    columns = {name: np.concatenate(v) if v else empty[name] for name, v in names.items()}
    return Jagged(offsets_of(counts), columns)


def _require_same(
    chunk: EventChunk, here: Array, partner: EventChunk, there: Array, files: str
) -> None:
    if chunk.gen is None or partner.gen is None:
        return
    wanted = _made(partner, there)
    graph = history(chunk.gen)
    first = np.flatnonzero(graph.first_copy & ~graph.hard)
    found = _momenta(chunk, graph.gen[first])
    position = np.full(len(chunk), -1, np.int64)
    position[here] = np.arange(len(here))
    event = position[graph.event[first]]
    order = np.flatnonzero(event >= 0)
    bounds = np.searchsorted(event[order], np.arange(len(here) + 1))
    owner, place = expand(bounds[wanted["event"]], np.diff(bounds)[wanted["event"]])
    place = order[place]
    same = wanted["pid"][owner] == found["pid"][place]
    distance = sum((wanted[p][owner] - found[p][place]) ** 2 for p in ("px", "py", "pz"))
    near = same & (np.sqrt(distance) <= TOLERANCE * wanted["energy"][owner])
    matched = np.zeros(len(wanted["pid"]), np.bool_)
    matched[owner[near]] = True
    if matched.all():
        return
    row = int(np.flatnonzero(~matched)[0])
    entry = int(chunk.event[here[wanted["event"][row]]])
    raise InputError(
        f"{files}: entry {entry} is not event {entry}: no {int(wanted['pid'][row])} with "
        f"pz = {wanted['pz'][row]:.4g} GeV in the generator record: are these files a pair?"
    )


def _made(partner: EventChunk, events: Array) -> dict[str, Array]:
    """Return what the hard process made in some events: resonances, or else all that came out."""
    gen = partner.gen
    assert gen is not None
    event, particle = expand(gen.offsets[events], np.diff(gen.offsets)[events])
    pid, status, m1 = (gen.column(name)[particle] for name in ("pid", "status", "m1"))
    direct = (m1 >= 0) & (gen.column("status")[m1] == -1)
    heavy = direct & (np.isin(np.abs(pid), _HEAVY) | is_new_physics(pid))
    has_heavy = np.bincount(event[heavy], minlength=len(events)) > 0
    wanted = heavy | (~has_heavy[event] & direct & (status == 1))
    return {"event": event[wanted], **_momenta(partner, particle[wanted])}


def _momenta(chunk: EventChunk, particle: Array) -> dict[str, Array]:
    gen = chunk.gen
    assert gen is not None
    px, py, pz, energy = cartesian(
        *(gen.column(name)[particle] for name in ("pt", "eta", "phi", "mass"))
    )
    return {"pid": gen.column("pid")[particle], "px": px, "py": py, "pz": pz, "energy": energy}
