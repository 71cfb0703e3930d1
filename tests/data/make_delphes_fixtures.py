"""Make the small Delphes ROOT files in ``tests/data/delphes``, and check each with uproot.

Usage::

    pip install ROOT uproot numpy
    python make_delphes_fixtures.py SIMULATION OUTPUT

SIMULATION is any Delphes 3.5 file of t tbar events with the leaves of Jet, Electron, Muon, Photon,
MissingET, ScalarHT, Event and a generator record (a thinned one keeps the fixtures small); a few
of its events, changed in one respect each, give most of the files. The generator records of
``herwig_status``, ``pythia6_doc`` and ``daughter_ranges`` are written by hand, with the truth
known from the writing. OUTPUT is a folder: it receives the ``.root`` files and
``expected.json``, which states what a reader must find in them. With the same input and versions
the files come out byte for byte the same.

ROOT writes the files because nothing else writes split ``TClonesArray`` branches with ``TRef``
members; the classes below have the members, and so the branches, of Delphes 3.5.1.
"""

from __future__ import annotations

import argparse
import json
import math
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ROOT  # type: ignore[import-not-found, import-untyped, unused-ignore]
import uproot  # type: ignore[import-not-found, import-untyped, unused-ignore]

Object = dict[str, Any]  # leaf name to value; "Particle" is the id a TRef holds
Event = dict[str, list[Object]]  # collection to objects
Vector = npt.NDArray[np.float64]  # E, px, py, pz

CLASSES = r"""
#include <TLorentzVector.h>
#include <TObject.h>
#include <TRef.h>
#include <TRefArray.h>

class SortableObject : public TObject { public: ClassDef(SortableObject, 1) };

class Event : public TObject { public:
  Long64_t Number{}; Float_t ReadTime{}, ProcTime{};
  ClassDef(Event, 1) };

class HepMCEvent : public Event { public:
  Int_t ProcessID{}, MPI{};
  Float_t Weight{}, CrossSection{}, CrossSectionError{}, Scale{}, AlphaQED{}, AlphaQCD{};
  Int_t ID1{}, ID2{};
  Float_t X1{}, X2{}, ScalePDF{}, PDF1{}, PDF2{};
  ClassDef(HepMCEvent, 3) };

class Weight : public TObject { public: Float_t Weight{}; ClassDef(Weight, 1) };

class GenParticle : public SortableObject { public:
  Int_t PID{}, Status{}, IsPU{}, M1{}, M2{}, D1{}, D2{}, Charge{};
  Float_t Mass{}, E{}, Px{}, Py{}, Pz{}, P{}, PT{}, Eta{}, Phi{}, Rapidity{}, T{}, X{}, Y{}, Z{};
  ClassDef(GenParticle, 2) };

class MissingET : public TObject { public:
  Float_t MET{}, Eta{}, Phi{};
  ClassDef(MissingET, 1) };

class ScalarHT : public TObject { public: Float_t HT{}; ClassDef(ScalarHT, 1) };

class Photon : public SortableObject { public:
  Float_t PT{}, Eta{}, Phi{}, E{}, T{}, EhadOverEem{};
  TRefArray Particles;
  Float_t IsolationVar{}, IsolationVarRhoCorr{}, SumPtCharged{}, SumPtNeutral{}, SumPtChargedPU{};
  Float_t SumPt{};
  Int_t Status{};
  ClassDef(Photon, 4) };

class Electron : public SortableObject { public:
  Float_t PT{}, Eta{}, Phi{}, T{};
  Int_t Charge{};
  Float_t EhadOverEem{};
  TRef Particle;
  Float_t IsolationVar{}, IsolationVarRhoCorr{}, SumPtCharged{}, SumPtNeutral{}, SumPtChargedPU{};
  Float_t SumPt{}, D0{}, DZ{}, ErrorD0{}, ErrorDZ{};
  ClassDef(Electron, 4) };

class Muon : public SortableObject { public:
  Float_t PT{}, Eta{}, Phi{}, T{};
  Int_t Charge{};
  TRef Particle;
  Float_t IsolationVar{}, IsolationVarRhoCorr{}, SumPtCharged{}, SumPtNeutral{}, SumPtChargedPU{};
  Float_t SumPt{}, D0{}, DZ{}, ErrorD0{}, ErrorDZ{};
  ClassDef(Muon, 4) };

class Jet : public SortableObject { public:
  Float_t PT{}, Eta{}, Phi{}, T{}, Mass{}, DeltaEta{}, DeltaPhi{};
  UInt_t Flavor{}, FlavorAlgo{}, FlavorPhys{}, TauFlavor{}, BTag{}, BTagAlgo{}, BTagPhys{};
  UInt_t TauTag{};
  Float_t TauWeight{};
  Int_t Charge{};
  Float_t EhadOverEem{};
  Int_t NCharged{}, NNeutrals{};
  Float_t NeutralEnergyFraction{}, ChargedEnergyFraction{}, Beta{}, BetaStar{}, MeanSqDeltaR{};
  Float_t PTD{}, FracPt[5]{}, Tau[5]{};
  TLorentzVector SoftDroppedJet, SoftDroppedSubJet1, SoftDroppedSubJet2;
  TLorentzVector TrimmedP4[5], PrunedP4[5], SoftDroppedP4[5];
  Int_t NSubJetsTrimmed{}, NSubJetsPruned{}, NSubJetsSoftDropped{};
  Double_t ExclYmerge12{}, ExclYmerge23{}, ExclYmerge34{}, ExclYmerge45{}, ExclYmerge56{};
  TRefArray Constituents, Particles;
  TLorentzVector Area;
  ClassDef(Jet, 5) };

// An object that a TRef can be set to without the referenced particle at hand.
struct FixtureTarget : public TObject {
  explicit FixtureTarget(UInt_t id) { SetUniqueID(id); SetBit(kIsReferenced); }
};
"""

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
SIMULATED = [name for name in BRANCHES if name != "Weight"]
ZLIB_9 = 109
LOW_24_BITS = 0xFFFFFF
PROCESS_BIT = 0x01000000

