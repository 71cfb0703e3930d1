"""From Delphes branches to jets, leptons, photons, MET and weights.

Field names and their meaning follow the Delphes 3.3 to 3.5 classes. Delphes stores no lepton
mass; ``BTag`` and ``TauTag`` are bit masks, one bit per working point of the card;
``MissingET.Eta`` has no meaning and is never read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topdata.events import Array, Branches, Jagged, empty, offsets_of
from topdata.readers.delphes.tree import DelphesTree
from topdata.schema.codes import ELECTRON_MASS, MUON_MASS

_MASK24 = 0xFFFFFF  # ROOT keeps the process number in the top byte of an object's id


@dataclass(frozen=True, slots=True)
class Layout:
    """The collections of one file: a name, or ``None`` where the file has none."""

    jets: str | None
    electrons: str | None
    muons: str | None
    photons: str | None
    met: str | None
    particles: str | None
    weight: str | None

    @classmethod
    def of(cls, tree: DelphesTree, chosen: Branches) -> Layout:
        """Find every collection. Raises ``InputError`` for a chosen one that is not there."""
        return cls(
            jets=tree.find(chosen.jets, "Jet", "Jet"),
            electrons=tree.find(chosen.electrons, "Electron", "Electron"),
            muons=tree.find(chosen.muons, "Muon", "Muon"),
            photons=tree.find(chosen.photons, "Photon", "Photon"),
            met=tree.find(chosen.met, "MissingET", "MissingET"),
            particles=tree.find(chosen.particles, "Particle", "GenParticle"),
            weight=tree.find(chosen.weight, "Event", ""),
        )

    @property
    def has_record(self) -> bool:
        """Tell whether there is a generator record."""
        return self.particles is not None


class Collections:
    """Reads the reconstructed objects of an entry range."""

    def __init__(self, tree: DelphesTree, layout: Layout) -> None:
        self.tree = tree
        self.layout = layout

    def absent(self) -> list[str]:
        """Return the leaves that this file's collections lack, as ``Jet.TauTag``."""
        wanted = (
            (self.layout.jets, _JET_LEAVES),
            (self.layout.electrons, _LEPTON_LEAVES),
            (self.layout.muons, _LEPTON_LEAVES),
            (self.layout.photons, _PHOTON_LEAVES),
        )
        return [
            f"{name}.{leaf}"
            for name, leaves in wanted
            if name is not None
            for leaf, _ in leaves.values()
            if not self.tree.has(name, leaf)
        ]

    def _leaf(self, name: str, leaf: str, start: int, stop: int, like: Array) -> Array:
        """Read a leaf; where it is absent, zeros like another column of the collection."""
        if not self.tree.has(name, leaf):
            return np.zeros(len(like), np.float32)
        return self.tree.read(name, leaf, start, stop)[1]

    def _objects(
        self, name: str | None, leaves: dict[str, tuple[str, type]], start: int, stop: int
    ) -> Jagged:
        if name is None:
            return empty(stop - start, {column: dtype for column, (_, dtype) in leaves.items()})
        offsets, pt = self.tree.read(name, "PT", start, stop)
        columns = {
            column: pt if leaf == "PT" else self._leaf(name, leaf, start, stop, pt)
            for column, (leaf, _) in leaves.items()
        }
        return Jagged(
            offsets.astype(np.int64),
            {
                column: _bits(columns[column])
                if column.endswith("tag")
                else _narrow(columns[column], dtype)
                for column, (_, dtype) in leaves.items()
            },
        )

    def jets(self, start: int, stop: int) -> Jagged:
        """Return pt, eta, phi, mass, btag, tautag, flavor, charge; tags keep seven bits."""
        return self._objects(self.layout.jets, _JET_LEAVES, start, stop)

    def photons(self, start: int, stop: int) -> Jagged:
        """Return pt, eta, phi, isolation."""
        return self._objects(self.layout.photons, _PHOTON_LEAVES, start, stop)

    def leptons(self, start: int, stop: int) -> Jagged:
        """Return electrons and muons merged, with the low 24 bits of ``ref`` (0 = no reference)."""
        parts = []
        for name, code, mass in (
            (self.layout.electrons, 11, ELECTRON_MASS),
            (self.layout.muons, 13, MUON_MASS),
        ):
            part = self._objects(name, _LEPTON_LEAVES, start, stop)
            count = len(part["pt"])
            ref = np.zeros(count, np.int64)
            if name is not None and self.layout.has_record and self.tree.has(name, "Particle"):
                ref = self.tree.read(name, "Particle", start, stop)[1].astype(np.int64) & _MASK24
            part.columns["ref"] = ref
            part.columns["mass"] = np.full(count, mass, np.float32)
            part.columns["pdg_id"] = (-code * part["charge"]).astype(np.int32)
            parts.append(part)
        return _merged(*parts)

    def met(self, start: int, stop: int) -> dict[str, Array]:
        """Return pt and phi, float32 [n]; zero where the file has no MET."""
        name = self.layout.met
        if name is None:
            return {key: np.zeros(stop - start, np.float32) for key in ("pt", "phi")}
        return {
            "pt": self._single(name, "MET", start, stop).astype(np.float32),
            "phi": self._single(name, "Phi", start, stop).astype(np.float32),
        }

    def weights(self, start: int, stop: int) -> Array:
        """Return the generator weight, float64 [n]; one where the file has none."""
        name = self.layout.weight
        if name is None or not self.tree.has(name, "Weight"):
            return np.ones(stop - start, np.float64)
        return self._single(name, "Weight", start, stop).astype(np.float64)

    def _single(self, name: str, leaf: str, start: int, stop: int) -> Array:
        """Return the first value of each event of a collection of length one (NaN if empty)."""
        offsets, values = self.tree.read(name, leaf, start, stop)
        if len(values) == stop - start and (np.diff(offsets) == 1).all():
            return values
        first = np.full(stop - start, np.nan, values.dtype)
        filled = np.diff(offsets) > 0
        first[filled] = values[offsets[:-1][filled]]
        return first


