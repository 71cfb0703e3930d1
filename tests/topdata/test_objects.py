"""Object selection against a plain loop."""

import math
from dataclasses import replace

import numpy as np

from topdata.events import ReadOptions
from topdata.objects import select_objects
from topdata.readers.delphes import DelphesReader
from topdata.recipe import Objects

CUTS = {
    "jets": {"min_pt": 30, "max_eta": 2.4},
    "electrons": {"min_pt": 20, "max_eta": 2.1, "max_isolation": 0.08},
    "muons": {"min_pt": 12, "max_eta": 2.4, "max_isolation": 0.2},
    "photons": {"min_pt": 25},
    "overlap": 1.0,
}


def chunk_of(path):
    (chunk,) = DelphesReader(str(path), ReadOptions()).chunks(0, 300)
    return chunk


def listed(jagged, event):
    part = slice(jagged.offsets[event], jagged.offsets[event + 1])
    names = list(jagged.columns)
    return [
        dict(zip(names, row, strict=True))
        for row in zip(*(jagged[n][part] for n in names), strict=True)
    ]


def test_cuts_overlap_and_order(demo):
    before = chunk_of(demo / "tttt.root")
    after = select_objects(before, Objects.model_validate(CUTS))
    dropped = 0
    for event in range(len(before)):
        leptons = []
        for lepton in listed(before.leptons, event):
            cut = CUTS["electrons" if abs(lepton["pdg_id"]) == 11 else "muons"]
            if (
                lepton["pt"] >= cut["min_pt"]
                and abs(lepton["eta"]) <= cut["max_eta"]
                and lepton["isolation"] <= cut["max_isolation"]
            ):
                leptons.append(lepton)
        jets = []
        for jet in listed(before.jets, event):
            if jet["pt"] < 30 or abs(jet["eta"]) > 2.4:
                continue
            d_phi = [abs(math.remainder(jet["phi"] - lep["phi"], math.tau)) for lep in leptons]
            d_eta = [jet["eta"] - lep["eta"] for lep in leptons]
            if any(math.hypot(e, p) < CUTS["overlap"] for e, p in zip(d_eta, d_phi, strict=True)):
                dropped += 1
                continue
            jets.append(jet)
        assert listed(after.jets, event) == sorted(jets, key=lambda j: -j["pt"])
        assert listed(after.leptons, event) == sorted(leptons, key=lambda x: -x["pt"])
    assert dropped > 0  # the overlap was tested


def test_without_options_every_object_stays(demo):
    before = chunk_of(demo / "tttt.root")
    after = select_objects(before, Objects())
    for name in ("jets", "leptons", "photons"):
        assert np.array_equal(getattr(before, name).offsets, getattr(after, name).offsets)
        assert (
            np.diff(getattr(after, name)["pt"])[np.diff(getattr(after, name).event) == 0] <= 0
        ).all()


def test_unsorted_input_is_ordered(demo):
    chunk = chunk_of(demo / "tt.root")
    flipped = replace(chunk, jets=chunk.jets.take(np.lexsort((chunk.jets["pt"], chunk.jets.event))))
    ordered, reference = (select_objects(c, Objects()).jets for c in (flipped, chunk))
    assert np.array_equal(ordered["pt"], reference["pt"])
