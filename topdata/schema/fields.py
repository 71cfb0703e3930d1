"""The event record, declared once.

The Arrow schema, the ``datasets.Features``, the tables in cards and documentation and the
fingerprint are all generated from :data:`EVENT`. Energies, momenta and masses are in GeV,
angles in radians with phi in (-pi, pi], weights in pb.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One column, or one member of a nested column."""

    name: str
    dtype: str  # int8 .. float64, class_label, or struct
    doc: str
    unit: str = ""
    many: bool = False  # a variable-length list of it
    fields: tuple[Field, ...] = ()  # the members of a struct
    # of a field that came after version 1.0: its value in older datasets; lists are then empty
    default: float | None = None

    def __getitem__(self, name: str) -> Field:
        """Return the member ``name``."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members, in order."""
        return tuple(field.name for field in self.fields)


def _momentum(what: str, *, mass: bool = True) -> tuple[Field, ...]:
    members = (
        Field("pt", "float32", f"transverse momentum {what}", "GeV"),
        Field("eta", "float32", "pseudorapidity"),
        Field("phi", "float32", "azimuth", "rad"),
        Field("mass", "float32", "invariant mass", "GeV"),
    )
    return members if mass else members[:3]


MET = Field(
    "met",
    "struct",
    "missing transverse momentum",
    fields=(
        Field("pt", "float32", "magnitude", "GeV"),
        Field("phi", "float32", "azimuth", "rad"),
    ),
)

JETS = Field(
    "jets",
    "struct",
    "jets, pT-ordered",
    many=True,
    fields=(
        *_momentum("of the jet"),
        Field("btag", "int8", "b-tag, one bit per working point of the detector card"),
        Field("tautag", "int8", "tau-tag, one bit per working point"),
        Field("flavor", "int8", "heaviest parton flavour near the jet (truth: no model input)"),
        Field("charge", "int8", "charge as the simulation gives it"),
        Field("parton", "int8", "row of the matched parton in truth.partons, or -1"),
    ),
)

LEPTONS = Field(
    "leptons",
    "struct",
    "electrons and muons, pT-ordered",
    many=True,
    fields=(
        *_momentum("of the lepton"),
        Field("charge", "int8", "electric charge", "e"),
        Field("pdg_id", "int32", "PDG code: 11 e-, -11 e+, 13 mu-, -13 mu+"),
        Field("isolation", "float32", "relative isolation of the detector card"),
        Field("parton", "int8", "row of the true lepton in truth.partons, or -1"),
    ),
)

PHOTONS = Field(
    "photons",
    "struct",
    "photons, pT-ordered",
    many=True,
    fields=(
        *_momentum("of the photon", mass=False),
        Field("isolation", "float32", "relative isolation of the detector card"),
    ),
)

TOPS = Field(
    "tops",
    "struct",
    "last copy of each top quark before its decay, pT-ordered",
    many=True,
    fields=(
        *_momentum("of the top"),
        Field("pdg_id", "int32", "6 or -6"),
        Field("decay", "int8", "0 hadronic, 11/13/15 leptonic, -1 not decayed or unknown"),
    ),
)

WS = Field(
    "ws",
    "struct",
    "last copy of each W boson before its decay, pT-ordered",
    many=True,
    fields=(
        *_momentum("of the W"),
        Field("pdg_id", "int32", "24 or -24"),
        Field("decay", "int8", "0 hadronic, 11/13/15 leptonic, -1 not decayed or unknown"),
        Field("top", "int8", "row of its top in truth.tops, or -1 for an associated W"),
    ),
)

PARTONS = Field(
    "partons",
    "struct",
    "decay products of tops, Ws and other resonances, and other hard partons, before "
    "final-state radiation (taus: last copy)",
    many=True,
    fields=(
        *_momentum("of the parton"),
        Field("pdg_id", "int32", "PDG code"),
        Field("origin", "int32", "PDG code of the resonance it comes from, 0 for the hard process"),
        Field("top", "int8", "row of its top in truth.tops, or -1"),
        Field("w", "int8", "row of its W in truth.ws, or -1"),
    ),
)

ME = Field(
    "me",
    "struct",
    "partons of the matrix element, from a paired LHE file: incoming and outgoing, as written",
    many=True,
    fields=(
        *_momentum("of the parton"),
        Field("pdg_id", "int32", "PDG code"),
    ),
)

TRUTH = Field(
    "truth",
    "struct",
    "generator truth; the lists are empty where the file has no generator record",
    fields=(TOPS, WS, PARTONS, ME),
)

EVENT: tuple[Field, ...] = (
    Field("event", "int64", "entry number in its source"),
    Field("source", "int32", "row of the manifest's source table"),
    Field("process", "class_label", "process name of the recipe"),
    Field("n_tops", "int8", "last-copy top quarks in the record; -1 where there is no truth"),
    Field("weight", "float64", "gen_weight x cross_section / sum(gen_weight) of the process", "pb"),
    Field("gen_weight", "float64", "weight as the generator wrote it, signed"),
    Field(
        "weights",
        "float32",
        "generator weight variations, named in the manifest; NaN where an event lacks one",
        many=True,
    ),
    Field("lhe_event", "int64", "event of the paired LHE file, or -1"),
    MET,
    JETS,
    LEPTONS,
    PHOTONS,
    TRUTH,
)


def walk(fields: tuple[Field, ...] = EVENT, prefix: str = "") -> Iterator[tuple[str, Field]]:
    """Yield (dotted path, field) for every field, parents before their members."""
    for field in fields:
        path = f"{prefix}{field.name}"
        yield path, field
        yield from walk(field.fields, f"{path}.")
