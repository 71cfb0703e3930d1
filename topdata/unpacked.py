"""The bytes of a file as they stream: plain, gzip (also of several members) or zstandard.

What a stream is packed with is known by its first bytes. A packed stream that breaks yields all
that could be unpacked, and then the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import fsspec
import pyarrow as pa
from isal import isal_zlib

from topdata.errors import InputError, one_line

READ_BYTES = 1 << 20
PACKED_BYTES = 1 << 16  # a damaged piece takes no more than itself along


def unpacked(path: str) -> Iterator[bytes | str]:
    """Yield pieces of a local or remote file, none empty; a final ``str`` says why it broke.

    Raises :class:`InputError` when the file cannot be opened or read.
    """
    try:
        with fsspec.open(path, "rb") as stream:
            head = stream.read(READ_BYTES)
            if head.startswith(b"\x1f\x8b"):
                stream.seek(0)
                yield from _gunzipped(stream)
            elif head.startswith(b"\x28\xb5\x2f\xfd"):
                stream.seek(0)
                yield from _unzstd(stream)
            else:
                while head:
                    yield head
                    head = stream.read(READ_BYTES)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{path}: cannot be read ({one_line(error)})") from error


def _gunzipped(stream: BinaryIO) -> Iterator[bytes | str]:
    """Yield unpacked pieces of at most READ_BYTES, however tightly the stream is packed."""
    unpacker = isal_zlib.decompressobj(wbits=31)
    data = stream.read(PACKED_BYTES)
    while True:
        try:
            text = unpacker.decompress(data, READ_BYTES)
        except Exception as error:  # ISA-L has several, without a common base
            yield f"damaged gzip stream ({one_line(error)})"
            return
        if text:
            yield text
        if unpacker.eof:  # there may be another member, or padding
            data = unpacker.unused_data.lstrip(b"\0")
            while not data:
                if not (data := stream.read(PACKED_BYTES)):
                    return
                data = data.lstrip(b"\0")
            unpacker = isal_zlib.decompressobj(wbits=31)
            continue
        data = unpacker.unconsumed_tail
        if not data and len(text) < READ_BYTES:
            data = stream.read(PACKED_BYTES)
            if not data:
                yield "truncated gzip stream"
                return


def _unzstd(stream: BinaryIO) -> Iterator[bytes | str]:
    try:
        with pa.CompressedInputStream(stream, "zstd") as packed:
            while text := packed.read(READ_BYTES):
                yield text
    except OSError as error:
        yield f"damaged zstandard stream ({one_line(error)})"
