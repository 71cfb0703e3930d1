"""Encoders and tasks by name: entry points, so that anybody's package can bring more."""

from __future__ import annotations

import inspect
from typing import Any

from topdata.entrypoints import registered
from topdata.errors import RecipeError, nearest, one_line

ENCODERS = "topfm.encoders"
TASKS = "topfm.tasks"


def find(group: str, name: str) -> Any:
    """Return the class of a name. Raises :class:`RecipeError` for an unknown one."""
    points = registered(group)
    if name not in points:
        kind = group.rpartition(".")[2].removesuffix("s")
        raise RecipeError(f"no {kind} {name!r} is installed{nearest(name, points)}")
    return points[name].load()


def make(group: str, name: str, *given: Any, **options: Any) -> Any:
    """Make an encoder or a task from what the program gives and what a person chose.

    Raises :class:`RecipeError` for an option that it does not have, or a value it refuses.
    """
    kind = find(group, name)
    parameters = list(inspect.signature(kind).parameters)[len(given) :]
    for option in options:
        if option not in parameters:
            raise RecipeError(f"{name}: unknown option {option!r}{nearest(option, parameters)}")
    try:
        return kind(*given, **options)
    except KeyError as error:  # of a table of sizes, say: its text is the key alone
        raise RecipeError(f"{name}: no option has the value {error}") from error
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise RecipeError(f"{name}: {one_line(error)}") from error
