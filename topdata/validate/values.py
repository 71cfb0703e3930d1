"""Rules of single values: nothing absent, nothing that is not finite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from topdata.kinematics import Array
from topdata.validate.dataset import Batch
from topdata.validate.rules import Wrong, event_rule


@event_rule("values.null", gate=True)
def null(batch: Batch) -> Iterator[Wrong]:
    """No value is null, at any depth."""
    for name in batch.table.column_names:
        column = batch.table.column(name).combine_chunks()
        for path, mask in _nulls(name, column):
            yield batch.wrong(mask, f"{path} is null")


def _nulls(path: str, column: pa.Array) -> Iterator[tuple[str, Array]]:
    """Yield (path, bool [n]) for every member with a null in it."""
    if column.null_count:
        yield path, np.asarray(column.is_null())
    if pa.types.is_struct(column.type):
        for position in range(column.type.num_fields):
            member = column.type.field(position).name
            yield from _nulls(f"{path}.{member}", column.field(position))
    elif pa.types.is_list(column.type):
        offsets = column.offsets.to_numpy()
        inner = column.values.slice(offsets[0], offsets[-1] - offsets[0])
        for deeper, mask in _nulls(path, inner):
            before = np.concatenate([[0], np.cumsum(mask)])[offsets - offsets[0]]
            yield deeper, np.diff(before) > 0


@event_rule("values.finite", gate=True)
def finite(batch: Batch) -> Iterator[Wrong]:
    """Every floating-point number is finite; NaN in weights means that an event lacks that one."""
    for name in ("weight", "gen_weight"):
        values = batch.scalar(name)
        yield batch.wrong(~np.isfinite(values), f"{name} is {{}}", values)
    for member in ("pt", "phi"):
        values = batch.met(member)
        yield batch.wrong(~np.isfinite(values), f"met.{member} is {{}}", values)
    for name in LISTS:
        rows = batch.rows(name)
        for member, values in rows.columns.items():
            if values.dtype == np.float32 and not (good := np.isfinite(values)).all():
                yield rows.wrong(~good, f"{member} is {{}}", values)
    offsets, values = _variations(batch)
    if len(at := np.flatnonzero(np.isinf(values))):
        event = np.searchsorted(offsets, at, side="right") - 1
        yield Wrong(event, "weights[{}] is {}", (at - offsets[event], values[at]))


LISTS = ("jets", "leptons", "photons", "tops", "ws", "partons", "me")


def _variations(batch: Batch) -> tuple[Array, Array]:
    """Return offsets [n + 1] from 0 and flat values of the weight variations."""
    column = batch.table.column("weights").combine_chunks()
    offsets = column.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], np.asarray(column.flatten().to_numpy())


def variations_of(batch: Batch) -> Array:
    """Return how many weight variations each event has, [n_events]."""
    return np.diff(_variations(batch)[0])