TOP, W, BOTTOM, GLUON, RESONANCE = 6, 24, 5, 21, 6000055
MASSES = {
    1: 0.0, 2: 0.0, 3: 0.5, 4: 1.5, 5: 4.8, 6: 173.0, 11: 0.000511, 12: 0.0, 13: 0.10566, 14: 0.0,
    15: 1.777, 16: 0.0, 21: 0.0, 22: 0.0, 24: 80.4, 211: 0.13957, 321: 0.49368, 411: 1.86966,
    421: 1.86484, 511: 5.27966, 521: 5.27934, 2212: 0.93827, RESONANCE: 450.0,
}  # fmt: skip
CHARGED = {11: -1, 13: -1, 15: -1, 24: 1, 211: 1, 321: 1, 411: 1, 521: 1, 2212: 1}


# --- Reading and writing ------------------------------------------------------------------------


def read_events(path: Path, n: int) -> list[Event]:
    """Read the plain leaves and the lepton references of the first ``n`` events."""
    tree = uproot.open(path)["Delphes"]
    n = min(n, tree.num_entries)
    events: list[Event] = [{} for _ in range(n)]
    for name in SIMULATED:
        columns = {}
        for branch in tree[name].branches:
            leaf = branch.name.split(".", 1)[1]
            if leaf != "fBits" and branch.typename.endswith("_t[]") | (
                branch.typename in ("float[]", "double[]", "TRef[]")
            ):
                columns[leaf] = branch.array(library="ak", entry_stop=n).tolist()
        for i, event in enumerate(events):
            rows = [
                dict(zip(columns, row, strict=True))
                for row in zip(*(values[i] for values in columns.values()), strict=True)
            ]
            for row in rows:
                if isinstance(row.get("Particle"), dict):
                    row["Particle"] = row["Particle"]["ref"] & LOW_24_BITS
            event[name] = rows
    return events


def write(
    path: Path,
    *cycles: Sequence[Event],
    branches: Iterable[str] = SIMULATED,
    second_particle: bool = False,
) -> None:
    """Write events to a tree ``Delphes``, one cycle after the other, each adding its events."""
    # A fixed title, else every run of ROOT gives the process another.
    for number in range(ROOT.TProcessID.GetNProcessIDs()):
        title = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{path.stem}/{number}"))
        ROOT.TProcessID.GetProcessID(number).SetTitle(title)
    file = ROOT.TFile.Open(f"{path}?reproducible={path.stem}", "RECREATE", "", ZLIB_9)
    tree = ROOT.TTree("Delphes", "Analysis tree")
    tree.SetAutoSave(0)
    plan = [(name, BRANCHES[name], name) for name in branches]
    if second_particle:
        plan.append(("Particle", "Electron", "Electron"))
    arrays, sizes = [], []
    for name, kind, _ in plan:
        arrays.append(ROOT.TClonesArray(kind))
        sizes.append(np.zeros(1, np.int32))
        tree.Branch(name, "TClonesArray", arrays[-1], 32000, 99)
        tree.Branch(f"{name}_size", sizes[-1], f"{name}_size/I")
    for events in cycles:
        for event in events:
            targets: list[Any] = []
            for (_, _, collection), array, size in zip(plan, arrays, sizes, strict=True):
                array.Delete()
                size[0] = len(event[collection])
                for i, values in enumerate(event[collection]):
                    _fill(array.ConstructedAt(i), values, targets)
            tree.Fill()
        tree.Write()
    file.Close()


def _fill(target: Any, values: Object, keep: list[Any]) -> None:
    for leaf, value in values.items():
        if leaf == "fUniqueID":
            target.SetUniqueID(value)
            if value:
                target.SetBit(ROOT.TObject.kIsReferenced)
        elif leaf == "Particle":
            if value:
                keep.append(ROOT.FixtureTarget(value))
                target.Particle = keep[-1]
                target.Particle.SetUniqueID(value & LOW_24_BITS)  # the process is kept apart
        else:
            setattr(target, leaf, value)


def check(path: Path, events: Sequence[Event], branches: Iterable[str] = SIMULATED) -> Any:
    """Compare every leaf of a file with what was to be written; return its tree."""
    tree = uproot.open(path)["Delphes"]
    assert tree.num_entries == len(events)
    assert path.stat().st_size < 200_000
    for name in branches:
        leaves = {leaf for event in events for row in event[name] for leaf in row}
        assert tree[f"{name}_size"].array(library="np").tolist() == [len(e[name]) for e in events]
        for leaf in leaves:
            read = tree[f"{name}/{name}.{leaf}"].array(library="ak").tolist()
            for values, event in zip(read, events, strict=True):
                for value, row in zip(values, event[name], strict=True):
                    if leaf == "Particle":
                        assert value["ref"] == row[leaf] & LOW_24_BITS
                    elif isinstance(row[leaf], float):
                        single = np.float32(row[leaf])
                        exact = np.array_equal(np.float32(value), single, equal_nan=True)
                        assert exact, (path.name, name, leaf, value, row[leaf])
                    else:
                        assert value == row[leaf], (path.name, name, leaf, value, row[leaf])
    return tree


def copied(event: Event) -> Event:
    """Return a copy whose values can be changed."""
    return {name: [dict(row) for row in rows] for name, rows in event.items()}


def referred(event: Event) -> dict[str, list[int]]:
    """Return the index in Particle that each lepton's reference points to, or -1."""
    ids = [row["fUniqueID"] & LOW_24_BITS for row in event["Particle"]]
    return {
        name: [
            ids.index(row["Particle"] & LOW_24_BITS)
            if row["Particle"] & LOW_24_BITS and row["Particle"] & LOW_24_BITS in ids
            else -1
            for row in event[name]
        ]
        for name in ("Electron", "Muon")
    }


def set_ids(event: Event, ids: Sequence[int], process: int = 0) -> None:
    """Give the particles other ids; references follow, if they had a particle."""
    new = {
        row["fUniqueID"] & LOW_24_BITS: int(i) | process
        for row, i in zip(event["Particle"], ids, strict=True)
    }
    for row in event["Electron"] + event["Muon"]:
        row["Particle"] = new.get(row["Particle"] & LOW_24_BITS, row["Particle"])
    for row, i in zip(event["Particle"], ids, strict=True):
        row["fUniqueID"] = int(i) | process


# --- Files made of simulated events -------------------------------------------------------------


