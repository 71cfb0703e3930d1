"""``topdata schema``."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from topdata.cli.tables import console
from topdata.schema.fields import walk
from topdata.schema.fingerprint import (
    codes,
    dataset_fingerprint,
    describe,
    view_fingerprint,
    view_spec,
)
from topdata.schema.version import SCHEMA_VERSION


def schema(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Print the event record: every column with type, unit and meaning, and the fingerprints.

    Example: `topdata schema --json | jq .dataset_fingerprint`
    """
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "version": SCHEMA_VERSION,
                    "dataset_fingerprint": dataset_fingerprint(),
                    "view_fingerprint": view_fingerprint(),
                    "fields": describe(docs=True),
                    "codes": codes(),
                    "view": view_spec(),
                },
                indent=1,
            )
        )
        return
    table = Table(
        "column", "type", "unit", "meaning", title=f"Event record, schema {SCHEMA_VERSION}"
    )
    for path, field in walk():
        kind = f"List of {field.dtype}" if field.many else field.dtype
        table.add_row("  " * path.count(".") + path, kind, field.unit, field.doc)
    out = console()
    out.print(table)
    out.print(f"dataset fingerprint  {dataset_fingerprint()}", soft_wrap=True)
    out.print(f"view fingerprint     {view_fingerprint()}  (b-tag bit 0)", soft_wrap=True)
