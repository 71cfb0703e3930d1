"""``topfm info``: what a checkpoint is."""

from __future__ import annotations

from collections.abc import Mapping

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from topfm.checkpoint.facts import Facts
from topfm.checkpoint.verify import verify
from topfm.cli import options as o
from topfm.hub import checkpoints


def info(
    checkpoint: o.Checkpoint,
    revision: o.Revision = None,
    as_json: o.Json = False,
) -> None:
    """Verify a checkpoint and say what it is, what it reads and what it has seen.

    Example: `topfm info base`
    """
    folder = checkpoints.locate(checkpoint, revision=revision).folder
    found = verify(folder)
    if as_json:
        typer.echo(found.facts.to_json(), nl=False)
        return
    table = Table(show_header=False, box=box.SIMPLE, title=checkpoint, title_justify="left")
    for name, value in _rows(found.facts):
        table.add_row(name, value)
    table.add_row("digest", found.digest)
    table.add_row("files", f"{len(found.files)}, all as SHA256SUMS says")
    Console(markup=False, emoji=False, highlight=False).print(table, soft_wrap=False)


def _rows(facts: Facts) -> list[tuple[str, str]]:
    label = facts.label
    data = facts.data
    rows = [
        ("encoder", _part(facts.encoder.name, dict(facts.encoder.options))),
        *(("task", _part(name, dict(options))) for name, options in facts.tasks.items()),
        ("label", f"{label.text}: {', '.join(label.classes)}" if label else "none"),
        ("parameters", _number(facts.run.get("parameters"))),
        ("training", f"best epoch {facts.best_epoch} of {facts.epochs}, {facts.steps} steps"),
        ("results", _results(facts.results)),
        ("schema", f"{facts.schema_version}, view {facts.view_fingerprint[:16]}..."),
        ("data", f"{data.dataset}{_at(data.revision)}: {data.events} events of {data.split}"),
        ("processes", ", ".join(f"{p.name} {p.events}" for p in data.processes)),
        *(
            ("started from", f"{a.address}{_at(a.revision)}, trained on {a.data.dataset}")
            for a in facts.ancestors
        ),
        ("versions", ", ".join(f"{name} {v}" for name, v in facts.versions.items())),
    ]
    return [(name, value) for name, value in rows if value]


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _part(name: str, options: dict[str, object]) -> str:
    return f"{name} ({', '.join(f'{key} {value}' for key, value in options.items())})"


def _at(revision: str | None) -> str:
    return f"@{revision[:12]}" if revision else ""


def _results(results: Mapping[str, object]) -> str:
    flat = []
    for key, value in results.items():
        if isinstance(value, float | int):
            flat.append(f"{key} {value:.4g}")
        elif isinstance(value, dict):
            for name, inner in value.items():
                number = inner.get("value") if isinstance(inner, dict) else inner
                if isinstance(number, float | int):
                    flat.append(f"{key} {name} {number:.4g}")
    return ", ".join(flat)
