"""One pass over an LHE file before it is read: header, number of events, weights, its end.

What it counts is the truth that reading is held to: every ``<event`` at the start of a line is
either read or reported as damaged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from topdata.errors import InputError
from topdata.events import Array
from topdata.readers.lhe.event import number
from topdata.readers.lhe.header import Header, parse_header
from topdata.readers.lhe.stream import EVENT_OPEN, Block, blocks

_HEAD = re.compile(rb"<event(?=[\s>/])([^\n]*)(?:\n\s*(\S+)[ \t]+(\S+)[ \t]+(\S+))?")
_TRIALS = re.compile(rb"""\btrials\s*=\s*['"]\s*([\d.eE+]+)""")
_INIT = re.compile(rb"^[ \t]*<init(?=[\s>])", re.M)
_END = re.compile(rb"^[ \t]*</LesHouchesEvents?\s*>", re.M)
_HEADER_BYTES = 64 << 20
_TAIL = 1 << 16


@dataclass(slots=True)
class Scan:
    """What a file holds."""

    header: Header = field(default_factory=Header)
    events: int = 0  # opening tags
    weights: Array = field(default_factory=lambda: np.zeros(0))  # XWGTUP, NaN where unreadable
    trials: float = 0.0  # Sherpa: sum of the attribute

    def cross_section(self) -> tuple[float | None, float | None]:
        """Return (cross-section, error) in pb from ``<init>``, or sum(w) / sum(trials)."""
        if self.trials > 0:
            return float(np.nansum(self.weights)) / self.trials, None
        total = float(sum(self.header.xsecup))
        return (total, float(np.hypot.reduce(self.header.xerrup))) if total > 0 else (None, None)

    def notes(self) -> list[str]:
        """Return what a user should know of the counts and weights."""
        notes = []
        declared = self.header.declared
        if declared is not None and declared != self.events:
            notes.append(f"{declared} events declared, {self.events} found")
        with np.errstate(all="ignore"):  # absurd weights make absurd notes, no warnings
            notes += self._weight_notes()
        return notes

    def _weight_notes(self) -> list[str]:
        notes = []
        good = self.weights[np.isfinite(self.weights)]
        total = sum(self.header.xsecup)
        if abs(self.header.idwtup) == 4 and len(good) > 1 and total > 0 and not self.trials:
            error = float(good.std(ddof=1)) / np.sqrt(len(good))
            if abs(good.mean() - total) > max(5 * error, 1e-6 * total):
                notes.append(
                    f"mean weight {good.mean():.6g} is not the cross-section {total:.6g} pb"
                )
        if len(good) and (good < 0).any():
            effective = float(good.sum() ** 2 / (good * good).sum())
            notes.append(
                f"{(good < 0).mean():.1%} negative weights, effective events {effective:.0f}"
            )
        return notes


class End:
    """How a file ends, seen block by block."""

    def __init__(self) -> None:
        self.size = 0  # unpacked bytes so far
        self._tail = b""
        self._broken = ""

    def see(self, block: Block) -> None:
        """Take note of the next block."""
        self.size = block.offset + len(block.text)
        self._tail = (self._tail + block.text[-_TAIL:])[-_TAIL:]
        self._broken = block.broken

    @property
    def fault(self) -> str:
        """Why the file does not end as it should, after its last block."""
        if self._broken:
            return self._broken
        return "" if _END.search(self._tail) else "no </LesHouchesEvents> at the end"


def read_header(path: str) -> Header:
    """Return what stands before the first event. Raises :class:`InputError` for no LHE file."""
    before = b""
    for block in blocks(path):
        before += block.text
        opening = EVENT_OPEN.search(before)
        if opening is not None:
            return parse_header(before[: opening.start()], path)
        if len(before) > _HEADER_BYTES:
            raise InputError(f"{path}: no event in the first {_HEADER_BYTES >> 20} MB")
    return parse_header(before, path)


def scan(path: str) -> Scan:
    """Count the events of a file and collect their weights."""
    found = Scan(read_header(path))
    weights: list[float] = []
    started = False
    for block in blocks(path):
        text = block.text
        if not started:
            opening = EVENT_OPEN.search(text)
            if opening is None:
                continue
            started, text = True, text[opening.start() :]
        elif b"<init" in text and _INIT.search(text):
            _require_same_run(found.header, text, path)
        _count(text, found, weights)
    found.weights = np.array(weights, np.float64)
    return found


def _count(text: bytes, found: Scan, weights: list[float]) -> None:
    position = -1
    while (position := text.find(b"<event", position + 1)) >= 0:
        line = text.rfind(b"\n", 0, position) + 1
        event = _HEAD.match(text, position)
        if event is None or text[line:position].strip(b" \t"):
            continue  # another tag, or not the first thing on its line
        found.events += 1
        attributes, _, _, weight = event.groups()
        value = number(weight) if weight is not None else None
        weights.append(float("nan") if value is None else value)
        if b"trials" in attributes and (trials := _TRIALS.search(attributes)):
            found.trials += number(trials.group(1)) or 0.0


def _require_same_run(header: Header, text: bytes, path: str) -> None:
    """Accept files that were written one after the other only if they are of one kind."""
    other = parse_header(text, path)
    if (other.beams, other.idwtup) != (header.beams, header.idwtup):
        raise InputError(f"{path}: holds two runs with other beams or weights: split it")
