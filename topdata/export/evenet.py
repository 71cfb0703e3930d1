"""EveNet: npz files for its converter, with event-info and resonance YAML.

Document: "Data Preparation & Updated Input Reference" of github.com/EveNet-HEP/EveNet-Full
(arXiv:2601.17126). ``x`` [n, 18, 7] holds objects and ``conditions`` [n, 10] the event, in the
order of the released weights; an assignment target is a row of ``x``, -1 for none. The numbers are
GeV and radians as they are: the converter takes log(1 + x) and finds the normalisation.

A *subprocess* is a decay of the tops: so many hadronic and so many leptonic ones, of those that the
dataset holds. Every top of every subprocess has a row of the assignment targets; an event fills
those of its own. Segments are the tops of an event, the last one is always the null segment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from topdata.export.evenet_arrays import (
    CONDITIONS,
    FEATURES,
    HADRONIC,
    INVISIBLE,
    LEPTONIC,
    NO_SUBPROCESS,
    NULL,
    SLOTS,
    Subprocess,
    assignments,
    conditions,
    instances_first,
    invisible,
    point_cloud,
    segmentation,
)
from topdata.export.events import Events
from topdata.export.hdf5 import described
from topdata.export.npz import write_npz
from topdata.export.target import Options, Target, Written
from topdata.export.topology import Targets, Topology
from topdata.kinematics import Array


class EveNetOptions(Options):
    """Options of the EveNet export. Jets and leptons share the 18 rows of ``x``."""

    max_jets: int = Field(14, ge=3, lt=SLOTS)
    max_leptons: int = Field(4, ge=1, lt=SLOTS)
    max_invisible: int = Field(2, ge=1)
    events_per_file: int = Field(50_000, ge=1)

    @model_validator(mode="after")
    def _fit(self) -> EveNetOptions:
        if self.max_jets + self.max_leptons > SLOTS:
            raise ValueError(f"jets and leptons have {SLOTS} rows together")
        return self


class EveNetTarget(Target):
    """EveNet npz, with ``event_info.yaml``, ``resonance.yaml`` and ``config.yaml``."""

    title = "EveNet npz"
    options = EveNetOptions
    chosen: EveNetOptions

    def prepare(self) -> None:
        """Find the subprocesses of the dataset."""
        self.subprocesses = sorted(self.source.decays - {(0, 0)})
        self.topology = Topology(
            max((h for h, _ in self.subprocesses), default=0),
            max((lep for _, lep in self.subprocesses), default=0),
        )

    def write(self, split: str, blocks: Iterable[Events]) -> list[Written]:
        """Write ``<split>-00000.npz`` and as many more as it takes."""
        written: list[Written] = []
        parcels = _parcels(self._prepared(blocks), self.chosen.events_per_file)
        for number, parts in enumerate(parcels):
            path = self.folder / f"{split}-{number:05d}.npz"
            shapes: dict[str, str] = {}
            write_npz(path, _concatenated(parts, shapes), self.provenance | {"split": split})
            events = sum(len(part["x"]) for part in parts)
            weight = float(sum(part["event_weight"].sum(dtype=np.float64) for part in parts))
            written.append(Written(path.name, split, events, weight, shapes))
        return written

    def finish(self) -> None:
        """Write the event info, the resonances and a configuration that points to both."""
        self.write_yaml(
            "event_info.yaml", self._event_info(), "EveNet event info, for the npz here"
        )
        top = {"Mass": 172.76, "Spin": 0.5, "nProduct_BJet": 1}
        resonances = {
            "Background": {"none": {"segment_tag": NULL}},
            "HadronicTop": {
                "t/bqq": {**top, "nProduct_Jet": 3, "nProduct_Lepton": 0, "segment_tag": HADRONIC}
            },
            "LeptonicTop": {
                "t/bl": {**top, "nProduct_Jet": 1, "nProduct_Lepton": 1, "segment_tag": LEPTONIC}
            },
        }
        self.write_yaml("resonance.yaml", resonances, "EveNet resonances, with their segment tags")
        parts = {name: {"default": f"{name}.yaml"} for name in ("event_info", "resonance")}
        self.write_yaml("config.yaml", parts, "give this to EveNet's preprocessing as --config")

    def conventions(self) -> str:
        """Return the text for the README."""
        names = ", ".join(f"{i} {name}" for i, name in enumerate(map(_name, self.subprocesses)))
        return (
            f"`x` [{SLOTS}, 7] = {', '.join(FEATURES)}: up to {self.chosen.max_jets} jets, then up "
            f"to {self.chosen.max_leptons} leptons, each pT-ordered and without gaps, zeros where "
            "`x_mask` is false. `conditions` [10] = "
            f"{', '.join(CONDITIONS)}: of all jets and leptons of the event, also those without a "
            "row; HT sums jet pT, HT_lep lepton pT, M_ is an invariant mass. GeV and radians, no "
            "logarithms.\n\n"
            f"`classification`: {self.classes()}. `event_weight` is in pb. `subprocess_id`: "
            f"{names or 'none'}; -1 for events without a decayed top.\n\n"
            "`assignments-*`: one row for every top of every subprocess, in the order of "
            "event_info.yaml, daughters b, q1 (up-type), q2, or b, l; rows of `x` or -1. "
            "`segmentation-*`: the tops of the event, hadronic first, null segment last; tags "
            f"{NULL} none, {HADRONIC} hadronic, {LEPTONIC} leptonic top; momenta E, px, py, pz of "
            "the true tops. `x_invisible` = pt, eta, phi of the neutrinos from leptonic tops, "
            "valid where the charged lepton has a row in `x`. `EXTRA/event` and `EXTRA/source` are "
            "those of the dataset.\n\n"
            "Convert with EveNet's `preprocessing/preprocess.py --config config.yaml --train "
            "train-*.npz --val validation-*.npz --test test-*.npz --store_dir DIR`.\n"
        )

    def _event_info(self) -> dict[str, Any]:
        return {
            "INPUTS": {"SEQUENTIAL": {"Source": FEATURES}, "GLOBAL": {"Conditions": CONDITIONS}},
            "EVENT": {_name(kind): _diagram(*kind) for kind in self.subprocesses},
            "PERMUTATIONS": {_name(kind): _permutations(*kind) for kind in self.subprocesses},
            "REGRESSIONS": {},
            "CLASSIFICATIONS": {"EVENT": ["signal"]},
            "CLASSLABEL": {"EVENT": {"signal": [self.source.manifest.classes]}},
            "RESONANCE_LABEL": [["Background", "HadronicTop", "LeptonicTop"]],
            "PARTICLE_PROPERTIES": [
                "Mass", "Spin", "nProduct_BJet", "nProduct_Jet", "nProduct_Lepton",
            ],
            "GENERATIONS": {"Conditions": ["met", "met_phi"], "Neutrinos": INVISIBLE},
        }  # fmt: skip

    def _prepared(self, blocks: Iterable[Events]) -> Iterator[dict[str, Array]]:
        for events in blocks:
            jets = events.padded("jets", self.chosen.max_jets)
            leptons = events.padded("leptons", self.chosen.max_leptons)
            self.counts.update(
                jets=int(jets.count.sum()), jets_dropped=jets.dropped,
                leptons=int(leptons.count.sum()), leptons_dropped=leptons.dropped,
            )  # fmt: skip
            x, mask = point_cloud(jets, leptons)
            arrays = {
                "num_vectors": (mask.sum(axis=1) + 1).astype(np.int32),
                "num_sequential_vectors": mask.sum(axis=1).astype(np.int32),
                "x": x,
                "x_mask": mask,
                "conditions": conditions(events),
                "conditions_mask": np.ones((len(events), 1), np.bool_),
                "classification": events.scalar("process").astype(np.int32),
                "event_weight": events.scalar("weight").astype(np.float32),
            }
            if self.subprocesses:
                arrays |= self._targets(events, jets.mask.sum(axis=1))
            arrays |= {f"EXTRA/{name}": events.scalar(name) for name in ("event", "source")}
            yield arrays

    def _targets(self, events: Events, n_jets: Array) -> dict[str, Array]:
        targets = self.topology.targets(events, self.chosen.max_jets, self.chosen.max_leptons)
        index = targets.stored()
        leptonic = index[:, self.topology.hadronic :, 1]
        leptonic[...] = np.where(leptonic >= 0, leptonic + n_jets[:, None], leptonic)
        self.counts.update(self.topology.count(events, targets))
        subprocess = self._subprocess(targets)
        assigned = assignments(index, subprocess, self.subprocesses, self.topology.hadronic)
        order = instances_first(targets)
        tops = np.take_along_axis(targets.top, order, axis=1)
        rows = np.take_along_axis(index, order[:, :, None], axis=1)
        complete = np.take_along_axis(self.topology.complete(targets), order, axis=1)
        names = np.array([*map(_name, self.subprocesses), "none"])
        return {
            "subprocess_id": subprocess.astype(np.int32),
            "process_names": names[subprocess],
            **assigned,
            **segmentation(events, tops[:, : self._most], rows[:, : self._most], complete),
            **invisible(events, tops, rows, self.chosen.max_invisible),
        }

    @property
    def _most(self) -> int:
        """The largest number of tops in an event."""
        return max(sum(kind) for kind in self.subprocesses)

    def _subprocess(self, targets: Targets) -> Array:
        """Return the number of each event's subprocess, [n]."""
        split = self.topology.hadronic
        number = np.full((split + 1, self.topology.leptonic + 1), NO_SUBPROCESS)
        for position, kind in enumerate(self.subprocesses):
            number[kind] = position
        found = targets.top >= 0
        return np.asarray(number[found[:, :split].sum(axis=1), found[:, split:].sum(axis=1)])