def from_simulation(source: Path, output: Path) -> dict[str, Any]:
    """Write the fixtures made of simulated events and return what is expected of them."""
    events = read_events(source, 700)
    leptonic = [e for e in events if e["Electron"] or e["Muon"]]
    # Each of these has a lepton whose particle the thinned record has kept.
    linked = [e for e in leptonic if any(i >= 0 for r in referred(e).values() for i in r)]
    both = [e for e in linked if e["Electron"] and e["Muon"]]
    expected: dict[str, Any] = {}

    def about(chosen: Sequence[Event]) -> dict[str, Any]:
        counted = ("Particle", "Jet", "Electron", "Muon")
        return {
            "n_events": len(chosen),
            "event_numbers": [e["Event"][0]["Number"] for e in chosen],
            "n_tops": [2] * len(chosen),
            "counts": {name: [len(e[name]) for e in chosen] for name in counted},
        }

    # duplicate_branches: a second Particle, of another class.
    chosen = linked[:3]
    path = output / "duplicate_branches.root"
    write(path, chosen, second_particle=True)
    tree = check(path, chosen)
    assert [b.name for b in tree.branches].count("Particle") == 2
    unreachable = []
    for key in tree.keys(recursive=True):
        try:
            tree[key]
        except uproot.KeyInFileError:
            unreachable.append(key)
    assert "Particle/Particle.IsolationVar" in unreachable
    assert "Particle/Particle.Particle" in unreachable
    expected[path.name] = {
        **about(chosen),
        "unreachable": sorted(unreachable),
    }

    # process_bits: process number in the top byte of the ids, which are shuffled.
    chosen = [copied(e) for e in both[:2] + linked[3:5]]
    rng = np.random.default_rng(1)
    for event in chosen:
        set_ids(event, (1 + rng.permutation(len(event["Particle"]))).tolist(), PROCESS_BIT)
    path = output / "process_bits.root"
    write(path, chosen)
    tree = check(path, chosen)
    ids = tree["Particle/Particle.fUniqueID"].array(library="np")
    refs = [r["ref"] for c in ("Electron", "Muon")
            for event in tree[f"{c}/{c}.Particle"].array().tolist() for r in event]  # fmt: skip
    assert all((i >> 24 == 1).all() and sorted(i & LOW_24_BITS) == [*range(1, len(i) + 1)]
               and (np.diff(i.astype(np.int64)) < 0).any() for i in ids)  # fmt: skip
    assert refs
    assert all(0 < ref <= LOW_24_BITS for ref in refs)
    expected[path.name] = {
        **about(chosen),
        "referred": [referred(e) for e in chosen],
    }

    # two_cycles: an older state of the tree left in the file.
    chosen = leptonic[5:10]
    path = output / "two_cycles.root"
    write(path, chosen[:3], chosen[3:])
    check(path, chosen)
    file = uproot.open(path)
    assert {"Delphes;1", "Delphes;2"} <= set(file.keys())
    assert [file[f"Delphes;{i}"].num_entries for i in (1, 2)] == [3, 5]
    expected[path.name] = {
        **about(chosen),
        "n_events_of_cycle": {"1": 3, "2": 5},
    }

    # two_working_points: bit 0 loose, bit 1 tight, drawn apart as Delphes does.
    chosen = [copied(e) for e in events[10:15]]
    for i, jet in enumerate(j for e in chosen for j in e["Jet"]):
        jet["BTag"] = (1, 3, 3)[i % 3] if jet["BTag"] else (0, 0, 0, 2, 0, 0, 1)[i % 7]
        jet["TauTag"] = (0, 0, 1, 0, 0, 3, 0, 0, 2, 0, 0)[i % 11]
    path = output / "two_working_points.root"
    write(path, chosen)
    tree = check(path, chosen)
    tags = {leaf: tree[f"Jet/Jet.{leaf}"].array().tolist() for leaf in ("BTag", "TauTag")}
    assert all({v for event in values for v in event} == {0, 1, 2, 3} for values in tags.values())
    expected[path.name] = {**about(chosen), **tags}

    # dangling_refs: all resolvable; none; one of two; a null reference beside a particle of id 0.
    single = [e for e in linked if len(e["Electron"]) + len(e["Muon"]) == 1]
    whole = [e for e in both if all(i >= 0 for r in referred(e).values() for i in r)]
    chosen = [copied(e) for e in (single[0], single[1], whole[0], single[2])]
    (chosen[1]["Electron"] + chosen[1]["Muon"])[0]["Particle"] = 900_001
    chosen[2]["Electron"][0]["Particle"] = 900_002
    (chosen[3]["Electron"] + chosen[3]["Muon"])[0]["Particle"] = 0
    chosen[3]["Particle"][0]["fUniqueID"] = 0
    path = output / "dangling_refs.root"
    write(path, chosen)
    check(path, chosen)
    links = [referred(e) for e in chosen]
    dangling = [sum(i < 0 for rows in link.values() for i in rows) for link in links]
    assert dangling == [0, 1, 1, 1]
    assert all(i >= 0 for i in links[2]["Muon"])
    expected[path.name] = {
        **about(chosen),
        "referred": links,
        "n_dangling": dangling,
    }

    # nan_kinematics: not a number in one event, infinity in another.
    chosen = [copied(e) for e in (*leptonic[10:12], linked[6], leptonic[12], both[2])]
    chosen[2]["Jet"][1]["PT"] = math.nan
    chosen[4]["Electron"][0]["Eta"] = math.inf
    chosen[4]["Muon"][0]["Eta"] = math.inf
    path = output / "nan_kinematics.root"
    write(path, chosen)
    tree = check(path, chosen)
    assert np.isnan(tree["Jet/Jet.PT"].array(library="np")[2]).tolist().index(True) == 1
    for name in ("Electron", "Muon"):
        eta = tree[f"{name}/{name}.Eta"].array(library="np")
        assert [not np.isfinite(values).all() for values in eta] == [False] * 4 + [True]
    expected[path.name] = {
        **about(chosen),
        "not_finite": [
            {"entry": 2, "leaf": "Jet.PT", "index": 1, "value": "nan"},
            {"entry": 4, "leaf": "Electron.Eta", "index": 0, "value": "inf"},
            {"entry": 4, "leaf": "Muon.Eta", "index": 0, "value": "inf"},
        ],
    }

    # empty_tree, no_delphes_tree, no_jets.
    path = output / "empty_tree.root"
    write(path, [])
    tree = check(path, [])
    assert all(tree[f"{n}/{n}.fUniqueID"].num_entries == 0 for n in SIMULATED)
    expected[path.name] = {"n_events": 0}

    path = output / "no_delphes_tree.root"
    file = ROOT.TFile.Open(f"{path}?reproducible={path.stem}", "RECREATE", "", ZLIB_9)
    tree = ROOT.TTree("Events", "No Delphes tree")
    met = np.zeros(1, np.float32)
    tree.Branch("MET", met, "MET/F")
    for met[0] in (10, 20, 30):
        tree.Fill()
    tree.Write()
    file.Close()
    assert uproot.open(path).classnames() == {"Events;1": "TTree"}
    expected[path.name] = {"n_events": None, "trees": ["Events"]}

    chosen = linked[7:10]
    others = [name for name in SIMULATED if name != "Jet"]
    path = output / "no_jets.root"
    write(path, chosen, branches=others)
    tree = check(path, chosen, others)
    assert not [key for key in tree.keys(recursive=True) if key.startswith("Jet")]
    expected[path.name] = {
        **about(chosen),
        "branches": others,
    }
    del expected[path.name]["counts"]["Jet"]
    return expected


