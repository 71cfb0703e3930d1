"""The Dark Machines reader: one event a line, reconstructed objects only.

::

    event ID;process;weight;MET;MET phi;code,E,pt,eta,phi;code,E,pt,eta,phi;

MET, E and pt are in MeV, angles in radians. Codes: ``j`` jet, ``b`` b-tagged jet, ``e-`` ``e+``
electrons, ``m-`` ``m+`` muons, ``g`` photon. Event IDs repeat and one file may hold several
processes, so an event is known by its entry number alone. A last line without a line end must
close with ``;``, or it was cut short.

Format: T. Aarrestad et al., arXiv:2105.14027.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from topdata.errors import DamagedError, InputError
from topdata.events import Damage, EventChunk, ReadOptions, SourceInfo
from topdata.readers.darkmachines.block import Block
from topdata.textblocks import blocks

_EVENTS = 5000  # per chunk
_SAMPLE = 1000  # events that must be in MeV
_LEADING_PT = 5.0  # GeV; the median of the leading objects is far above it
_PROCESSES = 1000  # names that are told apart
_SHOWN = 20  # and named in a note
_CUT = "the last line is cut short"
_FLOAT = rb"[ \t]*[-+]?[\d.]+(?:[eE][-+]?\d+)?[ \t]*;"
_LINE = re.compile(
    rb"^[ \t]*\d+[ \t]*;[^;,\n]+;" + 3 * _FLOAT + rb"(?:(?:[jbg]|[em][-+]),|[ \t]*\r?$)", re.M
)


class DarkMachinesReader:
    """Reads Dark Machines CSV files, local or remote, plain or gzipped."""

    format: ClassVar[str] = "Dark Machines CSV"
    seekable = False

    def __init__(self, path: str, options: ReadOptions) -> None:
        self.path = path
        self._processes: Counter[str] = Counter()
        self._broken = ""
        self._open = False  # the last line has no line end
        self._entries = self._scan()
        if self._entries <= bool(self._broken):  # the event where the stream broke is lost
            raise InputError(f"{path}: {self._broken or 'the file'} holds no event")
        self._require_mev()

    @staticmethod
    def sniff(head: bytes) -> bool:
        """A line of an integer, a name, three numbers and an object, separated by ``;``."""
        return _LINE.search(head) is not None

    @property
    def info(self) -> SourceInfo:
        """Entries, processes, and what the format does not hold."""
        notes = [
            "no generator record: no truth",
            "no tau tag, jet flavor or charge: zero; one b-tag working point",
            "no lepton or photon isolation: zero",
            "jet masses from E, pT and eta of six digits: good to about 0.3 % of E",
            "event IDs repeat and are not kept",
        ]
        if len(self._processes) > 1:
            common = self._processes.most_common()
            named = ", ".join(f"{name} {count}" for name, count in common[:_SHOWN])
            rest = self._entries - sum(count for _, count in common[:_SHOWN])
            more = " or more" if len(common) == _PROCESSES else ""
            notes.append(
                f"{len(common)}{more} processes in one file, events of each: {named}"
                + (f", others {rest}" if rest else "")
            )
        if self._open:
            notes.append("the last line has no line end: its event may lack objects")
        if self._broken:
            notes.append(f"{self._broken}: the events behind it are lost")
        return SourceInfo(
            format=self.format,
            entries=self._entries,
            collections={
                "jets": "j and b",
                "electrons": "e- and e+",
                "muons": "m- and m+",
                "photons": "g",
                "met": "fields 4 and 5",
            },
            truth=False,
            process=next(iter(self._processes)) if len(self._processes) == 1 else "",
            notes=tuple(notes),
        )

    def chunks(self, start: int, stop: int) -> Iterator[EventChunk | Damage]:
        """Yield the events of [start, stop) in order; each malformed one as damage."""
        block = Block(start)
        for entry, (number, line, broken) in enumerate(_lines(self.path)):
            if entry >= stop:
                break
            if entry < start:
                continue
            if len(block) >= _EVENTS:
                yield from block.items()
                block = Block(entry)
            block.add(number, line, broken)
        yield from block.items()

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def _scan(self) -> int:
        """Return the number of events; note their processes and why the stream broke."""
        entries = 0
        for _, line, broken in _lines(self.path):
            entries += 1
            self._open = not (broken or line.endswith(b"\n"))
            fields = line.split(b";", 2)
            if broken and broken != _CUT:
                self._broken = broken
            elif len(fields) == 3:
                name = " ".join(fields[1].decode("utf-8", "replace").split())[:60]
                if name in self._processes or len(self._processes) < _PROCESSES:
                    self._processes[name] += 1
        return entries

    def _require_mev(self) -> None:
        """Raise :class:`InputError` if the first events are not in MeV: it shows in their pT."""
        leading: list[float] = []
        for chunk in self.chunks(0, _SAMPLE):
            if isinstance(chunk, EventChunk):
                top = np.zeros(len(chunk))
                for rows in (chunk.jets, chunk.leptons, chunk.photons):
                    np.maximum.at(top, rows.event, rows["pt"])
                leading.extend(top[top > 0].tolist())
        if leading and (median := float(np.median(leading))) < _LEADING_PT:
            raise InputError(
                f"{self.path}: the median leading pT is {1000 * median:.4g} MeV: another unit, or "
                "no events of a collider"
            )


def _lines(path: str) -> Iterator[tuple[int, bytes, str]]:
    """Yield (number from 1, line with its end, why it is not whole) of every event.

    A stream that breaks ends with one event that is not whole, be there text of it or not.
    """
    before, last = 0, b""
    try:
        for text in blocks(path):
            *whole, last = text.split(b"\n")
            for number, line in enumerate(whole, before + 1):
                if line.strip():
                    yield number, line + b"\n", ""
            before += len(whole)
    except DamagedError as error:
        yield before + 1, last, str(error)
        return
    if last.strip():
        yield before + 1, last, "" if last.rstrip().endswith(b";") else _CUT
