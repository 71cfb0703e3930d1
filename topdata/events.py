"""What a reader hands on: chunks of events as flat columns, and the protocol of a reader.

A chunk holds many events. Variable-length data are *jagged*: one flat array per quantity and
``offsets`` of shape [n_events + 1], so that event ``i`` owns rows ``offsets[i]:offsets[i + 1]``.
This is the layout of Arrow and of ROOT baskets: nothing is copied between file and shard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(slots=True)
class Jagged:
    """Rows of several columns that belong to events."""

    offsets: Array  # int64 [n_events + 1], first 0, last n_rows
    columns: dict[str, Array]  # each [n_rows]

    def __getitem__(self, name: str) -> Array:
        """Return the flat column ``name``, shape [n_rows]."""
        return self.columns[name]

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.offsets) - 1

    @property
    def counts(self) -> Array:
        """Rows of each event, shape [n_events]."""
        return np.diff(self.offsets)

    @property
    def event(self) -> Array:
        """Position of each row's event in the chunk, shape [n_rows]."""
        return np.repeat(np.arange(len(self)), self.counts)

    @property
    def row(self) -> Array:
        """Position of each row within its event, shape [n_rows]."""
        return np.asarray(np.arange(self.offsets[-1]) - np.repeat(self.offsets[:-1], self.counts))

    def take(self, rows: Array) -> Jagged:
        """Keep ``rows`` (flat indices, grouped by event in ascending order) in that order."""
        counts = np.bincount(self.event[rows], minlength=len(self))
        return Jagged(offsets_of(counts), {k: v[rows] for k, v in self.columns.items()})

    def where(self, mask: Array) -> Jagged:
        """Keep the rows where ``mask`` (bool [n_rows]) is true."""
        return self if mask.all() else self.take(np.flatnonzero(mask))

    def ordered(self, by: str) -> Jagged:
        """Sort the rows of each event by descending ``by``; equal values keep their order."""
        return self.take(np.lexsort((-self.columns[by], self.event)))


