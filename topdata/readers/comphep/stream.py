"""The text of an event file in blocks of whole lines, gunzipped as it streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from topdata.unpacked import unpacked

BLOCK_BYTES = 4 << 20
LONGEST_LINE = 1 << 20  # what is longer is cut here, and is no event


@dataclass(slots=True)
class Block:
    """Lines of a file, without their ends."""

    lines: list[bytes]
    first: int  # number of the first line, from 1
    broken: str = ""  # why the stream ended too early
    cut: bool = False  # the last line was not complete when it did
    numbers: list[int] = field(default_factory=list)  # of the lines that are left, in the file


def blocks(path: str, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """Yield the lines in order. Raises :class:`InputError` if the file cannot be read."""
    pending, first, broken = b"", 1, ""
    for piece in unpacked(path):
        if isinstance(piece, str):
            broken = piece
            break
        pending += piece
        if len(pending) < size:
            continue
        whole, newline, rest = pending.rpartition(b"\n")
        if not newline:
            pending = pending[:LONGEST_LINE]
            continue
        lines = whole.split(b"\n")
        yield Block(lines, first)
        first += len(lines)
        pending = rest
    lines = pending.split(b"\n")
    cut = bool(broken and lines[-1].strip())
    yield Block(lines, first, broken, cut)
