"""The one table of small integer codes. Nobody else writes these numbers.

Object types number what a slot of the universal view holds; decay codes say how a W, or
the W of a top, decayed; truth codes mark what is absent. PDG codes follow the PDG
Monte Carlo numbering scheme.
"""

from __future__ import annotations

from enum import IntEnum


class ObjectType(IntEnum):
    """What a slot holds."""

    NONE = 0
    JET = 1
    B_JET = 2
    ELECTRON = 3
    POSITRON = 4
    MUON = 5
    ANTIMUON = 6
    PHOTON = 7
    MET = 8
    NEUTRINO = 9  # truth only
    W = 10  # truth only
    TOP = 11  # truth only


class Decay(IntEnum):
    """How a W decayed; a top carries the code of its W."""

    UNKNOWN = -1
    HADRONIC = 0
    ELECTRON = 11
    MUON = 13
    TAU = 15


class Match(IntEnum):
    """Values of an index that points nowhere."""

    NONE = -1
    TRUNCATED = -2  # matched to an object that the view has no slot for


NO_TRUTH = -1  # `n_tops` of an event without a generator record

ELECTRON_MASS = 0.000510999  # GeV, PDG
MUON_MASS = 0.105658  # GeV, PDG
