"""Checkpoints on a hub: what belongs to one, and that it is what its checksums say.

Nothing here needs torch: who shares a model does not have to run it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from topdata.hub.address import at_revision
from topdata.hub.contents import File, described
from topdata.hub.dataset import DATASET
from topdata.hub.listing import Entry, entries
from topdata.hub.pulling import Pulled
from topdata.hub.pulling import pull as pull_any
from topdata.hub.pushing import Pushed, push
from topdata.progress import Progress
from topfm.checkpoint.facts import parse_facts
from topfm.checkpoint.format import (
    ALLOWED,
    ATTRIBUTES,
    CONFIG,
    SUMS,
    TEXT_LIMIT,
    parse_sums,
    read_text,
)
from topfm.checkpoint.verify import verify
from topfm.hub.pulled import located
from topfm.located import Located


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A repository that holds a checkpoint; see :class:`topdata.hub.interface.Kind`."""

    name: str = "model"
    index: str = SUMS
    allowed: tuple[str, ...] = tuple(kind for kind in ALLOWED if kind != ATTRIBUTES)  # the hub's
    index_limit: int = TEXT_LIMIT
    tag: str = "topfm"

    def listed(self, folder: Path) -> list[File]:
        """Return the files that SHA256SUMS lists, and SHA256SUMS itself."""
        sums = parse_sums(read_text(folder / SUMS), folder / SUMS)
        return [*(File(name, sha256=sums[name]) for name in sorted(sums)), File(SUMS)]

    def checked(self, folder: Path) -> list[File]:
        """Return all files with size and sha256. Raises :class:`CheckpointError` for damage."""
        return [described(folder, name) for name in (*sorted(verify(folder).files), SUMS)]

    def require_whole(self, folder: Path) -> None:
        """Raise :class:`CheckpointError` unless a checkpoint can be loaded, every byte read."""
        verify(folder)

    def version(self, folder: Path) -> str:
        """Return the version of the schema that it reads: v1.0.7 reads datasets v1.0."""
        return parse_facts(read_text(folder / CONFIG), folder / CONFIG).schema_version


__all__ = ["CHECKPOINT", "Checkpoint", "Entry", "listing", "locate", "publish", "pull"]

CHECKPOINT = Checkpoint()


def publish(
    checkpoint: Path, address: str, *, tag: str | None = None, message: str = "",
    private: bool | None = None, force: bool = False, dry_run: bool = False,
    progress: Progress | None = None,
) -> Pushed:  # fmt: skip
    """Verify a checkpoint and publish it; see :func:`topdata.hub.pushing.push`."""
    return push(
        checkpoint, address, CHECKPOINT, tag=tag, message=message, private=private, force=force,
        dry_run=dry_run, progress=progress,
    )  # fmt: skip


def pull(
    address: str, output: Path | None = None, *, revision: str | None = None,
    progress: Progress | None = None,
) -> Pulled:  # fmt: skip
    """Return a verified checkpoint on this machine; see :func:`topdata.hub.pulling.pull`.

    ``revision`` is a tag, branch or commit, the same as after @ in an address. One in the cache is
    verified every time, a folder given as such too: raises :class:`CheckpointError` for damage.
    """
    where = at_revision(address, revision)
    pulled = pull_any(where, CHECKPOINT, output=output, progress=progress)
    if not pulled.commit:
        verify(pulled.path)
    return pulled


def locate(
    address: str, *, revision: str | None = None, progress: Progress | None = None
) -> Located:
    """Return a verified checkpoint, with its address and commit where it is from a hub."""
    return located(pull(address, revision=revision, progress=progress))


def listing(place: str = "", *, datasets: bool = False) -> list[Entry]:
    """Return the models of a hub, an owner or an address, and datasets if asked for.

    See :func:`topdata.hub.listing.entries`.
    """
    return entries(place, (CHECKPOINT, DATASET) if datasets else (CHECKPOINT,))
