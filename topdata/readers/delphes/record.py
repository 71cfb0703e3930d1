"""The generator record of a Delphes file, and the references that point into it.

A ``TRef`` holds the unique id of its target. Ids are compared in their low 24 bits (the top
byte is a process number that ROOT may write on one side only) and are unique within one event,
where they need not run from 1 to n: a reference is looked up, never used as an index.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from topdata.errors import DamagedError
from topdata.events import Array, GenRecord, Jagged, expand
from topdata.kinematics import delta_r2
from topdata.readers.delphes.tree import DelphesTree

_LEAVES = {
    "pid": "PID",
    "status": "Status",
    "m1": "M1",
    "m2": "M2",
    "d1": "D1",
    "d2": "D2",
    "pt": "PT",
    "eta": "Eta",
    "phi": "Phi",
    "mass": "Mass",
    "unique_id": "fUniqueID",
}
NEEDED = ("m1", "pt", "eta", "phi", "mass")
_ID_BITS = 24
_PILE_UP_EVENTS = 50
_MASK24 = (1 << _ID_BITS) - 1


def gen_record(tree: DelphesTree, name: str, start: int, stop: int, *, pile_up: bool) -> GenRecord:
    """Return the record of an entry range; what is rarely needed is read when it is asked for."""
    offsets, pid = tree.read(name, "PID", start, stop)
    offsets = offsets.astype(np.int64)
    # The reading function must not know the record: in a cycle, the arrays of a chunk would stay
    # until the garbage collector comes by.
    damaged: dict[int, str] = {}
    always = {"pid": pid}
    for column in NEEDED:  # damage here fails the range, which its reader then cuts up
        always[column] = tree.read(name, _LEAVES[column], start, stop)[1]
    if pile_up:
        always["is_pileup"] = tree.read(name, "IsPU", start, stop)[1] != 0
    else:
        always["is_pileup"] = np.zeros(len(pid), np.bool_)

    def read(column: str) -> Array:
        if column in always:
            return always[column]
        if not tree.has(name, _LEAVES[column]):
            return np.full(len(pid), -1, np.int32)
        try:
            return tree.read(name, _LEAVES[column], start, stop)[1]
        except DamagedError:
            return _readable(tree, (name, _LEAVES[column]), (start, stop), offsets, damaged)

    return GenRecord(offsets, read, damaged)


def _readable(
    tree: DelphesTree, leaf: tuple[str, str], entries: tuple[int, int], offsets: Array,
    damaged: dict[int, str],
) -> Array:  # fmt: skip
    """Read a leaf basket by basket; where that fails, fill in -1 and mark the events."""
    start, stop = entries
    values = np.full(int(offsets[-1]), -1, np.int32)
    for first, last in pairwise(tree.basket_edges(start, stop).tolist()):
        rows = slice(offsets[first - start], offsets[last - start])
        try:
            values[rows] = tree.read(*leaf, first, last)[1]
        except DamagedError as error:
            damaged |= {event - start: str(error) for event in range(first, last)}
    return values


def has_pile_up(tree: DelphesTree, name: str) -> bool:
    """Tell whether a file has pile-up: all of its events have, so the first ones decide."""
    stop = min(tree.entries, _PILE_UP_EVENTS)
    try:
        return tree.has(name, "IsPU") and bool(tree.read(name, "IsPU", 0, stop)[1].any())
    except DamagedError:
        return True  # the range that holds the damage will say so


def resolve(record: GenRecord, leptons: Jagged) -> Array:
    """Return the chunk-wide index of the particle that each lepton's ``ref`` names, [n_leptons].

    -1 where there is no reference (0), -2 where no particle of the lepton's event and PDG code
    has that id. Only charged leptons are searched: sorting all 1,500 particles of every event
    would cost more than reading them. Ids are not always unique in an event (a thinned record may
    repeat them), so the particle must be of the lepton's kind, and of several the nearest counts.
    """
    targets = np.full(len(leptons["ref"]), -1, np.int64)
    asked = np.flatnonzero(leptons["ref"] > 0)
    if not len(asked):
        return targets
    targets[asked] = -2
    candidates = np.flatnonzero((record.code == 11) | (record.code == 13))
    ids = record.column("unique_id")[candidates].astype(np.int64) & _MASK24
    keys = _key(record.event_of(candidates), record.column("pid")[candidates], ids)
    order = np.argsort(keys, kind="stable")
    keys, candidates = keys[order], candidates[order]
    wanted = _key(leptons.event[asked], leptons["pdg_id"][asked], leptons["ref"][asked])
    first = np.searchsorted(keys, wanted, side="left")
    owner, place = expand(first, np.searchsorted(keys, wanted, side="right") - first)
    lepton, particle = asked[owner], candidates[place]
    distance = delta_r2(
        leptons["eta"][lepton],
        leptons["phi"][lepton],
        record.column("eta")[particle],
        record.column("phi")[particle],
    )
    nearest_last = np.lexsort((-distance, lepton))
    targets[lepton[nearest_last]] = particle[nearest_last]
    return targets


def _key(event: Array, pid: Array, unique_id: Array) -> Array:
    """Return one integer for (event, PDG code within +-15, id of 24 bits)."""
    kind = pid.astype(np.int64) + 16
    return (((event.astype(np.int64) << 5) | kind) << _ID_BITS) | unique_id
