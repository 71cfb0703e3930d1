"""``topdata validate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from topdata.cli.tables import console
from topdata.errors import InvalidError, RecipeError
from topdata.terminal import Bar
from topdata.validate import RULES, Report
from topdata.validate import validate as check


def validate(
    dataset: Annotated[Path | None, typer.Argument(help="A built dataset.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
    list_rules: Annotated[bool, typer.Option("--list", help="Print the rules and stop.")] = False,
) -> None:
    """Check a dataset against its manifest and against physics: every file, every event.

    Example: `topdata validate demo-dataset`

    Ends with exit code 2 if a rule is broken. Five findings of each rule are shown, all counted.
    """
    if list_rules:
        _rules(as_json)
        return
    if dataset is None:
        raise RecipeError("name a dataset, or add --list for the rules")
    with Bar() as bar:
        report = check(dataset, progress=bar)
    if as_json:
        typer.echo(json.dumps(report.plain(), indent=1))
    else:
        _print(console(), report)
    if not report.ok:
        raise InvalidError(
            f"{dataset}: {len(report.counts)} of {len(report.rules)} rules are broken, "
            f"{report.total} findings"
        )


def _rules(as_json: bool) -> None:
    rules = sorted(RULES.values(), key=lambda rule: rule.name)
    if as_json:
        plain = {r.name: {"kind": r.kind, "severity": r.severity, "text": r.text} for r in rules}
        typer.echo(json.dumps(plain, indent=1))
        return
    table = Table("rule", "looks at", "holds", box=box.SIMPLE_HEAD, pad_edge=False)
    for rule in rules:
        table.add_row(rule.name, rule.kind, rule.text)
    console().print(table)


def _print(out: Console, report: Report) -> None:
    if report.ok:
        rate = report.events / report.seconds if report.seconds else 0.0
        out.print(
            f"{report.dataset}: {len(report.rules)} rules hold for {report.events} events "
            f"({report.seconds:.1f} s, {rate:,.0f} events/s)",
            soft_wrap=True,
        )
        return
    for rule, count in report.counts.items():
        out.print(f"{rule}: {RULES[rule].text}", soft_wrap=True)
        shown = [finding for finding in report.findings if finding.rule == rule]
        for finding in shown:
            row = "" if finding.row is None else f", row {finding.row}"
            where = f"{finding.path}{row}: " if finding.path else ""
            out.print(f"  {where}{finding.message}", soft_wrap=True)
        if count > len(shown):
            out.print(f"  ... {count} in all")