# --- Kinematics ---------------------------------------------------------------------------------


def four_vector(mass: float, px: float, py: float, pz: float) -> Vector:
    """Return E, px, py, pz."""
    return np.array([math.sqrt(mass**2 + px**2 + py**2 + pz**2), px, py, pz])


def mass_of(p: Vector) -> float:
    """Return the invariant mass."""
    return math.sqrt(max(0.0, p[0] ** 2 - p[1:] @ p[1:]))


def boosted(p: Vector, frame: Vector, sign: int = 1) -> Vector:
    """Take ``p`` from the rest frame of ``frame`` to the laboratory; sign -1 for the way back."""
    mass = mass_of(frame)
    u = sign * frame[1:] / mass
    energy = (frame[0] * p[0] + mass * (u @ p[1:])) / mass
    return np.array([energy, *(p[1:] + u * (p[0] + energy) / (1 + frame[0] / mass))])


def direction(rng: np.random.Generator) -> Vector:
    """Return an isotropic unit vector."""
    v = rng.normal(size=3)
    return v / np.linalg.norm(v)


def two_body(parent: Vector, m1: float, m2: float, axis: Vector) -> tuple[Vector, Vector]:
    """Decay along ``axis`` in the rest frame of the parent."""
    m = mass_of(parent)
    p = math.sqrt((m**2 - (m1 + m2) ** 2) * (m**2 - (m1 - m2) ** 2)) / (2 * m)
    first = boosted(four_vector(m1, *(p * axis)), parent)
    return first, parent - first


def radiate(
    emitter: Vector, recoiler: Vector, energy: float, angle: float, rng: np.random.Generator
) -> tuple[Vector, Vector, Vector]:
    """Return emitter, gluon and recoiler with the same sum; energy and angle in its rest frame."""
    total = emitter + recoiler
    axis = boosted(emitter, total, -1)[1:]
    axis /= np.linalg.norm(axis)
    side = np.cross(axis, direction(rng))
    side /= np.linalg.norm(side)
    gluon = boosted(
        four_vector(0.0, *(energy * (math.cos(angle) * axis + math.sin(angle) * side))), total
    )
    rest = total - gluon
    along = boosted(emitter, rest, -1)[1:]
    new = two_body(rest, mass_of(emitter), mass_of(recoiler), along / np.linalg.norm(along))
    return new[0], gluon, new[1]


def angles(p: Vector) -> tuple[float, float, float]:
    """Return PT, Eta, Phi; Eta as Delphes has it for particles along the beam."""
    pt = math.hypot(p[1], p[2])
    eta = math.asinh(p[3] / pt) if pt > 1e-9 else math.copysign(999.9, p[3])
    return pt, eta, math.atan2(p[2], p[1])


def delta_r(a: Object, b: Object) -> float:
    """Return the distance of two objects in Eta and Phi."""
    return math.hypot(a["Eta"] - b["Eta"], math.remainder(a["Phi"] - b["Phi"], math.tau))


# --- Hand-written generator records -------------------------------------------------------------


@dataclass
class Truth:
    """A top as it was written: (first copy, last copy) of each, as indices in Particle."""

    top: tuple[int, int]
    b: tuple[int, int]
    w: tuple[int, int]
    products: list[tuple[int, int]]
    decay: int
    from_tau: list[int] = field(default_factory=list)


