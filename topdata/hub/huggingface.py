"""The transport to the Hugging Face hub, and to any other hub with its interface.

A push is one commit, made with the commit of main that was looked at as its parent, so it
appears whole or not at all and cannot overwrite somebody else's. The client checks only the sizes
of what it downloads: whoever calls :meth:`HuggingFaceHub.fetch` verifies.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from topdata.errors import HubError, TopdataError, nearest, one_line
from topdata.hub.address import PUBLIC, is_commit
from topdata.hub.contents import Changes, File, require_inside, require_size
from topdata.hub.interface import Refs
from topdata.hub.parallel import arriving
from topdata.progress import Progress

AT_ONCE = 8  # files that are uploaded together
_CLIENTS = ("httpx", "httpx2", "requests", "urllib3")  # whose errors the client lets through


class HuggingFaceHub:
    """The repositories of one kind ("dataset" or "model") of an endpoint.

    The token comes from where the client keeps it: ``HF_TOKEN`` or ``hf auth login``.
    """

    def __init__(self, endpoint: str, kind: str) -> None:
        from huggingface_hub import HfApi

        self.endpoint = endpoint
        self.kind = kind
        self._api = HfApi(endpoint=endpoint, library_name="topdata")

    def repos(self, owner: str | None, *, index: str, tag: str) -> list[str]:
        """See :class:`topdata.hub.interface.Hub`."""
        ask: Any = self._api.list_models if self.kind == "model" else self._api.list_datasets
        among = {"filter": tag} if owner is None and self.endpoint == PUBLIC else {}
        with self._told(owner or f"{self.kind}s"):
            return sorted(
                info.id
                for info in ask(author=owner, full=True, **among)
                if any(file.rfilename == index for file in info.siblings or ())
            )

    def refs(self, repo: str) -> Refs | None:
        """See :class:`topdata.hub.interface.Hub`. A private repository may look missing."""
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        with self._told(repo):
            try:
                refs = self._api.list_repo_refs(repo, repo_type=self.kind)
            except GatedRepoError:
                raise
            except RepositoryNotFoundError:
                return None
        branches = {ref.name: ref.target_commit for ref in refs.branches}
        tags = {ref.name: ref.target_commit for ref in refs.tags}
        return Refs(branches.pop("main", None), tags, branches)

    def find(self, repo: str, revision: str | None) -> str:
        """See :class:`topdata.hub.interface.Hub`."""
        from huggingface_hub.errors import RevisionNotFoundError

        with self._told(repo):
            try:
                info = self._api.repo_info(repo, repo_type=self.kind, revision=revision or "main")
            except RevisionNotFoundError as error:
                refs = self._api.list_repo_refs(repo, repo_type=self.kind)
                known = [ref.name for ref in [*refs.tags, *refs.branches]]
                raise HubError(
                    f"{self._where(repo)}: no revision {revision!r}{nearest(revision or '', known)}"
                ) from error
        if not is_commit(info.sha):  # it becomes the name of a folder
            raise HubError(
                f"{self._where(repo)}: the hub calls {str(info.sha)[:80]!r} a commit: refused"
            )
        return str(info.sha)

    def files(self, repo: str, commit: str) -> list[File]:
        """See :class:`topdata.hub.interface.Hub`."""
        from huggingface_hub.hf_api import RepoFile

        files = []
        with self._told(repo):
            tree = self._api.list_repo_tree(
                repo, repo_type=self.kind, revision=commit, recursive=True
            )
            for entry in tree:
                if isinstance(entry, RepoFile):
                    path = require_inside(entry.path, self._where(repo))
                    size = require_size(
                        entry.lfs.size if entry.lfs else entry.size, f"{self._where(repo)}: {path}"
                    )
                    if entry.lfs:  # its blob would be that of the pointer
                        files.append(File(path, size, entry.lfs.sha256))
                    else:
                        files.append(File(path, size, git_blob=entry.blob_id))
        return files

    def fetch(self, repo: str, commit: str, files: Sequence[File], folder: Path) -> Iterator[File]:
        """See :class:`topdata.hub.interface.Hub`.

        The cache of the client is passed by: it may hold a damaged file and not know.
        """
        from huggingface_hub import hf_hub_download

        def download(file: File) -> None:
            with self._told(repo, f": {file.path}"):
                hf_hub_download(
                    repo,
                    file.path,
                    repo_type=self.kind,
                    revision=commit,
                    local_dir=folder,
                    cache_dir=folder / ".cache" / "none",
                    endpoint=self.endpoint,
                    library_name="topdata",
                )

        with _quiet(), _own_endpoint(None):
            yield from arriving(download, files)

    def create(self, repo: str, *, private: bool | None) -> None:
        """See :class:`topdata.hub.interface.Hub`."""
        with self._told(repo):
            self._api.create_repo(repo, repo_type=self.kind, private=private, exist_ok=True)

    def publish(
        self, repo: str, folder: Path, files: Sequence[File], changes: Changes, *,
        parent: str | None, message: str, told: Progress, repair: bool = False,
    ) -> str:  # fmt: skip
        """See :class:`topdata.hub.interface.Hub`."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        if parent is not None and not changes:
            return parent
        additions = [CommitOperationAdd(file.path, folder / file.path) for file in changes.add]
        deletions = [CommitOperationDelete(path, is_folder=False) for path in changes.delete]
        told.start("sending", sum(file.size for file in changes.add))
        plain = nullcontext() if self.endpoint == PUBLIC else _WITHOUT_XET
        with self._told(repo), _quiet(), plain:
            for first in range(0, len(additions), AT_ONCE):  # the client's own bars cannot be ours
                some = slice(first, first + AT_ONCE)
                self._api.preupload_lfs_files(
                    repo, additions[some], repo_type=self.kind, free_memory=False
                )
                told.advance(sum(file.size for file in changes.add[some]))
            with _own_endpoint(self.endpoint):
                commit = self._api.create_commit(
                    repo,
                    [*additions, *deletions],
                    commit_message=message,
                    repo_type=self.kind,
                    parent_commit=parent,
                )
        return str(commit.oid)

    def tag(self, repo: str, tag: str, commit: str, *, move: bool) -> None:
        """See :class:`topdata.hub.interface.Hub`."""
        with self._told(repo):
            if move:
                self._api.delete_tag(repo, tag=tag, repo_type=self.kind)
            self._api.create_tag(repo, tag=tag, revision=commit, repo_type=self.kind)

    def _where(self, repo: str) -> str:
        return f"{repo} on {self.endpoint}"

    @contextmanager
    def _told(self, repo: str, detail: str = "") -> Iterator[None]:
        """Turn what the client and its transport raise into one line."""
        try:
            yield
        except TopdataError:
            raise
        except Exception as error:
            reason = self._reason(error)
            if reason is None:
                raise
            raise HubError(f"{self._where(repo)}{detail}: {reason}") from error

    def _reason(self, error: Exception) -> str | None:
        """Return what to tell, or None for an error that is ours."""
        from huggingface_hub import errors

        cause = error.__cause__
        wrapped = isinstance(error, (errors.LocalEntryNotFoundError, RuntimeError))
        if wrapped and isinstance(cause, Exception):
            return self._reason(cause)  # the client gave up looking for a cached copy, or sending
        if isinstance(error, errors.OfflineModeIsEnabled):
            return "not asked, because HF_HUB_OFFLINE is set"
        if isinstance(error, errors.GatedRepoError):
            return "access has to be granted: ask for it on its page, then `hf auth login`"
        if isinstance(error, errors.RepositoryNotFoundError):
            return (
                f"no such {self.kind}, or a private one: check the name, or log in with "
                "`hf auth login` (or HF_TOKEN)"
            )
        if isinstance(error, errors.HfHubHTTPError):
            return self._refused(error)
        if type(error).__module__.partition(".")[0] in _CLIENTS:
            return f"cannot be reached ({one_line(error)})"
        if isinstance(error, OSError) and error.filename is None:
            return f"was interrupted ({one_line(error)}); try again"
        if isinstance(
            error, (ValueError, KeyError, TypeError)
        ):  # the client's word for a malformed answer
            return f"gave no proper answer ({one_line(error)})"
        return None

    @staticmethod
    def _refused(error: Any) -> str:
        status = getattr(error.response, "status_code", 0)
        said = one_line(Exception(error.server_message or str(error)))
        if status == 401:
            return "not logged in, or with a wrong token: `hf auth login` (or HF_TOKEN)"
        if status == 403:
            return "your token has not the right to do this: ask its owner, or use another token"
        if status == 412:
            return (
                "somebody else pushed at the same time, and was first; look at their revision, "
                "then push again"
            )
        return f"refused ({status}: {said})"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the client's own progress bars off the screen."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


