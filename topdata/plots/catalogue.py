"""Every plot, declared once: what is filled, into which bins, and what the axis says.

Bins are part of the declaration and never depend on the data, so that the histograms of any two
datasets can be compared; what falls outside is kept in under- and overflow and written on the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from topdata.errors import RecipeError, nearest
from topdata.kinematics import Array
from topdata.plots import matched
from topdata.plots.entries import (
    Make,
    decays,
    each,
    met,
    n_tops,
    nth,
    pair_mass,
    quantity,
    relative_weight,
    transverse_mass,
    weight_sign,
)


@dataclass(frozen=True, slots=True)
class Axis:
    """Equal bins; ``discrete`` ones hold a single value each and may have names."""

    bins: int
    start: float
    stop: float
    discrete: bool = False
    names: tuple[str, ...] = ()

    @property
    def edges(self) -> Array:
        """The edges, [bins + 1]."""
        return np.linspace(self.start, self.stop, self.bins + 1)


@dataclass(frozen=True, slots=True)
class Plot:
    """One control plot. ``label`` is the axis title in matplotlib's mathtext, without the unit."""

    name: str
    group: str
    title: str
    label: str
    unit: str
    axis: Axis
    entries: Make
    of: str = "events"  # what is counted; an event fills at most once if these are events
    log: bool = True
    weighted: bool = True


def _counts(most: int) -> Axis:
    return Axis(most + 1, -0.5, most + 0.5, discrete=True)


def _named(*names: str) -> Axis:
    return Axis(len(names), -0.5, len(names) - 0.5, discrete=True, names=names)


_PHI = Axis(20, -np.pi, np.pi)
_ETA = Axis(25, -5, 5)
_LEPTON_ETA = Axis(20, -4, 4)
_ISOLATION = Axis(15, 0, 0.3)
_DECAY = _named("hadronic", "e", "μ", "τ", "unknown")
_PT, _ETA_, _PHI_ = r"$p_\mathrm{T}$", r"$\eta$", r"$\phi$"
_MISSING = r"$p_\mathrm{T}^\mathrm{miss}$"

JETS, LEPTONS, EVENT, TRUTH, MATCHING, WEIGHTS = (
    "Jets", "Leptons and photons", "Whole event", "Truth", "Matching", "Weights",
)  # fmt: skip

