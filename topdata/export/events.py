"""A block of events as exporters want it: padded objects, and which of them belong to which top.

Everything is a few passes over flat columns; nothing loops over events.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from topdata.kinematics import Array
from topdata.schema.arrow import unpack
from topdata.schema.codes import Decay, Match

_MEMBERS = {
    "jets": ("pt", "eta", "phi", "mass", "btag", "parton"),
    "leptons": ("pt", "eta", "phi", "mass", "charge", "pdg_id", "parton"),
    "photons": ("pt", "eta", "phi"),
}
COLUMNS = (  # paths in parquet: what is not needed is not read
    "event", "source", "process", "weight", "met",
    *(f"{name}.list.element.{member}" for name, of in _MEMBERS.items() for member in of),
    "truth.tops", "truth.partons",
)  # fmt: skip

_LEPTONIC = (Decay.ELECTRON, Decay.MUON, Decay.TAU)


@dataclass(frozen=True, slots=True)
class Padded:
    """The leading ``cap`` rows of a list, zeros where there are fewer."""

    mask: Array  # bool [n, cap]
    count: Array  # int64 [n], before the cap
    columns: dict[str, Array]  # [n, cap] each, of the type of the storage

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    @property
    def dropped(self) -> int:
        """Number of rows beyond the cap."""
        return int(self.count.sum() - self.mask.sum())


@dataclass(frozen=True, slots=True)
class Tops:
    """The true tops of a block, flat, pT-ordered in each event.

    The products are rows in ``jets`` (``b``, ``up``, ``down``) or ``leptons`` (``lepton``) of the
    event, before any cap; -1 where nothing is matched. ``neutrino`` is a row of the flat
    ``truth.partons``, or -1.
    """

    event: Array
    row: Array
    hadronic: Array  # bool
    leptonic: Array  # bool; neither is true for a top that did not decay
    b: Array
    up: Array
    down: Array
    lepton: Array
    neutrino: Array


class Events:
    """Some events of a dataset in the storage schema."""

    def __init__(self, table: pa.Table, btag_bit: int) -> None:
        self.table = table.combine_chunks()
        self.btag_bit = btag_bit
        self._lists: dict[str, tuple[Array, dict[str, Array]]] = {}

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def scalar(self, name: str) -> Array:
        """Return a column of numbers, [n]."""
        return np.asarray(self.table.column(name).to_numpy())

    def met(self) -> tuple[Array, Array]:
        """Return pt and phi of the missing transverse momentum, float32 [n]."""
        column = self.table.column("met").combine_chunks()
        return np.asarray(column.field("pt")), np.asarray(column.field("phi"))

    def lists(self, name: str) -> tuple[Array, dict[str, Array]]:
        """Return (offsets [n + 1], flat members) of ``jets``, ``truth.tops``, ..."""
        if name not in self._lists:
            head, _, member = name.partition(".")
            column = self.table.column(head).combine_chunks()
            self._lists[name] = unpack(column.field(member) if member else column)
        return self._lists[name]

    def rows(self, name: str) -> tuple[Array, Array]:
        """Return (event, row within the event) of every element of a list."""
        offsets, _ = self.lists(name)
        event = np.repeat(np.arange(len(self)), np.diff(offsets))
        return event, np.arange(len(event)) - offsets[:-1][event]

    def btagged(self) -> Array:
        """Tell which jets of the flat list are b-tagged."""
        return np.asarray((self.lists("jets")[1]["btag"] >> self.btag_bit) & 1).astype(np.bool_)

    def padded(self, name: str, cap: int) -> Padded:
        """Return the leading rows of a list; jets have ``btag`` 0 or 1, of the chosen bit."""
        offsets, columns = self.lists(name)
        if name == "jets":
            columns = columns | {"btag": self.btagged()}
        event, row = self.rows(name)
        kept = row < cap
        place = (event[kept], row[kept])
        count = np.diff(offsets)
        out: dict[str, Array] = {}
        for member, values in columns.items():
            out[member] = np.zeros((len(self), cap), values.dtype)
            out[member][place] = values[kept]
        return Padded(np.arange(cap) < count[:, None], count, out)

    @cached_property
    def tops(self) -> Tops:
        """The true tops with the reconstructed objects that are matched to their products."""
        offsets, partons = self.lists("truth.partons")
        event, _ = self.rows("truth.partons")
        top_offsets, tops = self.lists("truth.tops")
        top_event, top_row = self.rows("truth.tops")
        code = np.abs(partons["pdg_id"])
        of_top, of_w = partons["top"] >= 0, partons["w"] >= 0
        top = top_offsets[event] + partons["top"]

        def product(wanted: Array, value: Array) -> Array:
            out = np.full(len(top_row), Match.NONE, np.int64)
            chosen = np.flatnonzero(of_top & wanted & (value >= 0))
            out[top[chosen]] = value[chosen]
            return out

        jet, lepton = self._matched("jets", offsets), self._matched("leptons", offsets)
        down_type = (code <= 5) & (code % 2 == 1)
        return Tops(
            event=top_event,
            row=top_row,
            hadronic=tops["decay"] == Decay.HADRONIC,
            leptonic=np.isin(tops["decay"], _LEPTONIC),
            b=product(~of_w & down_type, jet),
            up=product(of_w & (code <= 5) & (code % 2 == 0), jet),
            down=product(of_w & down_type, jet),
            lepton=product(of_w & np.isin(code, (11, 13)), lepton),
            neutrino=product(of_w & np.isin(code, (12, 14, 16)), np.arange(len(code))),
        )

    def _matched(self, name: str, parton_offsets: Array) -> Array:
        """Return for each true parton the row of the object that is matched to it, or -1."""
        event, row = self.rows(name)
        parton = self.lists(name)[1]["parton"]
        out = np.full(int(parton_offsets[-1]), Match.NONE, np.int64)
        matched = parton >= 0
        out[parton_offsets[event[matched]] + parton[matched]] = row[matched]
        return out
