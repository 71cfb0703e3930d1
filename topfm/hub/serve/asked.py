"""What a request asks, read within bounds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request

from topfm.hub.serve.refusals import Refused

BODY = 16 << 20  # bytes of an ordinary request


def kinds_and_repo(request: Request) -> tuple[str, str]:
    """Return "models" or "datasets", and org/name, of the path."""
    of = request.path_params
    return of.get("kinds", "models"), f"{of['organisation']}/{of['name']}"


def endpoint(request: Request) -> str:
    """Return the address by which the server was reached."""
    return str(request.base_url).rstrip("/")


async def whole_body(request: Request, most: int = BODY) -> bytes:
    """Return the body. Raises :class:`Refused` where it is too large."""
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > most:
            raise Refused(413, f"the request is longer than {most} bytes")
    return bytes(body)


async def json_body(request: Request) -> dict[str, Any]:
    """Return a body that is a JSON object."""
    return json_object(await whole_body(request) or b"{}")


async def form_or_json(request: Request) -> dict[str, Any]:
    """Return a body that is a JSON object or a form, whose values are lists."""
    body = await whole_body(request)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        try:
            return dict(parse_qs(body.decode("utf-8", "replace"), max_num_fields=100_000))
        except ValueError as error:
            raise Refused(413, "too many fields") from error
    return json_object(body or b"{}")


def json_object(text: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises :class:`Refused` for anything else."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the body is not JSON") from error
    if not isinstance(content, dict):
        raise Refused(400, "the body is not a JSON object")
    return content


async def lines(request: Request, *, longest: int, most: int) -> AsyncIterator[bytes]:
    """Yield the lines of a body, of which only one is in memory at a time."""
    rest, total = bytearray(), 0
    async for block in request.stream():
        total += len(block)
        rest += block
        while (end := rest.find(b"\n")) >= 0:
            line = bytes(rest[:end])
            del rest[: end + 1]
            if line.strip():
                yield line
        if len(rest) > longest or total > most:
            raise Refused(413, f"a line of more than {longest} bytes, or more than {most} in all")
    if rest.strip():
        yield bytes(rest)


def text(of: dict[str, Any], key: str, default: str = "") -> str:
    """Return a text of a JSON object. Raises :class:`Refused` for another type."""
    value = of.get(key, default)
    if not isinstance(value, str):
        raise Refused(400, f"{key!r} should be a text")
    return value


def items(of: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a list of objects of a JSON object. Raises :class:`Refused` for anything else."""
    value = of.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Refused(400, f"{key!r} should be a list of objects")
    return value


def whole_number(of: dict[str, Any], key: str) -> int:
    """Return a size. Raises :class:`Refused` for what is none."""
    value = of.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Refused(400, f"{key!r} should be a whole number")
    return value
