"""Fixtures made of a few simulated events, changed in one respect each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import checks
import numpy as np
import uproot  # type: ignore[import-not-found, import-untyped, unused-ignore]
from fixture import LOW_24_BITS, SIMULATED, Event, Fixture, Object, referred

N_EVENTS = 700
PROCESS_BIT = 0x01000000
# Leaves that Electron has and GenParticle has not; uproot finds the first "Particle" only.
ELECTRON_ONLY = (
    "D0", "DZ", "EhadOverEem", "ErrorD0", "ErrorDZ", "IsolationVar", "IsolationVarRhoCorr",
    "Particle", "SumPt", "SumPtCharged", "SumPtChargedPU", "SumPtNeutral",
)  # fmt: skip


class Sample(NamedTuple):
    """The simulated events, and those of them with leptons."""

    events: list[Event]
    leptonic: list[Event]
    linked: list[Event]  # with a lepton whose particle the thinned record has kept
    both: list[Event]  # of these, with electrons and muons


def fixtures(source: Path) -> list[Fixture]:
    """Return the fixtures made of the events of a Delphes file."""
    events = read_events(source, N_EVENTS)
    leptonic = [e for e in events if e["Electron"] or e["Muon"]]
    linked = [e for e in leptonic if max(links(e)) >= 0]
    both = [e for e in linked if e["Electron"] and e["Muon"]]
    sample = Sample(events, leptonic, linked, both)
    return [
        duplicate_branches(sample),
        process_bits(sample),
        two_cycles(sample),
        two_working_points(sample),
        dangling_refs(sample),
        nan_kinematics(sample),
        Fixture("empty_tree", [[]], {"n_events": 0}),
        Fixture("no_delphes_tree", [], {"n_events": None, "trees": ["Events"]}),
        no_jets(sample),
    ]


def duplicate_branches(sample: Sample) -> Fixture:
    """Add a second branch Particle, of another class."""
    chosen = sample.linked[:3]
    expected = about(chosen)
    expected["unreachable"] = [f"Particle/Particle.{leaf}" for leaf in ELECTRON_ONLY]
    return Fixture(
        "duplicate_branches",
        [chosen],
        expected,
        second_particle=True,
        check=checks.duplicate_branches,
    )


def process_bits(sample: Sample) -> Fixture:
    """Put a process number in the top byte of the ids, which are shuffled."""
    chosen = copied(sample.both[:2] + sample.linked[3:5])
    rng = np.random.default_rng(1)
    for event in chosen:
        ids = PROCESS_BIT | (1 + rng.permutation(len(event["Particle"])))
        new = {}
        for row, i in zip(event["Particle"], ids.tolist(), strict=True):
            new[row["fUniqueID"] & LOW_24_BITS] = i
            row["fUniqueID"] = i
        for row in event["Electron"] + event["Muon"]:
            row["Particle"] = new.get(row["Particle"] & LOW_24_BITS, row["Particle"])
    expected = {**about(chosen), "referred": [referred(e) for e in chosen]}
    return Fixture("process_bits", [chosen], expected, check=checks.process_bits)


def two_cycles(sample: Sample) -> Fixture:
    """Leave an older state of the tree in the file."""
    chosen = sample.leptonic[5:10]
    expected = {**about(chosen), "n_events_of_cycle": {"1": 3, "2": 5}}
    return Fixture("two_cycles", [chosen[:3], chosen[3:]], expected, check=checks.two_cycles)


def two_working_points(sample: Sample) -> Fixture:
    """Set bit 0 of the tags for loose and bit 1 for tight, drawn apart as Delphes does."""
    chosen = copied(sample.events[10:15])
    for i, jet in enumerate(jet for event in chosen for jet in event["Jet"]):
        jet["BTag"] = (1, 3, 3)[i % 3] if jet["BTag"] else (0, 0, 0, 2, 0, 0, 1)[i % 7]
        jet["TauTag"] = (0, 0, 1, 0, 0, 3, 0, 0, 2, 0, 0)[i % 11]
    expected = about(chosen)
    for leaf in ("BTag", "TauTag"):
        expected[leaf] = [[jet[leaf] for jet in event["Jet"]] for event in chosen]
    return Fixture("two_working_points", [chosen], expected, check=checks.two_working_points)


def dangling_refs(sample: Sample) -> Fixture:
    """Let all references resolve; none; one of two; none, null beside a particle of id 0."""
    single = [e for e in sample.linked if len(e["Electron"]) + len(e["Muon"]) == 1]
    whole = next(e for e in sample.both if min(links(e)) >= 0)
    chosen = copied([single[0], single[1], whole, single[2]])
    (chosen[1]["Electron"] + chosen[1]["Muon"])[0]["Particle"] = 900_001
    chosen[2]["Electron"][0]["Particle"] = 900_002
    (chosen[3]["Electron"] + chosen[3]["Muon"])[0]["Particle"] = 0
    chosen[3]["Particle"][0]["fUniqueID"] = 0
    expected = {
        **about(chosen),
        "referred": [referred(e) for e in chosen],
        "n_dangling": [0, 1, 1, 1],
    }
    return Fixture("dangling_refs", [chosen], expected, check=checks.dangling_refs)


def nan_kinematics(sample: Sample) -> Fixture:
    """Put not-a-number in one event, infinity in another."""
    _, leptonic, linked, both = sample
    chosen = copied([*leptonic[10:12], linked[6], leptonic[12], both[2]])
    faults = [
        (2, "Jet", "PT", 1, math.nan),
        (4, "Electron", "Eta", 0, math.inf),
        (4, "Muon", "Eta", 0, math.inf),
    ]
    for entry, name, leaf, index, value in faults:
        chosen[entry][name][index][leaf] = value
    expected = about(chosen)
    expected["not_finite"] = [
        {"entry": entry, "leaf": f"{name}.{leaf}", "index": index, "value": str(value)}
        for entry, name, leaf, index, value in faults
    ]
    return Fixture("nan_kinematics", [chosen], expected, check=checks.nan_kinematics)


def no_jets(sample: Sample) -> Fixture:
    """Leave out the branches of the jets."""
    chosen = sample.linked[7:10]
    branches = [name for name in SIMULATED if name != "Jet"]
    expected = {**about(chosen, ("Particle", "Electron", "Muon")), "branches": branches}
    return Fixture("no_jets", [chosen], expected, branches)


def about(
    events: Sequence[Event], counted: Sequence[str] = ("Particle", "Jet", "Electron", "Muon")
) -> Object:
    """Return what is expected of every file of t tbar events."""
    return {
        "n_events": len(events),
        "event_numbers": [e["Event"][0]["Number"] for e in events],
        "n_tops": [2] * len(events),
        "counts": {name: [len(e[name]) for e in events] for name in counted},
    }


def links(event: Event) -> list[int]:
    """Return what the leptons of an event refer to."""
    return [i for indices in referred(event).values() for i in indices]


def copied(events: Sequence[Event]) -> list[Event]:
    """Return copies whose values can be changed."""
    return [{name: [dict(row) for row in e[name]] for name in e} for e in events]


def read_events(path: Path, n: int) -> list[Event]:
    """Read the plain leaves and the lepton references of the first ``n`` events."""
    tree = uproot.open(path)["Delphes"]
    events: list[Event] = [{} for _ in range(min(n, tree.num_entries))]
    for name in SIMULATED:
        columns = {}
        for branch in tree[name].branches:
            leaf = branch.name.split(".", 1)[1]
            plain = branch.typename.endswith("_t[]") or branch.typename in ("float[]", "double[]")
            if leaf != "fBits" and (plain or branch.typename == "TRef[]"):
                columns[leaf] = branch.array(library="ak", entry_stop=n).tolist()
        for event, *values in zip(events, *columns.values(), strict=True):
            event[name] = [
                dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)
            ]
    for event in events:
        for row in event["Electron"] + event["Muon"]:
            row["Particle"] = row["Particle"]["ref"] & LOW_24_BITS
    return events