PLOTS: tuple[Plot, ...] = (
    Plot("n_jets", JETS, "Number of jets", "number of jets", "", _counts(16), quantity("n_jets")),
    Plot("n_btags", JETS, "Number of b-tagged jets", "number of b-tagged jets", "", _counts(8),
         quantity("n_btags")),
    Plot("n_tautags", JETS, "Number of tau-tagged jets", "number of τ-tagged jets", "", _counts(6),
         quantity("n_tautags")),
    Plot("jet1_pt", JETS, "Leading jet pT", f"leading jet {_PT}", "GeV", Axis(30, 0, 750),
         nth("jets", "pt", 0)),
    Plot("jet2_pt", JETS, "Second jet pT", f"second jet {_PT}", "GeV", Axis(30, 0, 600),
         nth("jets", "pt", 1)),
    Plot("jet3_pt", JETS, "Third jet pT", f"third jet {_PT}", "GeV", Axis(30, 0, 450),
         nth("jets", "pt", 2)),
    Plot("jet4_pt", JETS, "Fourth jet pT", f"fourth jet {_PT}", "GeV", Axis(30, 0, 300),
         nth("jets", "pt", 3)),
    Plot("jets_pt", JETS, "pT of all jets", f"jet {_PT}", "GeV", Axis(30, 0, 600),
         each("jets", "pt"), of="jets"),
    Plot("jet1_eta", JETS, "Leading jet η", f"leading jet {_ETA_}", "", _ETA,
         nth("jets", "eta", 0), log=False),
    Plot("jets_eta", JETS, "η of all jets", f"jet {_ETA_}", "", _ETA, each("jets", "eta"),
         of="jets", log=False),
    Plot("jet1_phi", JETS, "Leading jet φ", f"leading jet {_PHI_}", "rad", _PHI,
         nth("jets", "phi", 0), log=False),
    Plot("jets_phi", JETS, "φ of all jets", f"jet {_PHI_}", "rad", _PHI, each("jets", "phi"),
         of="jets", log=False),
    Plot("jet1_mass", JETS, "Leading jet mass", "leading jet mass", "GeV", Axis(30, 0, 120),
         nth("jets", "mass", 0)),
    Plot("jets_mass", JETS, "Mass of all jets", "jet mass", "GeV", Axis(30, 0, 120),
         each("jets", "mass"), of="jets"),
    Plot("n_leptons", LEPTONS, "Number of electrons and muons", "number of electrons and muons",
         "", _counts(6), quantity("n_leptons")),
    Plot("n_electrons", LEPTONS, "Number of electrons", "number of electrons", "", _counts(5),
         quantity("n_electrons")),
    Plot("n_muons", LEPTONS, "Number of muons", "number of muons", "", _counts(5),
         quantity("n_muons")),
    Plot("n_photons", LEPTONS, "Number of photons", "number of photons", "", _counts(5),
         quantity("n_photons")),
    Plot("lepton1_pt", LEPTONS, "Leading lepton pT", f"leading lepton {_PT}", "GeV",
         Axis(24, 0, 360), nth("leptons", "pt", 0)),
    Plot("lepton2_pt", LEPTONS, "Second lepton pT", f"second lepton {_PT}", "GeV",
         Axis(20, 0, 200), nth("leptons", "pt", 1)),
    Plot("lepton1_eta", LEPTONS, "Leading lepton η", f"leading lepton {_ETA_}", "", _LEPTON_ETA,
         nth("leptons", "eta", 0), log=False),
    Plot("lepton1_phi", LEPTONS, "Leading lepton φ", f"leading lepton {_PHI_}", "rad", _PHI,
         nth("leptons", "phi", 0), log=False),
    Plot("lepton1_isolation", LEPTONS, "Leading lepton isolation",
         "relative isolation of the leading lepton", "", _ISOLATION,
         nth("leptons", "isolation", 0)),
    Plot("dilepton_mass", LEPTONS, "Mass of the two leading leptons, if of one flavour and "
         "opposite charge", r"$m(\ell^+\ell^-)$", "GeV", Axis(20, 0, 200),
         pair_mass("leptons", same_flavour=True), log=False),
    Plot("transverse_mass", LEPTONS, "Transverse mass of the leading lepton and MET",
         rf"$m_\mathrm{{T}}(\ell,\,${_MISSING}$)$", "GeV", Axis(24, 0, 240), transverse_mass),
    Plot("photon1_pt", LEPTONS, "Leading photon pT", f"leading photon {_PT}", "GeV",
         Axis(20, 0, 300), nth("photons", "pt", 0)),
    Plot("photon1_eta", LEPTONS, "Leading photon η", f"leading photon {_ETA_}", "", _LEPTON_ETA,
         nth("photons", "eta", 0), log=False),
    Plot("met", EVENT, "Missing transverse momentum", _MISSING, "GeV", Axis(30, 0, 600),
         met("pt")),
    Plot("met_phi", EVENT, "φ of the missing transverse momentum", rf"{_PHI_}({_MISSING})", "rad",
         _PHI, met("phi"), log=False),
    Plot("ht", EVENT, "HT: scalar sum of jet pT", r"$H_\mathrm{T}$", "GeV", Axis(25, 0, 2000),
         quantity("ht")),
    Plot("st", EVENT, "ST: scalar sum of jet pT, lepton pT and MET", r"$S_\mathrm{T}$", "GeV",
         Axis(30, 0, 2400), quantity("st")),
    Plot("n_tops", TRUTH, "Number of tops", "number of tops", "", _counts(5), n_tops, log=False),
    Plot("top1_pt", TRUTH, "Leading top pT", f"leading top {_PT}", "GeV", Axis(30, 0, 750),
         nth("tops", "pt", 0)),
    Plot("tops_pt", TRUTH, "pT of all tops", f"top {_PT}", "GeV", Axis(30, 0, 750),
         each("tops", "pt"), of="tops"),
    Plot("tops_eta", TRUTH, "η of all tops", f"top {_ETA_}", "", Axis(30, -6, 6),
         each("tops", "eta"), of="tops", log=False),
    Plot("top1_mass", TRUTH, "Leading top mass", "leading top mass", "GeV",
         Axis(41, 152.5, 193.5), nth("tops", "mass", 0), log=False),
    Plot("top_pair_mass", TRUTH, "Mass of the two leading tops", r"$m(\mathrm{tt})$", "GeV",
         Axis(30, 300, 1500), pair_mass("tops")),
    Plot("tops_decay", TRUTH, "Decay of all tops", "decay of the top's W", "", _DECAY,
         decays("tops"), of="tops", log=False),
    Plot("w1_pt", TRUTH, "Leading W pT", f"leading W {_PT}", "GeV", Axis(30, 0, 600),
         nth("ws", "pt", 0)),
    Plot("ws_mass", TRUTH, "Mass of all Ws", "W mass", "GeV", Axis(60, 0, 120),
         each("ws", "mass"), of="Ws"),
    Plot("ws_decay", TRUTH, "Decay of all Ws", "decay of the W", "", _DECAY, decays("ws"),
         of="Ws", log=False),
    Plot("two_jet_mass", MATCHING, "Mass of the two jets matched to the quarks of a W",
         r"$m(\mathrm{jj})$, matched to a W", "GeV", Axis(40, 0, 200), matched.two_jet_mass,
         of="Ws", log=False),
    Plot("three_jet_mass", MATCHING, "Mass of the three jets matched to a hadronic top",
         r"$m(\mathrm{jjj})$, matched to a top", "GeV", Axis(28, 60, 340),
         matched.three_jet_mass, of="tops", log=False),
    Plot("matched_tops", MATCHING, "Hadronic tops with three matched jets",
         "hadronic tops with three matched jets", "", _counts(4), matched.matched_tops, log=False),
    Plot("matched_fraction", MATCHING, "Fraction of the quarks of tops and Ws that have a jet",
         "matched fraction of the quarks of tops and Ws", "", Axis(25, -0.02, 1.02, discrete=True),
         matched.matched_fraction, log=False),
    Plot("response", MATCHING, "pT of matched jets over pT of their partons",
         rf"{_PT}(jet) / {_PT}(parton)", "", Axis(40, 0, 2), matched.response, of="jets",
         log=False),
    Plot("gen_weight", WEIGHTS, "Generator weight over its mean, each event counted once",
         "generator weight / mean of the process", "", Axis(41, -10.25, 10.25), relative_weight,
         weighted=False),
    Plot("weight_sign", WEIGHTS, "Sign of the weight, each event counted once",
         "sign of the weight", "", _named("negative", "zero", "positive"), weight_sign,
         weighted=False),
)  # fmt: skip

GROUPS: tuple[str, ...] = tuple(dict.fromkeys(plot.group for plot in PLOTS))


def select(names: Sequence[str]) -> tuple[Plot, ...]:
    """Return the named plots, all by default. Raises :class:`RecipeError` for an unknown name."""
    known = [plot.name for plot in PLOTS]
    if unknown := next((name for name in names if name not in known), None):
        raise RecipeError(f"no plot {unknown!r}{nearest(unknown, known)}")
    return tuple(plot for plot in PLOTS if plot.name in (names or known))
