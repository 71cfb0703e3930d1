"""What every CompHEP and CalcHEP header says, in one form for all of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import Enum

from topdata.errors import InputError
from topdata.readers.comphep.names import code_of

_ARROW = "->"


class Style(Enum):
    """How the columns of an event line are told apart."""

    BLANKS = "blanks"  # cpyth1: numbers, then colour chains
    COLONS = "colons"  # cpyth2: every column ends with a colon
    BAR = "bar"  # CalcHEP: numbers | scale, alpha_s, then colour chains


@dataclass(frozen=True, slots=True)
class Process:
    """One subprocess: its particles and where their momenta stand on an event line.

    Masses and widths of decays in GeV, cross-sections in pb.
    """

    names: tuple[str, ...]
    pids: tuple[int, ...]
    masses: tuple[float, ...]
    n_in: int  # 1: a decay at rest
    columns: tuple[tuple[int, int, int], ...]  # px, py, pz of each particle; -1: zero
    width: int  # number of columns with numbers, before what is not stored
    cross_section: float | None = None  # a decay: the width in GeV
    error: float | None = None
    declared: int | None = None

    @property
    def label(self) -> str:
        """The process in the generator's words, as ``u U -> t T``."""
        return " ".join([*self.names[: self.n_in], _ARROW, *self.names[self.n_in :]])


@dataclass(slots=True)
class Header:
    """A whole header. Energies in GeV, cross-sections in pb."""

    format: str
    style: Style
    lines: int = 0  # of the header; events follow
    processes: dict[int, Process] = field(default_factory=dict)  # by their number in column 1
    weighted: bool = False  # column 1 is a weight instead, and there is one process
    whole_weights: bool = False  # the weight is a repeat count
    generator: str = ""
    cross_section: float | None = None
    error: float | None = None
    declared: int | None = None
    beams: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def decay(self) -> bool:
        """Whether the process is a decay, so that cross-sections are widths."""
        return any(process.n_in == 1 for process in self.processes.values())


def number(text: str | bytes) -> float | None:
    """Return a finite number, or ``None``."""
    try:
        value = float(text)
    except ValueError:
        return None
    mark = b"_" if isinstance(text, bytes) else "_"
    return value if math.isfinite(value) and mark not in text else None  # type: ignore[operator]


def count(text: str) -> int | None:
    """Return a number of events, or ``None``."""
    word = text.strip()
    return int(word) if re.fullmatch(r"[0-9]{1,18}", word) else None


def positive(text: str) -> float | None:
    """Return a number above zero (a cross-section), or ``None``, also for ``Unknown``."""
    value = number(text.strip())
    return value if value is not None and value > 0 else None


def split_process(text: str) -> tuple[list[str], list[str]] | None:
    """Return the names left and right of the arrow: 1 or 2, and at least 1; or ``None``."""
    left, arrow, right = text.partition(_ARROW)
    before, after = (re.findall(r"[^\s,]+", side) for side in (left, right))
    return (before, after) if arrow and len(before) in (1, 2) and after else None


def masses_of(text: str, expected: int) -> tuple[float, ...] | None:
    """Return the masses in GeV; some models give neutralinos a sign, which is dropped."""
    values = [number(word) for word in text.split()]
    found = tuple(abs(value) for value in values if value is not None)
    return found if len(found) == len(values) == expected and all(m < 1e30 for m in found) else None


def codes(names: list[str], given: list[int], path: str) -> tuple[int, ...]:
    """Return PDG codes. Raises :class:`InputError` that names an unknown particle."""
    found = []
    for name, code in zip(names, given, strict=True):
        pid = code_of(name, code)
        if pid is None:
            raise InputError(f"{path}: no PDG code is known for the particle {name[:20]!r}")
        found.append(pid)
    return tuple(found)


def usual_columns(n_in: int, n_out: int) -> tuple[tuple[int, int, int], ...]:
    """Return the columns of cpyth1 and CalcHEP: pz of two incoming, then px py pz of each."""
    incoming = [(-1, -1, 1 + i if n_in == 2 else -1) for i in range(n_in)]
    first = 1 + (2 if n_in == 2 else 0)
    outgoing = [(c, c + 1, c + 2) for c in range(first, first + 3 * n_out, 3)]
    return (*incoming, *outgoing)
