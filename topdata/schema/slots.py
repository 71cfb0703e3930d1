"""The universal variable set: which object lies in which slot, and which numbers describe it.

The storage keeps every object; this fixed layout is a *view* of it. Models bind to this table
(see :func:`topdata.schema.fingerprint.view_fingerprint`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlotGroup:
    """Consecutive slots for one kind of object, pT-ordered within the group."""

    name: str
    start: int
    size: int
    doc: str

    @property
    def stop(self) -> int:
        """First slot after the group."""
        return self.start + self.size


BJETS = SlotGroup("bjets", 0, 4, "the leading b-tagged jets")
JETS = SlotGroup("jets", 4, 8, "the leading further jets; b-tagged ones keep their type")
LEPTONS = SlotGroup("leptons", 12, 4, "the leading electrons and muons")
PHOTONS = SlotGroup("photons", 16, 2, "the leading photons")
MET = SlotGroup("met", 18, 1, "missing transverse momentum: eta = pz = 0, energy = pt")
GROUPS = (BJETS, JETS, LEPTONS, PHOTONS, MET)
N_SLOTS = MET.stop

FEATURES: tuple[tuple[str, str], ...] = (
    ("pt", "GeV"),
    ("eta", ""),
    ("phi", "rad"),
    ("px", "GeV"),
    ("py", "GeV"),
    ("pz", "GeV"),
    ("energy", "GeV"),
)
FEATURE_NAMES = tuple(name for name, _ in FEATURES)

MAX_TOPS = 4  # truth slots for tops and, as many, for Ws, pT-ordered
TOP_DAUGHTERS = ("b", "up", "down")  # columns of `top_slots`; up = neutrino, down = charged lepton
