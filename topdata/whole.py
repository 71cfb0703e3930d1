"""Files and folders that appear whole or not at all: written beside, synced, renamed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from topdata.errors import OutputError


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file; its folder must exist."""
    beside = beside_of(path)
    try:
        with open(beside, "xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def beside_of(path: Path) -> Path:
    """Return an unused name in the folder of ``path``, that ends in ``.tmp``."""
    return path.with_name(f"{path.name}.{uuid4().hex[:8]}.tmp")


@contextmanager
def new_folder(output: Path, require_free: Callable[[], None]) -> Iterator[Path]:
    """Give a working folder that becomes ``output`` if no error is raised.

    ``require_free`` raises :class:`OutputError` unless the output may be written, or replaced; it
    is asked before and after the work.
    """
    require_free()
    beside = output.parent / f".{output.name}.{os.getpid()}.partial"
    replaced = output.parent / f".{output.name}.{os.getpid()}.replaced"
    try:
        beside.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror})") from error
    try:
        yield beside
        for path in (*beside.rglob("*"), beside):
            sync(path)
        require_free()
        if output.exists():
            os.rename(output, replaced)
        try:
            os.rename(beside, output)
        except OSError:
            if replaced.exists():
                os.rename(replaced, output)
            raise
        sync(output.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def sync(path: Path) -> None:
    """Bring a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
