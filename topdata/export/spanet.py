"""SPANet: HDF5 and the event file beside it.

Documents: docs/Dataset.md, docs/EventInfo.md and docs/TTBar.md of github.com/Alexanders101/SPANet
(arXiv:2106.03898). Sequential inputs are padded and carry a ``MASK``; a target is the index of an
object in the sequential inputs put one after the other with their padding, so the first lepton has
the index ``max_jets``; -1 is a missing object; no object is used twice.

SPANet takes the logarithm of 1 + x where the event file says ``log``, and finds means and widths of
``normalize`` itself: all values are written as they are, in GeV. Only a mass that rounding made
negative is 0.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pydantic import Field

from topdata.export.events import Events
from topdata.export.hdf5 import Hdf5Writer
from topdata.export.target import TopOptions, TopTarget, Written
from topdata.export.topology import Targets
from topdata.kinematics import Array


class SPANetOptions(TopOptions):
    """Options of the SPANet export."""

    max_jets: int = Field(12, ge=3)
    max_leptons: int = Field(4, ge=1)


class SPANetTarget(TopTarget):
    """SPANet HDF5, one file a split, and ``event.yaml``."""

    title = "SPANet HDF5"
    options = SPANetOptions
    chosen: SPANetOptions

    def write(self, split: str, blocks: Iterable[Events]) -> list[Written]:
        """Write ``<split>.h5``."""
        path = self.folder / f"{split}.h5"
        total = self.source.events_in(split)
        weight = 0.0
        with Hdf5Writer(path, total, self.provenance | {"split": split}) as file:
            for events in blocks:
                file.write(self._arrays(events))
                weight += float(events.scalar("weight").sum())
            return [Written(path.name, split, total, weight, file.described())]

    def finish(self) -> None:
        """Write ``event.yaml``."""
        jets = {"mass": "log_normalize", "pt": "log_normalize", "eta": "normalize"}
        angles = {"sin_phi": "normalize", "cos_phi": "normalize"}
        sequential = {"Jets": {**jets, **angles, "btag": "none"}}
        if self.counts["leptons"]:  # a mean over nothing would not be a number
            sequential["Leptons"] = {
                "pt": "log_normalize", "eta": "normalize", **angles,
                "charge": "none", "electron": "none", "muon": "none",
            }  # fmt: skip
        products = self.topology.products
        content = {
            "INPUTS": {
                "SEQUENTIAL": sequential,
                "GLOBAL": {"Met": {"met": "log_normalize", **angles}},
            },
            "EVENT": {name: list(of) for name, of in zip(self._names, products, strict=True)},
            "PERMUTATIONS": self._permutations(),
            "REGRESSIONS": {},
            "CLASSIFICATIONS": {"EVENT": ["process"]},
        }
        self.write_yaml("event.yaml", content, "SPANet event file, for the HDF5 files beside it")

    def conventions(self) -> str:
        """Return the text for the README."""
        chosen = self.chosen
        return (
            f"`INPUTS/Jets` [{chosen.max_jets}] and `INPUTS/Leptons` [{chosen.max_leptons}] are "
            "pT-ordered, zeros where `MASK` is false; `INPUTS/Met` is the missing transverse "
            "momentum. GeV and radians, float32; `event.yaml` says what SPANet transforms.\n\n"
            f"`TARGETS`: {', '.join(self._names)}, pT-ordered among their kind; indices count "
            f"`Jets`, then `Leptons` from {chosen.max_jets}; -1 where an object is not "
            "reconstructed, not matched or beyond the padding. q1 is the up-type quark. A top "
            "that an event does not have is -1 throughout: train with partial events.\n\n"
            f"`CLASSIFICATIONS/EVENT/process`: {self.classes()}. `WEIGHTS/weight` is in pb, which "
            "SPANet itself does not read; `METADATA` has `event` and `source` of the dataset.\n\n"
            "Training: `python train.py -of OPTIONS.json` with `event_info_file` event.yaml, "
            "`training_file` train.h5, `validation_file` validation.h5, `partial_events` 1.\n"
        )

    @property
    def _names(self) -> list[str]:
        """Names of the tops: t1, t2, ..., or ht and lt where some are leptonic."""
        top = self.topology
        if not top.leptonic:
            return _numbered("t", top.hadronic, always=True)
        return _numbered("ht", top.hadronic) + _numbered("lt", top.leptonic)

    def _arrays(self, events: Events) -> dict[str, Array]:
        jets = events.padded("jets", self.chosen.max_jets)
        leptons = events.padded("leptons", self.chosen.max_leptons)
        targets = self.topology.targets(
            events, max_jets=self.chosen.max_jets, max_leptons=self.chosen.max_leptons
        )
        self.counts.update(self.topology.count(events, targets))
        self.counts.update(
            jets=int(jets.count.sum()), jets_dropped=jets.dropped,
            leptons=int(leptons.count.sum()), leptons_dropped=leptons.dropped,
        )  # fmt: skip
        met, met_phi = events.met()
        flavour = np.abs(leptons["pdg_id"])
        inputs: dict[str, dict[str, Array]] = {
            "Jets": {
                "MASK": jets.mask,
                "mass": np.maximum(jets["mass"], 0),
                **{name: jets[name] for name in ("pt", "eta", "phi", "btag")},
                **_angles(jets["phi"], jets.mask),
            },
            "Leptons": {
                "MASK": leptons.mask,
                **{name: leptons[name] for name in ("pt", "eta", "phi", "charge")},
                **_angles(leptons["phi"], leptons.mask),
                "electron": flavour == 11,
                "muon": flavour == 13,
            },
            "Met": {"met": met, "phi": met_phi, **_angles(met_phi, np.bool_(True))},
        }
        arrays = {
            f"INPUTS/{group}/{name}": values if name == "MASK" else values.astype(np.float32)
            for group, members in inputs.items()
            for name, values in members.items()
        }
        return arrays | self._targets(targets) | {
            "CLASSIFICATIONS/EVENT/process": events.scalar("process"),
            "WEIGHTS/weight": events.scalar("weight").astype(np.float32),
            "METADATA/event": events.scalar("event"),
            "METADATA/source": events.scalar("source"),
        }  # fmt: skip

    def _targets(self, targets: Targets) -> dict[str, Array]:
        index = targets.stored()
        arrays: dict[str, Array] = {}
        products = self.topology.products
        for place, (name, of) in enumerate(zip(self._names, products, strict=True)):
            for column, product in enumerate(of):
                values = index[:, place, column]
                if product == "l":
                    values = np.where(values < 0, values, values + self.chosen.max_jets)
                arrays[f"TARGETS/{name}/{product}"] = values
        return arrays

    def _permutations(self) -> dict[str, list[list[str]]]:
        hadronic = self._names[: self.topology.hadronic]
        leptonic = self._names[self.topology.hadronic :]
        same = [names for names in (hadronic, leptonic) if len(names) > 1]
        return {"EVENT": same, **{name: [["q1", "q2"]] for name in hadronic}}


def _angles(phi: Array, mask: Array | np.bool_) -> dict[str, Array]:
    return {"sin_phi": np.sin(phi) * mask, "cos_phi": np.cos(phi) * mask}


def _numbered(name: str, size: int, *, always: bool = False) -> list[str]:
    if size == 1 and not always:
        return [name]
    return [f"{name}{number}" for number in range(1, size + 1)]
