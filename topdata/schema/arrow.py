"""Everything that is generated from the declared record: Arrow, ``datasets`` and Markdown.

The only module of the contract that knows a third party; ``datasets`` is imported when asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from topdata.schema import slots
from topdata.schema.codes import ObjectType
from topdata.schema.fields import EVENT, Field, walk

_CLASS_LABEL_STORAGE = "int64"  # what `datasets.ClassLabel` is stored as


def _storage(dtype: str) -> pa.DataType:
    return pa.type_for_alias(_CLASS_LABEL_STORAGE if dtype == "class_label" else dtype)


def arrow_type(field: Field) -> pa.DataType:
    """Return the Arrow type of a field, lists as ``list<item: struct<...>>``."""
    if field.dtype == "struct":
        inner = pa.struct([pa.field(member.name, arrow_type(member)) for member in field.fields])
    else:
        inner = _storage(field.dtype)
    return pa.list_(inner) if field.many else inner


def arrow_schema(metadata: dict[str, str] | None = None) -> pa.Schema:
    """Return the Arrow schema of a shard."""
    return pa.schema(
        [pa.field(field.name, arrow_type(field)) for field in EVENT],
        metadata=metadata,
    )


def _feature(field: Field, classes: list[str]) -> Any:
    import datasets

    if field.dtype == "struct":
        inner: Any = {member.name: _feature(member, classes) for member in field.fields}
    elif field.dtype == "class_label":
        inner = datasets.ClassLabel(names=classes)
    else:
        inner = datasets.Value(field.dtype)
    return datasets.List(inner) if field.many else inner


def features(classes: list[str]) -> Any:
    """Return the ``datasets.Features`` of the event record for these process names."""
    import datasets

    return datasets.Features({field.name: _feature(field, classes) for field in EVENT})


def build(field: Field, values: Any) -> pa.Array:
    """Return an Arrow array of a field.

    ``values`` is an array [n]; for a struct a mapping from member to values; for a list a pair
    (offsets [n + 1], flat array, or for structs a mapping from member to a flat array).
    """
    if field.many:
        offsets, content = values
        nested = field.dtype == "struct"
        items = _struct(field, content) if nested else pa.array(content, _storage(field.dtype))
        return pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), items, type=arrow_type(field)
        )
    if field.dtype == "struct":
        return _struct(field, values)
    return pa.array(values, _storage(field.dtype))


def _struct(field: Field, columns: Any) -> pa.StructArray:
    return pa.StructArray.from_arrays(
        [build(member, columns[member.name]) for member in field.fields],
        fields=[pa.field(member.name, arrow_type(member)) for member in field.fields],
    )


def unpack(column: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return (offsets [n + 1] from 0, flat member arrays) of a list of structs, without copies."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    offsets = column.offsets.to_numpy().astype(np.int64)
    items = column.flatten()
    names = [items.type.field(i).name for i in range(items.type.num_fields)]
    members = dict(zip(names, items.flatten(), strict=True))
    return offsets - offsets[0], {n: m.to_numpy(zero_copy_only=True) for n, m in members.items()}


# --- the fixed-slot configuration ----------------------------------------------------------


def universal_features(classes: list[str]) -> Any:
    """Return the ``datasets.Features`` of the configuration ``universal``."""
    from datasets import Array2D, ClassLabel, Features, List, Value

    counts = {f"n_{name}": Value("int16") for name in UNIVERSAL_COUNTS}
    return Features(
        {
            "event": Value("int64"),
            "source": Value("int32"),
            "process": ClassLabel(names=classes),
            "n_tops": Value("int8"),
            "weight": Value("float64"),
            **counts,
            "objects": Array2D((slots.N_SLOTS, len(slots.FEATURES)), "float32"),
            "type": List(Value("int8"), length=slots.N_SLOTS),
            "tops": Array2D((slots.MAX_TOPS, len(slots.FEATURES)), "float32"),
            "ws": Array2D((slots.MAX_TOPS, len(slots.FEATURES)), "float32"),
            "top_slots": Array2D((slots.MAX_TOPS, len(slots.TOP_DAUGHTERS)), "int8"),
        }
    )


UNIVERSAL_COUNTS = ("jets", "btags", "leptons", "photons")

UNIVERSAL_DOCS = {
    "event, source, process, n_tops, weight": "as in the event record",
    "n_jets, n_btags, n_leptons, n_photons": "objects of the event, also those without a slot",
    "objects": f"[{slots.N_SLOTS}, {len(slots.FEATURES)}] per slot "
    f"{', '.join(slots.FEATURE_NAMES)}; zeros where empty",
    "type": f"[{slots.N_SLOTS}] " + ", ".join(f"{int(t)} {t.name.lower()}" for t in ObjectType),
    "tops": "[4, 7] true tops, pT-ordered, zeros where there are fewer",
    "ws": "[4, 7] true Ws, pT-ordered",
    "top_slots": "[4, 3] slot of the jet or lepton matched to each top's b, up-type quark (or "
    "neutrino) and down-type quark (or charged lepton); -1 unmatched, -2 matched but truncated",
}


def markdown_table(fields: tuple[Field, ...] = EVENT) -> str:
    """Return the event record as a Markdown table."""
    lines = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    for path, field in walk(fields):
        kind = f"List of {field.dtype}" if field.many else field.dtype
        lines.append(f"| `{path}` | {kind} | {field.unit} | {field.doc} |")
    return "\n".join(lines)
