"""What anybody may ask who may read: lists, trees, references, files."""

from __future__ import annotations

from typing import Any

import yaml
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from topfm.hub.serve import cards, shapes
from topfm.hub.serve.access import Access
from topfm.hub.serve.asked import form_or_json, json_body, kinds_and_repo, text
from topfm.hub.serve.refusals import Refused
from topfm.hub.serve.repositories import Repositories, Snapshot

_PATHS = 10_000  # that one request may ask about
_COMMITS = 1000  # of a history that one answer holds
_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
          ".webp": "image/webp"}  # fmt: skip


class Reading:
    """The routes that change nothing."""

    def __init__(self, repositories: Repositories, access: Access) -> None:
        self._repositories, self._access = repositories, access

    def whoami(self, request: Request) -> Response:
        """Tell the holder of the token that it is the right one."""
        self._access.require_write(request)
        token = {"displayName": "hub", "role": "write"}
        return JSONResponse(
            {"type": "user", "id": "hub", "name": "hub", "fullname": "holder of the token",
             "isPro": False, "orgs": [], "auth": {"type": "access_token", "accessToken": token}}
        )  # fmt: skip

    async def validate_yaml(self, request: Request) -> Response:
        """Say what is wrong with the metadata of a card."""
        self._access.require_read(request)
        head, _ = cards.split(text(await json_body(request), "content"))
        if len(head) > cards.LONGEST:
            raise Refused(413, f"metadata of more than {cards.LONGEST} characters")
        errors: list[dict[str, str]] = []
        try:
            await run_in_threadpool(cards.parsed, head)
        except (yaml.YAMLError, ValueError) as error:
            errors = [{"message": " ".join(str(error).split())[:200]}]
        return JSONResponse({"errors": errors, "warnings": []}, 400 if errors else 200)

    def listing(self, request: Request) -> Response:
        """List the repositories of a kind, or those of an author, with a word or with tags."""
        self._access.require_read(request)
        asked = request.query_params
        wanted = set(asked.getlist("filter"))
        found = [
            shapes.repository(of, private=self._access.private, files=asked.get("full") == "true")
            for of in self._repositories.listed(request.path_params["kinds"])
            if asked.get("author", "") in ("", of.repo.partition("/")[0])
            and asked.get("search", "").lower() in of.repo.lower()
        ]
        found = [info for info in found if wanted <= set(info["tags"])]
        if asked.get("sort") in ("lastModified", "last_modified"):
            found.sort(key=lambda info: info["lastModified"], reverse=True)
        most = asked.get("limit", "")
        known = most.isdecimal() and len(most) < 10
        return JSONResponse(found[: int(most)] if known else found)

    def info(self, request: Request) -> Response:
        """Describe a repository at a revision."""
        of = self._asked(request)
        blobs = request.query_params.get("blobs", "").lower() in ("true", "1")
        return JSONResponse(shapes.repository(of, private=self._access.private, blobs=blobs))

    def references(self, request: Request) -> Response:
        """List branches and tags."""
        self._access.require_read(request)
        return JSONResponse(shapes.references(self._repositories.refs(*kinds_and_repo(request))))

    def commits(self, request: Request) -> Response:
        """List the newest commits."""
        of = self._asked(request)
        history = self._repositories.history(of, _COMMITS)
        return JSONResponse([shapes.commit(past) for past in history])

    def tree(self, request: Request) -> Response:
        """List a folder."""
        folder = request.path_params.get("path", "").strip("/")
        deep = request.query_params.get("recursive", "").lower() in ("true", "1")
        return JSONResponse(shapes.tree(self._asked(request), folder, deep=deep))

    async def paths_info(self, request: Request) -> Response:
        """Describe some files and folders."""
        self._access.require_read(request)
        wanted: Any = (await form_or_json(request)).get("paths", [])
        if not isinstance(wanted, list):
            wanted = [wanted]
        if len(wanted) > _PATHS:
            raise Refused(413, f"ask for at most {_PATHS} paths at once")
        of = await run_in_threadpool(self._asked, request)
        return JSONResponse(await run_in_threadpool(shapes.paths, of, wanted))

    def resolve(self, request: Request) -> Response:
        """Send a file, or the part that is asked for."""
        of, path = self._asked(request), request.path_params["path"]
        stored = of.stored(path)
        suffix = path[path.rfind(".") :].lower() if "." in path else ""
        return FileResponse(
            stored,
            media_type=_TYPES.get(suffix, "application/octet-stream"),
            filename=path.rpartition("/")[2],
            headers={"ETag": f'"{of.file(path).sha256}"', "X-Repo-Commit": of.sha},
        )

    def no_xet(self, request: Request) -> Response:
        """Refuse what clients ask before they send a large file over Xet."""
        raise Refused(404, "this hub has no Xet storage: set HF_HUB_DISABLE_XET=1")

    def _asked(self, request: Request) -> Snapshot:
        self._access.require_read(request)
        revision = request.path_params.get("revision")
        return self._repositories.at(*kinds_and_repo(request), revision)
