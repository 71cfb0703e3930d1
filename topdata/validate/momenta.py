"""Rules that hold for every list of momenta, and for the missing momentum.

Limits are wide enough for every generator and detector that was looked at, and narrow enough for a
wrong unit: MeV are off by a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from topdata.kinematics import Array
from topdata.validate.dataset import Batch, Dataset, Rows
from topdata.validate.rules import Fault, Wrong, event_rule, total_rule
from topdata.validate.tally import Tally
from topdata.validate.values import LISTS

_PI = np.float32(np.pi)
_MOMENTUM = 1e5  # GeV: more than any collider has
_ETA = 8.0  # of a detector; 6 in those for future colliders
_MASS2 = -1e-6  # of energy squared: rounding of float32 makes small masses imaginary
_UNSEEN = 500.0  # GeV of missing momentum that no stored object balances; 90 in 100,000 events
_ENOUGH = 20  # events whose missing momentum cannot all be the same
_ORDERED = ("jets", "leptons", "photons", "tops", "ws")
_RECONSTRUCTED = ("jets", "leptons", "photons")
_MASSIVE = tuple(name for name in LISTS if name != "photons")


def _lists(batch: Batch, names: tuple[str, ...]) -> Iterator[Rows]:
    for name in names:
        if len(rows := batch.rows(name)):
            yield rows


def momentum(rows: Rows) -> Array:
    """Return |p| of every row, float64, GeV; 0 for pT = 0, where pseudorapidity says nothing."""
    eta = np.minimum(np.abs(rows["eta"].astype(np.float64)), 700.0)
    return np.where(rows["pt"] > 0, rows["pt"] * np.cosh(eta), 0.0)


@event_rule("momentum.pt")
def pt(batch: Batch) -> Iterator[Wrong]:
    """No transverse momentum is negative."""
    for rows in _lists(batch, LISTS):
        yield rows.wrong(rows["pt"] < 0, "pt {}", rows["pt"])


@event_rule("momentum.phi")
def phi(batch: Batch) -> Iterator[Wrong]:
    """Azimuths are in (-pi, pi]."""
    for rows in _lists(batch, LISTS):
        bad = (rows["phi"] > _PI) | (rows["phi"] <= -_PI)
        yield rows.wrong(bad, "phi {}", rows["phi"])


@event_rule("momentum.size")
def size(batch: Batch) -> Iterator[Wrong]:
    """No momentum exceeds 100 TeV."""
    for rows in _lists(batch, LISTS):
        p = momentum(rows)
        yield rows.wrong(
            p > _MOMENTUM, "|p| {:.6g} GeV (pt {}, eta {})", p, rows["pt"], rows["eta"]
        )


@event_rule("momentum.eta")
def eta(batch: Batch) -> Iterator[Wrong]:
    """Pseudorapidities of reconstructed objects are within 8."""
    if batch.dataset.manifest.level != "reconstructed":
        return
    for rows in _lists(batch, _RECONSTRUCTED):
        yield rows.wrong(np.abs(rows["eta"]) > _ETA, "eta {}", rows["eta"])


@event_rule("momentum.mass")
def mass(batch: Batch) -> Iterator[Wrong]:
    """No mass is negative, but for the rounding of E^2 - p^2."""
    for rows in _lists(batch, _MASSIVE):
        m = rows["mass"].astype(np.float64)
        bad = (m < 0) & (-(m**2) < _MASS2 * (momentum(rows) ** 2 + m**2))
        yield rows.wrong(bad, "mass {}", rows["mass"])


@event_rule("momentum.order")
def order(batch: Batch) -> Iterator[Wrong]:
    """Jets, leptons, photons, tops and Ws are ordered by falling pT."""
    for rows in _lists(batch, _ORDERED):
        before = np.roll(rows["pt"], 1)
        bad = (rows.row > 0) & (rows["pt"] > before)
        yield rows.wrong(bad, "pt {} after {}", rows["pt"], before)


@event_rule("met.range")
def met_range(batch: Batch) -> Iterator[Wrong]:
    """The missing momentum has pt >= 0 and phi in (-pi, pi]."""
    pt, phi = batch.met("pt"), batch.met("phi")
    yield batch.wrong((pt < 0) | (phi > _PI) | (phi <= -_PI), "met pt {}, phi {}", pt, phi)


@event_rule("met.size")
def met_size(batch: Batch) -> Iterator[Wrong]:
    """Missing momentum is at most 500 GeV more than the scalar sum of what is visible.

    Asked of reconstructed events whose objects are all kept: cuts take away what balances.
    """
    if batch.dataset.manifest.level != "reconstructed" or batch.dataset.cuts_objects:
        return
    visible = np.zeros(len(batch))
    for rows in _lists(batch, _RECONSTRUCTED):
        visible += np.bincount(rows.event, weights=rows["pt"], minlength=len(batch))
    has_jets = ~np.isin(batch.source, batch.dataset.sources_noting("no jets collection"))
    pt = batch.met("pt")
    yield batch.wrong(
        has_jets & (pt > visible + _UNSEEN), "met {} GeV beside {:.6g} GeV of objects", pt, visible
    )


@total_rule("met.constant")
def met_constant(dataset: Dataset, tally: Tally) -> Iterator[Fault]:
    """The missing momentum of a source varies, unless the file has none."""
    if dataset.manifest.level != "reconstructed":
        return
    absent = dataset.sources_noting("no missing transverse momentum")
    for index, source in enumerate(dataset.manifest.sources):
        low, high = tally.met[index]
        if tally.rows[index] >= _ENOUGH and low == high and index not in absent:
            yield Fault(f"source {index} ({source.file}): met is {low:g} in all "
                        f"{tally.rows[index]} events")  # fmt: skip