@dataclass
class Record:
    """A generator record being written."""

    seed: int
    rows: list[Object] = field(default_factory=list)
    p: list[Vector] = field(default_factory=list)
    tops: list[Truth] = field(default_factory=list)
    jets: list[tuple[Vector, int, int]] = field(default_factory=list)  # momentum, flavour, b tag
    others: list[tuple[int, int]] = field(default_factory=list)  # new particles

    def __post_init__(self) -> None:
        """Start the random numbers."""
        self.rng = np.random.default_rng(self.seed)

    def add(
        self,
        pid: int,
        status: int,
        p: Vector,
        m1: int = -1,
        m2: int = -1,
        d1: int = -1,
        d2: int = -1,
    ) -> int:
        """Append a particle and return its index."""
        pt, eta, phi = angles(p)
        code = abs(pid)
        charge = CHARGED.get(code, 0) * (1 if pid > 0 else -1)
        along = abs(eta) > 900
        self.rows.append({
            "PID": pid, "Status": status, "IsPU": 0, "M1": m1, "M2": m2, "D1": d1, "D2": d2,
            "Charge": charge, "Mass": MASSES[code] if code in MASSES else mass_of(p),
            "E": p[0], "Px": p[1], "Py": p[2], "Pz": p[3],
            "P": float(np.linalg.norm(p[1:])), "PT": pt, "Eta": eta, "Phi": phi,
            "Rapidity": eta if along else 0.5 * math.log((p[0] + p[3]) / (p[0] - p[3])),
            "T": 0.0, "X": 0.0, "Y": 0.0, "Z": 0.0,
        })  # fmt: skip
        self.rows[-1] = {k: v if isinstance(v, int) else float(v) for k, v in self.rows[-1].items()}
        self.p.append(p)
        return len(self.rows) - 1

    def daughters(self, index: int, d1: int, d2: int) -> None:
        """Set D1 and D2."""
        self.rows[index].update(D1=d1, D2=d2)

    def beams(self, partons: tuple[int, int], status: tuple[int, int], total: Vector) -> None:
        """Add the protons and the incoming partons (indices 0 to 3) of a system without pT."""
        for sign in (1, -1):
            self.add(2212, status[0], four_vector(MASSES[2212], 0, 0, sign * 6500.0))
        for i, sign in enumerate((1, -1)):
            e = (total[0] + sign * total[3]) / 2
            self.add(partons[i], status[1], np.array([e, 0, 0, sign * e]), m1=i)

    def hadrons(self, quark: int, final: int, decayed: int) -> list[int]:
        """Let a b quark end as a pion and B -> D pi, D -> K pi; return the pion and the B."""
        sign = 1 if self.rows[quark]["PID"] < 0 else -1  # the b~ is in the B+
        p = self.p[quark][1:]
        pion = self.add(211 * sign, final, four_vector(MASSES[211], *(0.2 * p)), m1=quark)
        meson, charm = (521, 421) if sign > 0 else (511, 411)
        b = self.add(sign * meson, decayed, four_vector(MASSES[meson], *(0.8 * p)), m1=quark)
        p_d, p_pi = two_body(self.p[b], MASSES[charm], MASSES[211], direction(self.rng))
        d = self.add(-sign * charm, decayed, p_d, m1=b)
        self.add(sign * 211, final, p_pi, m1=b)
        p_k, p_pi = two_body(p_d, MASSES[321], MASSES[211], direction(self.rng))
        self.add(sign * 321, final, p_k, m1=d)
        self.add(-sign * 211, final, p_pi, m1=d)
        return [pion, b]

    def decay(self, parent: int, pid1: int, pid2: int) -> tuple[Vector, Vector]:
        """Return the momenta of an isotropic decay."""
        m1, m2 = MASSES[abs(pid1)], MASSES[abs(pid2)]
        return two_body(self.p[parent], m1, m2, direction(self.rng))

    def leptonic_tau(self, tau: int) -> tuple[Vector, Vector, Vector]:
        """Return the momenta of the muon, its neutrino and the tau neutrino of a tau decay."""
        pair, nu_tau = two_body(self.p[tau], 1.0, 0.0, direction(self.rng))
        mu, nu_mu = two_body(pair, MASSES[13], 0.0, direction(self.rng))
        return mu, nu_mu, nu_tau

    def jet(self, flavour: int, *indices: int, tag: int | None = None) -> None:
        """Add the jet of some partons."""
        p = np.sum([self.p[i] for i in indices], axis=0)
        self.jets.append((p, flavour, int(flavour == BOTTOM) if tag is None else tag))

    def event(self, number: int, weight: float, xsec: float) -> Event:
        """Return the event with its reconstructed objects."""
        ids = 1 + self.rng.permutation(len(self.rows))
        particles = [{"fUniqueID": int(i), **row} for i, row in zip(ids, self.rows, strict=True)]
        jets = []
        for i, (p, flavour, tag) in enumerate(self.jets):
            pt, eta, phi = angles(p)
            jets.append({
                "PT": pt * (0.98 if i % 2 else 1.03), "Eta": eta + 0.01,
                "Phi": math.remainder(phi - 0.01, math.tau),
                "Mass": max(mass_of(p), 0.12 * pt), "DeltaEta": 0.35, "DeltaPhi": 0.35,
                "Flavor": flavour, "BTag": tag, "TauTag": 0, "Charge": 1 if i % 2 else -1,
                "EhadOverEem": 1.5, "NCharged": 12 + i, "NNeutrals": 9 + i,
            })  # fmt: skip
        jets.sort(key=lambda jet: -jet["PT"])
        leptons: dict[int, list[Object]] = {11: [], 13: []}
        invisible = np.zeros(4)
        for i, row in enumerate(self.rows):
            if row["Status"] != 1:
                continue
            if abs(row["PID"]) in leptons:
                leptons[abs(row["PID"])].append({
                    "PT": 0.99 * row["PT"], "Eta": row["Eta"], "Phi": row["Phi"],
                    "Charge": -1 if row["PID"] > 0 else 1, "Particle": int(ids[i]),
                    "IsolationVar": 0.02, "SumPt": 0.02 * row["PT"],
                })  # fmt: skip
            elif abs(row["PID"]) in (12, 14, 16):
                invisible += self.p[i]
        met, _, phi = angles(invisible)
        visible = jets + leptons[11] + leptons[13]
        x = [abs(self.p[i][3]) / 6500 for i in (2, 3)]
        return {
            "Event": [{
                "Number": number, "ProcessID": 1, "MPI": 0, "Weight": weight,
                "CrossSection": xsec, "CrossSectionError": 0.01 * xsec, "Scale": 173.0,
                "AlphaQED": 0.0078, "AlphaQCD": 0.108, "ID1": self.rows[2]["PID"],
                "ID2": self.rows[3]["PID"], "X1": x[0], "X2": x[1], "ScalePDF": 173.0,
            }],
            "Weight": [{"Weight": weight * factor} for factor in (1.0, 1.2, 0.85)],
            "Particle": particles,
            "Jet": jets,
            "Electron": leptons[11],
            "Photon": [],
            "Muon": leptons[13],
            "MissingET": [{"MET": met, "Eta": 0.0, "Phi": phi}],
            "ScalarHT": [{"HT": sum(v["PT"] for v in visible)}],
        }  # fmt: skip

    def expected(self, event: Event) -> Object:
        """Return what a reader must find: tops by falling pT, and all that they decayed to."""
        jets = event["Jet"]

        def state(index: int) -> Object:
            row = self.rows[index]
            return {"index": index, **{
                name.lower(): float(np.float32(row[name])) for name in ("PT", "Eta", "Phi", "Mass")
            }}  # fmt: skip

        def line(copies: tuple[int, int]) -> Object:
            first, last = copies
            row = self.rows[first]
            assert row["PID"] == self.rows[last]["PID"]
            found: Object = {"pdg_id": row["PID"], "first": state(first), "last": state(last)}
            if abs(row["PID"]) <= 5:
                near = [i for i, jet in enumerate(jets) if delta_r(row, jet) < 0.4]
                assert len(near) == 1, (row["PID"], near)
                found["jet"] = near[0]
            return found

        for top in self.tops:  # the written kinematics are those of the decays
            p = self.p[top.top[1]]
            assert abs(mass_of(p) - 173) < 1e-6
            w = self.p[top.w[1]]
            assert abs(mass_of(w) - 80.4) < 1e-6
            assert np.allclose(sum(self.p[first] for first, _ in top.products), w)
        tops = sorted(self.tops, key=lambda t: -self.rows[t.top[1]]["PT"])
        pt = [self.rows[t.top[1]]["PT"] for t in tops]
        assert min(a - b for a, b in pairwise(pt)) > 1.0, pt
        return {
            "n_tops": len(tops),
            "weight": event["Event"][0]["Weight"],
            "tops": [
                {
                    **line(top.top),
                    "decay": top.decay,
                    "b": line(top.b),
                    "w": line(top.w),
                    "w_products": [line(product) for product in top.products],
                    "from_tau": [line((i, i)) for i in top.from_tau],
                }
                for top in tops
            ],
            "new_particles": [line(other) for other in self.others],
            "n_particles": len(self.rows),
            "n_jets": len(jets),
            "electron_particle": referred(event)["Electron"],
            "muon_particle": referred(event)["Muon"],
            "met": event["MissingET"][0]["MET"],
        }

    def well_separated(self) -> bool:
        """Tell whether jets and leptons are in acceptance and far enough from each other."""
        jets = [dict(zip(("PT", "Eta", "Phi"), angles(p), strict=True)) for p, _, _ in self.jets]
        leptons = [r for r in self.rows if r["Status"] == 1 and abs(r["PID"]) in (11, 13)]
        return (
            all(jet["PT"] > 25 and abs(jet["Eta"]) < 2.5 for jet in jets)
            and all(lepton["PT"] > 15 and abs(lepton["Eta"]) < 2.4 for lepton in leptons)
            and all(delta_r(a, b) > 0.6 for i, a in enumerate(jets) for b in jets[:i] + leptons)
        )


