"""The LHCO reader: text files of reconstructed objects, as PGS and Delphes' root2lhco write them.

An event is a line ``0 number trigger`` and then one line of eleven numbers per object::

    #  typ      eta    phi      pt    jmas  ntrk  btag   had/em  dum1  dum2

typ: 0 photon, 1 electron, 2 muon, 3 hadronic tau, 4 jet, 6 missing ET; pt and jmas in GeV, phi in
radians. Rows may skip numbers but never go back, and each event has one missing-ET row: that is
how an event that was cut short, or has lost its first line, is told from a whole one. Lines that
begin with ``#`` are titles, which may be repeated, or a generator's banner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from topdata.errors import DamagedError, InputError
from topdata.events import Damage, EventChunk, ReadOptions, SourceInfo
from topdata.readers.lhco.block import Block
from topdata.textblocks import blocks

_EVENTS = 5000  # per chunk

_START = re.compile(rb"^[ \t\r\f\v]*0(?=\s|\Z)", re.M)
_DATA = re.compile(rb"^[ \t\r\f\v]*([^\s#]\S*)", re.M)
_TITLE = re.compile(rb"^[ \t#]*#[ \t]*typ[ \t]+eta[ \t]+phi[ \t]+pt\b", re.M)
_BANNER = re.compile(rb"\A\s*#+[ \t]*<LesHouchesEvents\b")
_UNTITLED = re.compile(
    rb"\A(?:[ \t]*(?:#.*)?\r?\n)*[ \t]*0[ \t]+\d+[ \t]+\d+[ \t]*\r?\n"
    rb"[ \t]*\d+[ \t]+[0-6](?:[ \t]+[-+.\deE]+){9}[ \t]*\r?\n"
)


class LhcoReader:
    """Reads LHCO files, local or remote, plain or gzipped."""

    format: ClassVar[str] = "LHCO"
    seekable = False

    def __init__(self, path: str, options: ReadOptions) -> None:
        self.path = path
        self._entries, self._broken = self._scan()
        if self._broken and self._entries < 2:  # the last event is never whole
            raise InputError(f"{path}: {self._broken} before the end of the first event")

    @staticmethod
    def sniff(head: bytes) -> bool:
        """A title line, a banner commented out, or an event's line and the row of an object."""
        return any(pattern.search(head) for pattern in (_TITLE, _BANNER, _UNTITLED))

    @property
    def info(self) -> SourceInfo:
        """Entries, and what the format does not hold."""
        notes = [
            "no generator record: no truth",
            "no event weight: one",
            "hadronic taus (typ 3) are jets with tautag 1",
            "no jet flavor or charge: zero, but for the charge of a tau",
            "no electron or photon isolation: zero; a muon's is the pT around it, in whole GeV, "
            "over its pT",
            "ignored: trigger words, numbers of tracks, had/em of jets, a muon's nearest jet",
        ]
        if not self._entries:
            notes.append("no events")
        if self._broken:
            notes.append(f"{self._broken}: the last event is lost, and any behind it")
        return SourceInfo(
            format=self.format,
            entries=self._entries,
            collections={
                "jets": "typ 4 and 3",
                "electrons": "typ 1",
                "muons": "typ 2",
                "photons": "typ 0",
                "met": "typ 6",
            },
            truth=False,
            notes=tuple(notes),
        )

    def chunks(self, start: int, stop: int) -> Iterator[EventChunk | Damage]:
        """Yield the events of [start, stop) in order; each malformed one as damage."""
        block, entry, number = Block(start), -1, 0
        try:
            for number, line in _lines(self.path):
                if entry < 0 or line.split(None, 1)[0] == b"0":
                    entry += 1
                    if entry >= stop:
                        break
                    if len(block) >= _EVENTS:
                        yield from block.items()
                        block = Block(entry)
                    if entry >= start:
                        block.open(number, line)
                elif entry >= start:
                    block.add(number, line)
        except DamagedError as error:
            if len(block):
                block.faults[len(block) - 1] = f"line {number}: {error}"
        yield from block.items()

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""

    def _scan(self) -> tuple[int, str]:
        """Return the number of events and why the stream broke, if it did."""
        entries, first = 0, None
        try:
            for text in blocks(self.path):
                first = first or _DATA.search(text)
                entries += sum(1 for _ in _START.finditer(text))
        except DamagedError as error:
            return entries + _headless(first), str(error)
        return entries + _headless(first), ""


def _headless(first: re.Match[bytes] | None) -> bool:
    """Tell whether rows stand before the first event: they are an event that lost its line."""
    return first is not None and first.group(1) != b"0"


def _lines(path: str) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line) of every line that is neither blank nor a comment."""
    before = 0
    for text in blocks(path):
        for number, line in enumerate(text.split(b"\n"), before + 1):
            words = line.split(None, 1)
            if words and not words[0].startswith(b"#"):
                yield number, line
        before += text.count(b"\n")
