"""sha256 of source files, computed beside the conversion where a thread is free for it.

The hash names a source for ever (provenance, splits); while a build runs, a file is known by its
path, size and time of change, which cost nothing to ask for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import fsspec

from topdata.errors import InputError, one_line

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


def file_digest(path: str) -> str:
    """Return the sha256 (hex) of a local or remote file."""
    digest = hashlib.sha256()
    try:
        with fsspec.open(path, "rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{path}: cannot be read ({one_line(error)})") from error
    return digest.hexdigest()


class Digests:
    """The hashes of a build's sources, each computed once."""

    def __init__(self, stamps: dict[str, str], known: dict[str, str]) -> None:
        self._stamps = stamps
        self._done = dict(known)
        self._coming: dict[str, Future[str]] = {}

    @contextmanager
    def in_background(self, threads: int) -> Iterator[None]:
        """Compute what is missing while the body runs, if there is more than one thread."""
        if threads == 1:
            yield
            return
        pool = ThreadPoolExecutor(1, thread_name_prefix="sha256")
        try:
            missing = [path for path in self._stamps if path not in self._done]
            self._coming = {path: pool.submit(file_digest, path) for path in missing}
            yield
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def of(self, path: str) -> str:
        """Return the hash of a source; waits for it.

        Raises :class:`InputError` if the file changed since the build was planned.
        """
        if path not in self._done:
            coming = self._coming.get(path)
            self._done[path] = coming.result() if coming else file_digest(path)
            if stamp(path)[1] != self._stamps[path]:
                raise InputError(f"{path}: changed while it was read, build again")
        return self._done[path]
