"""The folder beside an output in which a training keeps its state until it is done."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from topdata.errors import OutputError
from topfm.training.state import STATE


@dataclass(frozen=True, slots=True)
class Work:
    """A working folder that this training holds."""

    folder: Path

    def forget(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def open_work(output: Path, *, restart: bool = False) -> Iterator[Work]:
    """Make or find the working folder of an output and keep other trainings away.

    Of several processes of one training the first holds the lock. Raises :class:`OutputError`.
    """
    folder = output.parent / f".{output.name}.training"
    first = os.environ.get("RANK", "0") == "0"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / "lock", "w")  # noqa: SIM115  held until the training ends
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror})") from error
    with lock:
        if first:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise OutputError(f"{output}: another training is writing it") from error
            for left in output.parent.glob(f".{escape(output.name)}.*.partial"):
                shutil.rmtree(left, ignore_errors=True)  # of one that was killed while publishing
            if restart:
                (folder / STATE).unlink(missing_ok=True)
        try:
            yield Work(folder)
        finally:
            if first and not (folder / STATE).exists():
                shutil.rmtree(folder, ignore_errors=True)
