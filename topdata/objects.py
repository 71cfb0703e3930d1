"""Which reconstructed objects are kept: cuts, overlap removal, order. Pure, chunk to chunk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from topdata.events import Array, EventChunk, Jagged, expand
from topdata.kinematics import delta_r2
from topdata.recipe import Cuts, JetCuts, Objects


def select_objects(chunk: EventChunk, options: Objects) -> EventChunk:
    """Return the chunk with the kept objects, each list ordered by falling pT."""
    leptons = chunk.leptons
    electron = np.abs(leptons["pdg_id"]) == 11
    passes = np.where(
        electron, _passes(leptons, options.electrons), _passes(leptons, options.muons)
    )
    leptons = leptons.where(passes).ordered("pt")
    jets = chunk.jets.where(_passes(chunk.jets, options.jets))
    if options.overlap is not None:
        jets = jets.where(~_close_to(jets, leptons, options.overlap))
    photons = chunk.photons.where(_passes(chunk.photons, options.photons))
    return replace(chunk, jets=jets.ordered("pt"), leptons=leptons, photons=photons.ordered("pt"))


def _passes(objects: Jagged, cuts: Cuts | JetCuts) -> Array:
    """Tell which objects pass. One with a NaN passes too: its event is found out later."""
    fails = objects["pt"] < cuts.min_pt
    if cuts.max_eta is not None:
        fails |= np.abs(objects["eta"]) > cuts.max_eta
    if isinstance(cuts, Cuts) and cuts.max_isolation is not None:
        fails |= objects["isolation"] > cuts.max_isolation
    return np.asarray(~fails)


def _close_to(jets: Jagged, leptons: Jagged, radius: float) -> Array:
    """Tell which jets have a lepton of their event within delta R < radius."""
    event = jets.event
    jet, lepton = expand(leptons.offsets[event], leptons.counts[event])
    d2 = delta_r2(
        jets["eta"][jet], jets["phi"][jet], leptons["eta"][lepton], leptons["phi"][lepton]
    )
    close = np.zeros(len(event), np.bool_)
    close[jet[d2 < radius * radius]] = True
    return close
