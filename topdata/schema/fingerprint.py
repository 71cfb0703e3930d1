"""Digests of the contract: sha256 over canonical JSON.

The *dataset* fingerprint covers the whole event record and serves provenance. The *view*
fingerprint covers what a model reads, so that a new column does not orphan a checkpoint.
Neither covers documentation texts, process names, counts or paths.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from topdata.schema import slots
from topdata.schema.codes import Decay, Match, ObjectType
from topdata.schema.fields import EVENT, Field
from topdata.schema.version import SCHEMA_VERSION


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys, no spaces and no NaN: one text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return the sha256 (hex) of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def describe(fields: tuple[Field, ...] = EVENT, *, docs: bool = False) -> list[dict[str, Any]]:
    """Return the record as plain lists and dictionaries, in order."""
    rows: list[dict[str, Any]] = []
    for field in fields:
        row: dict[str, Any] = {"name": field.name, "dtype": field.dtype, "unit": field.unit}
        if field.many:
            row["list"] = True
        if field.default is not None:
            row["default"] = field.default
        if docs:
            row["doc"] = field.doc
        if field.fields:
            row["fields"] = describe(field.fields, docs=docs)
        rows.append(row)
    return rows


def codes() -> dict[str, dict[str, int]]:
    """Return every code table by name."""
    return {
        table.__name__: {code.name: int(code) for code in table}
        for table in (ObjectType, Decay, Match)
    }


def dataset_fingerprint() -> str:
    """Return the digest of the whole event record of this package."""
    return digest({"version": SCHEMA_VERSION, "fields": describe(), "codes": codes()})


def view_spec(btag_bit: int = 0) -> dict[str, Any]:
    """Return what a model reads, in plain types, for the b-tag working point ``btag_bit``."""
    return {
        "features": [list(feature) for feature in slots.FEATURES],
        "groups": [[group.name, group.start, group.size] for group in slots.GROUPS],
        "order": "pt",
        "types": {code.name: int(code) for code in ObjectType},
        "max_tops": slots.MAX_TOPS,
        "top_daughters": list(slots.TOP_DAUGHTERS),
        "btag_bit": btag_bit,
    }


def view_fingerprint(btag_bit: int = 0) -> str:
    """Return the digest that a checkpoint binds to."""
    return digest(view_spec(btag_bit))
