"""sha256 of source files, each computed once and remembered as long as the file stays the same.

The hash names a source for ever (provenance, splits); while a build runs, a file is known by its
path, size and time of change, which cost nothing to ask for.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import fsspec

from topdata.cache import cache_folder
from topdata.errors import InputError, one_line
from topdata.whole import write_whole

_BLOCK = 1 << 22


def stamp(path: str) -> tuple[int, str]:
    """Return (size in bytes, a text that changes when the file does); the file is not read."""
    try:
        if "://" not in path:
            status = Path(path).stat()
            return status.st_size, f"{Path(path).resolve()}:{status.st_size}:{status.st_mtime_ns}"
        system, inside = fsspec.core.url_to_fs(path)
        return int(system.info(inside)["size"] or 0), f"{path}:{system.ukey(inside)}"
    except (OSError, ValueError, ImportError, NotImplementedError) as error:
        raise InputError(f"{path}: cannot be opened ({one_line(error)})") from error


def file_digest(path: str, mark: str) -> str:
    """Return the sha256 (hex) of a local or remote file, from the cache if its stamp is known.

    Raises :class:`InputError` if the file cannot be read.
    """
    known = _remembered(mark)
    with suppress(OSError):
        text = known.read_text() if known else ""
        if len(text) == 64:
            return text
    digest = hashlib.sha256()
    try:
        with fsspec.open(path, "rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{path}: cannot be read ({one_line(error)})") from error
    if known is None:
        return digest.hexdigest()
    with suppress(OSError):  # a cache that cannot be written is no fault
        known.parent.mkdir(parents=True, exist_ok=True)
        write_whole(known, digest.hexdigest().encode())
    return digest.hexdigest()


def _remembered(mark: str) -> Path | None:
    try:
        return cache_folder("sha256") / hashlib.sha256(mark.encode()).hexdigest()[:32]
    except InputError:
        return None  # no home folder, no cache


def require_unchanged(path: str, mark: str) -> None:
    """Raise :class:`InputError` if a file is not the one that was planned."""
    if stamp(path)[1] != mark:
        raise InputError(f"{path}: changed while it was read, build again")
