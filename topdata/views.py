"""The universal view: variable-length columns to fixed slots, without loops over events.

Truncation happens here and only here; what is dropped is still counted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from topdata.kinematics import Array, cartesian
from topdata.schema import slots
from topdata.schema.arrow import unpack
from topdata.schema.codes import Match, ObjectType

_COLUMNS = ("met", "jets", "leptons", "photons", "truth")


@dataclass(slots=True)
class Universal:
    """Fixed-slot arrays of n events; S = 19 slots, 7 features (see ``schema.slots.FEATURES``).

    ``parton_slot`` and ``parton_offsets`` follow the rows of ``truth.partons``.
    """

    objects: Array  # float32 [n, S, 7]: pt, eta, phi, px, py, pz, energy; 0 where empty
    type: Array  # int8 [n, S]: ObjectType
    row: Array  # int16 [n, S]: row in jets, leptons or photons; -1 where empty or MET
    n_jets: Array  # int16 [n], before truncation, as the next three
    n_btags: Array
    n_leptons: Array
    n_photons: Array
    tops: Array  # float32 [n, 4, 7]: true tops
    ws: Array  # float32 [n, 4, 7]: true Ws
    top_slots: Array  # int8 [n, 4, 3]: slots of b, up-type, down-type; -1 none, -2 truncated
    parton_slot: Array  # int8 [n_partons]
    parton_offsets: Array  # int64 [n + 1]

    def arrays(self) -> dict[str, Array]:
        """Return the per-event arrays by name."""
        ragged = ("parton_slot", "parton_offsets")
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ragged}


@dataclass(frozen=True, slots=True)
class _List:
    """A list column: its rows with their event and position."""

    offsets: Array
    columns: dict[str, Array]
    event: Array
    row: Array

    @classmethod
    def of(cls, column: pa.Array | pa.ChunkedArray) -> _List:
        offsets, columns = unpack(column)
        counts = np.diff(offsets)
        event = np.repeat(np.arange(len(counts)), counts)
        return cls(offsets, columns, event, np.arange(len(event)) - offsets[:-1][event])

    def rank_among(self, mask: Array) -> Array:
        """Return for each row how many earlier rows of its event have ``mask``."""
        before = np.cumsum(mask) - mask
        return np.asarray(before - np.append(before, 0)[self.offsets[:-1]][self.event])


def universal(table: pa.Table | pa.RecordBatch, *, btag_bit: int = 0) -> Universal:
    """Return the universal view of events in the storage schema."""
    n = table.num_rows
    view = _empty(n)
    jets, leptons, photons = (_List.of(table.column(name)) for name in _COLUMNS[1:4])

    btagged = ((jets.columns["btag"] >> btag_bit) & 1).astype(np.bool_)
    rank = jets.rank_among(btagged)
    in_b = btagged & (rank < slots.BJETS.size)
    rank_else = jets.rank_among(~in_b)
    jet_slot = np.where(in_b, rank + slots.BJETS.start, _slot(rank_else, slots.JETS))
    jet_type = np.where(btagged, ObjectType.B_JET, ObjectType.JET).astype(np.int8)
    _fill(view, jets, jet_slot, jet_type, jets.columns["mass"])

    lepton_slot = _slot(leptons.row, slots.LEPTONS)
    _fill(view, leptons, lepton_slot, _lepton_type(leptons), leptons.columns["mass"])
    _fill(view, photons, _slot(photons.row, slots.PHOTONS), ObjectType.PHOTON, None)
    _fill_met(view, table.column("met"))

    view.n_jets[:] = np.diff(jets.offsets)
    view.n_btags[:] = np.bincount(jets.event[btagged], minlength=n)
    view.n_leptons[:] = np.diff(leptons.offsets)
    view.n_photons[:] = np.diff(photons.offsets)
    _fill_truth(view, table.column("truth"), jets, jet_slot, leptons, lepton_slot)
    return view


def _empty(n: int) -> Universal:
    width = len(slots.FEATURES)
    return Universal(
        objects=np.zeros((n, slots.N_SLOTS, width), np.float32),
        type=np.zeros((n, slots.N_SLOTS), np.int8),
        row=np.full((n, slots.N_SLOTS), -1, np.int16),
        n_jets=np.zeros(n, np.int16),
        n_btags=np.zeros(n, np.int16),
        n_leptons=np.zeros(n, np.int16),
        n_photons=np.zeros(n, np.int16),
        tops=np.zeros((n, slots.MAX_TOPS, width), np.float32),
        ws=np.zeros((n, slots.MAX_TOPS, width), np.float32),
        top_slots=np.full((n, slots.MAX_TOPS, len(slots.TOP_DAUGHTERS)), Match.NONE, np.int8),
        parton_slot=np.zeros(0, np.int8),
        parton_offsets=np.zeros(n + 1, np.int64),
    )


def _slot(rank: Array, group: slots.SlotGroup) -> Array:
    return np.where(rank < group.size, rank + group.start, Match.TRUNCATED)


def _lepton_type(leptons: _List) -> Array:
    pdg_id = leptons.columns["pdg_id"]
    kind = np.where(np.abs(pdg_id) == 11, ObjectType.ELECTRON, ObjectType.MUON)
    return (kind + (pdg_id < 0)).astype(np.int8)


def _momenta(pt: Array, eta: Array, phi: Array, mass: Array) -> Array:
    """Return float32 [n_rows, 7] in the order of ``slots.FEATURES``."""
    out = np.empty((len(pt), len(slots.FEATURES)), np.float32)
    for column, values in enumerate((pt, eta, phi, *cartesian(pt, eta, phi, mass))):
        out[:, column] = values
    return out


def _fill(
    view: Universal, objects: _List, slot: Array, kind: Array | int, mass: Array | None
) -> None:
    kept = slot >= 0
    event, place = objects.event[kept], slot[kept]
    c = objects.columns
    masses = np.zeros_like(c["pt"]) if mass is None else mass
    view.objects[event, place] = _momenta(c["pt"], c["eta"], c["phi"], masses)[kept]
    view.type[event, place] = kind[kept] if isinstance(kind, np.ndarray) else kind
    view.row[event, place] = objects.row[kept]


def _fill_met(view: Universal, column: pa.Array | pa.ChunkedArray) -> None:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    pt, phi = (np.asarray(column.field(name)) for name in ("pt", "phi"))
    zero = np.zeros_like(pt)
    view.objects[:, slots.MET.start] = _momenta(pt, zero, phi, zero)
    view.type[:, slots.MET.start] = ObjectType.MET


def _fill_truth(
    view: Universal, column: pa.Array | pa.ChunkedArray,
    jets: _List, jet_slot: Array, leptons: _List, lepton_slot: Array,
) -> None:  # fmt: skip
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    for name, target in (("tops", view.tops), ("ws", view.ws)):
        particles = _List.of(column.field(name))
        kept = particles.row < slots.MAX_TOPS
        c = particles.columns
        values = _momenta(c["pt"], c["eta"], c["phi"], c["mass"])
        target[particles.event[kept], particles.row[kept]] = values[kept]

    partons = _List.of(column.field("partons"))
    slot = np.full(len(partons.row), Match.NONE, np.int8)
    for objects, places in ((jets, jet_slot), (leptons, lepton_slot)):
        parton = objects.columns["parton"]
        matched = parton >= 0
        slot[partons.offsets[objects.event[matched]] + parton[matched]] = places[matched]
    view.parton_slot = slot
    view.parton_offsets = partons.offsets

    c = partons.columns
    code = np.abs(c["pdg_id"])
    daughter = np.where(c["w"] < 0, 0, np.where(code % 2 == 0, 1, 2))
    direct = (c["top"] >= 0) & (c["top"] < slots.MAX_TOPS)
    # where a tau gives a lepton, the lepton is what a detector sees: its row comes last
    seen = np.flatnonzero(direct & ~((code == 15) & (slot == Match.NONE)))
    view.top_slots[partons.event[seen], c["top"][seen], daughter[seen]] = slot[seen]
