"""HyPER: HDF5 of structured arrays, and ``config.yaml``.

Documents: new_dataset_readme.md of github.com/tzuhanchang/HyPER (arXiv:2402.10149). A folder with
``config.yaml`` and ``raw/<name>.h5``; ``INPUTS/JET``, ``LEPTON``, ``MET`` and ``GLOBAL`` are
structured arrays, all node types with the same fields, padded with NaN; ``LABELS`` has one number
for every node, NaN for padding: which parton of the table in the document it is, 0 for none.

HyPER's top is a hyperedge of three nodes: (b, q1, q2) if hadronic, (b, l, MET) if leptonic. An
event has one MET node, so at most one leptonic top.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pydantic import Field

from topdata.export.events import Events, Padded
from topdata.export.hdf5 import Hdf5Writer
from topdata.export.target import TopOptions, TopTarget, Written
from topdata.export.topology import Targets
from topdata.kinematics import Array, cartesian

NODE_FEATURES = ("e", "eta", "phi", "pt", "btag", "charge")
GLOBAL_FEATURES = ("njet", "nbTagged")
NODES = {"JET": 1, "LEPTON": 2, "MET": 3}  # the numbers that HyPER tells node types by
_NODE = np.dtype([(name, np.float32) for name in NODE_FEATURES])
_GLOBAL = np.dtype([(name, np.float32) for name in GLOBAL_FEATURES])


class HyPEROptions(TopOptions):
    """Options of the HyPER export."""

    max_jets: int = Field(12, ge=3)
    max_leptons: int = Field(4, ge=1)


class HyPERTarget(TopTarget):
    """HyPER HDF5, one file a split, and ``config.yaml``."""

    title = "HyPER HDF5"
    options = HyPEROptions
    most_leptonic = 1
    chosen: HyPEROptions

    def prepare(self) -> None:
        """Find the tops and the node types that describe them."""
        super().prepare()
        self._padding = {"JET": self.chosen.max_jets}
        if self.topology.leptonic:
            self._padding |= {"LEPTON": self.chosen.max_leptons, "MET": 1}

    def write(self, split: str, blocks: Iterable[Events]) -> list[Written]:
        """Write ``raw/<split>.h5``."""
        path = self.folder / "raw" / f"{split}.h5"
        path.parent.mkdir(exist_ok=True)
        total = self.source.events_in(split)
        weight = 0.0
        with Hdf5Writer(path, total, self.provenance | {"split": split}) as file:
            for events in blocks:
                file.write(self._arrays(events))
                weight += float(events.scalar("weight").sum())
            return [Written(f"raw/{path.name}", split, total, weight, file.described())]

    def finish(self) -> None:
        """Write ``config.yaml``."""
        edges, hyperedges = self._target_nodes()
        content = {
            "input": {
                "nodes": {name: NODES[name] for name in self._padding},
                "padding": self._padding,
                "node_features": list(NODE_FEATURES),
                "node_transforms": ["torch.log(x)", "x", "x", "torch.log(x)", "x", "x"],
                "edge_features": ["delta_eta", "delta_phi", "delta_R", "M2"],
                "global_features": list(GLOBAL_FEATURES),
                "global_transforms": ["x/6", "x/2"],
                "pre_transform": True,
            },
            "target": {"edge": edges, "hyperedge": hyperedges},
        }
        self.write_yaml("config.yaml", content, "HyPER dataset configuration, for raw/*.h5")

    def conventions(self) -> str:
        """Return the text for the README."""
        nodes = ", ".join(f"`{name}` [{size}]" for name, size in self._padding.items())
        labels = ", ".join(
            f"{name} of t{place + 1} {3 * place + column + 1}"
            for place, of in enumerate(self.topology.products)
            for column, name in enumerate(of)
        )
        met = (
            "The MET node has e = pt and eta 0; it is the third node of the leptonic top. "
            if self.topology.leptonic
            else ""
        )
        return (
            f"`INPUTS`: {nodes}, pT-ordered, with {', '.join(NODE_FEATURES)} (GeV, radians; btag 0 "
            f"or 1; 0 where a feature does not apply), NaN for padding. {met}`INPUTS/GLOBAL`: "
            "numbers of jets and of b-tagged jets of the event, before the cap.\n\n"
            f"`LABELS`: {labels}; 0 for what is no product of a top, NaN for padding.\n\n"
            "`METADATA/FullyMatched`: all tops of the configuration are there with all products. "
            f"`METADATA/process`: {self.classes()}; `METADATA/weight` is in pb; `event` and "
            "`source` are those of the dataset. HyPER reads none of them.\n\n"
            "Give HyPER this folder as dataset and a file in `raw` by its name without `.h5`. It "
            "wants at least three nodes in every event; cut on `n_jets >= 3` when building.\n"
        )

    def _target_nodes(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        edges, hyperedges = {}, {}
        for place in range(self.topology.size):
            kinds = ("JET",) * 3 if place < self.topology.hadronic else ("JET", "LEPTON", "MET")
            nodes = [f"{NODES[kind]}-{3 * place + k + 1}" for k, kind in enumerate(kinds)]
            edges[f"w{place + 1}"] = nodes[1:]
            hyperedges[f"t{place + 1}"] = nodes
        return edges, hyperedges

    def _arrays(self, events: Events) -> dict[str, Array]:
        jets = events.padded("jets", self.chosen.max_jets)
        leptons = events.padded("leptons", self.chosen.max_leptons)
        targets = self.topology.targets(events, self.chosen.max_jets, self.chosen.max_leptons)
        self.counts.update(self.topology.count(events, targets))
        self.counts.update(
            jets=int(jets.count.sum()), jets_dropped=jets.dropped,
            leptons=int(leptons.count.sum()), leptons_dropped=leptons.dropped,
        )  # fmt: skip
        arrays: dict[str, Array] = {
            "INPUTS/JET": _nodes(jets, btag=jets["btag"]),
            "LABELS/JET": self._labels(jets, targets, "JET"),
            "INPUTS/GLOBAL": _global(jets.count, self._n_btags(events)),
            "METADATA/FullyMatched": np.asarray(self.topology.complete(targets).all(axis=1)),
            "METADATA/process": events.scalar("process"),
            "METADATA/weight": events.scalar("weight"),
            "METADATA/event": events.scalar("event"),
            "METADATA/source": events.scalar("source"),
        }
        if self.topology.leptonic:
            arrays |= {
                "INPUTS/LEPTON": _nodes(leptons, charge=leptons["charge"]),
                "LABELS/LEPTON": self._labels(leptons, targets, "LEPTON"),
                "INPUTS/MET": _met(*events.met()),
                "LABELS/MET": np.where(
                    targets.top[:, -1:] >= 0, 3 * self.topology.size, 0
                ).astype(np.float32),
            }  # fmt: skip
        return arrays

    @staticmethod
    def _n_btags(events: Events) -> Array:
        event, _ = events.rows("jets")
        return np.bincount(event[events.btagged()], minlength=len(events))

    def _labels(self, objects: Padded, targets: Targets, kind: str) -> Array:
        """Return float32 [n, cap]: 3 * place + product + 1, 0 for the rest, NaN for padding."""
        labels = np.where(objects.mask, np.float32(0), np.float32(np.nan))
        leptonic = np.arange(self.topology.size) >= self.topology.hadronic
        is_lepton = leptonic[:, None] & (np.arange(3) == 1)
        wanted = (targets.index >= 0) & (is_lepton if kind == "LEPTON" else ~is_lepton)
        event, place, product = np.nonzero(wanted)
        labels[event, targets.index[wanted]] = 3 * place + product + 1
        return labels


def _nodes(objects: Padded, **features: Array) -> Array:
    energy = cartesian(*(objects[name] for name in ("pt", "eta", "phi", "mass")))[3]
    values = {"e": energy, **{name: objects[name] for name in ("eta", "phi", "pt")}, **features}
    out = np.zeros(objects.mask.shape, _NODE)
    for name in NODE_FEATURES:
        out[name] = np.where(objects.mask, values.get(name, 0), np.nan)
    return out


def _met(pt: Array, phi: Array) -> Array:
    out = np.zeros((len(pt), 1), _NODE)
    out["e"][:, 0] = out["pt"][:, 0] = pt
    out["phi"][:, 0] = phi
    return out


def _global(n_jets: Array, n_btags: Array) -> Array:
    out = np.zeros((len(n_jets), 1), _GLOBAL)
    out["njet"][:, 0], out["nbTagged"][:, 0] = n_jets, n_btags
    return out