def herwig_dilepton(seed: int) -> Record:
    """Write t tbar, both leptonic, with many copies: e+ and tau- -> mu-."""
    r = Record(seed)
    total = four_vector(520.0, 0, 0, 150.0)
    t, tbar = two_body(total, 173.0, 173.0, direction(r.rng))
    t1, g, tbar1 = radiate(t, tbar, 40.0, 0.8, r.rng)
    r.beams((21, 21), (11, 11), total)
    r.daughters(2, 4, 5)
    r.daughters(3, 4, 5)
    r.add(6, 11, t, 2, 3, 6, 7)  # 4
    r.add(-6, 11, tbar, 2, 3)  # 5, its copy names it as the mother only
    r.add(6, 11, t1, 4, -1, 9, 9)  # 6
    r.add(21, 11, g, 4)  # 7
    r.add(-6, 11, tbar1, 5)  # 8
    r.add(6, 11, t1, 6, -1, 11, 12)  # 9
    r.add(-6, 11, tbar1, 8)  # 10
    w, b = r.decay(9, 24, 5)
    wbar, bbar = r.decay(10, -24, -5)
    b1, g, w1 = radiate(b, w, 8.0, 0.3, r.rng)
    r.add(5, 11, b, 9)  # 11
    r.add(24, 11, w, 9)  # 12
    r.add(-5, 11, bbar, 10)  # 13
    r.add(-24, 11, wbar, 10)  # 14
    r.add(24, 11, w1, 12)  # 15
    r.add(24, 11, w1, 15, -1, 21, 22)  # 16
    r.add(5, 11, b1, 11)  # 17
    r.add(21, 11, g, 11)  # 18
    r.add(-5, 11, bbar, 13)  # 19
    r.add(-24, 11, wbar, 14)  # 20
    e, nu = r.decay(16, 11, 12)
    r.add(-11, 1, e, 16)  # 21
    r.add(12, 1, nu, 16)  # 22
    tau, nu = r.decay(20, 15, 16)
    r.add(15, 11, tau, 20)  # 23
    r.add(-16, 1, nu, 20)  # 24
    r.add(15, 11, tau, 23)  # 25
    r.add(15, 2, tau, 25)  # 26
    mu, nu_mu, nu_tau = r.leptonic_tau(26)
    r.add(13, 1, mu, 26)  # 27
    r.add(-14, 1, nu_mu, 26)  # 28
    r.add(16, 1, nu_tau, 26)  # 29
    r.hadrons(17, 1, 2)
    r.hadrons(19, 1, 2)
    r.tops = [
        Truth((4, 9), (11, 17), (12, 16), [(22, 22), (21, 21)], 11),
        Truth((5, 10), (13, 19), (14, 20), [(24, 24), (23, 26)], 15, [27]),
    ]
    r.jet(5, 17, 18)
    r.jet(5, 19)
    r.jet(21, 7)
    return r


def herwig_gluon(seed: int) -> Record:
    """Write t tbar with t -> W b g, W hadronic, and the other top to a muon."""
    r = Record(seed)
    total = four_vector(480.0, 0, 0, -90.0)
    t, tbar = two_body(total, 173.0, 173.0, direction(r.rng))
    tbar1, from_tbar, t1 = radiate(tbar, t, 15.0, 0.8, r.rng)
    r.beams((2, -2), (11, 11), total)
    r.add(6, 11, t, 2, 3)  # 4
    r.add(-6, 11, tbar, 2, 3)  # 5
    r.add(6, 11, t1, 4, -1, 8, 10)  # 6
    r.add(-6, 11, tbar1, 5)  # 7
    w0, b0 = r.decay(6, 24, 5)
    b, g, w = radiate(b0, w0, 30.0, 1.2, r.rng)
    r.add(24, 11, w, 6)  # 8
    r.add(5, 11, b, 6)  # 9
    r.add(21, 11, g, 6)  # 10
    wbar, bbar = r.decay(7, -24, -5)
    r.add(-5, 11, bbar, 7)  # 11
    r.add(-24, 11, wbar, 7, -1, 20, 21)  # 12
    r.add(24, 11, w, 8)  # 13
    c, s = r.decay(13, 4, 3)
    c1, g, s1 = radiate(c, s, 5.0, 0.3, r.rng)
    r.add(4, 11, c, 13)  # 14
    r.add(-3, 11, s, 13)  # 15
    r.add(4, 11, c1, 14)  # 16
    r.add(21, 11, g, 14)  # 17
    r.add(-3, 11, s1, 15)  # 18
    r.add(5, 11, b, 9)  # 19
    mu, nu = r.decay(12, 13, 14)
    r.add(13, 1, mu, 12)  # 20
    r.add(-14, 1, nu, 12)  # 21
    r.add(21, 11, from_tbar, 5)  # 22
    r.hadrons(19, 1, 2)
    r.hadrons(11, 1, 2)
    r.tops = [
        Truth((4, 6), (9, 19), (8, 13), [(14, 16), (15, 18)], 0),
        Truth((5, 7), (11, 11), (12, 12), [(21, 21), (20, 20)], 13),
    ]
    r.jet(5, 19)
    r.jet(4, 16, 17, tag=1)  # a mistag
    r.jet(3, 18)
    r.jet(5, 11)
    r.jet(21, 10)
    return r


