"""The command ``topdata``: each file of this folder is one group of commands.

A user's mistake ends in one line and exit code 2, an interruption in exit code 130.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from topdata import __version__
from topdata.cli.build import build
from topdata.cli.export import export
from topdata.cli.hub import pull, push
from topdata.cli.inspect import inspect
from topdata.cli.plot import compare, plot
from topdata.cli.schema import schema
from topdata.cli.transform import merge, migrate, skim
from topdata.cli.validate import validate
from topdata.errors import TopdataError, one_line

app = typer.Typer(
    name="topdata",
    help="Turn simulated top-quark events into versioned Hugging Face datasets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"topdata {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Turn simulated top-quark events into versioned Hugging Face datasets."""


app.command()(build)
app.command()(inspect)
app.command()(validate)
app.command()(plot)
app.command()(compare)
app.command()(skim)
app.command()(merge)
app.command()(migrate)
app.command()(export)
app.command()(push)
app.command()(pull)
app.command()(schema)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the entry point of the console script."""
    try:
        app(args=None if arguments is None else list(arguments))
    except TopdataError as error:
        print(f"topdata: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:  # a disk, a right or a network: the user's to mend, like a bad file
        where = f"{error.filename}: " if error.filename else ""
        print(f"topdata: {where}{error.strerror or one_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None
