"""``topfm.load``: a checkpoint by its address, in one line."""

from __future__ import annotations

from pathlib import Path

from topfm.hub.checkpoints import locate
from topfm.runs.opened import Opened, open_checkpoint


def load(address: str | Path, *, revision: str | None = None) -> Opened:
    """Open a checkpoint: a folder, or what an address of a hub names at a tag, branch or commit.

    Every file is verified first. Raises :class:`topdata.errors.HubError` and
    :class:`topfm.errors.CheckpointError`.
    """
    return open_checkpoint(locate(str(address), revision=revision).folder)
