"""Marks: which commit a name means, in a folder that several machines write without locks.

A mark is a folder with one file, named by the commit. It is made beside and renamed to its place;
a rename onto a folder that is not empty fails, so of two who make the same mark one is told.
"""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from topdata.errors import HubError
from topdata.hub.address import is_commit
from topdata.whole import sync, write_whole


def shown(folder: Path) -> list[Path]:
    """Return what is in a folder, without what is being written (its name begins with a dot)."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def pointed(mark: Path) -> str:
    """Return the commit id to which a mark points."""
    names = [path.name for path in mark.iterdir()]
    if len(names) != 1 or not is_commit(names[0]):
        raise HubError(f"{mark}: damaged, it should hold one file named by a revision")
    return names[0]


def newest(line: Path) -> tuple[int, str | None]:
    """Return number and commit of the last of numbered marks; 0 and None before the first."""
    marks = [path for path in shown(line) if path.name.isdigit()]
    if not marks:
        return 0, None
    last = max(marks, key=lambda path: int(path.name))
    return int(last.name), pointed(last)


def make(mark: Path, commit: str) -> bool:
    """Make a mark that points to a commit; return False where another one was faster."""
    mark.parent.mkdir(parents=True, exist_ok=True)
    beside = _hidden(mark)
    beside.mkdir()
    try:
        write_whole(beside / commit, f"{commit}\n".encode())
        os.rename(beside, mark)
    except OSError:
        if not mark.is_dir():
            raise
        return pointed(mark) == commit  # the reply to a rename over NFS can get lost
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    sync(mark.parent)
    return True


def remove(mark: Path) -> bool:
    """Take a mark, or a line of them, away; return False where it is not there."""
    beside = _hidden(mark)
    try:
        os.rename(mark, beside)
    except FileNotFoundError:
        return False
    shutil.rmtree(beside)
    return True


def _hidden(mark: Path) -> Path:
    return mark.with_name(f".{mark.name}.{uuid.uuid4().hex}")
