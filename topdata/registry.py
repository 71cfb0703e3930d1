"""Find the reader of a file: entry points by group, chosen by the file's content."""

from __future__ import annotations

import gzip
import zlib
from typing import cast

import fsspec

from topdata.entrypoints import registered
from topdata.errors import InputError, one_line
from topdata.events import Reader

READERS = "topdata.readers"
HEAD_BYTES = 4096


def head_of(path: str) -> bytes:
    """Return the first bytes of a local or remote file, gunzipped."""
    try:
        with fsspec.open(path, "rb") as stream:
            head = cast(bytes, stream.read(HEAD_BYTES))
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{path}: cannot be opened ({one_line(error)})") from error
    if head[:2] == b"\x1f\x8b":
        unzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        try:
            return unzip.decompress(head, HEAD_BYTES)
        except (zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{path}: damaged gzip stream ({one_line(error)})") from error
    return head


def reader_for(path: str) -> type[Reader]:
    """Return the reader class for a file, by its content and never by its name."""
    head = head_of(path)
    points = registered(READERS)
    if not head:
        raise InputError(f"{path}: the file is empty")
    for point in points.values():
        reader = cast("type[Reader]", point.load())
        if reader.sniff(head):
            return reader
    raise InputError(f"{path}: not a format that topdata reads ({', '.join(points)})")
