"""Lines of a Dark Machines file, some thousand at a time: to columns, and what is damaged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from topdata.events import Array, Damage, EventChunk, Jagged, offsets_of
from topdata.kinematics import wrap
from topdata.schema.codes import ELECTRON_MASS, MUON_MASS
from topdata.textblocks import table

_CODES = {b"j": 0, b"b": 1, b"e-": 2, b"e+": 3, b"m-": 4, b"m+": 5, b"g": 6}
_PDG = np.array([0, 0, 11, -11, 13, -13, 0], np.int32)  # of each code
_EVENT = ("event ID", "weight", "MET", "MET phi")
_OBJECT = ("E", "pt", "eta", "phi")
_MEV = 1000.0
_LIMIT = float(np.finfo(np.float32).max)


class Block:
    """Consecutive events as they are read, and why some of them are damaged."""

    def __init__(self, first: int) -> None:
        self.first = first  # entry
        self.lines: list[int] = []  # line number of each event
        self.starts: list[int] = []  # first object of each event
        self.events: list[bytes] = []  # the numbers of each event
        self.codes: list[int] = []
        self.objects: list[bytes] = []  # the numbers of each object
        self.faults: dict[int, str] = {}  # event -> reason

    def __len__(self) -> int:
        return len(self.lines)

    def fault(self, event: int, reason: str) -> None:
        """Note why an event is damaged; the first reason counts."""
        self.faults.setdefault(event, f"line {self.lines[event]}: {reason}")

    def add(self, line: int, text: bytes, broken: str = "") -> None:
        """Add an event; ``broken`` says why its line is not whole."""
        self.lines.append(line)
        self.starts.append(len(self.codes))
        event = len(self) - 1
        fields = text.strip().split(b";")
        if not fields[-1].strip():
            del fields[-1]
        if broken or len(fields) < 5:
            self.fault(event, broken or f"{len(fields)} fields, an event has at least 5")
            self.events.append(b"0;0;0;0")
            return
        self.events.append(b";".join((fields[0], *fields[2:5])))
        for position, field in enumerate(fields[5:], 1):
            code, _, numbers = field.partition(b",")
            if numbers.count(b",") != len(_OBJECT) - 1:
                count = field.count(b",") + 1
                self.fault(event, f"object {position} has {count} columns, not 5")
            elif (known := _CODES.get(code)) is None:
                self.fault(event, f"object {position} has the unknown code {_shown(code)}")
            else:
                self.codes.append(known)
                self.objects.append(numbers)

    def items(self) -> Iterator[EventChunk | Damage]:
        """Yield the undamaged events in as few chunks as there can be, and the damage."""
        edges = np.array([*self.starts, len(self.codes)], np.int64)
        owner = np.repeat(np.arange(len(self)), np.diff(edges))
        events = self._numbers(self.events, _EVENT, ";", np.arange(len(self)))
        objects = self._numbers(self.objects, _OBJECT, ",", owner)
        codes = np.array(self.codes, np.int64)
        begin = 0
        for end in [*sorted(self.faults), len(self)]:
            if end > begin:
                rows = slice(edges[begin], edges[end])
                entry = np.arange(self.first + begin, self.first + end, dtype=np.int64)
                event = owner[rows] - begin
                yield _chunk(entry, events[begin:end], event, codes[rows], objects[rows])
            if end < len(self):
                yield Damage(self.first + end, self.first + end + 1, self.faults[end])
            begin = end + 1

    def _numbers(
        self, rows: list[bytes], names: tuple[str, ...], delimiter: str, event: Array
    ) -> Array:
        """Return float64 [n_rows, n_names], zero where unusable; ``event`` is that of each row."""
        values = table(rows, names, delimiter)
        usable = np.abs(values) <= _LIMIT
        for column, name in enumerate(names):
            if name in ("MET", "E", "pt"):
                usable[:, column] &= values[:, column] >= 0
        for row, column in np.argwhere(~usable).tolist():
            word = rows[row].split(delimiter.encode())[column]
            self.fault(int(event[row]), f"{names[column]} is {_shown(word)}")
        values[~usable] = 0
        return values


def _chunk(entry: Array, events: Array, event: Array, code: Array, objects: Array) -> EventChunk:
    """Build events; ``event`` is the event of each object, ``objects`` its numbers in MeV."""
    energy, pt = objects[:, 0] / _MEV, objects[:, 1] / _MEV
    eta, phi = objects[:, 2], _wrapped(objects[:, 3])
    floats = {"pt": pt, "eta": eta, "phi": phi}

    def pick(rows: Array) -> Jagged:
        columns = {name: values[rows].astype(np.float32) for name, values in floats.items()}
        return Jagged(offsets_of(np.bincount(event[rows], minlength=len(entry))), columns)

    rows = np.flatnonzero(code < 2)
    jets = pick(rows)
    with np.errstate(over="ignore"):
        momentum = pt[rows] * np.cosh(np.clip(eta[rows], -100, 100))
        mass = np.sqrt(np.maximum((energy[rows] - momentum) * (energy[rows] + momentum), 0))
    zero = np.zeros(len(rows), np.int8)
    jets.columns |= {
        "mass": mass.astype(np.float32),
        "btag": (code[rows] == _CODES[b"b"]).astype(np.int8),
        "tautag": zero,
        "flavor": zero.copy(),
        "charge": zero.copy(),
    }
    rows = np.flatnonzero(_PDG[code] != 0)
    pdg_id = _PDG[code[rows]]
    rows = rows[np.lexsort((np.abs(pdg_id), event[rows]))]
    pdg_id = _PDG[code[rows]]
    leptons = pick(rows)
    leptons.columns |= {
        "mass": np.where(np.abs(pdg_id) == 11, ELECTRON_MASS, MUON_MASS).astype(np.float32),
        "charge": -np.sign(pdg_id).astype(np.int8),
        "pdg_id": pdg_id,
        "isolation": np.zeros(len(rows), np.float32),
        "gen": np.full(len(rows), -1, np.int64),
    }
    photons = pick(np.flatnonzero(code == _CODES[b"g"]))
    photons.columns["isolation"] = np.zeros(len(photons["pt"]), np.float32)
    met = {
        "pt": (events[:, 2] / _MEV).astype(np.float32),
        "phi": _wrapped(events[:, 3]).astype(np.float32),
    }
    return EventChunk(entry, events[:, 1].copy(), met, jets, leptons, photons)


def _wrapped(phi: Array) -> Array:
    """Bring angles into (-pi, pi]; those that are there stay as they are."""
    return np.where((phi > np.pi) | (phi <= -np.pi), wrap(phi), phi)


def _shown(word: bytes) -> str:
    return repr(word[:40].decode("ascii", "replace"))