def herwig_resonance(seed: int) -> Record:
    """Write a resonance to t tbar beside another t tbar, all hadronic."""
    r = Record(seed)
    total = four_vector(1150.0, 0, 0, 60.0)
    resonance, pair = two_body(total, MASSES[RESONANCE], 400.0, direction(r.rng))
    t, tbar = two_body(pair, 173.0, 173.0, direction(r.rng))
    r.beams((21, 21), (11, 11), total)
    r.add(RESONANCE, 11, resonance, 2, 3)  # 4
    r.add(6, 11, t, 2, 3)  # 5
    r.add(-6, 11, tbar, 2, 3)  # 6
    r.add(RESONANCE, 11, resonance, 4, -1, 8, 9)  # 7
    t, tbar = r.decay(7, 6, -6)
    r.add(6, 11, t, 7)  # 8
    r.add(-6, 11, tbar, 7)  # 9
    r.add(6, 11, r.p[5], 5)  # 10
    r.add(-6, 11, r.p[9], 9)  # 11
    r.others = [(4, 7)]
    lines = [(5, 10, (2, -1)), (6, 6, (-4, 3)), (8, 8, (4, -3)), (9, 11, (-2, 1))]
    for first, last, (up, down) in lines:
        sign = 1 if up > 0 else -1
        w, b = r.decay(last, 24, 5)
        w_index = r.add(24 * sign, 11, w, last)
        b_index = r.add(5 * sign, 11, b, last)
        copy = r.add(24 * sign, 11, w, w_index)
        p_up, p_down = r.decay(copy, up, down)
        u = r.add(up, 11, p_up, copy)
        d = r.add(down, 11, p_down, copy)
        if sign > 0:
            r.daughters(copy, u, d)
        r.tops.append(
            Truth((first, last), (b_index, b_index), (w_index, copy), [(u, u), (d, d)], 0)
        )
        r.jet(5, b_index, tag=0 if first == 9 else 1)
        r.jet(abs(up), u)
        r.jet(abs(down), d)
    for top in list(r.tops):
        r.hadrons(top.b[1], 1, 2)
    return r


def pythia6(seed: int) -> Record:
    """Write t tbar as Pythia 6 does: documentation lines, and copies that hang on them."""
    r = Record(seed)
    total = four_vector(500.0, 0, 0, 200.0)
    r.beams((21, 21), (3, 3), total)
    isr = four_vector(0.0, 18.0, -9.0, 30.0)  # of parton 2
    t, tbar = two_body(total - isr, 173.0, 173.0, direction(r.rng))
    g1, g2 = two_body(total - isr, 0.0, 0.0, np.array([0.0, 0.0, 1.0]))
    r.add(21, 3, g1, 2)  # 4
    r.add(21, 3, g2, 3)  # 5
    r.add(6, 3, t, 4, 5)  # 6
    r.add(-6, 3, tbar, 4, 5)  # 7
    w, b = r.decay(6, 24, 5)
    wbar, bbar = r.decay(7, -24, -5)
    r.add(5, 3, b, 6)  # 8
    r.add(24, 3, w, 6)  # 9
    r.add(-5, 3, bbar, 7)  # 10
    r.add(-24, 3, wbar, 7)  # 11
    u, d = r.decay(9, 2, 1)
    e, nu = r.decay(11, 11, 12)
    r.add(2, 3, u, 9)  # 12
    r.add(-1, 3, d, 9)  # 13
    r.add(11, 3, e, 11)  # 14
    r.add(-12, 3, nu, 11)  # 15
    u1, g, d1 = radiate(u, d, 6.0, 0.3, r.rng)
    r.add(6, 2, t, 6, -1, 18, 19)  # 16
    r.add(-6, 2, tbar, 7)  # 17
    r.add(24, 2, w, 9, -1, 22, 24)  # 18
    r.add(5, 2, b, 8)  # 19
    r.add(-24, 2, wbar, 11)  # 20
    r.add(-5, 2, bbar, 10)  # 21
    r.add(2, 2, u1, 12, -1, 27, 27)  # 22
    r.add(21, 2, g, 12, -1, 27, 27)  # 23
    r.add(-1, 2, d1, 13, -1, 27, 27)  # 24
    r.add(11, 1, e, 14)  # 25
    r.add(-12, 1, nu, 15)  # 26
    string = r.add(92, 2, u1 + g + d1, 22, 24, 28, 30)  # 27
    r.add(211, 1, four_vector(MASSES[211], *(u1[1:] + 0.5 * g[1:])), string)  # 28
    r.add(22, 1, four_vector(0.0, *(0.5 * g[1:])), string)  # 29
    r.add(-211, 1, four_vector(MASSES[211], *d1[1:]), string)  # 30
    r.add(21, 2, isr, 2)  # 31
    r.hadrons(19, 1, 2)
    r.hadrons(21, 1, 2)
    assert all(row["D1"] == row["D2"] == -1 for row in r.rows if row["Status"] == 3)
    r.tops = [
        Truth((6, 16), (8, 19), (9, 18), [(12, 22), (13, 24)], 0),
        Truth((7, 17), (10, 21), (11, 20), [(15, 26), (14, 25)], 11),
    ]
    r.jet(5, 19)
    r.jet(2, 22, 23)
    r.jet(1, 24)
    r.jet(5, 21)
    return r


