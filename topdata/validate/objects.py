"""Rules of reconstructed objects: identities, tags, isolation, and the cuts of the recipe."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from topdata import expressions, quantities
from topdata.errors import RecipeError
from topdata.events import expand
from topdata.kinematics import Array, delta_r2
from topdata.recipe import Cuts, JetCuts
from topdata.schema.codes import ELECTRON_MASS, MUON_MASS
from topdata.validate.dataset import Batch, Rows
from topdata.validate.momenta import momentum
from topdata.validate.rules import Wrong, event_rule

_FLAVORS = (0, 1, 2, 3, 4, 5, 6, 21, 22)
_CHARGE = 100  # a jet with more is an overflow of the int8, or memory as it was
_JET_MASS = 5.0  # times pT; 2.6 was seen in an LHCO file
_JET_MASS_ENERGY = 0.1  # times |p|: masses made from rounded energies
_ISOLATION = 100.0  # relative; simulations keep leptons below about 1
_LEPTON_MASS = 0.05  # relative
_ROUNDING = 1e-6  # relative, of an angle


@event_rule("jets.tags")
def tags(batch: Batch) -> Iterator[Wrong]:
    """b-tags and tau-tags are masks of seven bits; at parton level they are the true flavour."""
    jets = batch.rows("jets")
    for name in ("btag", "tautag"):
        yield jets.wrong(jets[name] < 0, f"{name} {{}}", jets[name])
    if batch.dataset.manifest.level == "parton":
        bad = (jets["btag"] != (jets["flavor"] == 5)) | (jets["tautag"] != 0)
        text = "btag {}, tautag {} of a parton of flavor {}"
        yield jets.wrong(bad, text, jets["btag"], jets["tautag"], jets["flavor"])


@event_rule("jets.flavor")
def flavor(batch: Batch) -> Iterator[Wrong]:
    """Jet flavours are 0 to 6, 21 or 22."""
    jets = batch.rows("jets")
    yield jets.wrong(~np.isin(jets["flavor"], _FLAVORS), "flavor {}", jets["flavor"])


@event_rule("jets.charge")
def jet_charge(batch: Batch) -> Iterator[Wrong]:
    """Jet charges are below 100."""
    jets = batch.rows("jets")
    yield jets.wrong(np.abs(jets["charge"].astype(int)) >= _CHARGE, "charge {}", jets["charge"])


@event_rule("jets.mass")
def jet_mass(batch: Batch) -> Iterator[Wrong]:
    """The mass of a reconstructed jet is below 5 pT + 0.1 |p|: it is no energy, and in GeV."""
    jets = batch.rows("jets")
    if batch.dataset.manifest.level == "reconstructed":
        bad = jets["mass"] > _JET_MASS * jets["pt"] + _JET_MASS_ENERGY * momentum(jets)
        yield jets.wrong(bad, "mass {} of pt {}", jets["mass"], jets["pt"])


@event_rule("leptons.identity")
def identity(batch: Batch) -> Iterator[Wrong]:
    """Leptons are e- 11, e+ -11, mu- 13, mu+ -13, and their charge has the sign that this says."""
    leptons = batch.rows("leptons")
    code, charge = leptons["pdg_id"], leptons["charge"]
    bad = ~np.isin(np.abs(code), (11, 13)) | (charge != -np.sign(code))
    yield leptons.wrong(bad, "pdg_id {} with charge {}", code, charge)


@event_rule("leptons.mass")
def lepton_mass(batch: Batch) -> Iterator[Wrong]:
    """The mass of a lepton is that of an electron or muon to 5%, or zero."""
    leptons = batch.rows("leptons")
    expected = np.where(np.abs(leptons["pdg_id"]) == 11, ELECTRON_MASS, MUON_MASS)
    off = np.minimum(np.abs(leptons["mass"]), np.abs(leptons["mass"] - expected))
    yield leptons.wrong(
        off > _LEPTON_MASS * expected, "mass {} of pdg_id {}", leptons["mass"], leptons["pdg_id"]
    )


@event_rule("isolation.range")
def isolation(batch: Batch) -> Iterator[Wrong]:
    """Relative isolations of leptons and photons are between 0 and 100."""
    for name in ("leptons", "photons"):
        value = batch.rows(name)["isolation"]
        bad = (value < 0) | (value > _ISOLATION)
        yield batch.rows(name).wrong(bad, "isolation {}", value)


@event_rule("selection.objects")
def object_cuts(batch: Batch) -> Iterator[Wrong]:
    """Every object passes the cuts of the recipe on pT, eta and isolation."""
    cuts, leptons = batch.dataset.objects, batch.rows("leptons")
    electron = np.abs(leptons["pdg_id"]) == 11
    yield from _fails(batch.rows("jets"), cuts.jets)
    yield from _fails(leptons, cuts.electrons, electron)
    yield from _fails(leptons, cuts.muons, ~electron)
    yield from _fails(batch.rows("photons"), cuts.photons)


def _fails(rows: Rows, cuts: Cuts | JetCuts, among: Array | None = None) -> Iterator[Wrong]:
    mask = np.ones(len(rows), np.bool_) if among is None else among
    pt, eta = rows["pt"], rows["eta"]
    yield rows.wrong(mask & (pt < cuts.min_pt), f"pt {{}}, kept from {cuts.min_pt}", pt)
    if cuts.max_eta is not None:
        text = f"eta {{}}, kept to {cuts.max_eta}"
        yield rows.wrong(mask & (np.abs(eta) > cuts.max_eta), text, eta)
    if isinstance(cuts, Cuts) and cuts.max_isolation is not None:
        value = rows["isolation"]
        text = f"isolation {{}}, kept to {cuts.max_isolation}"
        yield rows.wrong(mask & (value > cuts.max_isolation), text, value)


@event_rule("selection.overlap")
def overlap(batch: Batch) -> Iterator[Wrong]:
    """No jet is nearer to a lepton than the recipe's overlap."""
    radius = batch.dataset.objects.overlap
    if radius is None:
        return
    jets, leptons = batch.rows("jets"), batch.rows("leptons")
    jet, lepton = expand(leptons.offsets[jets.event], leptons.counts[jets.event])
    d2 = delta_r2(
        jets["eta"][jet], jets["phi"][jet], leptons["eta"][lepton], leptons["phi"][lepton]
    )
    nearest = np.full(len(jets), np.inf)
    np.minimum.at(nearest, jet, np.sqrt(d2))
    bad = nearest < radius * (1 - _ROUNDING)
    yield jets.wrong(bad, f"delta R {{:.4f}} from a lepton, kept from {radius}", nearest)


@event_rule("selection.cuts")
def selection(batch: Batch) -> Iterator[Wrong]:
    """Every event passes the cuts of its process's cut flow."""
    process = batch.dataset.process(batch.shard.process)
    for line in process.cut_flow[1:] if process is not None else ():
        try:
            cut = expressions.parse(line.cut, quantities.NAMES, quantities.CONDITIONS)
        except RecipeError:  # said of the manifest
            continue
        bit = batch.dataset.manifest.btag_bit
        values = quantities.evaluate(batch.table, cut.names, btag_bit=bit)
        fails = ~np.broadcast_to(cut.mask(values), len(batch))
        names = sorted(cut.names)
        text = f"not {line.cut}: " + ", ".join(f"{name} {{}}" for name in names)
        yield batch.wrong(fails, text, *(np.asarray(values[name]) for name in names))
