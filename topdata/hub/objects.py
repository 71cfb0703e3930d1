"""Objects: contents of files, each kept once under its sha256."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from topdata.errors import HubError
from topdata.hub.contents import File
from topdata.progress import Progress

_BLOCK = 1 << 20


class Objects:
    """The objects of one repository."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: str) -> Path:
        """Return where an object belongs."""
        return self._root / sha256[:2] / sha256

    def has(self, file: File, *, whole: bool) -> bool:
        """Tell whether an object is there, by its size or, if ``whole``, by what it holds."""
        try:
            with open(self.path(file.sha256), "rb") as stream:
                if os.fstat(stream.fileno()).st_size != file.size:
                    return False
                return not whole or hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
        except FileNotFoundError:
            return False

    @contextmanager
    def receiving(self, sha256: str) -> Iterator[Receiving]:
        """Take an object in piece by piece; what is not finished is forgotten."""
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            with open(beside, "xb") as stream:
                yield Receiving(stream, beside, target)
        finally:
            beside.unlink(missing_ok=True)

    def store(self, source: Path, sha256: str, told: Progress) -> None:
        """Copy a file, whole and right or not at all."""
        with self.receiving(sha256) as coming, open(source, "rb") as reading:
            while block := reading.read(_BLOCK):
                coming.write(block)
                told.advance(len(block))
            if not coming.finish():
                raise HubError(f"{source}: changed while it was pushed; nothing was published")


class Receiving:
    """An object on its way, that appears under its name when all of it has arrived."""

    def __init__(self, stream: BinaryIO, beside: Path, target: Path) -> None:
        self._stream, self._beside, self._target = stream, beside, target
        self._digest = hashlib.sha256()

    def write(self, block: bytes) -> None:
        """Take the next piece."""
        self._digest.update(block)
        self._stream.write(block)

    def finish(self) -> bool:
        """Put the object in its place; return False, and do not, where it has another sha256."""
        if self._digest.hexdigest() != self._target.name:
            return False
        self._stream.flush()
        os.fsync(self._stream.fileno())
        os.replace(self._beside, self._target)
        return True
