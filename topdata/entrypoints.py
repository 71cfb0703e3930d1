"""What packages bring under a name: entry points, looked up once in a process."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from topdata.errors import InputError


@cache
def registered(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name.

    Raises :class:`InputError` for a name that is taken twice.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        if found.setdefault(point.name, point).value != point.value:
            raise InputError(f"{group}: {point.name!r} is registered twice, uninstall one of them")
    return dict(sorted(found.items()))
