"""Find the reader of a file: entry points by group, chosen by the file's content."""

from __future__ import annotations

import gzip
import zlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

import fsspec

from topdata.errors import InputError, one_line
from topdata.events import Reader

READERS = "topdata.readers"
HEAD_BYTES = 4096


@cache
def registered(group: str = READERS) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name, looked up once in a process.

    Raises :class:`InputError` for a name that is taken twice.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        if found.setdefault(point.name, point).value != point.value:
            raise InputError(f"{group}: {point.name!r} is registered twice, uninstall one of them")
    return dict(sorted(found.items()))


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
    points = registered()
    if not head:
        raise InputError(f"{path}: the file is empty")
    for point in points.values():
        reader = cast("type[Reader]", point.load())
        if reader.sniff(head):
            return reader
    raise InputError(f"{path}: not a format that topdata reads ({', '.join(points)})")
