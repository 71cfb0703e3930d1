"""What the modules share: events as plain objects, and a file that is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]  # leaf name to value; "Particle" is the id a TRef holds
Event = dict[str, list[Object]]  # collection to objects
Check = Callable[[Any, Object], None]  # of a file opened with uproot, and what is expected of it

BRANCHES = {
    "Event": "HepMCEvent",
    "Weight": "Weight",
    "Particle": "GenParticle",
    "Jet": "Jet",
    "Electron": "Electron",
    "Photon": "Photon",
    "Muon": "Muon",
    "MissingET": "MissingET",
    "ScalarHT": "ScalarHT",
}
SIMULATED = tuple(name for name in BRANCHES if name != "Weight")
LOW_24_BITS = 0xFFFFFF  # the id; ROOT keeps the number of the process above it


@dataclass(frozen=True)
class Fixture:
    """One file: what to write, and what a reader must find in it."""

    stem: str
    cycles: Sequence[Sequence[Event]]  # the events each cycle adds; without any, no Delphes tree
    expected: Object
    branches: Sequence[str] = SIMULATED
    second_particle: bool = False  # a branch "Particle" of electrons beside the generator record
    check: Check | None = None  # of what is peculiar to the file

    @property
    def events(self) -> list[Event]:
        """All events, as the last cycle has them."""
        return [event for cycle in self.cycles for event in cycle]


def referred(event: Event) -> dict[str, list[int]]:
    """Return the index in Particle that each lepton's reference points to, or -1."""
    indices = {row["fUniqueID"] & LOW_24_BITS: i for i, row in enumerate(event["Particle"])}
    indices[0] = -1  # a null reference, even where a particle has the id 0
    return {
        name: [indices.get(row["Particle"] & LOW_24_BITS, -1) for row in event[name]]
        for name in ("Electron", "Muon")
    }
