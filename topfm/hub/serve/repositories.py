"""The directory hub as the server sees it: repositories of two kinds at a revision."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from topdata.errors import HubError, RecipeError
from topdata.hub.address import is_commit, require_repo, require_tag
from topdata.hub.contents import File
from topdata.hub.directory import DirectoryHub, Overtaken
from topdata.hub.interface import Refs
from topdata.hub.objects import Objects
from topdata.hub.revisions import DIGITS, Revision
from topfm.hub.serve.refusals import NO_FILE, NO_REPOSITORY, NO_REVISION, Refused

KINDS = {"models": "model", "datasets": "dataset"}  # as addresses write them
_RESERVED = {"api", "datasets", "models", "spaces", "lfs", "static"}  # first words of addresses
_ATTEMPTS = 100  # of a commit that names no parent, against other servers and writers


@dataclass(frozen=True)
class Snapshot:
    """A repository at a commit."""

    kinds: str  # "models" or "datasets"
    repo: str  # org/name
    commit: str  # as the directory hub calls it
    revision: Revision
    objects: Objects

    @property
    def sha(self) -> str:
        """The commit as clients call it, 40 digits."""
        return self.commit[:DIGITS]

    @property
    def web(self) -> str:
        """The path of its page."""
        return self.repo if self.kinds == "models" else f"{self.kinds}/{self.repo}"

    @cached_property
    def tree(self) -> dict[str, File]:
        """Files by path."""
        return {file.path: file for file in self.revision.files}

    def file(self, path: str) -> File:
        """Return a file. Raises :class:`Refused`."""
        if path not in self.tree:
            raise Refused(404, f"{self.repo}: no file {path} at {self.sha}", NO_FILE)
        return self.tree[path]

    def stored(self, path: str) -> Path:
        """Return where the content of a file is. Raises :class:`Refused` where it is damaged."""
        file = self.file(path)
        if not self.objects.has(file, whole=False):
            raise Refused(500, f"{self.repo}: {path} is damaged on the hub: push it again")
        return self.objects.path(file.sha256)


class Repositories:
    """What the folder holds; any number of these may work on it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._hubs = {kinds: DirectoryHub(str(root), kind) for kinds, kind in KINDS.items()}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._revision = lru_cache(maxsize=64)(self._hubs["models"].revision)  # they never change

    def create(self, kinds: str, repo: str) -> bool:
        """Make a repository with a first, empty revision; return False where it exists."""
        try:
            require_repo(repo)
        except RecipeError as error:
            raise Refused(400, str(error)) from error
        if repo.partition("/")[0].lower() in _RESERVED:
            raise Refused(400, f"{repo}: {repo.partition('/')[0]} cannot be an organisation here")
        hub = self._hubs[kinds]
        hub.create(repo, private=None)
        try:
            hub.commit(repo, [], parent=None, message="initial commit")
        except Overtaken:
            other = self._head(repo)[1].kind
            if other != KINDS[kinds]:
                raise Refused(400, f"{repo}: this name is taken by a {other}") from None
            return False
        return True

    def refs(self, kinds: str, repo: str) -> Refs:
        """Return the references of a repository. Raises :class:`Refused`."""
        self.at(kinds, repo)
        refs = self._hubs[kinds].refs(repo)
        assert refs is not None
        return refs

    def at(self, kinds: str, repo: str, revision: str | None = None) -> Snapshot:
        """Return a repository at a tag, branch or commit. Raises :class:`Refused`."""
        hub = self._hubs[kinds]
        missing = Refused(404, f"{repo}: no such {KINDS[kinds]} on this hub", NO_REPOSITORY)
        try:
            require_repo(repo)
            main, content = self._head(repo)
        except (RecipeError, FileNotFoundError):
            raise missing from None
        if content.kind != KINDS[kinds]:
            raise missing
        commit = main
        if revision not in (None, "main"):
            try:
                commit = hub.find(repo, revision)
            except HubError as error:
                said = str(error).replace(f"{self.root}/", "")
                raise Refused(404, said, NO_REVISION) from error
            content = self._revision(repo, commit)
        return Snapshot(kinds, repo, commit, content, hub.objects(repo))

    def listed(self, kinds: str) -> Iterator[Snapshot]:
        """Yield all repositories of a kind that can be read, by name."""
        for home in sorted(self.root.glob("*/*/main")):
            repo = home.parent.relative_to(self.root).as_posix()
            try:
                yield self.at(kinds, repo)
            except (Refused, HubError):
                continue

    def history(self, snapshot: Snapshot, most: int) -> Iterator[Snapshot]:
        """Yield a snapshot and those before it."""
        for _ in range(most):
            yield snapshot
            parent = snapshot.revision.parent
            if parent is None or not is_commit(parent):
                return
            revision = self._revision(snapshot.repo, parent)
            snapshot = Snapshot(
                snapshot.kinds, snapshot.repo, parent, revision, snapshot.objects
            )  # fmt: skip

    def commit(
        self, kinds: str, repo: str, branch: str, message: str, parent: str | None,
        change: Callable[[dict[str, File]], Iterable[File]],
    ) -> Snapshot:  # fmt: skip
        """Put a change of the files on top of a branch, or only on top of ``parent``.

        Raises :class:`Refused` with status 412 if the branch is not there (any more).
        """
        if branch != "main" and branch not in self.refs(kinds, repo).branches:
            raise Refused(404, f"{repo}: no branch {branch!r} to commit to", NO_REVISION)
        with self._locks[repo]:  # only spares attempts: other servers and writers are outside
            for _ in range(_ATTEMPTS):
                head = self.at(kinds, repo, branch)
                if parent is not None and not head.commit.startswith(parent.lower()):
                    break
                files = tuple(sorted(change(dict(head.tree)), key=lambda file: file.path))
                if files == head.revision.files:
                    return head
                try:
                    done = self._hubs[kinds].commit(
                        repo, files, parent=head.commit, message=message, branch=branch
                    )
                except Overtaken:
                    continue
                return self.at(kinds, repo, done)
        raise Refused(412, "A commit has happened since. Please refresh and try again.")

    def tag(self, kinds: str, repo: str, revision: str, tag: str) -> None:
        """Give a revision a tag. Raises :class:`Refused`."""
        snapshot, refs = self.at(kinds, repo, revision), self.refs(kinds, repo)
        _require_free(tag, refs)
        try:
            self._hubs[kinds].tag(repo, tag, snapshot.commit, move=False)
        except Overtaken as error:
            raise Refused(409, f"Tag reference exists already: {tag}") from error

    def branch(self, kinds: str, repo: str, branch: str, start: str | None) -> None:
        """Begin a branch at a revision. Raises :class:`Refused`."""
        snapshot, refs = self.at(kinds, repo, start), self.refs(kinds, repo)
        _require_free(branch, refs)
        try:
            self._hubs[kinds].branch(repo, branch, snapshot.commit)
        except Overtaken as error:
            raise Refused(409, f"Reference already exists: {branch}") from error

    def remove(self, kinds: str, repo: str, *, tag: str = "", branch: str = "") -> None:
        """Take a tag or a branch away. Raises :class:`Refused`."""
        refs, hub = self.refs(kinds, repo), self._hubs[kinds]
        gone = hub.untag(repo, tag) if tag in refs.tags else False
        gone = gone or (hub.unbranch(repo, branch) if branch in refs.branches else False)
        if not gone:
            raise Refused(404, f"{repo}: no tag or branch {tag or branch!r}", NO_REVISION)

    def _head(self, repo: str) -> tuple[str, Revision]:
        """Return the newest commit of main, of whatever kind. Raises :class:`FileNotFoundError`."""
        commit = self._hubs["models"].head(repo)
        if commit is None:
            raise FileNotFoundError(repo)
        return commit, self._revision(repo, commit)


def _require_free(name: str, refs: Refs) -> None:
    try:
        require_tag(name)
    except RecipeError as error:
        raise Refused(400, str(error)) from error
    if name in refs.tags or name in refs.branches:
        raise Refused(409, f"Reference already exists: {name}")
