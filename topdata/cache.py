"""The user's cache folder: what can be made again, but not for nothing."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """Return ``$TOPDATA_CACHE/name``, by default ``~/.cache/topdata/name``; it may not exist."""
    own = os.environ.get("TOPDATA_CACHE")
    if own:
        return Path(own).expanduser() / name
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "topdata" / name
