"""How the Hub describes repositories, files and commits in JSON.

Every file is shown as one of LFS: then clients know its sha256, compare it with what they have and
can verify what they got. The id of its git blob is that of the pointer, as in git.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from topdata.hub.contents import File
from topdata.hub.interface import Refs
from topdata.hub.revisions import DIGITS
from topfm.hub.serve import cards
from topfm.hub.serve.refusals import NO_FILE, Refused
from topfm.hub.serve.repositories import Snapshot

CARD = "README.md"


def repository(
    of: Snapshot, *, private: bool, files: bool = True, blobs: bool = False
) -> dict[str, Any]:
    """Return what is known of a repository at a commit."""
    card = metadata(of)
    info: dict[str, Any] = {
        "_id": hashlib.sha256(of.web.encode()).hexdigest()[:24],
        "id": of.repo,
        "author": of.repo.partition("/")[0],
        "sha": of.sha,
        "lastModified": _time(of),
        "private": private,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": cards.tags(card, of.kinds),
        "cardData": _plain(card),
    }
    if of.kinds == "models":
        info["modelId"] = of.repo
        info |= {key: card[key] for key in ("library_name", "pipeline_tag") if key in card}
    if files:
        info["siblings"] = [_sibling(file, blobs) for file in of.revision.files]
        info["usedStorage"] = sum(file.size for file in of.revision.files)
    return info


def metadata(of: Snapshot) -> dict[str, Any]:
    """Return the metadata of the card, none where there is no card."""
    if CARD not in of.tree or not of.objects.has(of.tree[CARD], whole=False):
        return {}
    return cards.metadata(of.objects.path(of.tree[CARD].sha256))


def entry(file: File) -> dict[str, Any]:
    """Return a file of a tree."""
    return {"type": "file", "path": file.path, "size": file.size, **_blob(file)}


def tree(of: Snapshot, folder: str, *, deep: bool) -> list[dict[str, Any]]:
    """Return what is in a folder, with ``deep`` also in those below. Raises :class:`Refused`."""
    prefix = f"{folder}/" if folder else ""
    inside = [file for file in of.revision.files if file.path.startswith(prefix)]
    if prefix and not inside:
        raise Refused(404, f"{of.repo}: no folder {folder} at {of.sha}", NO_FILE)
    found, folders = [], dict[str, list[File]]()
    for file in inside:
        *above, _ = file.path[len(prefix) :].split("/")
        for depth in range(1, len(above) + 1):
            folders.setdefault(prefix + "/".join(above[:depth]), []).append(file)
        if deep or not above:
            found.append(entry(file))
    shown = [name for name in sorted(folders) if deep or "/" not in name[len(prefix) :]]
    return [_folder(name, folders[name]) for name in shown] + found


def paths(of: Snapshot, wanted: Iterable[object]) -> list[dict[str, Any]]:
    """Return those files and folders that are there."""
    inside_of: dict[str, list[File]] = {}
    for file in of.revision.files:
        for folder in PurePosixPath(file.path).parents:
            inside_of.setdefault(str(folder), []).append(file)
    found = []
    for path in dict.fromkeys(str(path).strip("/") for path in wanted):
        if path in of.tree:
            found.append(entry(of.tree[path]))
        elif inside := inside_of.get(path):
            found.append(_folder(path, inside))
    return found


def references(refs: Refs) -> dict[str, Any]:
    """Return branches and tags."""
    branches = {"main": refs.main or "", **refs.branches}

    def listed(kind: str, names: dict[str, str]) -> list[dict[str, str]]:
        return [
            {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit[:DIGITS]}
            for name, commit in names.items()
        ]

    return {
        "branches": listed("heads", branches),
        "tags": listed("tags", refs.tags),
        "converts": [],
    }


def commit(of: Snapshot) -> dict[str, Any]:
    """Return a commit of a history."""
    title, _, message = of.revision.message.partition("\n\n")
    return {"id": of.sha, "title": title, "message": message, "date": _time(of), "authors": []}


def _folder(path: str, inside: list[File]) -> dict[str, Any]:
    told = "\n".join(f"{file.sha256} {file.path}" for file in inside)
    oid = hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest()
    return {"type": "directory", "path": path, "size": 0, "oid": oid}


def _sibling(file: File, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": file.path}
    blob = _blob(file)
    lfs = {"sha256": file.sha256, "size": file.size, "pointerSize": blob["lfs"]["pointerSize"]}
    return {"rfilename": file.path, "size": file.size, "blobId": blob["oid"], "lfs": lfs}


def _blob(file: File) -> dict[str, Any]:
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.sha256}\nsize {file.size}\n"
    ).encode()
    text = b"blob %d\0" % len(pointer) + pointer
    return {
        "oid": hashlib.sha1(text, usedforsecurity=False).hexdigest(),
        "lfs": {"oid": file.sha256, "size": file.size, "pointerSize": len(pointer)},
    }


def _time(of: Snapshot) -> str:
    """Return the time of a commit as the Hub writes it."""
    return of.revision.created.replace("+00:00", ".000Z")


def _plain(value: Any) -> Any:
    """Return what JSON can hold of the YAML of a card."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