def _name(kind: Subprocess) -> str:
    return f"had{kind[0]}_lep{kind[1]}"


def _diagram(hadronic: int, leptonic: int) -> dict[str, list[str]]:
    """Return the tops t1, t2, ... with their daughters."""
    daughters = Topology(hadronic, leptonic).products
    return {f"t{number}": list(of) for number, of in enumerate(daughters, 1)}


def _permutations(hadronic: int, leptonic: int) -> dict[str, list[list[str]]]:
    names = list(_diagram(hadronic, leptonic))
    alike = [group for group in (names[:hadronic], names[hadronic:]) if len(group) > 1]
    return {"EVENT": alike, **{name: [["q1", "q2"]] for name in names[:hadronic]}}


def _parcels(blocks: Iterable[dict[str, Array]], size: int) -> Iterator[list[dict[str, Array]]]:
    """Yield lists of blocks that hold ``size`` events together, the last one the rest."""
    pending: list[dict[str, Array]] = []
    room = size
    for block in blocks:
        start, n = 0, len(block["x"])
        while n - start >= room:
            pending.append({name: values[start : start + room] for name, values in block.items()})
            start += room
            yield pending
            pending, room = [], size
        if start < n:
            pending.append({name: values[start:] for name, values in block.items()})
            room -= n - start
    if pending:
        yield pending


def _concatenated(
    parts: list[dict[str, Array]], shapes: dict[str, str]
) -> Iterator[tuple[str, Array]]:
    """Yield the arrays of some blocks one at a time, noting their types and shapes."""
    for name in parts[0]:
        values = np.concatenate([part[name] for part in parts])
        shapes[name] = described(values.dtype, values.shape)
        yield name, values
