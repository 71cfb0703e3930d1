"""``topdata inspect``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from topdata.cli.tables import console, cut_flow, splits, yields
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
    out = console()
    if report["kind"] == "dataset":
        _dataset(out, report)
    else:
        _file(out, report)


def _file(out: Console, report: dict[str, Any]) -> None:
    table = Table(show_header=False, box=box.SIMPLE, title=report["path"], title_justify="left")
    table.add_row("format", report["format"])
    table.add_row("written by", report["generator"])
    if report["process"]:
        table.add_row("process", report["process"])
    declared = report["declared"]
    said = "" if declared in (None, report["entries"]) else f" ({declared} declared)"
    table.add_row("events", f"{report['entries']}{said}")
    if report["level"] != "reconstructed":
        table.add_row("level", f"{report['level']}: jets are quarks and gluons")
    if report["undecayed"]:
        table.add_row("undecayed", ", ".join(str(code) for code in report["undecayed"]))
    table.add_row("truth", "generator record" if report["truth"] else "none")
    sigma = report["cross_section"]
    table.add_row(
        "cross-section", f"{sigma:.6g}{_plus_minus(report)} pb" if sigma else "not in the file"
    )
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
    out.print(table)


def _plus_minus(report: dict[str, Any]) -> str:
    error = report["cross_section_error"]
    return f" ± {error:.2g}" if error else ""


def _dataset(out: Console, report: dict[str, Any]) -> None:
    manifest = Manifest.model_validate(
        {k: v for k, v in report.items() if k not in ("kind", "path")}
    )
    out.print(
        f"{report['path']}: dataset {manifest.name!r}, schema {manifest.schema_version}, "
        f"{manifest.level} objects, {manifest.total.written} events ({splits(manifest)}), "
        f"{len(manifest.sources)} sources, b-tag bit {manifest.btag_bit}",
        soft_wrap=True,
    )
    out.print(yields(manifest))
    if len(manifest.processes[0].cut_flow) > 1:
        out.print(cut_flow(manifest))
    if manifest.undecayed:
        out.print(f"undecayed: {', '.join(str(code) for code in manifest.undecayed)}")
    truth = sum(source.truth for source in manifest.sources)
    out.print(f"truth in {truth} of {len(manifest.sources)} sources")
    out.print(f"dataset fingerprint  {manifest.dataset_fingerprint}", soft_wrap=True)
    out.print(f"view fingerprint     {manifest.view_fingerprint}", soft_wrap=True)
