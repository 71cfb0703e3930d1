"""Pull, for whatever travels and from whatever hub."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from topdata.errors import HubError, InputError, OutputError, RecipeError, TopdataError
from topdata.hub.address import Address, is_commit, parse
from topdata.hub.cache import Cache, Record
from topdata.hub.contents import (
    Damaged,
    File,
    described,
    difference,
    is_allowed,
    require_inside,
)
from topdata.hub.hubs import open_hub
from topdata.hub.interface import Hub, Kind
from topdata.hub.place import place
from topdata.progress import Progress, Silent

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Pulled:
    """A verified folder on this machine, and where it came from."""

    path: Path
    address: str  # with the commit: it means the same for ever
    hub: str  # empty for a folder that was given as such
    repo: str
    commit: str
    fetched: int  # files that came from the hub
    fetched_bytes: int
    mended: str = ""  # what was wrong with a copy in the cache, which was brought again


def pull(
    address: str, kind: Kind, *, output: Path | None = None, progress: Progress | None = None
) -> Pulled:
    """Return a verified local folder of what an address names.

    Without ``output`` that is a folder of the cache, which must not be changed; a commit that is
    there already is returned without asking the hub, and brought again if it is damaged. A folder
    given as such is returned as it is, with its files counted but not hashed.

    Raises :class:`HubError` when the hub cannot be reached, has no such revision or sends damaged
    files, :class:`OutputError` when the output exists. The folder appears whole or not at all.
    """
    where = parse(address, kind.name, kind.index)
    if isinstance(where, Path):
        return _as_it_is(where, kind, output)
    if output is not None and (output.exists() or output.is_symlink()):
        raise OutputError(f"{output}: exists already, choose another name")
    cache = Cache(where, kind.name)
    hub, commit = _resolved(where, kind, cache)
    record = cache.record(commit)
    target = output or cache.folder(commit)
    found = Pulled(
        target, where.at(commit), where.hub, where.repo, commit, fetched=0, fetched_bytes=0
    )
    damage = ""
    if record is not None and output is None:
        damage = _damage(target, record, kind)
        if not damage:
            return found
    bringing = _Bringing(where, kind, cache, hub, commit, record, progress or Silent())
    try:
        if output is None:
            good = partial(_is_good, cache, commit, kind)
            place(target.absolute(), bringing.fill_cache, stays=good)
        elif not place(target.absolute(), bringing.fill):
            raise OutputError(f"{output}: another pull has just made it")
    except HubError as error:
        if damage:
            raise HubError(f"{error}; the copy in the cache is damaged ({damage})") from error
        raise
    return replace(
        found, fetched=bringing.fetched, fetched_bytes=bringing.fetched_bytes, mended=damage
    )


def _damage(folder: Path, record: Record, kind: Kind) -> str:
    """Return what is damaged of a cached commit, or nothing; raise for what pulling cannot mend."""
    try:
        kind.require_whole(folder)
    except TopdataError:
        for file in record.files:
            if wrong := difference(folder, file):
                return f"{file.path}: {wrong}"
        raise
    return ""


def _is_good(cache: Cache, commit: str, kind: Kind) -> bool:
    """Tell whether a cached commit can be used: another process may just have brought it."""
    record = cache.record(commit)
    return record is not None and not _damage(cache.folder(commit), record, kind)


def _as_it_is(folder: Path, kind: Kind, output: Path | None) -> Pulled:
    if output is not None:
        raise RecipeError(f"{folder}: is a {kind.name} folder on this machine; copy it yourself")
    for file in kind.listed(folder):
        size = (folder / file.path).stat().st_size if (folder / file.path).is_file() else None
        if size is None or file.size not in (-1, size):
            what = "missing" if size is None else f"{size} bytes instead of {file.size}"
            raise InputError(f"{folder / file.path}: {what}: the {kind.name} is damaged")
    return Pulled(folder, str(folder), "", "", "", fetched=0, fetched_bytes=0)


def _resolved(where: Address, kind: Kind, cache: Cache) -> tuple[Hub | None, str]:
    """Return the commit; and the hub, if it had to be asked."""
    if is_commit(where.revision):
        assert where.revision is not None
        if cache.record(where.revision):
            return None, where.revision
    try:
        hub = open_hub(where, kind.name)
        commit = hub.find(where.repo, where.revision)
        if not is_commit(commit) or not _is_asked(where.revision, commit):
            raise Damaged(
                f"{where.repo} on {where.hub}: asked for {where.revision or 'main'}, the hub gives "
                f"{commit[:80]!r}: refused"
            )
        return hub, commit
    except HubError as error:
        if last := cache.last(where.revision or ""):
            raise HubError(
                f"{error}; pulled before as {last}: give {where.at(last)} to use that"
            ) from error
        raise


def _is_asked(revision: str | None, commit: str) -> bool:
    """Tell whether a commit is the one that was asked for, of 40 digits or of 64."""
    if revision is None or not is_commit(revision):
        return True
    return commit.startswith(revision) or revision.startswith(commit)


class _Bringing:
    """Brings the files of one commit into a folder, from the cache or from the hub."""

    def __init__(
        self, where: Address, kind: Kind, cache: Cache, hub: Hub | None, commit: str,
        record: Record | None, told: Progress,
    ) -> None:  # fmt: skip
        self._where, self._kind, self._cache, self._commit = where, kind, cache, commit
        self._hub, self._record, self._told = hub, record, told
        self._name = f"{where.repo}@{commit} on {where.hub}"
        self._take: Callable[[Path, Path], object] = shutil.copyfile
        self.fetched = self.fetched_bytes = 0

    def fill_cache(self, work: Path) -> None:
        """Fill a folder of the cache: read-only, with a note of its origin beside it."""
        self._take = _linked
        wanted = self._fill(work)
        files = [file if file.sha256 else described(work, file.path) for file in wanted]
        for file in files:
            os.chmod(work / file.path, 0o444)
        where, asked = self._where, self._where.revision or ""
        self._cache.write(Record(where.hub, where.repo, asked, self._commit, tuple(files)))

    def fill(self, work: Path) -> None:
        """Bring and verify all files; what is there from an interrupted pull is used."""
        self._fill(work)

    def _fill(self, work: Path) -> list[File]:
        if self._record is not None:
            wanted = list(self._record.files)
        else:
            assert self._hub is not None
            there = {file.path: file for file in self._hub.files(self._where.repo, self._commit)}
            index = self._listed(there, File(self._kind.index))
            self._bring(work, [index])
            listed = self._asked(self._kind.listed, work)
            wanted = [self._listed(there, file) for file in listed]
        self._told.start("pulling", sum(file.size for file in wanted))
        self._bring(work, wanted)
        _remove_others(work, wanted)
        self._asked(self._kind.require_whole, work)
        return wanted

    def _asked(self, question: Callable[[Path], _Answer], work: Path) -> _Answer:
        try:
            return question(work)
        except TopdataError as error:  # it names a folder that will not be there any more
            raise type(error)(str(error).replace(str(work), self._name)) from error

    def _listed(self, there: dict[str, File], file: File) -> File:
        """Join what the index and the hub say of a file. They must agree."""
        path = require_inside(file.path, self._name)
        if not is_allowed(path, self._kind.allowed):
            raise Damaged(f"{self._name}: lists {path}, which no {self._kind.name} has: refused")
        if path not in there:
            raise Damaged(f"{self._name}: {path} is missing on the hub")
        hub = there[path]
        if path == self._kind.index and hub.size > self._kind.index_limit:
            raise Damaged(
                f"{self._name}: {path} of {hub.size / 1e9:.3g} GB, above "
                f"{self._kind.index_limit >> 20} MB: refused"
            )
        if file.size not in (-1, hub.size) or (
            file.sha256 and hub.sha256 and file.sha256 != hub.sha256
        ):
            raise Damaged(
                f"{self._name}: {path}: not the file that {self._kind.index} lists; damaged on the "
                "hub, nothing was kept"
            )
        return replace(hub, sha256=file.sha256 or hub.sha256)

    def _bring(self, work: Path, wanted: list[File]) -> None:
        known = self._cache.known()
        lacking = []
        for file in wanted:
            if self._is_here(work, file, known):
                self._told.advance(file.size)
            else:
                lacking.append(file)
        if not lacking:
            return
        self._require_room(work, sum(file.size for file in lacking))
        hub = self._hub or open_hub(self._where, self._kind.name)
        for file in hub.fetch(self._where.repo, self._commit, lacking, work):
            if wrong := difference(work, file):
                raise Damaged(
                    f"{self._name}: {file.path}: {wrong}; damaged on the hub, nothing was kept"
                )
            self.fetched += 1
            self.fetched_bytes += file.size
            self._told.advance(file.size)

    def _require_room(self, work: Path, needed: int) -> None:
        free = shutil.disk_usage(work).free
        if needed > free:
            raise HubError(
                f"{self._name}: {needed / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free here: make "
                "room, or choose another disk with -o or TOPDATA_CACHE"
            )

    def _is_here(self, work: Path, file: File, known: dict[str, Path]) -> bool:
        """Tell whether a file is in the folder, or could be taken from the cache, and is right."""
        path = work / file.path
        if path.is_file() and not difference(work, file):
            return True
        path.unlink(missing_ok=True)
        if file.sha256 not in known:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        self._take(known[file.sha256], path)
        if difference(work, file):
            path.unlink()
            return False
        return True


def _linked(source: Path, target: Path) -> None:
    """Share a read-only file of the cache between two commits, where the disk can do that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _remove_others(folder: Path, files: Iterable[File]) -> None:
    """Remove what is no part of the commit: the client's notes, files of another commit."""
    ours = {file.path for file in files}
    for path in sorted(folder.rglob("*"), reverse=True):  # what is inside before the folder
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(folder).as_posix() not in ours:
            path.unlink()
