"""A folder that appears whole or not at all, and that an interrupted pull can go on with."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from topdata.errors import HubError, OutputError, TopdataError
from topdata.whole import sync


def place(
    target: Path, fill: Callable[[Path], None], *, stays: Callable[[], bool] = lambda: True
) -> bool:
    """Make the folder ``target`` with what ``fill`` puts into the folder that it is given.

    That folder lies beside the target and stays after an interruption or a lost connection, so
    that the next call finds in it what the last one brought. Two processes do not work at it at
    once: the second waits. Returns False where the target is there already and ``stays``; one that
    does not is replaced.
    """
    root = target.parent / f".{target.name}.partial"
    with _locked(root):
        if target.exists():
            if stays():
                shutil.rmtree(root)
                return False
            shutil.rmtree(target)
        work = root / "files"
        work.mkdir(exist_ok=True)
        try:
            fill(work)
            for folder in [*(path for path in work.rglob("*") if path.is_dir()), work]:
                sync(folder)
            os.rename(work, target)
            sync(target.parent)
        except BaseException as error:
            interrupted = not isinstance(error, TopdataError) or type(error) is HubError
            if not interrupted or not any(work.iterdir()):
                shutil.rmtree(root)
            raise
        shutil.rmtree(root)
        return True


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the lock of a working folder; make it anew if another process has just removed it."""
    while True:
        try:
            root.mkdir(parents=True, exist_ok=True)
            lock = open(root / "lock", "w")  # noqa: SIM115  held until the work is done
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(f"{root.parent}: cannot be written ({error.strerror})") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
            except OSError as error:
                raise OutputError(
                    f"{root.parent}: files cannot be locked there ({error.strerror}); choose a "
                    "folder on another disk with -o or TOPDATA_CACHE"
                ) from error
            try:
                if not os.path.samestat(os.fstat(lock.fileno()), os.stat(root / "lock")):
                    continue
            except FileNotFoundError:
                continue
            yield
            return
