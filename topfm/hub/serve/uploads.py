"""Large files on their way in: Git LFS with the basic transfer, checked while they stream.

https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
"""

from __future__ import annotations

import re
import shutil
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from topdata.hub.contents import File
from topdata.hub.objects import Objects, Receiving
from topfm.hub.serve.access import Access
from topfm.hub.serve.asked import (
    endpoint,
    items,
    json_body,
    kinds_and_repo,
    text,
    whole_number,
)
from topfm.hub.serve.refusals import Refused
from topfm.hub.serve.repositories import Repositories

_BLOCK = 1 << 20
_SPARE = 64 << 20  # bytes of the disk that are never filled


class Uploads:
    """The routes of uploads."""

    def __init__(self, repositories: Repositories, access: Access, largest: int) -> None:
        self._repositories, self._access, self._largest = repositories, access, largest

    async def batch(self, request: Request) -> Response:
        """Say where each object goes; one that is here and good needs no upload."""
        self._access.require_write(request)
        body = await json_body(request)
        if text(body, "operation") != "upload":
            raise Refused(400, "only uploads go over LFS here; download files from resolve/")
        kinds, repo = kinds_and_repo(request)
        wanted = [_wanted(item) for item in items(body, "objects")]
        objects = await run_in_threadpool(self._offered, endpoint(request), kinds, repo, wanted)
        return JSONResponse(
            {"transfer": "basic", "hash_algo": "sha256", "objects": objects},
            media_type="application/vnd.git-lfs+json",
        )

    def _offered(
        self, base: str, kinds: str, repo: str, wanted: list[File]
    ) -> list[dict[str, Any]]:
        stored = self._repositories.at(kinds, repo).objects
        offered: list[dict[str, Any]] = []
        for file in wanted:
            entry: dict[str, Any] = {"oid": file.sha256, "size": file.size}
            if full := self._too_large(file.size):
                entry["error"] = {"code": 413, "message": full}
            elif not stored.has(file, whole=True):  # a damaged object is replaced
                href = f"{base}/lfs/{kinds}/{repo}/{file.sha256}/{file.size}"
                signed = self._access.sign(kinds, repo, file.sha256, file.size)
                entry["actions"] = {
                    "upload": {"href": f"{href}?{signed}"},
                    "verify": {"href": f"{href}/verify"},
                }
            offered.append(entry)
        return offered

    async def put(self, request: Request) -> Response:
        """Take one object, in blocks; it appears when its sha256 is what was announced."""
        kinds, repo = kinds_and_repo(request)
        file = _in_path(request)
        self._access.require_signed(request, kinds, repo, file.sha256, file.size)
        if full := self._too_large(file.size):
            raise Refused(413, full)
        declared = request.headers.get("content-length", str(file.size))
        if declared != str(file.size):
            raise Refused(400, f"{declared} bytes are to come instead of {file.size}")
        objects = (await run_in_threadpool(self._repositories.at, kinds, repo)).objects
        try:
            await _receive(request, objects, file)
        except ClientDisconnect as error:
            raise Refused(400, "the upload was broken off") from error
        return JSONResponse({})

    async def verify(self, request: Request) -> Response:
        """Tell whether an object has arrived."""
        self._access.require_write(request)
        kinds, repo = kinds_and_repo(request)
        file = _in_path(request)
        objects = (await run_in_threadpool(self._repositories.at, kinds, repo)).objects
        if not objects.has(file, whole=False):
            raise Refused(404, f"object {file.sha256} of {file.size} bytes is not here")
        return JSONResponse({})

    def _too_large(self, size: int) -> str:
        if size > self._largest:
            return f"{size} bytes: this hub takes files of at most {self._largest}"
        free = shutil.disk_usage(self._repositories.root).free - _SPARE
        return (
            f"{size} bytes: the disk of this hub has only {max(free, 0)} free"
            if size > free
            else ""
        )


async def _receive(request: Request, objects: Objects, file: File) -> None:
    with objects.receiving(file.sha256) as coming:
        come = await _pieces(request, coming, file)
        if come != file.size:
            raise Refused(400, f"{come} bytes came instead of {file.size}")
        if not await run_in_threadpool(coming.finish):
            raise Refused(400, f"what came has not the sha256 {file.sha256}")


async def _pieces(request: Request, coming: Receiving, file: File) -> int:
    come, block = 0, bytearray()
    async for piece in request.stream():
        come += len(piece)
        if come > file.size:
            raise Refused(400, f"more than {file.size} bytes came")
        block += piece
        if len(block) >= _BLOCK:
            await run_in_threadpool(coming.write, bytes(block))
            block.clear()
    await run_in_threadpool(coming.write, bytes(block))
    return come


def _wanted(item: dict[str, Any]) -> File:
    oid = text(item, "oid")
    if not re.fullmatch("[0-9a-f]{64}", oid):
        raise Refused(400, f"{oid!r} is no sha256")
    return File("", whole_number(item, "size"), oid)


def _in_path(request: Request) -> File:
    return File("", int(request.path_params["size"]), request.path_params["oid"])
