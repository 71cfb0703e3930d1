"""``topfm publish``, ``pull``, ``list``, ``verify`` and ``diff``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from topdata.terminal import Bar, Interruptible
from topfm.checkpoint.compare import compare
from topfm.checkpoint.format import CARD
from topfm.checkpoint.verify import Verified
from topfm.checkpoint.verify import verify as verify_folder
from topfm.cli import options as o
from topfm.cli.hubtables import comparison_tables, entries_table
from topfm.cli.tables import print_tables
from topfm.hub import checkpoints

ADDRESS = (
    "org/name on the hub of TOPFM_HUB, HF_ENDPOINT or Hugging Face, or file:DIR/org/name in a "
    "shared folder; with @TAG or @COMMIT."
)
Address = Annotated[str, typer.Argument(help=ADDRESS)]


def publish(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint's folder.")],
    address: Address,
    tag: Annotated[
        str | None, typer.Option("--tag", help="Tag instead of the next free vMAJOR.MINOR.N.")
    ] = None,
    message: Annotated[str, typer.Option("--message", "-m", help="What is new.")] = "",
    private: Annotated[
        bool | None,
        typer.Option("--private/--public", help="Who may read a new repository on the web."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Move an existing tag; replace what is no checkpoint; mend a damaged hub.",
        ),
    ] = False,
    as_json: o.Json = False,
) -> None:
    """Verify a checkpoint and publish it on a hub, as one commit with a tag.

    Example: `topfm publish base my-group/tops-base --tag v1`

    MAJOR.MINOR are those of the schema of the datasets that it reads. Only files that the hub lacks
    travel.
    """
    with Interruptible("topfm"), Bar() as bar:
        done = checkpoints.publish(
            checkpoint, address, tag=tag, message=message, private=private, force=force,
            dry_run=dry_run, progress=bar.shown,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps({**asdict(done), "dry_run": dry_run}, indent=1))
        return
    if not done.new:
        typer.echo(f"already there as {done.address}, commit {done.commit}")
        return
    commit = "would be a new commit" if dry_run else f"is commit {done.commit}"
    sent = f"{done.changed} files {'to send' if dry_run else 'sent'}"
    deleted = f", {done.deleted} deleted" if done.deleted else ""
    typer.echo(
        f"{done.address} {commit} on {done.hub}: {sent} ({done.changed_bytes / 1e6:.1f} MB), "
        f"{done.unchanged} unchanged{deleted}"
    )
    if not (checkpoint / CARD).exists():
        typer.echo("it has no card: `topfm card` writes one")


def pull(
    address: Address,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder to make (default: in the cache).")
    ] = None,
    revision: o.Revision = None,
    as_json: o.Json = False,
) -> None:
    """Bring a checkpoint from a hub to this machine, and verify every file.

    Example: `topfm pull my-group/tops-base@v1 -o base`

    Without -o it lies in the cache, ~/.cache/topdata or TOPDATA_CACHE, by commit: a commit that is
    there is not asked for again, but verified.
    """
    with Interruptible("topfm"), Bar() as bar:
        done = checkpoints.pull(address, output, revision=revision, progress=bar.shown)
    if as_json:
        typer.echo(json.dumps({**asdict(done), "path": str(done.path)}, indent=1))
        return
    _tell_of_damage(done.mended)
    if done.commit:
        typer.echo(
            f"{done.address} from {done.hub}: {done.fetched} files fetched "
            f"({done.fetched_bytes / 1e6:.1f} MB), all verified"
        )
    typer.echo(f"checkpoint is in {done.path}")


def list_(
    place: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="A repository, an owner, a folder that is a hub; the default hub without it.",
        ),
    ] = "",
    datasets: Annotated[
        bool, typer.Option("--datasets", help="Datasets too; of one repository, that it is one.")
    ] = False,
    as_json: o.Json = False,
) -> None:
    """Print the models of a hub with their tags and commits.

    Example: `topfm list my-group`
    """
    found = checkpoints.listing(place, datasets=datasets)
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in found], indent=1))
    elif not found:
        typer.echo("nothing there")
    else:
        print_tables([entries_table(found)])


def verify(checkpoint: o.Checkpoint, revision: o.Revision = None, as_json: o.Json = False) -> None:
    """Check every byte of a checkpoint, and that it is one.

    Example: `topfm verify base`

    One on a hub is brought to this machine first, if it is not in the cache.
    """
    with Interruptible("topfm"), Bar() as bar:
        pulled = checkpoints.pull(checkpoint, revision=revision, progress=bar.shown)
    found = verify_folder(pulled.path)
    facts = found.facts
    if as_json:
        origin = {"path": str(pulled.path), "commit": pulled.commit, "mended": pulled.mended}
        typer.echo(json.dumps({**origin, **_verified(found)}, indent=1))
        return
    _tell_of_damage(pulled.mended)
    typer.echo(
        f"{pulled.address}: {len(found.files)} files are as SHA256SUMS says, {len(found.tensors)} "
        f"tensors, schema {facts.schema_version}, view {facts.view_fingerprint[:16]}..., digest "
        f"{found.digest}"
    )


def diff(
    first: o.Checkpoint,
    second: o.Checkpoint,
    as_json: o.Json = False,
) -> None:
    """Say what differs between two checkpoints: config, schema, data, metrics, weights.

    Example: `topfm diff my-group/tops-base@v1 ./base`
    """
    with Interruptible("topfm"), Bar() as bar:
        folders = [checkpoints.pull(text, progress=bar.shown).path for text in (first, second)]
    ours, theirs = map(verify_folder, folders)
    found = compare(ours, theirs)
    if as_json:
        names = {
            "first": ours.digest,
            "second": theirs.digest,
            "same": ours.digest == theirs.digest,
        }
        typer.echo(json.dumps({**names, **asdict(found)}, indent=1))
    elif ours.digest == theirs.digest:
        typer.echo(f"the same checkpoint, digest {ours.digest}")
    else:
        print_tables(comparison_tables(found, first, second))


def _verified(found: Verified) -> dict[str, Any]:
    return {
        "digest": found.digest,
        "files": dict(found.files),
        "tensors": len(found.tensors),
        "schema_version": found.facts.schema_version,
        "view_fingerprint": found.facts.view_fingerprint,
    }


def _tell_of_damage(mended: str) -> None:
    if mended:
        typer.echo(f"the copy in the cache was damaged ({mended}) and was fetched again", err=True)
