"""The text of an LHE file as blocks of whole events, unpacked as it streams.

gzip (also of several members) and zstandard are recognised by their first bytes. A packed stream
that ends too early yields what could be unpacked, and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import fsspec
import pyarrow as pa
from isal import isal_zlib

from topdata.errors import one_line

READ_BYTES = 1 << 20
PACKED_BYTES = 1 << 16
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
    for piece in _pieces(path):
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


def _pieces(path: str) -> Iterator[bytes | str]:
    """Yield unpacked pieces; a final ``str`` says why the packed stream broke."""
    with fsspec.open(path, "rb") as stream:
        head = stream.read(READ_BYTES)
        if head.startswith(b"\x1f\x8b"):
            yield from _gunzipped(stream)
        elif head.startswith(b"\x28\xb5\x2f\xfd"):
            stream.seek(0)
            yield from _unzstd(stream)
        else:
            while head:
                yield head
                head = stream.read(READ_BYTES)


def _gunzipped(stream: BinaryIO) -> Iterator[bytes | str]:
    """Unpack in small pieces: a damaged one takes only itself and what follows along."""
    unpacker = isal_zlib.decompressobj(wbits=31)
    stream.seek(0)
    data = stream.read(PACKED_BYTES)
    while data:
        try:
            text = unpacker.decompress(data)
        except Exception as error:  # of ISA-L, by no common name
            yield f"damaged gzip stream ({one_line(error)})"
            return
        if text:
            yield text
        if unpacker.eof:
            data = unpacker.unused_data or stream.read(PACKED_BYTES)
            if not data.strip(b"\0"):
                return
            unpacker = isal_zlib.decompressobj(wbits=31)
            continue
        data = stream.read(PACKED_BYTES)
    if not unpacker.eof:
        yield "truncated gzip stream"


def _unzstd(stream: BinaryIO) -> Iterator[bytes | str]:
    try:
        with pa.CompressedInputStream(stream, "zstd") as unpacked:
            while text := unpacked.read(READ_BYTES):
                yield text
    except OSError as error:
        yield f"damaged zstandard stream ({one_line(error)})"