class _WithoutXet:
    """Makes the client use plain LFS, as it would not fall back to it by itself.

    The switch is one for all threads: the first one turns it off, the last one puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users, self._before = 0, False

    def __enter__(self) -> None:
        from huggingface_hub import constants

        with self._lock:
            if not self._users:
                self._before = constants.HF_HUB_DISABLE_XET
                constants.HF_HUB_DISABLE_XET = True
            self._users += 1

    def __exit__(self, *_: object) -> None:
        from huggingface_hub import constants

        with self._lock:
            self._users -= 1
            if not self._users:
                constants.HF_HUB_DISABLE_XET = self._before


_WITHOUT_XET = _WithoutXet()
_ONE = threading.Lock()


@contextmanager
def _own_endpoint(endpoint: str | None) -> Iterator[None]:
    """Let older clients (1.0 still) take the address of a commit for one of this endpoint.

    They know only the endpoint that was set when they were imported. While it is another one, a
    download in another thread would go to a wrong host, with the token: None is to wait for that.
    """
    from huggingface_hub import CommitInfo, constants

    if "_endpoint" in CommitInfo.__dataclass_fields__:
        yield
        return
    with _ONE:
        before = constants.ENDPOINT
        constants.ENDPOINT = endpoint or before
        try:
            yield
        finally:
            constants.ENDPOINT = before
