"""The LHE reader: Les Houches event files of any version, plain, gzip or zstandard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from topdata.events import Array, Damage, EventChunk, Jagged, ReadOptions, SourceInfo, offsets_of
from topdata.partonlevel import parton_chunk
from topdata.readers.lhe.block import HEADER, PARTICLE, Events, parse_block
from topdata.readers.lhe.event import Event, EventError, parse_event
from topdata.readers.lhe.header import Header
from topdata.readers.lhe.scan import End, Scan, read_header, scan
from topdata.readers.lhe.stream import EVENT_OPEN, blocks


class LheReader:
    """Reads generator events as parton-level events."""

    format: ClassVar[str] = "LHE"
    seekable = False

    def __init__(self, path: str, options: ReadOptions) -> None:
        self.path = path
        self._options = options
        self._header = read_header(path)
        self._ids = tuple(self._header.weights) or _first_ids(path)

    @cached_property
    def _scan(self) -> Scan:
        """One pass over the file, for what only the whole file can tell."""
        return scan(self.path)

    @staticmethod
    def sniff(head: bytes) -> bool:
        """``<LesHouchesEvents``, after a byte-order mark, blanks or an XML declaration."""
        return (
            b"<LesHouchesEvents" in head[:2048] and head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
        )

    @property
    def info(self) -> SourceInfo:
        """Generator, process, cross-section, counts and what is odd."""
        found, header = self._scan, self._scan.header
        sigma, error = found.cross_section()
        notes = found.notes()
        if header.comphep:
            notes.append("CompHEP: couplings are written as alpha_s, alpha_em")
        return SourceInfo(
            format=f"LHE {header.version}".strip(),
            entries=found.events,
            collections={
                "beams": f"{header.beams[0]} {header.energies[0]:g} GeV, "
                f"{header.beams[1]} {header.energies[1]:g} GeV",
                "IDWTUP": str(header.idwtup),
                "weight variations": str(len(header.weights)),
            },
            truth=self._options.truth,
            cross_section=sigma,
            cross_section_error=error,
            generator=_with_seed(header),
            process=header.process,
            level="parton",
            declared=header.declared,
            weight_names=self._ids,
            notes=tuple(notes),
        )

    def chunks(self, start: int, stop: int) -> Iterator[EventChunk | Damage]:
        """Yield the events of [start, stop); what an event should not be comes as damage."""
        entry = 0
        end = End()
        for block in blocks(self.path):
            text, offset = block.text, block.offset
            end.see(block)
            opening = EVENT_OPEN.search(text)
            if opening is not None:
                text, offset = text[opening.start() :], offset + opening.start()
                for piece in _pieces(text, offset, self._ids):
                    yield from self._between(piece, entry, start, stop)
                    entry += len(piece) if isinstance(piece, Events) else 1
            if entry > stop:
                break
        else:
            if end.fault:
                yield Damage(entry, entry, f"{end.fault}, at byte {end.size} of the unpacked file")

    def _between(
        self, piece: Events | _Bad, entry: int, start: int, stop: int
    ) -> Iterator[EventChunk | Damage]:
        if isinstance(piece, _Bad):
            if start <= entry < stop:
                yield Damage(entry, entry + 1, f"{piece.reason}, at byte {piece.offset}")
            return
        first, last = max(start - entry, 0), min(stop - entry, len(piece))
        if first < last:
            yield self._chunk(piece, entry, first, last)

    def _chunk(self, events: Events, entry: int, first: int, last: int) -> EventChunk:
        rows = slice(int(events.offsets[first]), int(events.offsets[last]))
        table = {name: values[rows] for name, values in events.particles.items()}
        offsets = events.offsets[first : last + 1] - events.offsets[first]
        # one mother is written `i 0` or `i i`, both incoming ones `1 2`
        second = np.where(table["m2"] == table["m1"], 0, table["m2"])
        particles = Jagged(
            offsets,
            {
                **{n: table[n] for n in ("pid", "status", "px", "py", "pz", "energy", "mass")},
                "m1": table["m1"].astype(np.int64) - 1,
                "m2": second.astype(np.int64) - 1,
            },
        )
        chunk = parton_chunk(
            np.arange(entry + first, entry + last, dtype=np.int64),
            events.header["weight"][first:last].astype(np.float64),
            particles,
            self._options.invisible,
        )
        chunk.weights = _ordered(events, self._ids)[first:last]
        if not self._options.truth:
            chunk.gen = None
        return chunk

    def close(self) -> None:
        """Nothing stays open between reads."""


def _with_seed(header: Header) -> str:
    return header.generator + (f", seed {header.seed}" if header.seed else "")


@dataclass(frozen=True, slots=True)
class _Bad:
    """An event that cannot be used."""

    reason: str
    offset: int


def _pieces(text: bytes, offset: int, ids: tuple[str, ...]) -> Iterator[Events | _Bad]:
    """Return the events of a text that begins with an event: fast if all are well-formed."""
    events = parse_block(text)
    if events is not None and all(_place(raw, ids) is not None for raw in events.weight_ids):
        yield events
        return
    starts = [found.start() for found in EVENT_OPEN.finditer(text)]
    good: list[Event] = []
    for begin, end in zip(starts, [*starts[1:], len(text)], strict=True):
        try:
            event = parse_event(text[begin:end])
            for raw in event.weights:
                if _place(raw, ids) is None:
                    raise EventError(f"the weight {raw.decode(errors='replace')!r} is not declared")
            good.append(event)
        except EventError as error:
            if good:
                yield _columns(good)
                good = []
            yield _Bad(str(error), offset + begin)
    if good:
        yield _columns(good)


def _place(raw: bytes, ids: tuple[str, ...]) -> int | None:
    """Return the position of a weight among the declared ones; ``#k`` is the k-th by position."""
    key = raw.decode(errors="replace")
    if key in ids:
        return ids.index(key)
    if raw.startswith(b"#") and raw[1:].isdigit() and int(raw[1:]) < len(ids):
        return int(raw[1:])
    return None


def _first_ids(path: str) -> tuple[str, ...]:
    """Return the weight ids of the first event, for files that declare none."""
    for block in blocks(path):
        if opening := EVENT_OPEN.search(block.text):
            body = block.text[opening.start() :].partition(b"</event>")
            try:
                event = parse_event(body[0] + body[1])
            except EventError:
                return ()
            return tuple(key.decode(errors="replace") for key in event.weights)
    return ()


def _columns(events: list[Event]) -> Events:
    header = np.array([event.header for event in events], np.float64)
    counts = np.array([len(event.particles) for event in events])
    particles = np.array([row for event in events for row in event.particles], np.float64).reshape(
        -1, len(PARTICLE)
    )
    ids = tuple(dict.fromkeys(key for event in events for key in event.weights))
    weights = [[event.weights.get(key, float("nan")) for key in ids] for event in events]
    table = {name: particles[:, i] for i, name in enumerate(PARTICLE)}
    for name in ("pid", "status", "m1", "m2", "color1", "color2"):
        table[name] = table[name].astype(np.int64)
    return Events(
        {name: header[:, i] for i, name in enumerate(HEADER)},
        offsets_of(counts),
        table,
        np.array(weights, np.float64).reshape(len(events), -1),
        ids,
    )


def _ordered(events: Events, ids: tuple[str, ...]) -> Array:
    """Return the weights in the order of the ids, float32, NaN where an event lacks one."""
    values = np.full((len(events), len(ids)), np.nan, np.float32)
    for column, raw in enumerate(events.weight_ids):
        with np.errstate(over="ignore"):
            values[:, _place(raw, ids)] = events.weights[:, column]
    return values
