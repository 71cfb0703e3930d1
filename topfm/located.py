"""A dataset or a checkpoint in a local folder, and where a stranger finds it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Located:
    """A folder, with its address and commit where it came from a hub."""

    folder: Path
    address: str | None = None
    revision: str | None = None
