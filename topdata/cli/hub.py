"""``topdata push`` and ``topdata pull``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from topdata.cli.tables import console, splits
from topdata.hub.dataset import pull as pull_dataset
from topdata.hub.dataset import push as push_dataset
from topdata.manifest import read_manifest
from topdata.terminal import Bar, Interruptible

_ADDRESS = (
    "org/name on the hub of TOPFM_HUB, HF_ENDPOINT or Hugging Face, or file:DIR/org/name in a "
    "shared folder; with @TAG or @COMMIT."
)


def push(
    folder: Annotated[Path, typer.Argument(help="A built dataset.")],
    address: Annotated[str, typer.Argument(help=_ADDRESS)],
    tag: Annotated[
        str | None, typer.Option(help="Tag instead of the next free vMAJOR.MINOR.N.")
    ] = None,
    message: Annotated[str, typer.Option("--message", "-m", help="What is new.")] = "",
    private: Annotated[
        bool | None,
        typer.Option("--private/--public", help="Who may read a new repository on the web."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Move an existing tag; replace what is no dataset; mend a damaged hub."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Publish a dataset on a hub, as one commit with a version tag.

    Example: `topdata push demo-dataset my-group/demo-tops`

    The dataset is checked against its manifest first. Only files that the hub lacks travel.
    """
    with Interruptible(), Bar() as bar:
        done = push_dataset(
            folder, address, tag=tag, message=message, private=private, force=force,
            progress=bar.shown,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(asdict(done), indent=1))
        return
    out = console()
    if not done.new:
        out.print(f"already there as {done.address}, commit {done.commit}", soft_wrap=True)
        return
    deleted = f", {done.deleted} deleted" if done.deleted else ""
    out.print(
        f"{done.address} is commit {done.commit} on {done.hub}: {done.changed} files sent "
        f"({done.changed_bytes / 1e6:.1f} MB), {done.unchanged} unchanged{deleted}",
        soft_wrap=True,
    )


def pull(
    address: Annotated[str, typer.Argument(help=_ADDRESS)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to make (default: in the cache).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Bring a dataset from a hub to this machine, and verify every file.

    Example: `topdata pull my-group/demo-tops@v1.0.1 -o demo-tops`

    Without -o it lies in the cache, ~/.cache/topdata or TOPDATA_CACHE, by commit: a commit that is
    there is not asked for again.
    """
    with Interruptible(), Bar() as bar:
        done = pull_dataset(address, output, progress=bar.shown)
    manifest = read_manifest(done.path)
    if as_json:
        found = {**asdict(done), "path": str(done.path), "name": manifest.name}
        typer.echo(json.dumps(found, indent=1))
        return
    out = console()
    if done.commit:
        sent = f"{done.fetched} files fetched ({done.fetched_bytes / 1e6:.1f} MB)"
        out.print(f"{done.address} from {done.hub}: {sent}, all verified", soft_wrap=True)
    out.print(f"dataset {manifest.name!r} is in {done.path}: {splits(manifest)}", soft_wrap=True)
