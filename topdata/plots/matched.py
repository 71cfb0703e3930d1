"""Jets and the partons that they are matched to: masses, fractions, response.

Only quarks of tops and Ws count: a tau that is matched to a jet is left out of the masses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topdata.events import Jagged
from topdata.kinematics import Array, cartesian
from topdata.plots.columns import Columns
from topdata.plots.entries import Entries

_HEAVIEST_QUARK = 5


@dataclass(frozen=True, slots=True)
class _Matched:
    """Jets that are matched to quarks; ``top`` and ``w`` are rows of the batch, or -1."""

    momenta: tuple[Array, Array, Array, Array]  # px, py, pz, energy, GeV
    top: Array
    w: Array


def _quark(partons: Jagged) -> Array:
    return np.asarray(np.abs(partons["pdg_id"]) <= _HEAVIEST_QUARK)


def _matched(c: Columns) -> _Matched:
    jets, partons = c.objects("jets"), c.objects("partons")
    jet, parton = _pairs(jets, partons)
    quark = _quark(partons)[parton]
    jet, parton = jet[quark], parton[quark]
    event = jets.event[jet]
    rows = {}
    for name, of in (("top", "tops"), ("w", "ws")):
        row = partons[name][parton]
        rows[name] = np.where(row < 0, -1, c.objects(of).offsets[event] + row)
    momenta = cartesian(*(jets[member][jet] for member in ("pt", "eta", "phi", "mass")))
    return _Matched(momenta, rows["top"], rows["w"])


def _pairs(jets: Jagged, partons: Jagged) -> tuple[Array, Array]:
    """Return the matched jets and the parton of each, as rows of the batch."""
    jet = np.flatnonzero(jets["parton"] >= 0)
    return jet, partons.offsets[jets.event[jet]] + jets["parton"][jet]


def _masses(matched: _Matched, owner: Array, of: Jagged, complete: Array) -> Entries:
    """Return the mass of the jets of each complete ``owner`` (rows of ``of``), GeV."""
    n = int(of.offsets[-1])
    mine = owner >= 0
    px, py, pz, energy = (
        np.bincount(owner[mine], weights=component[mine], minlength=n)
        for component in matched.momenta
    )
    mass = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0))
    return Entries(mass[complete], of.event[complete])


def _complete(c: Columns, matched: _Matched) -> Array:
    """Tell which tops have a jet for their b and one for both quarks of their W."""
    n = int(c.objects("tops").offsets[-1])
    of_top = matched.top >= 0
    direct = np.bincount(matched.top[of_top & (matched.w < 0)], minlength=n)
    of_w = np.bincount(matched.top[of_top & (matched.w >= 0)], minlength=n)
    return np.asarray((direct == 1) & (of_w == 2))


def two_jet_mass(c: Columns) -> Entries:
    """Fill the mass of the two jets of each W whose two quarks are matched, GeV."""
    matched, ws = _matched(c), c.objects("ws")
    count = np.bincount(matched.w[matched.w >= 0], minlength=int(ws.offsets[-1]))
    return _masses(matched, matched.w, ws, count == 2)


def three_jet_mass(c: Columns) -> Entries:
    """Fill the mass of the three jets of each hadronic top whose quarks are matched, GeV."""
    matched = _matched(c)
    return _masses(matched, matched.top, c.objects("tops"), _complete(c, matched))


def matched_tops(c: Columns) -> Entries:
    """Fill the number of hadronic tops with three matched jets, of each event with a top."""
    tops = c.objects("tops")
    complete = np.concatenate([[0], np.cumsum(_complete(c, _matched(c)))])[tops.offsets]
    event = np.flatnonzero(tops.counts > 0)
    return Entries(np.diff(complete)[event].astype(np.float64), event)


def matched_fraction(c: Columns) -> Entries:
    """Fill the fraction of the quarks of tops and Ws that are matched, where there are any."""
    partons = c.objects("partons")
    wanted = _quark(partons) & ((partons["top"] >= 0) | (partons["w"] >= 0))
    found = np.zeros(len(wanted), np.bool_)
    found[_pairs(c.objects("jets"), partons)[1]] = True
    event = partons.event
    total = np.bincount(event[wanted], minlength=len(c))
    matched = np.bincount(event[wanted & found], minlength=len(c))
    some = np.flatnonzero(total)
    return Entries(matched[some] / total[some], some)


def response(c: Columns) -> Entries:
    """Fill pT of each matched jet over pT of its parton."""
    jets, partons = c.objects("jets"), c.objects("partons")
    jet, parton = _pairs(jets, partons)
    ratio = jets["pt"][jet].astype(np.float64) / np.maximum(partons["pt"][parton], 1e-3)
    return Entries(ratio, jets.event[jet])
