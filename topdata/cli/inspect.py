"""``topdata inspect``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from topdata.cli.tables import cut_flow, yields
from topdata.inspect import inspect as report_on
from topdata.manifest import Manifest


def inspect(
    path: Annotated[str, typer.Argument(help="An input file, a URL, or a built dataset.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Say what a file or a dataset is: events, collections, truth, weights, schema.

    Example: `topdata inspect tt.root`
    """
    report = report_on(path)
    if as_json:
        typer.echo(json.dumps(report, indent=1))
        return
    console = Console()
    if report["kind"] == "dataset":
        _dataset(console, report)
    else:
        _file(console, report)


def _file(console: Console, report: dict[str, Any]) -> None:
    table = Table(show_header=False, title=report["path"], title_justify="left")
    table.add_row("format", report["format"])
    table.add_row("written by", report["generator"])
    table.add_row("events", f"{report['entries']}")
    table.add_row("truth", "generator record" if report["truth"] else "none")
    sigma = report["cross_section"]
    table.add_row("cross-section", f"{sigma:.6g} pb" if sigma else "not in the file")
    first = f"first {report['sampled']} events"
    if weights := report["weights"]:
        table.add_row(
            f"weights, {first}",
            f"mean {weights['mean']:.6g}, from {weights['min']:.6g} to {weights['max']:.6g}, "
            f"{weights['negative_fraction']:.1%} negative",
        )
    if counts := report["mean_counts"]:
        table.add_row(
            f"objects, {first}", ", ".join(f"{v:.2f} {name}" for name, v in counts.items())
        )
    table.add_row(
        "collections", ", ".join(f"{name} ({kind})" for name, kind in report["collections"].items())
    )
    for note in report["notes"]:
        table.add_row("note", note)
    console.print(table)


def _dataset(console: Console, report: dict[str, Any]) -> None:
    manifest = Manifest.model_validate(
        {k: v for k, v in report.items() if k not in ("kind", "path")}
    )
    console.print(
        f"{report['path']}: dataset {manifest.name!r}, schema {manifest.schema_version}, "
        f"{manifest.level} objects, {manifest.total.written} events, "
        f"{len(manifest.sources)} sources, b-tag bit {manifest.btag_bit}",
        soft_wrap=True,
    )
    console.print(yields(manifest))
    if len(manifest.processes[0].cut_flow) > 1:
        console.print(cut_flow(manifest))
    truth = sum(source.truth for source in manifest.sources)
    console.print(f"truth in {truth} of {len(manifest.sources)} sources")
    console.print(f"dataset fingerprint  {manifest.dataset_fingerprint}", soft_wrap=True)
    console.print(f"view fingerprint     {manifest.view_fingerprint}", soft_wrap=True)
