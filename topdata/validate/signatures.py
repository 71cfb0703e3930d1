"""Events and their rows in the fixed-slot configuration, side by side.

Both sides are reduced to a signature of an event, so that memory stays small: a digest of the
columns that must be equal, and for px, py, pz and energy, which may differ in their last bit from
machine to machine, a weighted sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from topdata.kinematics import Array
from topdata.schema import slots
from topdata.schema.arrow import UNIVERSAL_COUNTS
from topdata.validate.dataset import Batch, Shard
from topdata.validate.rules import Fault
from topdata.views import universal

_SHAPES: dict[str, tuple[int, ...]] = {
    "objects": (slots.N_SLOTS, len(slots.FEATURES)),
    "type": (slots.N_SLOTS,),
    "tops": (slots.MAX_TOPS, len(slots.FEATURES)),
    "ws": (slots.MAX_TOPS, len(slots.FEATURES)),
    "top_slots": (slots.MAX_TOPS, len(slots.TOP_DAUGHTERS)),
}
_MOMENTA = ("objects", "tops", "ws")
_EXACT = slots.FEATURE_NAMES.index("px")  # features before are copies
_SCALARS = ("process", "n_tops", "weight")
_ROUNDING = 1e-6  # of the sum of all momenta of an event
_EVENT_BITS = 40
_SEED = 20_251_124
COLUMNS = (*_SCALARS, *(f"n_{name}" for name in UNIVERSAL_COUNTS), *_SHAPES)


@dataclass(slots=True)
class Signatures:
    """Signatures of many events, batch by batch; those of a split on one side."""

    paths: list[str] = field(default_factory=list)  # of each batch
    rows: list[Array] = field(default_factory=list)  # in the file
    keys: list[Array] = field(default_factory=list)  # int64 [n]: source and event in one number
    digests: list[Array] = field(default_factory=list)  # uint32 [n, n_columns]
    sums: list[Array] = field(default_factory=list)  # float64 [n, 3, 2]: weighted sum, its scale

    def add(self, columns: dict[str, Array], path: str, row: Array) -> None:
        """Add events given as numpy columns, the shaped ones as [n, ...]."""
        n = len(row)
        self.paths.append(path)
        self.rows.append(row)
        self.keys.append((columns["source"].astype(np.int64) << _EVENT_BITS) ^ columns["event"])
        self.digests.append(np.stack([_digest(_exact(c, columns[c])) for c in COLUMNS], axis=1))
        self.sums.append(np.stack([_sum(columns[name], n) for name in _MOMENTA], axis=1))

    def fault(self, index: int, text: str) -> Fault:
        """Return a fault at an event."""
        for path, rows in zip(self.paths, self.rows, strict=True):
            if index < len(rows):
                return Fault(text, path, int(rows[index]))
            index -= len(rows)
        raise IndexError(index)

    def joined(self) -> tuple[Array, Array, Array]:
        """Return keys, digests and sums of all events."""
        if not self.paths:
            none = np.zeros(0, np.int64)
            return none, np.zeros((0, len(COLUMNS)), np.uint32), np.zeros((0, len(_MOMENTA), 2))
        keys, digests, sums = (np.concatenate(v) for v in (self.keys, self.digests, self.sums))
        return keys, digests, sums


def name_of(key: int) -> str:
    """Return the event of a key in words."""
    return f"event {key & ((1 << _EVENT_BITS) - 1)} of source {key >> _EVENT_BITS}"


def differing(ours: tuple[Array, Array], theirs: tuple[Array, Array]) -> Array:
    """Return bool [n, n_columns]: which columns differ between (digests, sums) of n events."""
    differs = ours[0] != theirs[0]
    near = np.abs(ours[1][..., 0] - theirs[1][..., 0]) <= _ROUNDING * ours[1][..., 1]
    for position, name in enumerate(_MOMENTA):
        differs[:, COLUMNS.index(name)] |= ~near[:, position]
    return np.asarray(differs)


def _exact(name: str, values: Array) -> Array:
    return values[..., :_EXACT] if name in _MOMENTA else values


def _digest(values: Array) -> Array:
    """Return uint32 [n]: a weighted sum of the bits, which any one changed value changes."""
    rows = np.ascontiguousarray(values.reshape(len(values), -1))
    if rows.dtype.itemsize < 4:
        rows = rows.astype(np.int32)
    words = rows.view(np.uint32).reshape(len(values), -1)
    odd = np.random.default_rng(_SEED).integers(0, 1 << 31, words.shape[1], np.uint32) * 2 + 1
    return np.asarray((words * odd.astype(np.uint32)).sum(axis=1, dtype=np.uint32))


def _sum(values: Array, n: int) -> Array:
    """Return float64 [n, 2]: a weighted sum of px, py, pz and energy of all rows, and its scale."""
    momenta = values[..., _EXACT:].reshape(n, -1).astype(np.float64)
    weights = np.random.default_rng(_SEED).uniform(1, 2, momenta.shape[1])
    return np.stack([momenta @ weights, np.abs(momenta) @ weights], axis=1)


def of_events(batch: Batch) -> dict[str, Array]:
    """Return the fixed-slot columns that a batch of events must have."""
    view = universal(batch.table, btag_bit=batch.dataset.manifest.btag_bit).arrays()
    scalars = {name: batch.scalar(name) for name in ("event", "source", *_SCALARS)}
    return {**view, **scalars}


def of_table(table: pa.Table) -> dict[str, Array]:
    """Return the fixed-slot columns of a table of the configuration.

    Raises ValueError for arrays of another shape, or with nulls.
    """
    columns = {}
    for name in ("event", "source", *_SCALARS, *(f"n_{c}" for c in UNIVERSAL_COUNTS)):
        columns[name] = _numpy(name, table.column(name).combine_chunks())
    for name, shape in _SHAPES.items():
        flat = table.column(name).combine_chunks()
        flat = flat.storage if isinstance(flat, pa.ExtensionArray) else flat
        for size in shape:
            flat = _content(name, flat, size)
        columns[name] = _numpy(name, flat).reshape(table.num_rows, *shape)
    return columns


def _numpy(name: str, values: pa.Array) -> Array:
    if values.null_count:
        raise ValueError(f"{name} is null in {values.null_count} places")
    return np.asarray(values.to_numpy())


def _content(name: str, values: pa.Array, size: int) -> pa.Array:
    """Return the content of a list array in which every list has one size."""
    if values.null_count:
        raise ValueError(f"{name} is null in {values.null_count} places")
    content = values.flatten()
    fixed = pa.types.is_fixed_size_list(values.type)
    if not fixed and not (np.diff(values.offsets.to_numpy()) == size).all():
        raise ValueError(f"{name}: not every list has {size} members")
    return content


class Comparison:
    """Both sides of the comparison, by split."""

    def __init__(self) -> None:
        self.events: dict[str, Signatures] = {}
        self.fixed: dict[str, Signatures] = {}
        self.broken: set[str] = set()  # splits of which some events could not be read
        self.shapes: list[Fault] = []

    def add_events(self, batch: Batch) -> None:
        """Add events of a shard."""
        side = self.events.setdefault(batch.shard.split, Signatures())
        side.add(of_events(batch), batch.shard.path, batch.row)

    def add_fixed(self, shard: Shard, first: int, table: pa.Table) -> None:
        """Add rows of the configuration."""
        try:
            columns = of_table(table)
        except ValueError as error:
            self.broken.add(shard.split)
            self.shapes.append(Fault(f"from here on: {error}", shard.path, first))
            return
        row = np.arange(first, first + table.num_rows)
        self.fixed.setdefault(shard.split, Signatures()).add(columns, shard.path, row)

    def pairs(self) -> Iterator[tuple[Signatures, Signatures]]:
        """Yield (events, fixed) of each split that can be compared."""
        for split in sorted({*self.events, *self.fixed} - self.broken):
            yield self.events.get(split, Signatures()), self.fixed.get(split, Signatures())