_JET_LEAVES: dict[str, tuple[str, type]] = {
    "pt": ("PT", np.float32),
    "eta": ("Eta", np.float32),
    "phi": ("Phi", np.float32),
    "mass": ("Mass", np.float32),
    "btag": ("BTag", np.int8),
    "tautag": ("TauTag", np.int8),
    "flavor": ("Flavor", np.int8),
    "charge": ("Charge", np.int8),
}
_LEPTON_LEAVES: dict[str, tuple[str, type]] = {
    "pt": ("PT", np.float32),
    "eta": ("Eta", np.float32),
    "phi": ("Phi", np.float32),
    "charge": ("Charge", np.int8),
    "isolation": ("IsolationVar", np.float32),
}
_PHOTON_LEAVES: dict[str, tuple[str, type]] = {
    "pt": ("PT", np.float32),
    "eta": ("Eta", np.float32),
    "phi": ("Phi", np.float32),
    "isolation": ("IsolationVar", np.float32),
}


def _bits(mask: Array) -> Array:
    """Keep the seven lowest working points of a bit mask, which is what an int8 holds."""
    return (mask.astype(np.int64) & 0x7F).astype(np.int8)


def _narrow(values: Array, dtype: type) -> Array:
    """Cast to the schema's type; integers that do not fit take its nearest value."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return np.clip(values, limits.min, limits.max).astype(dtype)
    return values.astype(dtype, copy=False)


def _merged(first: Jagged, second: Jagged) -> Jagged:
    """Return the rows of both, event by event, the first's before the second's."""
    event = np.concatenate([first.event, second.event])
    order = np.argsort(event, kind="stable")
    columns = {name: np.concatenate([first[name], second[name]])[order] for name in first.columns}
    return Jagged(offsets_of(first.counts + second.counts), columns)
