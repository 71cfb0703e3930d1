"""The folder beside the output where a build works until the dataset is whole.

It holds the parts of finished jobs, so that an interrupted build goes on where it stopped, and is
renamed into place at the end. A lock keeps a second build away.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from topdata.build.parts import Parts
from topdata.errors import OutputError
from topdata.manifest import FILE_NAME, read_manifest
from topdata.whole import sync

_LOCK = "lock"


class Stage:
    """The working folder of one output."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.root = output.parent / f".{output.name}.partial"
        self.parts = Parts(self.root / "parts")
        self.dataset = self.root / "dataset"
        self.replaced = self.root / "replaced"

    def publish(self, *, overwrite: bool) -> None:
        """Move the finished dataset to its place and remove the working folder."""
        for path in sorted(self.dataset.rglob("*")):
            if path.is_dir():
                sync(path)
        sync(self.dataset)
        if overwrite and self.output.exists():
            shutil.rmtree(self.replaced, ignore_errors=True)
            os.rename(self.output, self.replaced)
        try:
            os.rename(self.dataset, self.output)
        except OSError:
            if self.replaced.exists():
                os.rename(self.replaced, self.output)
            raise
        sync(self.output.parent)
        shutil.rmtree(self.root)


@contextmanager
def open_stage(output: Path, *, overwrite: bool) -> Iterator[Stage]:
    """Check the output, make the working folder and hold its lock.

    Raises :class:`OutputError` when the output exists, or another build works on it.
    """
    require_free(output, overwrite=overwrite)
    stage = Stage(output)
    try:
        stage.parts.folder.mkdir(parents=True, exist_ok=True)
        lock = open(stage.root / _LOCK, "w")  # noqa: SIM115  held until the build ends
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror})") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"{output}: another build is writing it") from error
        if not os.path.samestat(os.fstat(lock.fileno()), _status(stage.root / _LOCK)):
            raise OutputError(f"{output}: another build has just finished")
        require_free(output, overwrite=overwrite)
        shutil.rmtree(stage.dataset, ignore_errors=True)
        stage.parts.sweep()
        stage.dataset.mkdir()
        try:
            yield stage
        finally:
            old_is_safe = output.exists() or not stage.replaced.exists()
            if old_is_safe and stage.root.exists() and not any(stage.parts.folder.glob("*.json")):
                shutil.rmtree(stage.root)  # nothing to go on from


def recover(output: Path) -> None:
    """Finish what a build did not live to do in its last moment.

    It may have been killed after it moved an old dataset away and before it put the new one in
    place, or before it removed its working folder.
    """
    stage = Stage(output)
    try:
        lock = open(stage.root / _LOCK, "w")  # noqa: SIM115  closed below
    except OSError:
        return  # there is no working folder
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # a build is alive
        if stage.replaced.exists() and not output.exists():
            os.rename(stage.replaced, output)
        elif output.exists() and not stage.dataset.exists():
            shutil.rmtree(stage.root)


def require_free(output: Path, *, overwrite: bool) -> None:
    """Raise :class:`OutputError` unless the output may be written."""
    if not (output.exists() or output.is_symlink()):
        return
    if not overwrite:
        raise OutputError(f"{output}: exists already, choose another name or add --overwrite")
    if not (output / FILE_NAME).is_file():
        raise OutputError(f"{output}: not a topdata dataset, it will not be overwritten")
    ours = {FILE_NAME, "README.md", *(file.path for file in read_manifest(output).files)}
    for path in sorted(output.rglob("*")):
        if not path.is_dir() and path.relative_to(output).as_posix() not in ours:
            raise OutputError(
                f"{path}: is no file of the dataset, move it away or choose another output"
            )


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError:
        return os.stat_result((0,) * 10)
