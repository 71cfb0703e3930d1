"""The text of an LHE file as blocks of whole events, unpacked as it streams.

A packed stream that ends too early yields what could be unpacked, and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from topdata.unpacked import unpacked

BLOCK_BYTES = 4 << 20
# A tag counts only as the first thing on its line: comments and headers may hold anything.
EVENT_OPEN = re.compile(rb"^[ \t]*<event(?=[\s>/])", re.M)
_EVENT_CLOSE = b"</event>"


@dataclass(slots=True)
class Block:
    """Some text, its place in the unpacked stream, and whether the stream broke after it."""

    text: bytes
    offset: int
    broken: str = ""  # why the stream ended too early


def blocks(path: str, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """Yield the text in order; every block but the last ends right behind a closed event."""
    pending: list[bytes] = []
    held, offset, broken = 0, 0, ""
    for piece in unpacked(path):
        if isinstance(piece, str):
            broken = piece
            break
        pending.append(piece)
        held += len(piece)
        if held < size:
            continue
        text = b"".join(pending)
        end = text.find(b"\n", text.rfind(_EVENT_CLOSE)) + 1 if _EVENT_CLOSE in piece else 0
        if end > 0:
            yield Block(text[:end], offset)
            offset += end
            text = text[end:]
        pending, held = [text], len(text)
    yield Block(b"".join(pending), offset, broken)