def offsets_of(counts: Array) -> Array:
    """Return int64 offsets [n + 1] from counts [n]."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def empty(n_events: int, dtypes: Mapping[str, Any]) -> Jagged:
    """Return no rows for ``n_events`` events."""
    return Jagged(
        np.zeros(n_events + 1, np.int64),
        {name: np.zeros(0, dtype) for name, dtype in dtypes.items()},
    )


def expand(starts: Array, counts: Array) -> tuple[Array, Array]:
    """Return (owner, index) of ``counts[i]`` consecutive indices from ``starts[i]`` on."""
    owner = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) + (starts - before)[owner]


class GenRecord:
    """The generator's particle list of a chunk, flat, with chunk-wide indices.

    ``column(name)`` returns a flat array [n_particles], read when it is first asked for (so the
    file must still be open):
    ``pid``, ``status``, ``pt``, ``eta``, ``phi``, ``mass``, ``is_pileup`` (bool), and the links
    ``m1``, ``m2``, ``d1``, ``d2``, which index the whole chunk; -1 means none, and a damaged link
    may lead out of its event (see :meth:`same_event`). Links keep the convention of their writer
    (specification of the Delphes ``GenParticle`` branch).
    """

    LINKS = ("m1", "m2", "d1", "d2")

    def __init__(
        self,
        offsets: Array,
        read: Callable[[str], Array],
        damaged: dict[int, str] | None = None,
    ) -> None:
        self.offsets = offsets
        self._read = read
        # event position -> why its record cannot be trusted; ``read`` may add to it
        self.damaged: dict[int, str] = {} if damaged is None else damaged
        self._columns: dict[str, Array] = {}
        self._code: Array | None = None

    def __len__(self) -> int:
        """Return the number of particles in the chunk."""
        return int(self.offsets[-1])

    def column(self, name: str) -> Array:
        """Return one flat column, [n_particles]."""
        if name not in self._columns:
            values = self._read(name)
            self._columns[name] = self._chunk_wide(values) if name in self.LINKS else values
        return self._columns[name]

    @property
    def code(self) -> Array:
        """|PDG code| where it is below 127, else 127: int8, cheap to compare, [n_particles]."""
        if self._code is None:
            self._code = np.minimum(np.abs(self.column("pid")), 127).astype(np.int8)
        return self._code

    def event_of(self, particles: Array) -> Array:
        """Return the event position of each particle index."""
        return np.searchsorted(self.offsets, particles, side="right") - 1

    def _chunk_wide(self, link: Array) -> Array:
        shift = np.repeat(self.offsets[:-1].astype(np.int32), np.diff(self.offsets))
        shift += link
        shift[link < 0] = -1
        return shift

    def same_event(self, particle: Array, link: Array) -> Array:
        """Tell which links stay inside the event of their particle; damaged ones do not."""
        event = self.event_of(particle)
        return np.asarray((link >= self.offsets[event]) & (link < self.offsets[event + 1]))


@dataclass(slots=True)
class EventChunk:
    """Consecutive events of one source, before any selection.

    ``jets`` has pt, eta, phi, mass, btag, tautag, flavor, charge; ``leptons`` has pt, eta, phi,
    mass, charge, pdg_id, isolation and ``gen`` (index into the generator record: -1 the
    simulation gives no link, -2 the link points to nothing); ``photons`` has pt, eta, phi,
    isolation. At parton level ``jets`` has ``gen`` too. GeV, radians.
    """

    event: Array  # int64 [n], entry number in the source
    gen_weight: Array  # float64 [n]
    met: dict[str, Array]  # pt, phi: float32 [n]
    jets: Jagged
    leptons: Jagged
    photons: Jagged
    gen: GenRecord | None = None
    undecayed: tuple[int, ...] = ()  # |PDG codes| of final resonances, at parton level
    weights: Array | None = None  # float32 [n, n_weights], generator weight variations
    lhe_event: Array | None = None  # int64 [n], event of the paired LHE file, or -1
    me: Jagged | None = None  # partons of the paired event: pt, eta, phi, mass, pdg_id

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.event)


@dataclass(frozen=True, slots=True)
class Damage:
    """Consecutive events of one source that cannot be read."""

    start: int
    stop: int
    reason: str  # what is wrong, in one line


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a source says of itself."""

    format: str
    entries: int
    collections: dict[str, str]  # name -> class or meaning
    truth: bool
    cross_section: float | None = None  # pb
    cross_section_error: float | None = None  # pb
    generator: str = ""
    process: str = ""  # what was generated, in the generator's words
    level: str = "reconstructed"  # or parton
    declared: int | None = None  # events that the file says it holds
    weight_names: tuple[str, ...] = ()  # of the variations, in order
    notes: tuple[str, ...] = ()  # one line each: absent collections, odd values


@dataclass(frozen=True, slots=True)
class Branches:
    """Names of the collections to read; ``None`` takes the default name if it is there."""

    jets: str | None = None
    electrons: str | None = None
    muons: str | None = None
    photons: str | None = None
    met: str | None = None
    particles: str | None = None
    weight: str | None = None


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a source."""

    branches: Branches = field(default_factory=Branches)
    truth: bool = True
    threads: int = 1  # for decompression
    invisible: frozenset[int] = frozenset()  # |PDG codes| that a detector misses, at parton level


class Reader(Protocol):
    """One input format: registered under the entry-point group ``topdata.readers``.

    Raises :class:`topdata.errors.InputError` when the source cannot be used at all. What is
    damaged inside a usable source is yielded as :class:`Damage`, never passed over.
    """

    format: ClassVar[str]
    # an entry range can be read without what stands before it
    seekable: ClassVar[bool]

    def __init__(self, path: str, options: ReadOptions) -> None:
        """Open ``path``."""
        ...

    @staticmethod
    def sniff(head: bytes) -> bool:
        """Tell from its first bytes (gunzipped) whether a file is of this format."""
        ...

    @property
    def info(self) -> SourceInfo:
        """What the source says of itself."""
        ...

    def chunks(self, start: int, stop: int) -> Iterator[EventChunk | Damage]:
        """Yield the events ``start <= entry < stop`` in order, each once, in bounded memory."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...