def ranges_semileptonic(seed: int) -> Record:
    """Write a Pythia 8 record where half of the links are in D1 and D2 only."""
    r = Record(seed)
    total = four_vector(470.0, 0, 0, -120.0)
    t, tbar = two_body(total, 173.0, 173.0, direction(r.rng))
    r.beams((21, 21), (4, 21), total)
    r.daughters(2, 4, 5)
    r.daughters(3, 4, 5)
    r.add(6, 22, t, 2, 3, 6, 6)  # 4: a carbon copy, D1 == D2
    r.add(-6, 22, tbar, 2, 3, 7, -1)  # 5: one daughter, D2 == -1
    t1, isr, tbar1 = radiate(t, tbar, 25.0, 1.3, r.rng)
    r.add(6, 62, t1, -1, -1, 12, 9)  # 6: two daughters apart, D2 < D1
    r.add(-6, 44, tbar1, -1, -1, 8, 8)  # 7
    r.add(-6, 62, tbar1, 7, 7, 10, 11)  # 8
    w, b = r.decay(6, 24, 5)
    wbar, bbar = r.decay(8, -24, -5)
    b1, g, w1 = radiate(b, w, 7.0, 0.3, r.rng)
    r.add(24, 22, w, -1, -1, 13, -1)  # 9: a copy again, D2 == -1
    r.add(-24, 22, wbar, 8, -1, 18, 19)  # 10
    r.add(-5, 23, bbar, 8)  # 11
    r.add(5, 23, b, -1, -1, 16, 17)  # 12
    r.add(24, 52, w1, -1, -1, 14, 15)  # 13: a range, D1 < D2
    u, d = r.decay(13, 2, 1)
    r.add(2, 23, u)  # 14
    r.add(-1, 23, d)  # 15
    r.add(5, 51, b1, 12)  # 16
    r.add(21, 51, g, 12)  # 17
    mu, nu = r.decay(10, 13, 14)
    r.add(13, 1, mu, 10)  # 18
    r.add(-14, 1, nu, 10)  # 19
    r.add(21, 43, isr, 0)  # 20
    r.tops = [
        Truth((4, 6), (12, 16), (9, 13), [(14, 14), (15, 15)], 0),
        Truth((5, 8), (11, 11), (10, 10), [(19, 19), (18, 18)], 13),
    ]
    r.jet(5, 16, 17)
    r.jet(2, 14)
    r.jet(1, 15)
    r.jet(5, 11)
    return r


def ranges_dilepton(seed: int) -> Record:
    """Write another: W+ -> e+ nu by D2 < D1, the antitop by a range, tau by all of them."""
    r = Record(seed)
    total = four_vector(440.0, 0, 0, 30.0)
    t, tbar = two_body(total, 173.0, 173.0, direction(r.rng))
    r.beams((21, 21), (4, 21), total)
    r.daughters(2, 5, 4)  # two daughters apart, but the mother links of the tops say the same
    r.daughters(3, 5, 4)
    r.add(6, 22, t, 2, 3, 6, 6)  # 4
    r.add(-6, 22, tbar, 2, 3, 7, 7)  # 5
    t1, isr, tbar1 = radiate(t, tbar, 25.0, 1.3, r.rng)
    r.add(6, 62, t1, 4, 4, 8, 9)  # 6
    r.add(-6, 62, tbar1, -1, -1, 10, 11)  # 7: a copy by D1 == D2, then a range
    w, b = r.decay(6, 24, 5)
    wbar, bbar = r.decay(7, -24, -5)
    r.add(24, 22, w, 6, -1, 15, 12)  # 8: two daughters apart
    r.add(5, 23, b, 6)  # 9
    r.add(-24, 22, wbar, -1, -1, 13, 14)  # 10: a range
    r.add(-5, 23, bbar)  # 11
    e, nu = r.decay(8, 11, 12)
    r.add(-11, 1, e)  # 12
    tau, nu_tau = r.decay(10, 15, 16)
    r.add(15, 23, tau, -1, -1, 16, 16)  # 13: a copy by D1 == D2
    r.add(-16, 1, nu_tau)  # 14
    r.add(12, 1, nu)  # 15
    r.add(15, 2, tau, -1, -1, 18, 17)  # 16: two daughters apart
    pi, nu_tau = two_body(tau, MASSES[211], 0.0, direction(r.rng))
    r.add(-211, 1, pi)  # 17
    r.add(16, 1, nu_tau)  # 18
    r.add(21, 43, isr, 0)  # 19
    r.tops = [
        Truth((4, 6), (9, 9), (8, 8), [(15, 15), (12, 12)], 11),
        Truth((5, 7), (11, 11), (10, 10), [(14, 14), (13, 16)], 15),
    ]
    r.jet(5, 9)
    r.jet(5, 11)
    return r


def written_by_hand(output: Path) -> dict[str, Any]:
    """Write the fixtures with hand-written records and return the truth of each event."""
    # The seeds are the first from 0 with objects in acceptance, well apart, and tops of unlike pT.
    files: dict[str, list[tuple[Callable[[int], Record], int, float]]] = {
        "herwig_status": [
            (herwig_dilepton, 3, 1.5), (herwig_gluon, 2, -0.5), (herwig_resonance, 195, 1.0),
        ],
        "pythia6_doc": [(pythia6, 0, 1.0)],
        "daughter_ranges": [(ranges_semileptonic, 1, 1.0), (ranges_dilepton, 0, 1.0)],
    }  # fmt: skip
    expected: dict[str, Any] = {}
    for stem, plan in files.items():
        records = [build(seed) for build, seed, _ in plan]
        assert all(record.well_separated() for record in records), stem
        events = [
            record.event(i, weight, 832.0)
            for i, (record, (_, _, weight)) in enumerate(zip(records, plan, strict=True))
        ]
        path = output / f"{stem}.root"
        branches = list(BRANCHES) if stem == "herwig_status" else SIMULATED
        write(path, events, branches=branches)
        check(path, events, branches)
        expected[path.name] = {
            "n_events": len(events),
            "events": [r.expected(e) for r, e in zip(records, events, strict=True)],
        }
        statuses = {row["Status"] for record in records for row in record.rows}
        assert stem != "herwig_status" or statuses == {1, 2, 11}
        assert stem != "pythia6_doc" or statuses == {1, 2, 3}
    return expected


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("simulation", type=Path, help="Delphes file of simulated t tbar events")
    parser.add_argument("output", type=Path, help="folder for the fixtures")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    # It warns that base classes without a compiled dictionary are not saved; they are.
    ROOT.gErrorIgnoreLevel = ROOT.kError
    assert ROOT.gInterpreter.Declare(CLASSES)
    for name in ("SortableObject", *BRANCHES.values()):
        ROOT.TClass.GetClass(name)
    ROOT.TProcessID.AddProcessID()  # number 1, for ids with PROCESS_BIT
    expected = from_simulation(arguments.simulation, arguments.output)
    expected |= written_by_hand(arguments.output)
    text = json.dumps(expected, indent=1, allow_nan=False)
    (arguments.output / "expected.json").write_text(text + "\n")
    for path in sorted(arguments.output.glob("*.root")):
        print(f"{path.stat().st_size:8d}  {path.name}")


if __name__ == "__main__":
    main()
