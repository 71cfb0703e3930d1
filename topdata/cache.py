"""The user's cache folder: what can be made again, but not for nothing."""

from __future__ import annotations

import os
from pathlib import Path

from topdata.errors import InputError, one_line


def cache_folder(name: str) -> Path:
    """Return ``$TOPDATA_CACHE/name``, by default ``~/.cache/topdata/name``; it may not exist.

    Raises :class:`InputError` for a user without a home folder.
    """
    if chosen := os.environ.get("TOPDATA_CACHE"):
        return Path(chosen).expanduser() / name
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError as error:
        raise InputError(f"no home folder ({one_line(error)}): set TOPDATA_CACHE") from error
    return Path(base) / "topdata" / name
