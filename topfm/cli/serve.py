"""``topfm hub serve``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topfm.cli import options as o

if TYPE_CHECKING:
    from topfm.hub.serve.server import Serving

hub = typer.Typer(help="A hub of one's own.", no_args_is_help=True)


@hub.callback()
def about() -> None:
    """A hub of one's own."""


@hub.command()
def serve(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The directory hub.")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8080,
    host: Annotated[
        str, typer.Option("--host", help="0.0.0.0 to be reached from other machines.")
    ] = "127.0.0.1",
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="A file with the token; else TOPFM_HUB_TOKEN, or new."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Reading needs the token as well.")
    ] = False,
    largest: Annotated[
        int, typer.Option("--max-file", min=1, help="GB of the largest file that is taken.")
    ] = 100,
    as_json: o.Json = False,
) -> None:
    """Serve a directory hub to the clients of the Hugging Face hub, and to browsers.

    Example: `topfm hub serve /data/hub`

    `hf`, `huggingface_hub` and `datasets` use it when HF_ENDPOINT is set to its address.
    """
    from topfm.hub.serve.server import serve as serve_it

    def started(serving: Serving) -> None:
        typer.echo(_as_json(serving, folder) if as_json else _as_text(serving, folder, private))

    try:
        serve_it(
            folder, host=host, port=port, token_file=token_file, private=private,
            largest=largest * 10**9, started=started,
        )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo("topfm: the hub is closed", err=True)


def _as_json(serving: Serving, folder: Path) -> str:
    token = serving.token if serving.token_is_new else None
    return json.dumps({"endpoint": serving.endpoint, "folder": str(folder), "token": token})


def _as_text(serving: Serving, folder: Path, private: bool) -> str:
    who = "read and write" if private else "write"
    lines = [
        f"{folder} at {serving.endpoint} (Ctrl-C closes it)",
        f"  export HF_ENDPOINT={serving.endpoint} HF_HUB_DISABLE_XET=1",
        f"  export HF_TOKEN={serving.token if serving.token_is_new else '...'}  # to {who}",
    ]
    if not serving.endpoint.startswith(("http://127.", "http://localhost", "http://[::1]")):
        lines.append("  the token travels unencrypted: put a proxy with TLS before it")
    return "\n".join(lines)
