"""``topdata export``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from topdata.cli.tables import console
from topdata.errors import RecipeError
from topdata.export import Report
from topdata.export import export as export_dataset
from topdata.terminal import Bar


def export(
    dataset: Annotated[Path, typer.Argument(help="A built dataset.")],
    to: Annotated[str, typer.Option("--to", help="spanet, evenet, hyper or darkmachines-csv.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    split: Annotated[
        str | None, typer.Option(help="Only this split; without it each has its own files.")
    ] = None,
    max_jets: Annotated[int | None, typer.Option(help="Leading jets that are kept.")] = None,
    max_leptons: Annotated[int | None, typer.Option(help="Leading leptons that are kept.")] = None,
    tops: Annotated[
        int | None, typer.Option(help="Tops of an event; by default as many as there are.")
    ] = None,
    leptonic: Annotated[int | None, typer.Option(help="How many of them are leptonic.")] = None,
    events_per_file: Annotated[int | None, typer.Option(help="Events of one npz file.")] = None,
    compression: Annotated[str | None, typer.Option(help="Of text: none, gz or zst.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of another exporter."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Write a dataset in the format of another program: SPANet, EveNet, HyPER, Dark Machines.

    Examples: `topdata export tops --to spanet -o tops-spanet --tops 2 --max-jets 12` and
    `topdata export tops --to darkmachines-csv -o tops-csv --compression gz`

    The README in the folder says what is in the files. The output appears when it is whole.
    """
    with Bar() as bar:
        report = export_dataset(
            dataset,
            to,
            output,
            split=split,
            progress=bar,
            max_jets=max_jets,
            max_leptons=max_leptons,
            tops=tops,
            leptonic=leptonic,
            events_per_file=events_per_file,
            compression=compression,
            **dict(_setting(text) for text in settings or []),
        )
    if as_json:
        typer.echo(json.dumps(report.plain(), indent=1))
    else:
        _summary(report)


_OWN = ("dataset", "target", "output", "split", "progress", "max_jets", "max_leptons", "tops",
        "leptonic", "events_per_file", "compression")  # fmt: skip


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise RecipeError(f"--set {text}: give NAME=VALUE")
    if name.replace("-", "_") in _OWN:
        raise RecipeError(f"--set {text}: write --{name.replace('_', '-')} {value}")
    return name.replace("-", "_"), value


def _summary(report: Report) -> None:
    out = console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("file", no_wrap=True)
    table.add_column("split")
    for name in ("events", "pb"):
        table.add_column(name, justify="right")
    for file in report.files:
        table.add_row(file.path, file.split, f"{file.events}", f"{file.sum_weight:.6g}")
    out.print(table)
    arrays = Table("array", "type and shape", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, shape in report.files[0].arrays.items():
        arrays.add_row(name, shape)
    if report.files[0].arrays:
        out.print(arrays)
    for name, count in report.counts.items():
        out.print(f"{name.replace('_', ' ')}: {count}")
    out.print(
        f"{report.events} events for {report.target} are in {report.output}, "
        f"with {', '.join(report.other_files)}",
        soft_wrap=True,
    )
