"""Parton-level events in the same record: what readers of generator files share.

Final quarks and gluons stand in for jets (b-tag = true flavour), and the missing momentum is the
sum of what is invisible. A dataset of these says ``level: parton`` everywhere, because they are no
reconstructed jets. Undecayed t, W, Z, H and tau go to the truth only, and are named.
"""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from topdata.events import Array, EventChunk, GenRecord, Jagged, offsets_of
from topdata.kinematics import cylindrical

NEUTRINOS = frozenset({12, 14, 16})
UNSTABLE = (6, 15, 23, 24, 25)  # |PDG code| of what a detector would see decayed
PARTICLE = ("pid", "status", "m1", "m2", "px", "py", "pz", "energy", "mass")


def parton_chunk(
    event: Array, gen_weight: Array, particles: Jagged, invisible: Set[int] = frozenset()
) -> EventChunk:
    """Return generator events as a chunk.

    ``particles`` has the columns PARTICLE: ``status`` -1 incoming, 1 final, 2 intermediate;
    mothers as rows of the event (0-based, -1 = none); GeV. ``invisible`` are |PDG codes| of new
    particles that a detector misses, besides neutrinos.
    """
    pid, final = particles["pid"], particles["status"] == 1
    code = np.abs(pid)
    pt, eta, phi, _ = cylindrical(*(particles[n] for n in ("px", "py", "pz", "energy")))
    flat = {"pt": pt, "eta": eta, "phi": phi, "mass": particles["mass"]}
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is quarantined
        kinematics = {name: values.astype(np.float32) for name, values in flat.items()}
    row = np.arange(len(pid))
    record = _record(particles, kinematics)

    def where(mask: Array, **columns: Array) -> Jagged:
        rows = np.flatnonzero(final & mask)
        counts = np.bincount(particles.event[rows], minlength=len(particles))
        every = {**kinematics, **columns, "gen": row}
        return Jagged(offsets_of(counts), {name: values[rows] for name, values in every.items()})

    zero = np.zeros(len(pid), np.int8)
    unseen = final & np.isin(code, [*NEUTRINOS, *invisible])
    return EventChunk(
        event=event,
        gen_weight=gen_weight,
        met=_sum(particles, unseen),
        jets=where(
            (code <= 5) | (code == 21),
            btag=(code == 5).astype(np.int8),
            tautag=zero,
            flavor=np.minimum(code, 127).astype(np.int8),
            charge=zero,
        ),
        leptons=where(
            (code == 11) | (code == 13),
            charge=-np.sign(pid).astype(np.int8),
            pdg_id=pid.astype(np.int32),
            isolation=np.zeros(len(pid), np.float32),
        ),
        photons=where(code == 22, isolation=np.zeros(len(pid), np.float32)),
        gen=record,
        undecayed=tuple(c for c in UNSTABLE if bool((final & (code == c)).any())),
    )


def _record(particles: Jagged, kinematics: dict[str, Array]) -> GenRecord:
    none = np.full(len(particles["pid"]), -1, np.int64)
    columns = {
        "pid": particles["pid"].astype(np.int32),
        "status": particles["status"].astype(np.int32),
        "m1": particles["m1"],
        "m2": particles["m2"],
        "d1": none,
        "d2": none,
        "is_pileup": np.zeros(len(none), np.bool_),
        **kinematics,
    }
    return GenRecord(particles.offsets, columns.__getitem__)


def _sum(particles: Jagged, mask: Array) -> dict[str, Array]:
    """Return pt and phi of the vector sum of the masked particles of each event."""
    n, event = len(particles), particles.event[mask]
    px, py = (np.bincount(event, particles[p][mask], minlength=n) for p in ("px", "py"))
    with np.errstate(over="ignore"):
        pt = np.hypot(px, py).astype(np.float32)
    return {"pt": pt, "phi": np.arctan2(py, px).astype(np.float32)}
