"""The command ``topfm``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from topdata.errors import TopdataError, one_line
from topfm import __version__
from topfm.cli.card import card
from topfm.cli.evaluation import evaluate, score, search
from topfm.cli.hub import diff, list_, publish, pull, verify
from topfm.cli.info import info
from topfm.cli.inputs import inputs
from topfm.cli.serve import hub
from topfm.cli.training import finetune, pretrain
from topfm.errors import StoppedError

app = typer.Typer(
    name="topfm",
    help="Foundation models for top-quark physics, bound to topdata datasets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"topfm {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Foundation models for top-quark physics, bound to topdata datasets."""


app.command()(pretrain)
app.command()(finetune)
app.command()(evaluate)
app.command()(score)
app.command()(search)
app.command()(info)
app.command()(card)
app.command()(publish)
app.command()(pull)
app.command("list")(list_)
app.command()(verify)
app.command()(diff)
app.command()(inputs)
app.add_typer(hub, name="hub")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the entry point of the console script."""
    try:
        app(args=None if arguments is None else list(arguments))
    except StoppedError as error:
        print(f"topfm: {error}", file=sys.stderr)
        raise SystemExit(130) from None
    except TopdataError as error:
        print(f"topfm: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:  # a disk, a right or a network: the user's to mend, like a bad file
        where = f"{error.filename}: " if error.filename else ""
        print(f"topfm: {where}{error.strerror or one_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None
