"""The texts of released schemas, as shipped: one JSON file a version, never changed."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from topdata.errors import SchemaError, nearest


def released(version: str) -> dict[str, Any]:
    """Return the description of a released schema: fields, codes, view and fingerprint.

    Raises :class:`SchemaError` for a version that this package does not know.
    """
    path = files("topdata") / "schema" / "versions" / f"{version}.json"
    if version not in versions():
        raise SchemaError(f"schema {version} is not known here{nearest(version, versions())}")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def versions() -> list[str]:
    """Return every released version, oldest first."""
    names = [path.name for path in (files("topdata") / "schema" / "versions").iterdir()]
    found = [name.removesuffix(".json") for name in names if name.endswith(".json")]
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])
