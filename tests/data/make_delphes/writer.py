"""Write a fixture with ROOT.

Nothing else writes split ``TClonesArray`` branches with ``TRef`` members. The classes have the
members, and so the branches, of Delphes 3.5.1.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import ROOT  # type: ignore[import-not-found, import-untyped, unused-ignore]
from fixture import BRANCHES, LOW_24_BITS, Fixture, Object

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

ZLIB_9 = 109


def declare_classes() -> None:
    """Make the Delphes classes known to ROOT, once per process."""
    # It warns that base classes without a compiled dictionary are not saved; they are.
    ROOT.gErrorIgnoreLevel = ROOT.kError
    assert ROOT.gInterpreter.Declare(CLASSES)
    for name in ("SortableObject", *BRANCHES.values()):
        ROOT.TClass.GetClass(name)
    ROOT.TProcessID.AddProcessID()  # number 1, for ids with a process in the top byte


def write(path: Path, fixture: Fixture) -> None:
    """Write the cycles of a fixture to a tree ``Delphes``, or a tree ``Events`` if it has none."""
    # A fixed title, else every run of ROOT gives the process another.
    for number in range(ROOT.TProcessID.GetNProcessIDs()):
        title = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{path.stem}/{number}"))
        ROOT.TProcessID.GetProcessID(number).SetTitle(title)
    file = ROOT.TFile.Open(f"{path}?reproducible={path.stem}", "RECREATE", "", ZLIB_9)
    if fixture.cycles:
        _write_delphes(fixture)
    else:
        _write_other()
    file.Close()


def _write_delphes(fixture: Fixture) -> None:
    tree = ROOT.TTree("Delphes", "Analysis tree")
    tree.SetAutoSave(0)  # each cycle is one that is asked for
    plan = [(name, BRANCHES[name], name) for name in fixture.branches]
    if fixture.second_particle:
        plan.append(("Particle", "Electron", "Electron"))
    arrays, sizes = [], []
    for name, kind, _ in plan:
        arrays.append(ROOT.TClonesArray(kind))
        sizes.append(np.zeros(1, np.int32))
        tree.Branch(name, "TClonesArray", arrays[-1], 32000, 99)
        tree.Branch(f"{name}_size", sizes[-1], f"{name}_size/I")
    for events in fixture.cycles:
        for event in events:
            targets: list[Any] = []
            for (_, _, collection), array, size in zip(plan, arrays, sizes, strict=True):
                array.Delete()
                size[0] = len(event[collection])
                for i, values in enumerate(event[collection]):
                    _fill(array.ConstructedAt(i), values, targets)
            tree.Fill()
        tree.Write()


def _write_other() -> None:
    tree = ROOT.TTree("Events", "No Delphes tree")
    met = np.zeros(1, np.float32)
    tree.Branch("MET", met, "MET/F")
    for met[0] in (10, 20, 30):
        tree.Fill()
    tree.Write()


def _fill(target: Any, values: Object, keep: list[Any]) -> None:
    """Set the leaves of an object; ``keep`` holds what its reference needs until it is written."""
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
