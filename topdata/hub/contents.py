"""The files of a repository: their paths, and the checksums that say what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from topdata.errors import HubError


class Damaged(HubError):
    """What a hub holds or sends is not what it should be; trying again will not help."""


@dataclass(frozen=True, slots=True)
class File:
    """One file. Of the checksums, one may be enough; what is not known is empty or -1."""

    path: str  # relative, with /
    size: int = -1  # bytes
    sha256: str = ""
    git_blob: str = ""  # sha1 of git's blob, what a hub knows of small files


def require_inside(path: str, where: str) -> str:
    """Return a path that cannot lead out of its folder. Raises :class:`Damaged`."""
    parts = PurePosixPath(path).parts
    plain = path.isprintable() and "\\" not in path and "/".join(parts) == path
    if not parts or not plain or ".." in parts or PurePosixPath(path).is_absolute():
        raise Damaged(f"{where}: lists the file {path!r}, which leads out of its folder: refused")
    return path


def require_size(size: object, where: str) -> int:
    """Return a size that can be one. Raises :class:`Damaged`."""
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Damaged(f"{where}: has the size {size!r}: refused")
    return size


def described(folder: Path, path: str) -> File:
    """Return a local file with its size and sha256."""
    with open(folder / path, "rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return File(path, stream.tell(), sha256)


def git_blob(path: Path) -> str:
    """Return the id that git gives the content of a file."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def difference(folder: Path, wanted: File) -> str:
    """Return what is wrong with a file, or nothing. A right file is synced to the disk."""
    path = folder / wanted.path
    try:
        with open(path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if wanted.size not in (-1, size):
                return f"{size} bytes instead of {wanted.size}"
            if wanted.sha256:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
                if sha256 != wanted.sha256:
                    return f"sha256 {sha256[:16]}... instead of {wanted.sha256[:16]}..."
            if wanted.git_blob and (blob := git_blob(path)) != wanted.git_blob:
                return f"git blob {blob[:16]}... instead of {wanted.git_blob[:16]}..."
            os.fsync(stream.fileno())
    except FileNotFoundError:
        return "missing"
    return ""


def same(folder: Path, ours: File, theirs: File) -> bool:
    """Tell whether a local file, with its sha256 known, is what a hub holds."""
    if ours.size != theirs.size:
        return False
    if theirs.sha256:
        return ours.sha256 == theirs.sha256
    return bool(theirs.git_blob) and theirs.git_blob == git_blob(folder / ours.path)


@dataclass(frozen=True, slots=True)
class Changes:
    """What a revision lacks of a folder, and what it has too much."""

    add: list[File]
    delete: list[str]

    def __bool__(self) -> bool:
        return bool(self.add or self.delete)


def changes(
    folder: Path, files: Iterable[File], there: Iterable[File], allowed: tuple[str, ...]
) -> Changes:
    """Compare the files of a folder with those of a revision.

    What a hub has besides is to be deleted if it is of an ``allowed`` pattern, so that no shard of
    an older release is read with the new ones; a licence or a picture stays.
    """
    known = {file.path: file for file in there}
    files = list(files)
    add = [f for f in files if f.path not in known or not same(folder, f, known[f.path])]
    ours = {file.path for file in files}
    return Changes(add, sorted(p for p in known if p not in ours and is_allowed(p, allowed)))


def is_allowed(path: str, patterns: tuple[str, ...]) -> bool:
    """Tell whether a file is of a kind that may travel."""
    return any(PurePosixPath(path).match(pattern) for pattern in patterns)
