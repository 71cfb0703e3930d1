"""A hub that is a folder: on EOS, AFS or NFS, shared by whoever may read and write it.

::

    DIR/org/name/objects/ab/abcd...       the files, each once, under their sha256
                 revisions/<id>.json      what a revision holds; its sha256 begins with the id
                 main/000003/<id>         the third revision of main; the highest number is newest
                 branches/b/000002/<id>   the same for another branch
                 tags/v1.0.2/<id>

A revision becomes visible when a folder is renamed to the next number under ``main``. A rename
onto a folder that is not empty fails, so of two who publish at the same time one is told; file
locks, on which such file systems disagree, are not needed. What an interrupted push leaves is
never seen and is used by the next one. ``topfm hub serve`` offers the same folder over HTTP.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from topdata.errors import HubError, nearest
from topdata.hub import marks
from topdata.hub.address import is_commit
from topdata.hub.contents import Changes, File
from topdata.hub.interface import Refs
from topdata.hub.objects import Objects
from topdata.hub.parallel import arriving
from topdata.hub.revisions import Revision, Revisions
from topdata.progress import Progress


class Overtaken(HubError):
    """Somebody else was first; what they did has to be looked at."""


class DirectoryHub:
    """The repositories of one kind ("dataset" or "model") in a folder."""

    def __init__(self, root: str, kind: str) -> None:
        self.root = Path(root)
        self.kind = kind

    def repos(self, owner: str | None, *, index: str, tag: str) -> list[str]:
        """See :class:`topdata.hub.interface.Hub`."""
        self._require_root()
        homes = [
            home
            for above in ([self.root / owner] if owner else marks.shown(self.root))
            for home in marks.shown(above)
            if (home / "main").is_dir()
        ]
        return [name for home in homes if self._holds(name := f"{home.parent.name}/{home.name}")]

    def refs(self, repo: str) -> Refs | None:
        """See :class:`topdata.hub.interface.Hub`."""
        self._require_root()
        home = self.root / repo
        if not home.is_dir():
            return None
        tags = {path.name: marks.pointed(path) for path in marks.shown(home / "tags")}
        lines = {path.name: marks.newest(path)[1] for path in marks.shown(home / "branches")}
        branches = {name: commit for name, commit in lines.items() if commit}
        return Refs(marks.newest(home / "main")[1], tags, branches)

    def head(self, repo: str) -> str | None:
        """Return the newest commit of main, of whatever kind; None where nothing is there."""
        return marks.newest(self.root / repo / "main")[1]

    def find(self, repo: str, revision: str | None) -> str:
        """See :class:`topdata.hub.interface.Hub`."""
        if revision is not None and is_commit(revision):  # neither tag nor branch has such a name
            known = self._revisions(repo).find(revision)
            if known is not None:
                return known
        refs = self.refs(repo)
        if refs is None or refs.main is None:
            itself = ", and the folder itself holds none" if refs is not None else ""
            raise HubError(f"{self.root / repo}: no such {self.kind} on this hub{itself}")
        named = {**refs.tags, **refs.branches, "main": refs.main}
        if revision is None or revision in named:
            return named[revision or "main"]
        raise HubError(f"{self.root / repo}: no revision {revision!r}{nearest(revision, named)}")

    def files(self, repo: str, commit: str) -> list[File]:
        """See :class:`topdata.hub.interface.Hub`. The id vouches for the list."""
        revision = self.revision(repo, commit)
        if revision.kind != self.kind:
            raise HubError(f"{self.root / repo}: holds a {revision.kind}, not a {self.kind}")
        return list(revision.files)

    def revision(self, repo: str, commit: str) -> Revision:
        """Return all that is known of a commit, of whatever kind."""
        return self._revisions(repo).read(commit)

    def objects(self, repo: str) -> Objects:
        """Return the stored contents of a repository."""
        return Objects(self.root / repo / "objects")

    def fetch(self, repo: str, commit: str, files: Sequence[File], folder: Path) -> Iterator[File]:
        """See :class:`topdata.hub.interface.Hub`."""
        yield from arriving(lambda file: self._copy(repo, file, folder), files)

    def _copy(self, repo: str, file: File, folder: Path) -> None:
        stored = self.objects(repo).path(file.sha256)
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(stored, path)
        except FileNotFoundError as error:
            raise HubError(
                f"{stored}: missing on the hub, it is {file.path}; push the {self.kind} again to "
                "put it back"
            ) from error

    def create(self, repo: str, *, private: bool | None) -> None:
        """See :class:`topdata.hub.interface.Hub`. Who may read is the folder's affair."""
        (self.root / repo).mkdir(parents=True, exist_ok=True)

    def publish(
        self, repo: str, folder: Path, files: Sequence[File], changes: Changes, *,
        parent: str | None, message: str, told: Progress, repair: bool = False,
    ) -> str:  # fmt: skip
        """See :class:`topdata.hub.interface.Hub`. Missing objects are always put back.

        Objects that a new revision takes up from an older one are read, with ``repair`` all.
        """
        objects = self.objects(repo)
        doubtful = set(files) if repair else set(changes.add)
        absent = [file for file in files if not objects.has(file, whole=file in doubtful)]
        told.start("copying", sum(file.size for file in absent))
        for file in absent:
            objects.store(folder / file.path, file.sha256, told)
        if parent is not None and not changes:
            return parent
        there = self.files(repo, parent) if parent else []
        gone = {file.path for file in files} | set(changes.delete)
        others = [file for file in there if file.path not in gone]  # a licence of somebody stays
        return self.commit(repo, [*files, *others], parent=parent, message=message)

    def commit(
        self, repo: str, files: Iterable[File], *, parent: str | None, message: str,
        branch: str = "main",
    ) -> str:  # fmt: skip
        """Make stored files the newest revision of a branch, in one step, and return its id.

        Raises :class:`Overtaken` if the branch is not at ``parent`` any more.
        """
        created = datetime.now(UTC).isoformat(timespec="seconds")
        line = self._line(repo, branch)
        number, newest = marks.newest(line)
        if newest == parent:
            revision = Revision(self.kind, parent, message, created, tuple(files))
            commit = self._revisions(repo).write(revision)
            if marks.make(line / f"{number + 1:06d}", commit):
                return commit
        raise Overtaken(
            f"{self.root / repo}: somebody else pushed at the same time, and was first; look "
            "at their revision, then push again"
        )

    def branch(self, repo: str, branch: str, commit: str) -> None:
        """Begin a branch at a commit. Raises :class:`Overtaken` where it exists."""
        if not marks.make(self._line(repo, branch) / "000001", commit):
            raise Overtaken(f"{self.root / repo}: there is a branch {branch!r} already")

    def tag(self, repo: str, tag: str, commit: str, *, move: bool) -> None:
        """See :class:`topdata.hub.interface.Hub`."""
        mark = self.root / repo / "tags" / tag
        if move:
            marks.remove(mark)
        if not marks.make(mark, commit):
            raise Overtaken(
                f"{self.root / repo}: tag {tag!r} has just been given to another revision"
            )

    def _require_root(self) -> None:
        if not self.root.is_dir():
            raise HubError(f"{self.root}: no such folder; to start a hub there, make it")

    def _holds(self, repo: str) -> bool:
        """Tell whether a repository holds our kind, by its newest revision."""
        try:
            commit = self.head(repo)
            return commit is not None and self.revision(repo, commit).kind == self.kind
        except HubError:
            return True  # damaged; whoever looks closer is told

    def untag(self, repo: str, tag: str) -> bool:
        """Take a tag away; return False where there is none."""
        return marks.remove(self.root / repo / "tags" / tag)

    def unbranch(self, repo: str, branch: str) -> bool:
        """Take a branch away; return False where there is none."""
        return marks.remove(self.root / repo / "branches" / branch)

    def _line(self, repo: str, branch: str) -> Path:
        home = self.root / repo
        return home / "main" if branch == "main" else home / "branches" / branch

    def _revisions(self, repo: str) -> Revisions:
        return Revisions(self.root / repo / "revisions")


def owner_and_name(folder: Path) -> tuple[Path, str | None, str | None]:
    """Return the hub that a folder is, or that it is in as an owner or as a repository."""
    if (folder / "main").is_dir():
        return folder.parent.parent, folder.parent.name, folder.name
    if any((home / "main").is_dir() for home in marks.shown(folder)):
        return folder.parent, folder.name, None
    return folder, None, None
