"""What networks of this version read, as facts; and whether data is what a checkpoint reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from topdata.errors import SchemaError
from topdata.manifest import Manifest
from topdata.schema import slots
from topdata.schema.compare import differences
from topdata.schema.fingerprint import canonical_json, view_fingerprint, view_spec
from topfm.checkpoint.facts import Column, Facts, Inputs
from topfm.data.columns import COLUMNS, LEAST, MOMENTUM, VARIABLE_OF_COLUMN
from topfm.data.events import COUNTS

_TRANSFORMS = {
    "log": f"log(max({{}}, {LEAST:g}))",
    "sin": "sin({})",
    "cos": "cos({})",
    "asinh": f"asinh({{}} / {MOMENTUM:g})",
}


def inputs_of(btag_bit: int = 0) -> Inputs:
    """Return what encoders of this version read of a dataset with that b-tag working point."""
    return Inputs(
        columns=[_column(k) for k in range(len(COLUMNS))],
        counts=[Column(name=name, unit="", transform=name) for name in COUNTS],
        view=json.loads(canonical_json(view_spec(btag_bit))),
    )


def targets() -> list[Column]:
    """Return what is predicted of a particle: the variables of a slot as they are."""
    return [Column(name=name, unit=unit, transform=name) for name, unit in slots.FEATURES]


def _column(k: int) -> Column:
    variable, unit = slots.FEATURES[VARIABLE_OF_COLUMN[k]]
    prefix, _, rest = COLUMNS[k].partition("_")
    transform = _TRANSFORMS[prefix].format(variable) if rest else variable
    return Column(name=COLUMNS[k], unit=unit, transform=transform)


def require_view(facts: Facts, manifest: Manifest, dataset: Path | str) -> None:
    """Raise :class:`SchemaError` unless a dataset gives what a checkpoint reads.

    Every field that differs is named: of the view, and of the columns that this version makes.
    """
    here = inputs_of(manifest.btag_bit)
    if manifest.view_fingerprint != facts.view_fingerprint:
        if manifest.view_fingerprint != view_fingerprint(manifest.btag_bit):
            raise SchemaError(
                f"{dataset}: its view {manifest.view_fingerprint[:16]}... is neither that of the "
                f"checkpoint ({facts.view_fingerprint[:16]}...) nor of this version: build it again"
            )
        found = list(differences(_named(facts.inputs.view), _named(here.view)))
        raise SchemaError(
            f"{dataset}: not the view that the checkpoint reads: {'; '.join(found)}: build it with "
            "that view, or take another checkpoint"
        )
    for what in ("columns", "counts"):
        ours, theirs = ([c.model_dump() for c in getattr(i, what)] for i in (facts.inputs, here))
        if found := list(differences(ours, theirs, what)):
            raise SchemaError(
                f"{dataset}: this version of topfm gives not what the checkpoint reads: "
                f"{'; '.join(found)}: install topdata {facts.versions.get('topdata', '')}".rstrip()
            )


def _named(view: dict[str, Any]) -> dict[str, Any]:
    """Return a view with rows that have names, so that a difference says which it is in."""
    keys = {"features": ("name", "unit"), "groups": ("name", "start", "size")}
    rows = {
        field: [dict(zip(names, row, strict=False)) for row in view.get(field, [])]
        for field, names in keys.items()
    }
    return {**view, **rows}
