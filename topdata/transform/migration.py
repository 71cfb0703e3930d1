"""Bring a dataset to the current schema, or say field by field why that cannot be.

A minor version only adds fields, each with a default: those are filled in. Whatever else differs
means that numbers would change their meaning, and then the sources must be read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from topdata.build.existing import Existing, existing
from topdata.build.provenance import versions
from topdata.errors import RecipeError, SchemaError
from topdata.manifest import Manifest, Step
from topdata.progress import Progress, Silent
from topdata.schema.arrow import arrow_schema, arrow_type
from topdata.schema.fields import EVENT, Field
from topdata.schema.fingerprint import codes, dataset_fingerprint, describe, view_fingerprint
from topdata.schema.released import released
from topdata.schema.version import SCHEMA_VERSION
from topdata.transform.write import completed, new_dataset, write_process


def migrate(
    dataset: Path,
    output: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Write ``dataset``, of an older schema, as the dataset ``output`` of the current one.

    Raises :class:`RecipeError` if it is of the current schema already, :class:`SchemaError` with
    every field that stands in the way, :class:`InputError` or :class:`OutputError` as a build does.
    """
    old = existing(dataset, any_schema=True)
    told = progress or Silent()
    version = old.manifest.schema_version
    if old.manifest.dataset_fingerprint == dataset_fingerprint():
        raise RecipeError(f"{dataset}: is of schema {version} already, nothing to do")
    if obstacles := list(obstacles_from(released(version))):
        raise SchemaError(
            f"{dataset}: cannot go from schema {version} to {SCHEMA_VERSION}: "
            f"{'; '.join(obstacles)}: build it again from its sources"
        )
    step = Step(
        command="migrate",
        detail={"from": version, "to": SCHEMA_VERSION},
        parents=[old.parent],
        versions=versions(),
    )
    manifest = old.manifest.model_copy(
        update={
            "schema_version": SCHEMA_VERSION,
            "dataset_fingerprint": dataset_fingerprint(),
            "view_fingerprint": view_fingerprint(old.manifest.btag_bit),
            "history": [*old.manifest.history, step],
        }
    )
    splits = list(old.manifest.processes[0].splits)
    told.start("migrating", manifest.total.written, "events")
    with new_dataset(output, overwrite=overwrite) as folder:
        files = [
            write_process(folder, manifest, name, _Upgraded(old, name, told), splits)
            for name in manifest.classes
        ]
        return completed(folder, manifest, files, universal=old.universal)


class _Upgraded:
    """The events of a process in the current schema, for a split."""

    def __init__(self, old: Existing, name: str, told: Progress) -> None:
        self._old, self._name, self._told = old, name, told

    def __call__(self, split: str) -> Iterator[pa.Table]:
        for table in self._old.rows(split, self._name):
            yield upgraded(table)
            self._told.advance(table.num_rows, table.num_rows)


def obstacles_from(theirs: dict[str, Any]) -> Iterator[str]:
    """Yield every difference of a released schema from ours that no default can fill."""
    yield from _field_obstacles(theirs["fields"], describe(), "")
    for table, ours in codes().items():
        for name, code in theirs["codes"].get(table, {}).items():
            if ours.get(name) != code:
                yield f"code {table}.{name} was {code} and is {ours.get(name)}"


def _field_obstacles(
    theirs: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]], prefix: str
) -> Iterator[str]:
    known = {row["name"]: row for row in ours}
    for row in theirs:
        path = f"{prefix}{row['name']}"
        now = known.get(row["name"])
        if now is None:
            yield f"{path} is no longer there"
            continue
        for key in ("dtype", "unit", "list"):
            if row.get(key) != now.get(key):
                yield f"{path}: {key} was {row.get(key)!r} and is {now.get(key)!r}"
        yield from _field_obstacles(row.get("fields", ()), now.get("fields", ()), f"{path}.")
    before = {row["name"] for row in theirs}
    for row in ours:
        if row["name"] not in before and "default" not in row and not row.get("list"):
            yield f"{prefix}{row['name']} is new and has no default"


def upgraded(table: pa.Table) -> pa.Table:
    """Return rows of an older schema in the current one; new fields have their default."""
    columns = [
        _column(field, table.column(field.name).combine_chunks(), table.num_rows)
        if field.name in table.column_names
        else _default(field, table.num_rows)
        for field in EVENT
    ]
    return pa.Table.from_arrays(columns, schema=arrow_schema())


def _column(field: Field, array: pa.Array, rows: int) -> pa.Array:
    if field.many:
        items = array.flatten()
        offsets = array.offsets
        start = offsets[0].as_py()
        if start:
            offsets = pa.compute.subtract(offsets, start)
        content = _members(field, items) if field.dtype == "struct" else items
        return pa.ListArray.from_arrays(offsets, content, type=arrow_type(field))
    return _members(field, array) if field.dtype == "struct" else array


def _members(field: Field, array: pa.StructArray) -> pa.StructArray:
    there = dict(zip((f.name for f in array.type), array.flatten(), strict=True))
    members = [
        _column(member, there[member.name], len(array))
        if member.name in there
        else _default(member, len(array))
        for member in field.fields
    ]
    return pa.StructArray.from_arrays(
        members, fields=[pa.field(m.name, arrow_type(m)) for m in field.fields]
    )


def _default(field: Field, rows: int) -> pa.Array:
    kind = arrow_type(field)
    if field.many:
        empty = pa.array([], kind.value_type)
        return pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, np.int32)), empty, type=kind)
    if field.dtype == "struct":
        return pa.StructArray.from_arrays(
            [_default(member, rows) for member in field.fields],
            fields=[pa.field(m.name, arrow_type(m)) for m in field.fields],
        )
    return pa.array(np.full(rows, field.default), kind)
