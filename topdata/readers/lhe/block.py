"""Particles of many LHE events at once: from bytes to columns without a loop over events.

Lines are found and told apart as arrays of positions; the lines with numbers are copied into one
table and parsed in one go. Whatever does not fit exactly (a count, a word that is no number, a tag
out of place) makes :func:`parse_block` give up, and the strict parser takes the block event by
event: speed never decides what an event is.

Format: J. Alwall et al., hep-ph/0609017 (LHEF 1.0), arXiv:1405.1067 (3.0).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from topdata.events import Array, offsets_of
from topdata.readers.lhe.table import parse_table
from topdata.readers.lhe.weights import cut_weights, parse_weights

PARTICLE = ("pid", "status", "m1", "m2", "color1", "color2",
            "px", "py", "pz", "energy", "mass", "lifetime", "spin")  # fmt: skip
HEADER = ("n_particles", "subprocess", "weight", "scale", "alpha_qed", "alpha_qcd")
LARGEST = 2**31 - 1  # a PDG code, a status or a mother
_INTEGER = {"pid", "status", "m1", "m2", "color1", "color2", "n_particles", "subprocess"}
FORTRAN = bytes.maketrans(b"dD", b"ee")
_LOST_E = re.compile(rb"([0-9.])([+-][0-9]{2,3})(?=[ \n])")  # 1.234-100
_BLANKS = np.zeros(256, np.bool_)
_BLANKS[[9, 11, 12, 13, 32]] = True


@dataclass(slots=True)
class Events:
    """Events as columns: ``header`` [n], ``particles`` flat with ``offsets`` [n + 1].

    Momenta in GeV; mothers and colours as written (1-based, 0 = none). ``weights`` has shape
    [n, n_weights], in the order of ``weight_ids``.
    """

    header: dict[str, Array]
    offsets: Array
    particles: dict[str, Array]
    weights: Array
    weight_ids: tuple[bytes, ...] = ()

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.offsets) - 1


class _Lines:
    """The lines of a text: the first character that is no blank, and the end, of each."""

    def __init__(self, text: bytes) -> None:
        self.text = text if text.endswith(b"\n") else text + b"\n"
        self.bytes = np.frombuffer(text + b"\n" + b" " * 16, np.uint8)
        ends = np.flatnonzero(self.bytes[: len(text) + 1] == 10)
        self.end = ends  # the newline
        first = np.concatenate([[0], ends[:-1] + 1])
        moving = np.arange(len(first))
        while len(moving):
            blank = _BLANKS[self.bytes[first[moving]]] & (first[moving] < self.end[moving])
            moving = moving[blank]
            first[moving] += 1
        self.first = first
        self.kind = self.bytes[np.minimum(first, len(self.bytes) - 1)]

    def tagged(self, candidates: Array, tag: bytes) -> Array:
        """Return those lines that begin with a tag, followed by blank, ``/`` or ``>``."""
        window = self.bytes[self.first[candidates][:, None] + np.arange(len(tag) + 1)]
        after = window[:, -1]
        ends = _BLANKS[after] | (after == 10) | (after == 62) | (after == 47)
        same = (window[:, :-1] == np.frombuffer(tag, np.uint8)).all(axis=1)
        return np.asarray(candidates[same & ends])

    def text_of(self, lines: Array) -> Array:
        """Return the bytes of some lines, with their newlines, blanks collapsed to one."""
        breaks = np.flatnonzero(np.diff(lines) != 1)
        starts = self.first[lines[np.concatenate([[0], breaks + 1])]] if len(lines) else lines
        stops = self.end[lines[np.concatenate([breaks, [len(lines) - 1]])]] if len(lines) else lines
        runs = zip(starts.tolist(), (stops + 1).tolist(), strict=True)
        chosen = np.frombuffer(b"".join([self.text[a:b] for a, b in runs]), np.uint8)
        blank = (chosen == 32) | (chosen == 9) | (chosen == 13) | (chosen == 11) | (chosen == 12)
        # one of several blanks stays, and none at an end or a start of a line
        keep = np.ones(len(chosen), np.bool_)
        keep[:-1] = ~(blank[:-1] & (blank[1:] | (chosen[1:] == 10)))
        kept = chosen[keep]
        kept = np.where((kept < 32) & (kept != 10), np.uint8(32), kept)
        leads = (kept[1:] == 32) & (kept[:-1] == 10)
        return np.asarray(kept[np.concatenate([[True], ~leads])[: len(kept)]])


def parse_block(text: bytes) -> Events | None:
    """Return the events of a block, or ``None`` where any of them is not exactly as it should."""
    cut = cut_weights(text)
    if cut is None or b"<weights" in text:
        return None
    text, variations = cut
    lines = _Lines(text)
    tags = np.flatnonzero(lines.kind == 60)
    opens, closes = lines.tagged(tags, b"<event"), lines.tagged(tags, b"</event")
    if len(opens) != len(closes) or not (
        (opens < closes).all() and (closes[:-1] < opens[1:]).all()
    ):
        return None
    if not len(opens):
        return None if b"<event" in text else _none()

    data = np.flatnonzero((lines.kind != 60) & (lines.kind != 35) & (lines.first < lines.end))
    event = np.searchsorted(opens, data, side="right") - 1
    inside = (event >= 0) & (data < closes[np.maximum(event, 0)])
    data, event = data[inside], event[inside]
    # numbers stand before the first inner tag of the event
    inner = np.setdiff1d(tags, opens, assume_unique=True)
    first_inner = inner[np.searchsorted(inner, opens)]
    plain = data < first_inner[event]
    data, event = data[plain], event[plain]
    counts = np.bincount(event, minlength=len(opens))
    if not counts.all():
        return None
    heads = np.concatenate([[0], np.cumsum(counts)[:-1]])
    header = _table(lines.text_of(data[heads]), HEADER, len(opens))
    if header is None or not np.array_equal(header["n_particles"], counts - 1):
        return None
    body = np.ones(len(data), np.bool_)
    body[heads] = False
    particles = _table(lines.text_of(data[body]), PARTICLE, int(body.sum()))
    if particles is None:
        return None
    marks = lines.tagged(tags, b"<rwgt")
    owner = np.searchsorted(opens, marks, side="right") - 1
    if len(marks) != len(variations) or not (marks < closes[owner]).all():
        return None
    if len(marks) and not np.array_equal(owner, np.arange(len(opens))):
        return None
    weights = parse_weights(variations, len(opens))
    if weights is None:
        return None
    values, ids = weights
    columns = [*header.items(), *particles.items()]
    small = all(np.abs(v).max(initial=0) <= LARGEST for name, v in columns if name in _INTEGER)
    finite = all(np.isfinite(v).all() for _, v in columns)
    if not finite or not small or not links_fit(particles, counts - 1):
        return None
    return Events(header, offsets_of(counts - 1), particles, values, ids)


def links_fit(particles: dict[str, Array], counts: Array) -> bool:
    """Tell whether all mothers lie in their events and lead to the beginning."""
    n = np.repeat(counts, counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    mothers = (particles["m1"], particles["m2"])
    if not all(bool(((m >= 0) & (m <= n)).all()) for m in mothers):
        return False
    return not any(_is_cyclic(np.where(m > 0, m + before - 1, -1), counts) for m in mothers)


def _is_cyclic(mother: Array, counts: Array) -> bool:
    """Tell whether following mothers (indices, -1 = none) never ends for some particle."""
    reached = mother
    for _ in range(int(counts.max(initial=0))):
        if not (reached >= 0).any():
            return False
        reached = np.where(reached >= 0, mother[reached], -1)
    return bool((reached >= 0).any())


def _none() -> Events:
    return Events(
        {name: np.zeros(0) for name in HEADER},
        np.zeros(1, np.int64),
        {name: np.zeros(0) for name in PARTICLE},
        np.zeros((0, 0)),
    )


def _has_lost_e(text: Array) -> bool:
    """Tell whether a sign follows a digit, as where Fortran had no room for the E."""
    sign = (text[1:] == 43) | (text[1:] == 45)
    before = text[:-1][sign]
    return bool(((before >= 48) & (before <= 57) | (before == 46)).any())


def _table(text: Array, names: tuple[str, ...], rows: int) -> dict[str, Array] | None:
    """Parse lines of numbers separated by single blanks; ``None`` if any line does not fit."""
    content = text.tobytes().translate(FORTRAN)
    if _has_lost_e(text):
        content = _LOST_E.sub(rb"\1e\2", content)
    if not rows:
        return {name: np.zeros(0) for name in names} if not content else None
    types = {name: pa.int64() if name in _INTEGER else pa.float64() for name in names}
    table = parse_table(content, types)
    return table if table is not None and len(table[names[0]]) == rows else None
