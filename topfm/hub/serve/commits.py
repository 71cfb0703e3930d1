"""Commits: a change of files as lines of JSON, that happens whole or not at all."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from topdata.hub.contents import Damaged, File, require_inside
from topdata.hub.objects import Objects
from topfm.hub.serve.access import Access
from topfm.hub.serve.asked import (
    BODY,
    endpoint,
    items,
    json_body,
    json_object,
    kinds_and_repo,
    lines,
    text,
    whole_number,
)
from topfm.hub.serve.refusals import NO_FILE, Refused
from topfm.hub.serve.repositories import Repositories

REGULAR = 1 << 20  # bytes: files up to this size travel inside a commit
_LARGE = (".parquet", ".arrow")  # `datasets` removes these as soon as they should be uploaded
_ALL = 2 << 30  # bytes of a commit
_LONGEST = 512 << 10  # bytes of a description


@dataclass(frozen=True, slots=True)
class _Put:
    file: File


@dataclass(frozen=True, slots=True)
class _Delete:
    path: str
    folder: bool


class Commits:
    """The routes of commits."""

    def __init__(self, repositories: Repositories, access: Access) -> None:
        self._repositories, self._access = repositories, access

    async def preupload(self, request: Request) -> Response:
        """Say how each file travels: small ones in the commit, the others by LFS."""
        self._access.require_write(request)
        kinds, repo = kinds_and_repo(request)
        body = await json_body(request)
        branch = request.path_params["revision"]
        await run_in_threadpool(self._repositories.at, kinds, repo, branch)
        modes = []
        for item in items(body, "files"):
            path = text(item, "path")
            small = whole_number(item, "size") <= REGULAR and not path.endswith(_LARGE)
            mode = "regular" if small else "lfs"
            modes.append({"path": path, "uploadMode": mode, "shouldIgnore": False})
        return JSONResponse({"files": modes})

    async def commit(self, request: Request) -> Response:
        """Make a commit."""
        self._access.require_write(request)
        if request.query_params.get("create_pr"):
            raise Refused(400, "there are no pull requests on this hub: commit to a branch")
        kinds, repo = kinds_and_repo(request)
        objects = (await run_in_threadpool(self._repositories.at, kinds, repo)).objects
        header: dict[str, Any] = {}
        steps: list[_Put | _Delete] = []
        longest = max(4 * REGULAR // 3, _LONGEST) + BODY // 16
        try:
            async for line in lines(request, longest=longest, most=_ALL):
                key, value = _keyed(line)
                if key == "header":
                    header = value
                else:
                    steps.append(await run_in_threadpool(_step, key, value, objects))
        except ClientDisconnect as error:
            raise Refused(400, "the commit was broken off") from error
        done = await run_in_threadpool(
            self._repositories.commit, kinds, repo, request.path_params["revision"],
            _message(header), _parent(header), lambda tree: _applied(tree, steps),
        )  # fmt: skip
        url = f"{endpoint(request)}/{done.web}/commit/{done.sha}"
        return JSONResponse({"success": True, "commitOid": done.sha, "commitUrl": url})


def _keyed(line: bytes) -> tuple[str, dict[str, Any]]:
    content = json_object(line)
    value = content.get("value")
    if not isinstance(value, dict):
        raise Refused(400, "a line of a commit has a key and an object as its value")
    return text(content, "key"), value


def _message(header: dict[str, Any]) -> str:
    summary, description = text(header, "summary"), text(header, "description")
    if not summary:
        raise Refused(400, "a commit needs a header with a summary")
    return f"{summary}\n\n{description}" if description else summary


def _parent(header: dict[str, Any]) -> str | None:
    parent = text(header, "parentCommit")
    if parent and not re.fullmatch("[0-9a-fA-F]{5,64}", parent):
        raise Refused(400, f"{parent!r} is no commit")
    return parent or None


def _step(key: str, value: dict[str, Any], objects: Objects) -> _Put | _Delete:
    """Check one line; the content of a regular file is stored, under its sha256."""
    path = text(value, "path")
    if key == "file":
        return _Put(_stored(_path(path), value, objects))
    if key == "lfsFile":
        return _Put(_uploaded(_path(path), value, objects))
    if key in ("deletedFile", "deletedFolder"):
        return _Delete(_path(path.rstrip("/")), key == "deletedFolder")
    raise Refused(400, f"{key!r} is nothing that a commit here can do")


def _path(path: str) -> str:
    try:
        require_inside(path, "the commit")
    except Damaged as error:
        raise Refused(400, str(error)) from error
    parts = path.split("/")
    if any(len(part.encode()) > 255 for part in parts) or len(path) > 1024:
        raise Refused(400, "a path is too long")
    if ".git" in (part.lower() for part in parts):
        raise Refused(400, f"{path!r} leads into a .git")
    return path


def _stored(path: str, value: dict[str, Any], objects: Objects) -> File:
    try:
        content = base64.b64decode(text(value, "content"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, f"{path}: its content is not base64") from error
    file = File(path, len(content), hashlib.sha256(content).hexdigest())
    if not objects.has(file, whole=True):
        with objects.receiving(file.sha256) as coming:
            coming.write(content)
            coming.finish()
    return file


def _uploaded(path: str, value: dict[str, Any], objects: Objects) -> File:
    sha256 = text(value, "oid")
    stored = objects.path(sha256) if re.fullmatch("[0-9a-f]{64}", sha256) else None
    if stored is None or not stored.is_file():
        raise Refused(400, f"{path}: its object {sha256[:64]!r} was not uploaded")
    file = File(path, stored.stat().st_size, sha256)
    if value.get("size", file.size) != file.size:  # copies come without a size
        raise Refused(400, f"{path}: {file.size} bytes were uploaded, not {value['size']}")
    return file


def _applied(tree: dict[str, File], steps: list[_Put | _Delete]) -> Iterable[File]:
    """Return the files of a tree after the steps. Raises :class:`Refused`."""
    for step in steps:
        if isinstance(step, _Put):
            tree[step.file.path] = step.file
            continue
        inside = [p for p in tree if step.folder and p.startswith(f"{step.path}/")]
        gone = inside or ([step.path] if step.path in tree else [])
        if not gone:
            raise Refused(404, f"{step.path}: not there, so it cannot be deleted", NO_FILE)
        for path in gone:
            del tree[path]
    for path in tree:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            if (folder := "/".join(parts[:depth])) in tree:
                raise Refused(400, f"{folder} cannot be a file and a folder, for {path}")
    return tree.values()
