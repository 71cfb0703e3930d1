"""One LHE event by the letter: what the fast parser could not take, and why it is wrong.

Inside an event the first 1 + NUP lines that are neither blank nor a comment hold numbers; anything
after them is optional (weights, scales, clustering, comments).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from topdata.readers.lhe.block import FORTRAN, HEADER, LARGEST, PARTICLE
from topdata.readers.lhe.weights import WEIGHT_ID

_LOST_E = re.compile(rb"^([+-]?[0-9.]+)([+-][0-9]{2,3})$")
_WGT = re.compile(rb"<wgt\b([^>]*)>([^<]*)<")
_WEIGHTS = re.compile(rb"<weights\b[^>]*>([^<]*)<")
_INTEGERS_OF_HEADER, _INTEGERS_OF_PARTICLE = 2, 6


class EventError(Exception):
    """Why an event cannot be used, in a few words."""


@dataclass(slots=True)
class Event:
    """One event: numbers in the order of HEADER and PARTICLE, weights by id or position."""

    header: list[float]
    particles: list[list[float]]
    weights: dict[bytes, float] = field(default_factory=dict)


def parse_event(text: bytes) -> Event:
    """Parse the text of one event, from its opening tag on.

    Raises :class:`EventError` for a missing end, a wrong number of particles or columns, words
    that are no numbers, numbers that are not finite, and mothers out of range.
    """
    body, closed, _ = text.partition(b"</event>")
    if not closed:
        raise EventError("the event has no end")
    lines = [line.strip() for line in body.splitlines()[1:]]
    numbers: list[bytes] = []
    for line in lines:
        if line.startswith(b"<"):
            break
        if line and not line.startswith(b"#"):
            numbers.append(line)
    if not numbers:
        raise EventError("the event is empty")
    header = _numbers(numbers[0], HEADER, _INTEGERS_OF_HEADER)
    expected = int(header[0])
    if expected != len(numbers) - 1:
        raise EventError(f"{expected} particles declared, {len(numbers) - 1} found")
    particles = [_numbers(line, PARTICLE, _INTEGERS_OF_PARTICLE) for line in numbers[1:]]
    for row, particle in enumerate(particles, start=1):
        for mother in particle[2:4]:
            if not 0 <= mother <= expected or mother == row:
                raise EventError(f"particle {row} has the mother {int(mother)}")
    for column in (2, 3):
        _require_no_cycle([int(particle[column]) for particle in particles])
    return Event(header, particles, _weights(body))


def _require_no_cycle(mothers: list[int]) -> None:
    """Raise if following mothers (1-based, 0 = none) never ends."""
    for start in range(1, len(mothers) + 1):
        row = start
        for _ in mothers:
            row = mothers[row - 1]
            if row == 0:
                break
        else:
            raise EventError(f"the mothers of particle {start} go round in a circle")


def _numbers(line: bytes, names: tuple[str, ...], integers: int) -> list[float]:
    words = line.split()
    if len(words) != len(names):
        raise EventError(f"{len(words)} columns where {len(names)} belong")
    values = []
    for position, (word, name) in enumerate(zip(words, names, strict=True)):
        value = number(word)
        whole = position >= integers or (
            value is not None and value == int(value) and abs(value) <= LARGEST
        )
        if value is None or not whole:
            shown = word.decode(errors="replace")[:20]
            raise EventError(f"{name} is {shown!r}")
        values.append(value)
    return values


def number(word: bytes) -> float | None:
    """Return a finite number written in C or in Fortran, or ``None``."""
    try:
        value = float(word)
    except ValueError:
        try:
            value = float(_LOST_E.sub(rb"\1e\2", word.translate(FORTRAN)))
        except ValueError:
            return None
    return value if math.isfinite(value) and b"_" not in word else None


def _weights(body: bytes) -> dict[bytes, float]:
    """Return variations by id (``<rwgt>``), or by position as ``#0``, ``#1`` (``<weights>``)."""
    found: dict[bytes, float] = {}
    for attributes, content in _WGT.findall(body):
        name = WEIGHT_ID.search(attributes)
        value = number(content.strip())
        if name is None or value is None:
            raise EventError("a weight without id or number")
        key = name.group(2).strip()
        if key in found:
            raise EventError(f"the weight {key.decode(errors='replace')!r} stands twice")
        found[key] = value
    if not found:
        for block in _WEIGHTS.findall(body):
            for position, word in enumerate(block.split()):
                value = number(word)
                if value is None:
                    raise EventError("a weight that is no number")
                found[b"#%d" % position] = value
    return found
