"""Repositories, tags and branches: made and taken away."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from topfm.hub.serve.access import Access
from topfm.hub.serve.asked import endpoint, json_body, kinds_and_repo, text
from topfm.hub.serve.refusals import Refused
from topfm.hub.serve.repositories import KINDS, Repositories


class Changing:
    """The routes that change what there is, but for commits."""

    def __init__(self, repositories: Repositories, access: Access) -> None:
        self._repositories, self._access = repositories, access

    async def create(self, request: Request) -> Response:
        """Make a repository."""
        self._access.require_write(request)
        body = await json_body(request)
        kinds = f"{body.get('type') or 'model'}s"
        if kinds not in KINDS:
            raise Refused(400, f"this hub holds models and datasets, no {kinds}")
        if not body.get("organization"):
            raise Refused(400, f"{body.get('name')}: on this hub a name is org/name")
        self._require_promise(body.get("private"), body.get("visibility"))
        repo = f"{text(body, 'organization')}/{text(body, 'name')}"
        made = await run_in_threadpool(self._repositories.create, kinds, repo)
        url = f"{endpoint(request)}/{repo if kinds == 'models' else f'{kinds}/{repo}'}"
        if not made:
            return JSONResponse({"error": "You already created this repo", "url": url}, 409)
        return JSONResponse({"url": url, "name": repo, "id": repo})

    def _require_promise(self, private: object, visibility: object) -> None:
        """Refuse to promise that nobody else can read, where everybody can."""
        if (private or visibility == "private") and not self._access.private:
            raise Refused(
                400, "everybody who reaches this hub may read it; one that is served with "
                "--private is private as a whole"
            )  # fmt: skip

    async def tag(self, request: Request) -> Response:
        """Give a revision a tag."""
        self._access.require_write(request)
        kinds, repo = kinds_and_repo(request)
        tag = text(await json_body(request), "tag")
        revision = request.path_params["revision"]
        await run_in_threadpool(self._repositories.tag, kinds, repo, revision, tag)
        return JSONResponse({})

    async def branch(self, request: Request) -> Response:
        """Begin a branch at a revision, or at main."""
        self._access.require_write(request)
        kinds, repo = kinds_and_repo(request)
        start = text(await json_body(request), "startingPoint", "main")
        branch = request.path_params["revision"]
        await run_in_threadpool(self._repositories.branch, kinds, repo, branch, start)
        return JSONResponse({})

    def remove(self, request: Request) -> Response:
        """Take a tag or a branch away; the revision stays."""
        self._access.require_write(request)
        name = request.path_params["revision"]
        which = {"tag": name} if "/tag/" in request.url.path else {"branch": name}
        self._repositories.remove(*kinds_and_repo(request), **which)
        return JSONResponse({})

    def refuse_removal(self, request: Request) -> Response:
        """Refuse to remove a repository over the network."""
        self._access.require_write(request)
        raise Refused(403, "repositories are removed in the folder of the hub, by its owner")
