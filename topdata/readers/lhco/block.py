"""Events of an LHCO file, some thousand at a time: from lines to columns, and what is damaged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from topdata.events import Array, Damage, EventChunk, Jagged, offsets_of
from topdata.kinematics import wrap
from topdata.schema.codes import ELECTRON_MASS, MUON_MASS
from topdata.textblocks import number, table

_OBJECTS = 1000  # per event; more is no event
_COLUMNS = ("row", "typ", "eta", "phi", "pt", "jmas", "ntrk", "btag", "had_em", "dum1", "dum2")
_PHOTON, _ELECTRON, _MUON, _TAU, _JET, _MET = 0, 1, 2, 3, 4, 6
_LIMIT = float(np.finfo(np.float32).max)


class Block:
    """Consecutive events as they are read, and why some of them are damaged."""

    def __init__(self, first: int) -> None:
        self.first = first  # entry
        self.starts: list[int] = []  # first row of each event
        self.headers: list[int] = []  # line number of each event
        self.rows: list[bytes] = []
        self.lines: list[int] = []  # line number of each row
        self.faults: dict[int, str] = {}  # event -> reason

    def __len__(self) -> int:
        return len(self.starts)

    def fault(self, event: int, line: int, reason: str) -> None:
        """Note why an event is damaged; the first reason counts."""
        self.faults.setdefault(event, f"line {line}: {reason}")

    def open(self, line: int, text: bytes) -> None:
        """Begin an event."""
        self.starts.append(len(self.rows))
        self.headers.append(line)
        words = text.split()
        if words[0] != b"0":
            self.fault(len(self) - 1, line, "a row before the first event")
        elif len(words) != 3:
            self.fault(len(self) - 1, line, f"an event's line has {len(words)} columns, not 3")
        elif not all(np.isfinite(number(word)) for word in words):
            self.fault(len(self) - 1, line, "event or trigger number is no number")

    def add(self, line: int, text: bytes) -> None:
        """Add a row to the last event."""
        words = text.split()
        if len(words) != len(_COLUMNS):
            reason = f"a row has {len(words)} columns, not {len(_COLUMNS)}"
            self.fault(len(self) - 1, line, reason)
        elif len(self.rows) - self.starts[-1] >= _OBJECTS:
            self.fault(len(self) - 1, line, f"more than {_OBJECTS} objects")
        else:
            self.rows.append(b" ".join(words))
            self.lines.append(line)

    def items(self) -> Iterator[EventChunk | Damage]:
        """Yield the undamaged events in as few chunks as there can be, and the damage."""
        edges = np.array([*self.starts, len(self.rows)], np.int64)
        event = np.repeat(np.arange(len(self)), np.diff(edges))
        columns = self._checked(event)
        begin = 0
        for end in [*sorted(self.faults), len(self)]:
            if end > begin:
                rows = slice(edges[begin], edges[end])
                part = {name: column[rows] for name, column in columns.items()}
                yield _chunk(self.first + begin, end - begin, event[rows] - begin, part)
            if end < len(self):
                yield Damage(self.first + end, self.first + end + 1, self.faults[end])
            begin = end + 1

    def _checked(self, event: Array) -> dict[str, Array]:
        """Return the columns, each [n_rows]; ``event`` is the event of each row."""
        values = table(self.rows, _COLUMNS, " ")
        usable = np.abs(values) <= _LIMIT
        for row, column in np.argwhere(~usable).tolist():
            word = self.rows[row].split()[column][:40].decode("ascii", "replace")
            self.fault(int(event[row]), self.lines[row], f"{_COLUMNS[column]} is {word!r}")
        values[~usable] = 0
        columns = {name: values[:, i] for i, name in enumerate(_COLUMNS)}
        typ, btag = columns["typ"], columns["btag"]
        before = np.zeros(len(event))
        same = event[1:] == event[:-1]
        before[1:][same] = columns["row"][:-1][same]
        met = typ == _MET
        for bad, reason in (
            (columns["row"] <= before, "the row number does not grow, an event's line is missing"),
            (~np.isin(typ, (0, 1, 2, 3, 4, 6)), "unknown typ"),
            (columns["pt"] < 0, "negative pt"),
            (np.isin(typ, (1, 2)) & (columns["ntrk"] == 0), "a lepton without charge (ntrk 0)"),
            ((typ == _JET) & ((btag < 0) | (btag % 1 != 0)), "btag is no tag"),
        ):
            for row in np.flatnonzero(bad).tolist():
                self.fault(int(event[row]), self.lines[row], reason)
        counts = np.bincount(event[met], minlength=len(self))
        for i in np.flatnonzero(counts != 1).tolist():
            reason = "no missing-ET row, cut short" if not counts[i] else "two missing-ET rows"
            self.fault(i, self.headers[i], reason)
        return columns


def _chunk(entry: int, n: int, event: Array, columns: dict[str, Array]) -> EventChunk:
    """Build ``n`` events from ``entry`` on out of rows; ``event`` is the event of each row."""
    typ, phi = columns["typ"], columns["phi"]
    phi = np.where((phi > np.pi) | (phi <= -np.pi), wrap(phi), phi)
    floats = {"pt": columns["pt"], "eta": columns["eta"], "phi": phi}
    charge = np.sign(columns["ntrk"]).astype(np.int8)

    def pick(rows: Array) -> Jagged:
        columns = {name: values[rows].astype(np.float32) for name, values in floats.items()}
        return Jagged(offsets_of(np.bincount(event[rows], minlength=n)), columns)

    rows = np.flatnonzero((typ == _JET) | (typ == _TAU))
    jets, tau = pick(rows), typ[rows] == _TAU
    tag = np.minimum(columns["btag"][rows], 127).astype(np.int8)
    jets.columns |= {
        "mass": np.maximum(columns["jmas"][rows], 0).astype(np.float32),
        "btag": np.where(tau, 0, tag | (tag > 0)).astype(np.int8),  # 2, tight, is loose as well
        "tautag": tau.astype(np.int8),
        "flavor": np.zeros(len(rows), np.int8),
        "charge": np.where(tau, charge[rows], 0).astype(np.int8),
    }
    rows = np.flatnonzero((typ == _ELECTRON) | (typ == _MUON))
    rows = rows[np.lexsort((typ[rows], event[rows]))]
    leptons, muon = pick(rows), typ[rows] == _MUON
    # had/em of a muon is (pT in a cone, whole GeV).(ratio of energies)
    around = np.where(muon, np.floor(np.maximum(columns["had_em"][rows], 0)), 0)
    leptons.columns |= {
        "mass": np.where(muon, MUON_MASS, ELECTRON_MASS).astype(np.float32),
        "charge": charge[rows],
        "pdg_id": np.where(muon, -13, -11).astype(np.int32) * charge[rows],
        "isolation": (around / np.maximum(columns["pt"][rows], 0.01)).astype(np.float32),
        "gen": np.full(len(rows), -1, np.int64),
    }
    photons = pick(np.flatnonzero(typ == _PHOTON))
    photons.columns["isolation"] = np.zeros(len(photons["pt"]), np.float32)
    met = pick(np.flatnonzero(typ == _MET))
    numbers = np.arange(entry, entry + n, dtype=np.int64)
    missing = {"pt": met["pt"], "phi": met["phi"]}
    return EventChunk(numbers, np.ones(n), missing, jets, leptons, photons)
