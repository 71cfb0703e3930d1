"""What a hub can do, and what a kind of repository has to say of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from topdata.hub.contents import Changes, File
from topdata.progress import Progress


class Kind(Protocol):
    """What travels: a dataset, or a checkpoint."""

    @property
    def name(self) -> str:
        """Either "dataset" or "model", as hubs call it."""
        ...

    @property
    def index(self) -> str:
        """Name of the file that lists all others with their sha256."""
        ...

    @property
    def allowed(self) -> tuple[str, ...]:
        """Patterns of files; nothing else is fetched."""
        ...

    @property
    def index_limit(self) -> int:
        """Bytes of the largest index that is fetched: it is read before anything is known."""
        ...

    @property
    def tag(self) -> str:
        """What cards of this kind carry as a tag, to find them among millions."""
        ...

    def listed(self, folder: Path) -> list[File]:
        """Return all files of which the index speaks, itself included, from the index alone."""
        ...

    def checked(self, folder: Path) -> list[File]:
        """Return all files with size and sha256; raise if one is damaged, missing or foreign."""
        ...

    def require_whole(self, folder: Path) -> None:
        """Raise unless a pulled folder, whose files are all there, is what it should be.

        It is asked before such a folder appears, and again each time one is taken from the cache.
        """
        ...

    def version(self, folder: Path) -> str:
        """Return MAJOR.MINOR of what the folder holds; a release adds its number."""
        ...


@dataclass(frozen=True, slots=True)
class Refs:
    """Where the branches and tags of a repository point; main is None if nothing is there."""

    main: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)  # beside main


class Hub(Protocol):
    """A place that keeps revisions of repositories. Every method may raise :class:`HubError`."""

    def repos(self, owner: str | None, *, index: str, tag: str) -> list[str]:
        """Return the names of repositories that hold the file ``index``, of one owner or of all.

        A public hub may show of all owners only repositories whose card carries the ``tag``.
        """
        ...

    def refs(self, repo: str) -> Refs | None:
        """Return the references, or None where the repository does not exist."""
        ...

    def find(self, repo: str, revision: str | None) -> str:
        """Return the full commit id of a tag, branch or commit (None: main)."""
        ...

    def files(self, repo: str, commit: str) -> list[File]:
        """Return the files of a commit; their paths stay inside a folder."""
        ...

    def fetch(self, repo: str, commit: str, files: Sequence[File], folder: Path) -> Iterator[File]:
        """Put files of a commit into a folder, under their paths; yield each as it arrives.

        They are not verified. Hidden files and folders may be left beside them.
        """
        ...

    def create(self, repo: str, *, private: bool | None) -> None:
        """Make a repository if it is not there."""
        ...

    def publish(
        self, repo: str, folder: Path, files: Sequence[File], changes: Changes, *,
        parent: str | None, message: str, told: Progress, repair: bool = False,
    ) -> str:  # fmt: skip
        """Make the folder the newest commit of main, in one step, and return its id.

        Raises if main is not at ``parent`` any more. Without changes the parent is returned.
        """
        ...

    def tag(self, repo: str, tag: str, commit: str, *, move: bool) -> None:
        """Give a commit a tag; an existing one only if it may ``move``."""
        ...
