"""A hub that is a folder: on EOS, AFS or NFS, shared by whoever may read and write it.

::

    DIR/org/name/objects/ab/abcd...     the files, each once, under their sha256
                 revisions/<id>.json    what a revision holds; the id is the sha256 of this text
                 main/000003/<id>       the third revision of main; the highest number is the newest
                 tags/v1.0.2/<id>

A revision becomes visible when a folder is renamed to the next number under ``main``. A rename
onto a folder that is not empty fails, so of two who publish at the same time one is told; file
locks, on which such file systems disagree, are not needed. What an interrupted push leaves is
never seen and is used by the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from topdata.errors import HubError, nearest, one_line
from topdata.hub.address import is_commit
from topdata.hub.contents import Changes, File, require_inside, require_size
from topdata.hub.interface import Refs
from topdata.hub.parallel import arriving
from topdata.progress import Progress
from topdata.whole import sync, write_whole

FORMAT = 1
_BLOCK = 1 << 20


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
            for above in ([self.root / owner] if owner else _shown(self.root))
            for home in _shown(above)
            if (home / "main").is_dir()
        ]
        return [name for home in homes if self._holds(name := f"{home.parent.name}/{home.name}")]

    def refs(self, repo: str) -> Refs | None:
        """See :class:`topdata.hub.interface.Hub`."""
        self._require_root()
        home = self.root / repo
        if not home.is_dir():
            return None
        tags = {path.name: _pointed(path) for path in _shown(home / "tags")}
        return Refs(self._newest(repo)[1], tags)

    def find(self, repo: str, revision: str | None) -> str:
        """See :class:`topdata.hub.interface.Hub`."""
        refs = self.refs(repo)
        if refs is None or refs.main is None:
            itself = ", and the folder itself holds none" if refs is not None else ""
            raise HubError(f"{self.root / repo}: no such {self.kind} on this hub{itself}")
        if revision in (None, "main"):
            return refs.main
        if revision in refs.tags:
            return refs.tags[revision]
        assert revision is not None
        if is_commit(revision) and self._note(repo, revision).is_file():
            return revision
        raise HubError(
            f"{self.root / repo}: no revision {revision!r}{nearest(revision, [*refs.tags, 'main'])}"
        )

    def files(self, repo: str, commit: str) -> list[File]:
        """See :class:`topdata.hub.interface.Hub`. The id vouches for the list."""
        note = self._note(repo, commit)
        try:
            text = note.read_bytes()
            content = json.loads(text) if hashlib.sha256(text).hexdigest() == commit else None
            if content is None:
                raise HubError(f"{note}: damaged, its sha256 is not its name")
            form, kind = content["format"], content["kind"]
            files = [
                File(f["path"], require_size(f["size"], f"{note}: {f['path']}"), f["sha256"])
                for f in content["files"]
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HubError(f"{note}: cannot be read ({one_line(error)})") from error
        if form != FORMAT:
            raise HubError(f"{note}: of format {form}: run `pip install --upgrade topdata`")
        if kind != self.kind:
            raise HubError(f"{self.root / repo}: holds a {kind}, not a {self.kind}")
        for file in files:
            require_inside(file.path, str(note))
            if not re.fullmatch("[0-9a-f]{64}", file.sha256):
                raise HubError(f"{note}: lists {file.path!r} without its sha256")
        return files

    def fetch(self, repo: str, commit: str, files: Sequence[File], folder: Path) -> Iterator[File]:
        """See :class:`topdata.hub.interface.Hub`."""
        yield from arriving(lambda file: self._copy(repo, file, folder), files)

    def _copy(self, repo: str, file: File, folder: Path) -> None:
        stored = self._object(repo, file.sha256)
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
        doubtful = set(files) if repair else set(changes.add)
        absent = [file for file in files if not self._has(repo, file, whole=file in doubtful)]
        told.start("copying", sum(file.size for file in absent))
        for file in absent:
            _store(folder / file.path, self._object(repo, file.sha256), file.sha256, told)
        if parent is not None and not changes:
            return parent
        listed = sorted(files, key=lambda file: file.path)
        content = {
            "format": FORMAT,
            "kind": self.kind,
            "parent": parent,
            "message": message,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": [{"path": f.path, "size": f.size, "sha256": f.sha256} for f in listed],
        }
        commit = self._write_note(repo, content)
        number, newest = self._newest(repo)
        if newest != parent or not _mark(self.root / repo / "main" / f"{number + 1:06d}", commit):
            raise HubError(
                f"{self.root / repo}: somebody else pushed at the same time, and was first; look "
                "at their revision, then push again"
            )
        return commit

    def tag(self, repo: str, tag: str, commit: str, *, move: bool) -> None:
        """See :class:`topdata.hub.interface.Hub`."""
        mark = self.root / repo / "tags" / tag
        if move and mark.is_dir():
            old = mark.with_name(f".{tag}.{uuid.uuid4().hex}")
            os.rename(mark, old)
            _mark(mark, commit)
            shutil.rmtree(old)
        elif not _mark(mark, commit):
            raise HubError(
                f"{self.root / repo}: tag {tag!r} has just been given to another revision"
            )

    def _require_root(self) -> None:
        if not self.root.is_dir():
            raise HubError(f"{self.root}: no such folder; to start a hub there, make it")

    def _holds(self, repo: str) -> bool:
        """Tell whether a repository holds our kind, by its newest revision."""
        _, commit = self._newest(repo)
        if commit is None:
            return False
        try:
            return bool(json.loads(self._note(repo, commit).read_bytes())["kind"] == self.kind)
        except (OSError, ValueError, KeyError, TypeError):
            return True  # damaged; whoever looks closer is told

    def _newest(self, repo: str) -> tuple[int, str | None]:
        """Return number and id of the newest revision of main; 0 and None before the first."""
        marks = [path for path in _shown(self.root / repo / "main") if path.name.isdigit()]
        if not marks:
            return 0, None
        newest = max(marks, key=lambda path: int(path.name))
        return int(newest.name), _pointed(newest)

    def _note(self, repo: str, commit: str) -> Path:
        return self.root / repo / "revisions" / f"{commit}.json"

    def _object(self, repo: str, sha256: str) -> Path:
        return self.root / repo / "objects" / sha256[:2] / sha256

    def _has(self, repo: str, file: File, *, whole: bool) -> bool:
        """Tell whether an object is there, by its size or, if ``whole``, by what it holds."""
        try:
            with open(self._object(repo, file.sha256), "rb") as stream:
                if os.fstat(stream.fileno()).st_size != file.size:
                    return False
                return not whole or hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
        except FileNotFoundError:
            return False

    def _write_note(self, repo: str, content: dict[str, Any]) -> str:
        text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        commit = hashlib.sha256(text).hexdigest()
        self._note(repo, commit).parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._note(repo, commit), text)
        return commit


def owner_and_name(folder: Path) -> tuple[Path, str | None, str | None]:
    """Return the hub that a folder is, or that it is in as an owner or as a repository."""
    if (folder / "main").is_dir():
        return folder.parent.parent, folder.parent.name, folder.name
    if any((home / "main").is_dir() for home in _shown(folder)):
        return folder.parent, folder.name, None
    return folder, None, None


def _shown(folder: Path) -> list[Path]:
    """Return what is in a folder, without what is being written (its name begins with a dot)."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _pointed(mark: Path) -> str:
    """Return the commit id to which a mark points."""
    names = [path.name for path in mark.iterdir()]
    if len(names) != 1 or not is_commit(names[0]):
        raise HubError(f"{mark}: damaged, it should hold one file named by a revision")
    return names[0]


def _mark(mark: Path, commit: str) -> bool:
    """Make a mark that points to a commit; return False where another one was faster."""
    mark.parent.mkdir(parents=True, exist_ok=True)
    beside = mark.with_name(f".{mark.name}.{uuid.uuid4().hex}")
    beside.mkdir()
    try:
        write_whole(beside / commit, f"{commit}\n".encode())
        os.rename(beside, mark)
    except OSError:
        if not mark.is_dir():
            raise
        return _pointed(mark) == commit  # the reply to a rename over NFS can get lost
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    sync(mark.parent)
    return True


def _store(source: Path, target: Path, sha256: str, told: Progress) -> None:
    """Copy a file to its object, whole and right or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    digest = hashlib.sha256()
    try:
        with open(source, "rb") as reading, open(beside, "xb") as writing:
            while block := reading.read(_BLOCK):
                digest.update(block)
                writing.write(block)
                told.advance(len(block))
            writing.flush()
            os.fsync(writing.fileno())
        if digest.hexdigest() != sha256:
            raise HubError(f"{source}: changed while it was pushed; nothing was published")
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
