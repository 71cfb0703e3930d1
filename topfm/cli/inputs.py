"""``topfm inputs``: what a model of this version reads."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from topdata.loader import info
from topdata.schema import slots
from topdata.schema.fingerprint import view_fingerprint, view_spec
from topfm.data.readable import require_readable


def inputs(
    dataset: Annotated[
        Path | None, typer.Argument(help="Check that this dataset can be read by a model.")
    ] = None,
    parton_level: Annotated[
        bool, typer.Option("--parton-level", help="Accept partons in the place of jets.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Print the slots and features that a model reads, and the fingerprint it binds to.

    Example: `topfm inputs demo-dataset`
    """
    btag_bit = 0
    if dataset is not None:
        manifest = info(dataset)
        btag_bit = manifest.btag_bit
        require_readable(manifest, dataset, parton_level=parton_level)
    if as_json:
        typer.echo(
            json.dumps(
                {"view_fingerprint": view_fingerprint(btag_bit), **view_spec(btag_bit)}, indent=1
            )
        )
        return
    table = Table("slots", "group", "objects", title="Model inputs", title_justify="left")
    for group in slots.GROUPS:
        table.add_row(_span(group), group.name, group.doc)
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    units = ", ".join(f"{name} [{unit}]" if unit else name for name, unit in slots.FEATURES)
    console.print(f"features of a slot: {units}", soft_wrap=True, markup=False)
    console.print(
        f"view fingerprint: {view_fingerprint(btag_bit)} (b-tag bit {btag_bit})", soft_wrap=True
    )
    if dataset is not None:
        console.print(f"{dataset}: {manifest.total.written} events fit", soft_wrap=True)


def _span(group: slots.SlotGroup) -> str:
    last = group.stop - 1
    return f"{group.start}" if last == group.start else f"{group.start} to {last}"
