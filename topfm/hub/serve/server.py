"""The server: its socket, its token, its end."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from topdata.errors import HubError, InputError, RecipeError

VARIABLE = "TOPFM_HUB_TOKEN"
_NEEDED = ("starlette", "uvicorn", "jinja2", "markdown_it")


@dataclass(frozen=True, slots=True)
class Serving:
    """What those who use the hub have to know."""

    endpoint: str
    token: str
    token_is_new: bool  # chosen for this run: nobody knows it yet


def serve(
    folder: Path, *, host: str, port: int, token_file: Path | None, private: bool, largest: int,
    started: Callable[[Serving], None],
) -> None:  # fmt: skip
    """Serve a directory hub until it is interrupted; call ``started`` when it can be reached.

    Raises :class:`HubError`, :class:`RecipeError` or :class:`InputError` where it cannot begin.
    """
    require_installed()
    import uvicorn

    from topfm.hub.serve.app import make_app

    root = folder.expanduser().absolute()
    if not root.is_dir():
        raise HubError(f"{folder}: no such folder; to start a hub there, make it")
    token, new = chosen_token(token_file)
    with closing(_listening(host, port)) as listening:
        config = uvicorn.Config(
            make_app(root, token, private=private, largest=largest), log_level="warning",
            access_log=False, server_header=False, lifespan="off", ws="none",
            timeout_graceful_shutdown=3,
        )  # fmt: skip
        started(Serving(_endpoint(listening), token, new))
        uvicorn.Server(config).run(sockets=[listening])


def require_installed() -> None:
    """Raise :class:`RecipeError` where a package of the extra is missing."""
    for name in _NEEDED:
        if find_spec(name) is None:
            raise RecipeError(
                f"hub serve: {name} is not installed; run `pip install 'topdata[serve]'`"
            )


def chosen_token(file: Path | None) -> tuple[str, bool]:
    """Return the token of a file or of the environment, else a new one; and if it is new."""
    if file is not None:
        try:
            token, where = file.read_text(encoding="utf-8").strip(), str(file)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: holds no token that can be read") from error
    elif VARIABLE in os.environ:
        token, where = os.environ[VARIABLE].strip(), VARIABLE
    else:
        return secrets.token_urlsafe(24), True
    if len(token) < 8 or not token.isascii() or not token.isprintable() or " " in token:
        raise RecipeError(f"{where}: a token has at least 8 letters, digits and signs, no spaces")
    return token, False


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise HubError(
            f"{host}:{port}: cannot be listened at ({error.strerror or error}); choose another "
            "--port or --host"
        ) from error


def _endpoint(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
