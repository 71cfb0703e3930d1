"""Which jet is which parton, and which lepton is which true lepton.

Jets are matched to quarks, gluons and hadronic taus before final-state radiation. Three methods:

``assignment``  as many one-to-one pairs within the radius as possible, and of those choices the
                one with the smallest sum of (delta R)^2
``unique``      a pair is kept only if neither the jet nor the parton has another partner
``closest``     pairs in order of rising delta R, one-to-one
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment

from topdata.events import Array, GenRecord, Jagged, expand
from topdata.kinematics import delta_r2
from topdata.recipe import Matching
from topdata.truth.topology import Truth

LEPTON_RADIUS = 0.1
_MAX_COPIES = 64
_MAX_ROWS = 128  # an int8 numbers the partons of an event


def match(
    truth: Truth, jets: Jagged, leptons: Jagged, record: GenRecord | None, options: Matching
) -> tuple[Array, Array]:
    """Return the parton row (int8, -1 = none) of every jet and of every lepton, flat."""
    lepton_match = _match_leptons(truth.partons, leptons, record)
    if record is not None and "gen" in jets.columns:  # parton level: a jet is its parton
        return _row_of(record, truth.partons, truth.partons["target"])[jets["gen"]], lepton_match
    method = METHODS[options.method]
    targets = np.flatnonzero(truth.partons["target"])
    jet, parton, d2 = _near(jets, truth.partons, targets, options.radius)
    chosen = method(jet, parton, d2, truth.partons.event)
    matched = np.full(int(jets.offsets[-1]), -1, np.int8)
    matched[jet[chosen]] = truth.partons.row[parton[chosen]]
    return matched, lepton_match


def _row_of(record: GenRecord, partons: Jagged, wanted: Array) -> Array:
    """Return for each particle of the record its row among the wanted partons, or -1."""
    chosen = np.flatnonzero(wanted & (partons.row < _MAX_ROWS))
    row_of = np.full(len(record), -1, np.int8)
    row_of[partons["gen"][chosen]] = partons.row[chosen]
    return row_of


def _near(
    objects: Jagged, partons: Jagged, targets: Array, radius: float
) -> tuple[Array, Array, Array]:
    """Return (object, parton, (delta R)^2) of all pairs of one event within the radius."""
    targets = targets[partons.row[targets] < _MAX_ROWS]
    event = partons.event[targets]
    pair, item = expand(objects.offsets[event], objects.counts[event])
    target = targets[pair]
    d2 = delta_r2(
        objects["eta"][item], objects["phi"][item], partons["eta"][target], partons["phi"][target]
    )
    near = d2 < radius * radius
    return item[near], target[near], d2[near]


Method = Callable[[Array, Array, Array, Array], Array]
"""(object, parton, (delta R)^2, event of each parton) of near pairs -> the pairs chosen."""


def _alone(item: Array, target: Array) -> Array:
    """Tell which pairs have neither another partner for the object nor for the parton."""
    if not len(item):
        return np.zeros(0, np.bool_)
    return np.asarray((np.bincount(item)[item] == 1) & (np.bincount(target)[target] == 1))


def _star(centre: Array, leaf: Array) -> Array:
    """Tell which pairs belong to a centre with several leaves that have no other centre."""
    if not len(centre):
        return np.zeros(0, np.bool_)
    shared = np.bincount(leaf)[leaf] > 1
    return np.asarray(
        (np.bincount(centre)[centre] > 1) & (np.bincount(centre, weights=shared)[centre] == 0)
    )


def _closest_of_each(centre: Array, d2: Array, pairs: Array) -> Array:
    """Return, of ``pairs``, the one with the smallest distance for each centre."""
    pairs = pairs[np.lexsort((pairs, d2[pairs], centre[pairs]))]
    return np.asarray(pairs[np.diff(centre[pairs], prepend=-1) != 0])


def _unique(item: Array, target: Array, d2: Array, event: Array) -> Array:
    return np.flatnonzero(_alone(item, target))


def _closest(item: Array, target: Array, d2: Array, event: Array) -> Array:
    used_items: set[int] = set()
    used_targets: set[int] = set()
    chosen: list[int] = []
    for pair in np.lexsort((item, target, d2)).tolist():
        a, b = int(item[pair]), int(target[pair])
        if a not in used_items and b not in used_targets:
            used_items.add(a)
            used_targets.add(b)
            chosen.append(pair)
    return np.array(chosen, np.int64)


def _assignment(item: Array, target: Array, d2: Array, event: Array) -> Array:
    """Solve an assignment problem for the events where more than one is in doubt (few are).

    A pair without rivals is in every best choice, and so is the closest pair of a star: one
    jet near several partons that are near no other jet, or the other way round.
    """
    alone = _alone(item, target)
    of_item, of_target = _star(item, target), _star(target, item)
    rest = np.flatnonzero(~(alone | of_item | of_target))
    rest = rest[np.argsort(event[target[rest]], kind="stable")]
    bounds = np.flatnonzero(np.diff(event[target[rest]], prepend=-1, append=-1) != 0)
    chosen = [
        np.flatnonzero(alone),
        _closest_of_each(item, d2, np.flatnonzero(of_item)),
        _closest_of_each(target, d2, np.flatnonzero(of_target)),
    ]
    for start, stop in pairwise(bounds.tolist()):
        pairs = rest[start:stop]
        items, row = np.unique(item[pairs], return_inverse=True)
        targets, column = np.unique(target[pairs], return_inverse=True)
        # A pair out of reach costs more than all near ones together: it is never preferred.
        far = 1.0 + float(d2[pairs].sum())
        cost = np.full((len(items), len(targets)), far)
        cost[row, column] = d2[pairs]
        best = np.zeros(cost.shape, np.bool_)
        best[linear_sum_assignment(cost)] = True
        chosen.append(pairs[best[row, column]])
    return np.concatenate(chosen)


METHODS: dict[str, Method] = {
    "assignment": _assignment,
    "unique": _unique,
    "closest": _closest,
}


def _match_leptons(partons: Jagged, leptons: Jagged, record: GenRecord | None) -> Array:
    """Match by the simulation's own link; where it leads nowhere, by delta R < 0.1 and charge."""
    result = np.full(int(leptons.offsets[-1]), -1, np.int8)
    if record is None or not partons.offsets[-1]:
        return result
    is_lepton = np.isin(np.abs(partons["pdg_id"]), (11, 13))
    candidates = np.flatnonzero(is_lepton & (partons.row < _MAX_ROWS))
    row_of = _row_of(record, partons, is_lepton)
    linked = np.flatnonzero(leptons["gen"] >= 0)
    origin, has_mother = _first_copy(record, leptons["gen"][linked])
    result[linked] = row_of[origin]

    # A lepton without any mother says nothing of its origin (records linked by daughters).
    lost = (result[linked] < 0) & ~has_mother
    free = np.concatenate([np.flatnonzero(leptons["gen"] < 0), linked[lost]])
    free.sort()
    linked = linked[~lost]
    if len(free):
        key = partons.event * _MAX_ROWS + partons.row
        taken = leptons.event[linked] * _MAX_ROWS + result[linked]
        targets = candidates[~np.isin(key[candidates], taken)]
        item, target, d2 = _near(leptons.take(free), partons, targets, LEPTON_RADIUS)
        item = free[item]
        same = leptons["pdg_id"][item] == partons["pdg_id"][target]
        item, target, d2 = item[same], target[same], d2[same]
        chosen = _closest(item, target, d2, partons.event)
        result[item[chosen]] = partons.row[target[chosen]]
    return _without_repeats(result, leptons)


def _first_copy(record: GenRecord, particle: Array) -> tuple[Array, Array]:
    """Climb to the first ancestor of the same PDG code: what the decay itself gave.

    Returns (ancestor, whether that has a mother).
    """
    pid, m1 = record.column("pid"), record.column("m1")
    has_mother = np.zeros(len(particle), np.bool_)
    for _ in range(_MAX_COPIES):
        mother = m1[particle]
        has_mother = (mother >= 0) & record.same_event(particle, mother)
        mother = np.where(has_mother, mother, particle)
        climbs = has_mother & (pid[mother] == pid[particle])
        if not climbs.any():
            break
        particle = np.where(climbs, mother, particle)
    return particle, has_mother


def _without_repeats(rows: Array, leptons: Jagged) -> Array:
    """Let each true lepton have one reconstructed one: the hardest."""
    order = np.lexsort((-leptons["pt"], rows, leptons.event))
    event, row = leptons.event[order], rows[order]
    repeat = np.zeros(len(rows), np.bool_)
    repeat[1:] = (event[1:] == event[:-1]) & (row[1:] == row[:-1]) & (row[1:] >= 0)
    result = rows.copy()
    result[order[repeat]] = -1
    return result
