"""Event lines as numbers: many at once where all are well-formed, else one by one.

:func:`parse_lines` gives up on anything that :func:`parse_line` would not accept in the same way:
speed never decides what an event is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from topdata.events import Array, expand, offsets_of
from topdata.readers.comphep.header import Header, Process, Style, number
from topdata.readers.comphep.stream import LONGEST_LINE

LARGEST = 1e30  # GeV: squares of it are still numbers
_LARGEST_WHOLE = 1e15  # what a float counts exactly
_CHAIN = re.compile(rb"\(\s*([+-]?\d{1,9}(?:\s+[+-]?\d{1,9})+)\s*\)\s*")


class LineError(Exception):
    """Why a line is no event, in a few words."""


@dataclass(slots=True)
class Rows:
    """Event lines as numbers: line ``i`` is ``flat[start[i]:]``, of process ``process[i]``."""

    flat: Array  # float64
    start: Array  # int64 [n]
    process: Array  # int64 [n]

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.start)


def rows_of(values: list[list[float]], header: Header) -> Rows:
    """Return lines that :func:`parse_line` has accepted as :class:`Rows`."""
    start = offsets_of(np.array([len(row) for row in values], np.int64))[:-1]
    flat = np.array([value for row in values for value in row], np.float64)
    return Rows(flat, start, _process(flat[start], header))


def _process(first: Array, header: Header) -> Array:
    if header.weighted:
        return np.ones(len(first), np.int64)
    return first.astype(np.int64)


def parse_line(line: bytes, header: Header) -> list[float]:
    """Return the numbers of one event line, of as many columns as its process has.

    Raises :class:`LineError` for a wrong number of columns, words that are no numbers, numbers
    that are not finite, an unknown process, and colour chains that are none.
    """
    if len(line) >= LONGEST_LINE:
        raise LineError("the line is too long")
    if header.style is Style.COLONS:
        words, chains = _colons(line)
    else:
        text, paren, rest = line.partition(b"(")
        words, chains = text.split(), paren + rest
        if header.style is Style.BAR:
            words = _before_bar(text)
    process = _process_of(words[0] if words else b"", header)
    if len(words) != process.width:
        raise LineError(f"{len(words)} columns where {process.width} belong")
    values = [_number(word) for word in words]
    last = last_particle(chains.strip())
    if not 0 <= last <= len(process.names):
        raise LineError(f"the colour chains {_shown(chains.strip())} are none")
    return values


def _colons(line: bytes) -> tuple[list[bytes], bytes]:
    words = line.split(b":")
    if len(words) < 3 or words[-1].strip():
        raise LineError("the line does not end with a colon")
    return [word.strip() for word in words[:-2]], words[-2]


def _before_bar(text: bytes) -> list[bytes]:
    """Return the words before the bar, if the scale (and alpha_s) follow it."""
    left, _, right = text.partition(b"|")
    tail = right.split()
    if len(tail) not in (1, 2):
        raise LineError("no scale after a bar")
    for word in tail:
        _number(word)
    return left.split()


def _process_of(word: bytes, header: Header) -> Process:
    first = _number(word)
    if header.weighted:
        if header.whole_weights and first != int(first):
            raise LineError(f"the repeat count is {_shown(word)}")
        return header.processes[1]
    process = header.processes.get(int(first)) if first == int(first) else None
    if process is None:
        raise LineError(f"there is no process {_shown(word)}")
    return process


def _number(word: bytes) -> float:
    value = number(word)
    if value is None:
        raise LineError(f"{_shown(word)} is no number")
    if abs(value) > LARGEST:
        raise LineError(f"{_shown(word)} is too large")
    return value


def _shown(word: bytes) -> str:
    return repr(word.decode(errors="replace")[:24])


@lru_cache(maxsize=4096)
def last_particle(chains: bytes) -> int:
    """Return the highest particle number in colour chains: 0 without chains, -1 if malformed.

    ``(a b)`` connects two different particles; CalcHEP also has ``(type a b c)``, with c = 0 for
    two particles.
    """
    position, last = 0, 0
    while position < len(chains):
        found = _CHAIN.match(chains, position)
        if found is None:
            return -1
        numbers = [int(word) for word in found[1].split()]
        legs = numbers
        if len(numbers) == 4:
            legs = numbers[1:] if numbers[3] else numbers[1:3]
            if not numbers[0]:
                return -1
        elif len(numbers) != 2:
            return -1
        if min(legs) < 1 or len(set(legs)) != len(legs):
            return -1
        last = max(last, *legs)
        position = found.end()
    return last


def parse_lines(lines: list[bytes], header: Header) -> Rows | None:
    """Return the numbers of event lines, or ``None`` where any is not as it should be."""
    if not lines or max(map(len, lines)) >= LONGEST_LINE:
        return None
    try:
        text = pa.array(lines, pa.binary()).cast(pa.string())
        if header.style is Style.COLONS:
            words, width, chains = _split_colons(text)
        else:
            parts = pc.split_pattern(text, "(", max_splits=1)
            chained = pc.list_value_length(parts).to_numpy() == 2
            chains = np.full(len(lines), "", object)
            tails = pc.list_element(parts.filter(pa.array(chained)), 1)
            tails = pc.binary_join_element_wise("(", tails, "")
            chains[chained] = tails.to_numpy(zero_copy_only=False)
            texts = pc.list_element(parts, 0)
            if header.style is Style.BAR:
                halves = pc.split_pattern(texts, "|")
                if not (pc.list_value_length(halves).to_numpy() == 2).all():
                    return None
                tail = _words(pc.list_element(halves, 1))
                if not np.isin(pc.list_value_length(tail).to_numpy(), (1, 2)).all():
                    return None
                if not _fit(tail.flatten().cast(pa.float64()).to_numpy()):
                    return None
                texts = pc.list_element(halves, 0)
            split = _words(texts)
            words, width = split.flatten(), pc.list_value_length(split).to_numpy()
        flat = words.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    return _checked(flat, width.astype(np.int64), chains, header)


def _words(text: pa.Array) -> pa.ListArray:
    return pc.ascii_split_whitespace(pc.ascii_trim_whitespace(text))


def _split_colons(text: pa.Array) -> tuple[pa.Array, Array, Array]:
    """Return the words that are numbers, how many of them a line has, and the colour chains."""
    parts = pc.split_pattern(text, ":")
    length = pc.list_value_length(parts).to_numpy().astype(np.int64)
    words = pc.ascii_trim_whitespace(parts.flatten())
    ends = np.cumsum(length)
    if length.min() < 3 or pc.any(pc.not_equal(words.take(pa.array(ends - 1)), "")).as_py():
        raise pa.ArrowInvalid("a line does not end with a colon")
    _, index = expand(ends - length, length - 2)
    chains = words.take(pa.array(ends - 2)).to_numpy(zero_copy_only=False)
    return words.take(pa.array(index)), length - 2, chains


def _fit(values: Array) -> bool:
    return bool((np.abs(values) <= LARGEST).all())  # NaN is not


def _checked(flat: Array, width: Array, chains: Array, header: Header) -> Rows | None:
    if not _fit(flat) or not width.all():
        return None
    start = np.cumsum(width) - width
    first = flat[start]
    whole = header.whole_weights or not header.weighted
    if whole and ((first != np.floor(first)) | (np.abs(first) > _LARGEST_WHOLE)).any():
        return None
    process = _process(first, header)
    known = np.isin(process, list(header.processes))
    if not known.all():
        return None
    for number_, each in header.processes.items():
        mine = process == number_
        if (width[mine] != each.width).any():
            return None
        for text in set(chains[mine]):
            if not 0 <= last_particle(text.encode().strip()) <= len(each.names):
                return None
    return Rows(flat, start, process)
