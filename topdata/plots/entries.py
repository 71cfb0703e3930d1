"""From the columns of a batch to what is filled: values, and the event that each is from.

Every function here returns such a function, so that the catalogue reads as a table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from topdata.kinematics import Array, cartesian, wrap
from topdata.plots.columns import Columns
from topdata.schema.codes import NO_TRUTH, Decay


@dataclass(frozen=True, slots=True)
class Entries:
    """Values and the position of the event of each, ascending: float64 [k], int64 [k]."""

    values: Array
    event: Array


Make = Callable[[Columns], Entries]

DECAYS = (Decay.HADRONIC, Decay.ELECTRON, Decay.MUON, Decay.TAU, Decay.UNKNOWN)


def of_events(values: Array, mask: Array | None = None) -> Entries:
    """Return one value of each event, or of those where ``mask`` is true."""
    event = np.arange(len(values)) if mask is None else np.flatnonzero(mask)
    return Entries(np.asarray(values[event], np.float64), event)


def quantity(name: str) -> Make:
    """Fill a named quantity of each event."""
    return lambda c: of_events(c.quantity(name))


def met(member: str) -> Make:
    """Fill a member of the missing transverse momentum of each event."""
    return lambda c: of_events(c.met(member))


def nth(name: str, member: str, n: int) -> Make:
    """Fill a member of the n-th object of each event that has one."""

    def make(c: Columns) -> Entries:
        objects = c.objects(name)
        event = np.flatnonzero(objects.counts > n)
        values = objects[member][objects.offsets[event] + n]
        return Entries(values.astype(np.float64), event)

    return make


def each(name: str, member: str) -> Make:
    """Fill a member of every object."""

    def make(c: Columns) -> Entries:
        objects = c.objects(name)
        return Entries(objects[member].astype(np.float64), objects.event)

    return make


def decays(name: str) -> Make:
    """Fill the position of every decay code in :data:`DECAYS`."""

    def make(c: Columns) -> Entries:
        objects = c.objects(name)
        codes = np.array(DECAYS)
        order = np.argsort(codes)
        place = order[np.searchsorted(codes, objects["decay"], sorter=order)]
        return Entries(place.astype(np.float64), objects.event)

    return make


def n_tops(c: Columns) -> Entries:
    """Fill the number of true tops of each event with truth."""
    count = c.quantity("n_tops")
    return of_events(count, count != NO_TRUTH)


def pair_mass(name: str, *, same_flavour: bool = False) -> Make:
    """Fill the mass of the two leading objects, GeV; if wanted only of l+ l- of one flavour."""

    def make(c: Columns) -> Entries:
        objects = c.objects(name)
        event = np.flatnonzero(objects.counts > 1)
        rows = objects.offsets[event] + np.arange(2)[:, None]
        if same_flavour:
            first, second = objects["pdg_id"][rows]
            rows, event = rows[:, first == -second], event[first == -second]
        momenta = (objects[member][rows] for member in ("pt", "eta", "phi", "mass"))
        px, py, pz, energy = (component.sum(axis=0) for component in cartesian(*momenta))
        return Entries(np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0)), event)

    return make


def transverse_mass(c: Columns) -> Entries:
    """Fill the transverse mass of the leading lepton and MET, GeV, where there is a lepton."""
    pt, phi = nth("leptons", "pt", 0)(c), nth("leptons", "phi", 0)(c)
    met_pt, met_phi = (c.met(member)[pt.event].astype(np.float64) for member in ("pt", "phi"))
    mass2 = 2 * pt.values * met_pt * (1 - np.cos(wrap(phi.values - met_phi)))
    return Entries(np.sqrt(np.maximum(mass2, 0)), pt.event)


def relative_weight(c: Columns) -> Entries:
    """Fill the generator weight of each event over the mean of its process."""
    return of_events(c.relative_weight)


def weight_sign(c: Columns) -> Entries:
    """Fill 0, 1 or 2 for a negative weight, none, a positive one."""
    return of_events(np.sign(c.weight) + 1)
