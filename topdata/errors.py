"""The errors that a user can cause or meet.

::

    TopdataError            one line: what, where (file, entry, key), what to do
    |-- RecipeError         a recipe or a command-line option is wrong
    |-- InputError          an input file cannot be used at all
    |   `-- DamagedError    an input file can be used in part
    |-- OutputError         the output cannot be written, or is already there
    |-- SchemaError         a dataset has another schema than the one needed
    |-- HubError            a hub cannot be reached, lacks what is asked for, or refuses
    |-- InvalidError        a dataset breaks rules of `topdata validate`
    `-- IncompleteError     the work was done, but input was lost on the way

Every message is one line that a command prints as it is; the exit code is 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TopdataError(Exception):
    """Base of all errors that are the user's or a file's, never the program's."""


class RecipeError(TopdataError):
    """A recipe, an expression or an option cannot be understood."""


class InputError(TopdataError):
    """An input file is missing, of an unknown kind, or unreadable from its start."""


class DamagedError(InputError):
    """Part of an input file cannot be read; the rest can."""


class OutputError(TopdataError):
    """The output exists already, or cannot be written."""


class SchemaError(TopdataError):
    """A dataset was written with a schema that this version cannot serve."""


class HubError(TopdataError):
    """A hub cannot be reached, has not what is asked for, holds damage, or refuses."""


class InvalidError(TopdataError):
    """A dataset breaks at least one rule of ``topdata validate``."""


class IncompleteError(TopdataError):
    """A build left out damaged input, and the user did not say that it may."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?``, or the list of known names where none is close."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}"


def one_line(error: BaseException) -> str:
    """Return the first line of a foreign error's text, for use inside our own message."""
    text = " ".join(str(error).split())
    return (text[:160] + "...") if len(text) > 160 else (text or type(error).__name__)
