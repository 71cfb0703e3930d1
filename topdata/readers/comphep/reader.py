"""The CompHEP reader: native event texts of CompHEP and CalcHEP as parton-level events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from topdata.errors import InputError
from topdata.events import Damage, EventChunk, Jagged, ReadOptions, SourceInfo, expand, offsets_of
from topdata.partonlevel import parton_chunk
from topdata.readers.comphep import calchep, cpyth1, cpyth2
from topdata.readers.comphep.header import Header, Process
from topdata.readers.comphep.lines import LineError, Rows, parse_line, parse_lines, rows_of
from topdata.readers.comphep.names import is_flavour_sum
from topdata.readers.comphep.stream import Block, blocks

_HEAD = re.compile(rb"(?:\xef\xbb\xbf)?\s*(#PEVLIB_v|#CompHEP|#CalcHEP|##(?:beam|process):)")
_ANOTHER = re.compile(rb"#PEVLIB_v|#CompHEP|#CalcHEP|##beam:|##process:")
_PARSERS = {
    b"#PEVLIB_v": cpyth1.parse_header,
    b"#CompHEP": cpyth1.parse_header,
    b"#CalcHEP": calchep.parse_header,
}
_SHOWN = 500


class CompHepReader:
    """Reads cpyth1, cpyth2 and CalcHEP text, plain or gzip."""

    format: ClassVar[str] = "CompHEP text"
    seekable = False

    def __init__(self, path: str, options: ReadOptions) -> None:
        self.path = path
        self._options = options
        self._header: Header | None = None
        self._entries = 0
        self._broken = ""
        for block in self._events():
            self._entries += len(block.lines)
            self._broken = block.broken

    @staticmethod
    def sniff(head: bytes) -> bool:
        """Tell by the first line, which names the program; LHE of the same programs is no."""
        return _HEAD.match(head) is not None

    @property
    def header(self) -> Header:
        """The parsed header."""
        assert self._header is not None
        return self._header

    @property
    def info(self) -> SourceInfo:
        """Process, cross-section, counts and what is odd."""
        header = self.header
        processes = list(header.processes.values())
        return SourceInfo(
            format=header.format,
            entries=self._entries,
            collections={"particles": "incoming and outgoing partons"},
            truth=self._options.truth,
            cross_section=None if header.decay else header.cross_section,
            cross_section_error=None if header.decay else header.error,
            generator=header.generator,
            process=_joined([process.label for process in processes]),
            level="parton",
            declared=header.declared,
            notes=tuple(self._notes()),
        )

    def _notes(self) -> list[str]:
        header = self.header
        processes = list(header.processes.values())
        notes = list(header.notes)
        if header.beams:
            notes.append(f"beams: {_joined(header.beams)}")
        if header.decay:
            width = header.cross_section
            notes.append(
                "a decay: no cross-section" + (f", the width is {width:g} GeV" if width else "")
            )
        elif header.cross_section is None:
            notes.append("the header gives no cross-section")
        if header.declared is not None and header.declared != self._entries:
            notes.append(
                f"the header declares {header.declared} events, {self._entries} are in the file"
            )
        sums = sorted({name for p in processes for name in p.names if is_flavour_sum(name)})
        if sums:
            notes.append(f"{', '.join(sums)}: sums over flavours, stored as one of them")
        if self._broken:
            notes.append(f"{self._broken}: events are missing")
        return notes

    def _events(self) -> Iterator[Block]:
        """Yield the blocks of the file without the header and without blank lines."""
        first = True
        for block in blocks(self.path):
            if first:
                first = False
                self._start(block)
            numbers = [k for k, line in enumerate(block.lines) if line.strip()]
            for k in numbers:
                line = block.lines[k]
                if line.startswith(b"#") and _ANOTHER.match(line):
                    raise InputError(
                        f"{self.path}: line {block.first + k} begins another header: "
                        "split the file, one header each"
                    )
            block.numbers = [block.first + k for k in numbers]
            block.lines = [block.lines[k] for k in numbers]
            yield block

    def _start(self, block: Block) -> None:
        """Parse the header at the start of a file, and take it off the block."""
        opening = _HEAD.match(b"\n".join(block.lines[:64]))
        if opening is None:
            why = f" ({block.broken})" if block.broken else ""
            raise InputError(f"{self.path}: no CompHEP or CalcHEP event file{why}")
        skip = next(k for k, line in enumerate(block.lines) if opening[1] in line)
        complete = block.lines[skip : -1 if block.cut else None]
        text = [line.decode("utf-8", errors="replace").rstrip("\r") for line in complete]
        text[0] = text[0].lstrip("\ufeff \t")
        header = _PARSERS.get(opening[1], cpyth2.parse_header)(text, self.path)
        self._header = header
        block.lines = block.lines[skip + header.lines :]
        block.first += skip + header.lines

    def chunks(self, start: int, stop: int) -> Iterator[EventChunk | Damage]:
        """Yield the events of [start, stop) in order; a line that is no event comes as damage."""
        entry, cut = 0, False
        for block in self._events():
            n, cut = len(block.lines), block.cut
            first, last = max(start - entry, 0), min(stop - entry, n)
            if first < last:
                yield from self._read(block, entry, first, last)
            entry += n
            if entry >= stop:
                break
        if self._broken and not cut and start < stop == self._entries:
            yield Damage(stop, stop, f"{self._broken}: events are missing")

    def _read(
        self, block: Block, entry: int, first: int, last: int
    ) -> Iterator[EventChunk | Damage]:
        """Yield the lines ``first <= k < last`` of a block; its first one is event ``entry``."""
        cut = block.cut and last == len(block.lines)
        lines = block.lines[first : last - cut]
        rows = parse_lines(lines, self.header)
        if rows is not None:
            yield self._chunk(rows, entry + first)
        else:
            good: list[list[float]] = []
            for k, line in enumerate(lines, start=first):
                try:
                    good.append(parse_line(line, self.header))
                    continue
                except LineError as error:
                    reason = f"line {block.numbers[k]}: {error}"
                if good:
                    yield self._chunk(rows_of(good, self.header), entry + k - len(good))
                    good = []
                yield Damage(entry + k, entry + k + 1, reason)
            if good:
                yield self._chunk(rows_of(good, self.header), entry + last - cut - len(good))
        if cut:
            where = entry + last - 1
            yield Damage(where, where + 1, f"line {block.numbers[last - 1]}: {block.broken}")

    def _chunk(self, rows: Rows, entry: int) -> EventChunk:
        weight = rows.flat[rows.start] if self.header.weighted else np.ones(len(rows))
        chunk = parton_chunk(
            np.arange(entry, entry + len(rows), dtype=np.int64),
            weight,
            particles_of(rows, self.header.processes),
            self._options.invisible,
        )
        if not self._options.truth:
            chunk.gen = None
        return chunk

    def close(self) -> None:
        """Nothing stays open between reads."""


def particles_of(rows: Rows, processes: dict[int, Process]) -> Jagged:
    """Return the particles of events: momenta of the lines, masses of the header, GeV.

    Incoming ones come first, along the z axis; all outgoing ones have them as mothers.
    """
    sizes = np.zeros(len(rows), np.int64)
    for number, process in processes.items():
        sizes[rows.process == number] = len(process.names)
    offsets = offsets_of(sizes)
    momentum = np.zeros((offsets[-1], 3))
    mass = np.zeros(offsets[-1])
    pid, status, m1, m2 = np.zeros((4, offsets[-1]), np.int64)
    for number, process in processes.items():
        mine = np.flatnonzero(rows.process == number)
        n, n_in = len(process.names), process.n_in
        _, index = expand(rows.start[mine], np.full(len(mine), process.width))
        table = np.zeros((len(mine), process.width + 1))  # the last column stays zero
        table[:, :-1] = rows.flat[index].reshape(len(mine), process.width)
        place = (offsets[mine][:, None] + np.arange(n)).ravel()
        momentum[place] = table[:, np.array(process.columns)].reshape(-1, 3)
        final = np.arange(n) >= n_in
        for column, values in (
            (mass, np.array(process.masses)),
            (pid, np.array(process.pids)),
            (status, np.where(final, 1, -1)),
            (m1, np.where(final, 0, -1)),
            (m2, np.where(final & (n_in == 2), 1, -1)),
        ):
            column[place] = np.tile(values, len(mine))
    px, py, pz = momentum.T
    energy = np.sqrt((momentum**2).sum(axis=1) + mass**2)
    columns = {"pid": pid, "status": status, "m1": m1, "m2": m2}
    columns |= {"px": px, "py": py, "pz": pz, "energy": energy, "mass": mass}
    return Jagged(offsets, columns)


def _joined(words: list[str]) -> str:
    text = "; ".join(words)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
