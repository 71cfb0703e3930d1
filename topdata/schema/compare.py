"""Name every difference between two described schemas or views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Yield one text for each place where two plain values differ.

    Lists of named rows (as :func:`topdata.schema.fingerprint.describe` gives) are compared by
    name and then by order; everything else by key or position.
    """
    ours, theirs = _keyed(ours), _keyed(theirs)
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in [*ours, *(key for key in theirs if key not in ours)]:
            where = f"{path}.{key}" if path else str(key)
            if key not in theirs:
                yield f"{where}: missing"
            elif key not in ours:
                yield f"{where}: unknown"
            else:
                yield from differences(ours[key], theirs[key], where)
        shared = [key for key in ours if key in theirs]
        if shared != [key for key in theirs if key in ours]:
            yield f"{path or 'fields'}: other order"
    elif ours != theirs:
        yield f"{path}: {theirs!r}, expected {ours!r}"


def _keyed(value: Any) -> Any:
    if (
        isinstance(value, list)
        and value
        and all(isinstance(v, dict) and "name" in v for v in value)
    ):
        return {row["name"]: {k: v for k, v in row.items() if k != "name"} for row in value}
    return value
