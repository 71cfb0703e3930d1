"""The routes, as clients of the Hugging Face hub ask for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from topdata.errors import TopdataError
from topfm.hub.serve.access import Access
from topfm.hub.serve.changing import Changing
from topfm.hub.serve.commits import Commits
from topfm.hub.serve.pages import Pages
from topfm.hub.serve.reading import Reading
from topfm.hub.serve.refusals import Refused, answer_failed, answer_refused
from topfm.hub.serve.repositories import KINDS, Repositories
from topfm.hub.serve.uploads import Uploads

LARGEST = 100 << 30  # bytes of a file, unless the server is told otherwise


def make_app(root: Path, token: str, *, private: bool = False, largest: int = LARGEST) -> Starlette:
    """Return the application that serves the directory hub ``root``."""
    register_url_convertor("kinds", _Kinds())
    register_url_convertor("data", _Data())
    register_url_convertor("sha256", _Sha256())
    register_url_convertor("size", _Size())
    failed = answer_failed(root)
    repositories, access = Repositories(root), Access(token, private)
    return Starlette(
        routes=_routes(repositories, access, largest),
        middleware=[Middleware(_Plain)],
        exception_handlers={
            Refused: answer_refused, TopdataError: failed, OSError: failed, HTTPException: _unknown,
        },
    )  # fmt: skip


def _routes(repositories: Repositories, access: Access, largest: int) -> list[Route]:
    reading, changing = Reading(repositories, access), Changing(repositories, access)
    commits, pages = Commits(repositories, access), Pages(repositories, access)
    uploads = Uploads(repositories, access, largest)
    of = "/api/{kinds:kinds}/{organisation}/{name}"
    at = "{revision}"
    lfs = "/lfs/{kinds:kinds}/{organisation}/{name}/{oid:sha256}/{size:size}"
    return [
        _route("GET", "/api/whoami-v2", reading.whoami),
        _route("POST", "/api/validate-yaml", reading.validate_yaml),
        _route("POST", "/api/repos/create", changing.create),
        _route("DELETE", "/api/repos/delete", changing.refuse_removal),
        _route("GET", "/api/{kinds:kinds}", reading.listing),
        _route("GET", of, reading.info),
        _route("GET", f"{of}/revision/{at}", reading.info),
        _route("GET", f"{of}/refs", reading.references),
        _route("GET", f"{of}/commits/{at}", reading.commits),
        _route("GET", f"{of}/tree/{at}", reading.tree),
        _route("GET", f"{of}/tree/{at}/{{path:path}}", reading.tree),
        _route("POST", f"{of}/paths-info/{at}", reading.paths_info),
        _route("GET", f"{of}/xet-write-token/{at}", reading.no_xet),
        _route("POST", f"{of}/preupload/{at}", commits.preupload),
        _route("POST", f"{of}/commit/{at}", commits.commit),
        _route("POST", f"{of}/tag/{at}", changing.tag),
        _route("DELETE", f"{of}/tag/{at}", changing.remove),
        _route("POST", f"{of}/branch/{at}", changing.branch),
        _route("DELETE", f"{of}/branch/{at}", changing.remove),
        _route("PUT", lfs, uploads.put),
        _route("POST", f"{lfs}/verify", uploads.verify),
        _route("GET", "/", pages.list),
        _route("GET", "/static/style.css", pages.style),
        *(
            route
            for web in ("/{kinds:data}/{organisation}/{name}", "/{organisation}/{name}")
            for route in (
                _route("POST", f"{web}.git/info/lfs/objects/batch", uploads.batch),
                _route("GET", f"{web}/resolve/{at}/{{path:path}}", reading.resolve),
                _route("GET", web, pages.repository),
                _route("GET", f"{web}/tree/{at}", pages.repository),
                _route("GET", f"{web}/commit/{at}", pages.repository),
            )
        ),
    ]


def _route(method: str, path: str, endpoint: Callable[[Any], Any]) -> Route:
    return Route(path, endpoint, methods=[method])


def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = f"this hub does not know {request.method} {request.url.path}"
    return answer_refused(request, Refused(error.status_code, said))


class _Kinds(StringConvertor):
    regex = "|".join(KINDS)


class _Data(StringConvertor):
    regex = "datasets"


class _Sha256(StringConvertor):
    regex = "[0-9a-f]{64}"


class _Size(StringConvertor):
    regex = "[0-9]{1,18}"


class _Plain:
    """Tells browsers to take every answer for what it says it is, and nothing more."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers.setdefault("Content-Security-Policy", "default-src 'none'; sandbox")
            await send(message)

        await self._app(scope, receive, sent)
