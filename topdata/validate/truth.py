"""Rules of the generator truth: tops, Ws, partons, how they hang together, and the matching.

What the sum of W and b says of the top is no rule: final-state radiation of the b is in one and
not in the other, and moves it by up to 80% of the energy in real samples.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from topdata.kinematics import Array, cartesian
from topdata.schema.codes import NO_TRUTH, Decay
from topdata.truth.history import is_new_physics
from topdata.validate.dataset import Batch, Rows
from topdata.validate.rules import Wrong, event_rule

_DECAYS = tuple(int(code) for code in Decay)
_CODES = (*range(1, 7), *range(11, 17), *range(21, 26))
_HEAVY_MASS = 1000.0  # GeV; truth has tops of 90 to 191 and Ws of 10 to 168
_LIGHT = {"lepton": 2.0, "quark": 100.0}  # GeV; off-shell gluons have some
_PAIR_MASS = (0.01, 1.0)  # relative and GeV: thinned records have rounded momenta
_PAIR_ENERGY = 0.01
_BALANCE = (1e-4, 0.01)  # relative to the sum of pT, and GeV


@event_rule("truth.count")
def count(batch: Batch) -> Iterator[Wrong]:
    """n_tops is the number of true tops, or -1 with empty truth where the source has no record."""
    n_tops, tops = batch.scalar("n_tops"), batch.rows("tops").counts
    none = n_tops == NO_TRUTH
    yield batch.wrong(~none & (n_tops != tops), "n_tops {}, {} in truth.tops", n_tops, tops)
    rows = np.sum([batch.rows(name).counts for name in ("tops", "ws", "partons")], axis=0)
    yield batch.wrong(none & (rows > 0), "n_tops -1 beside {} rows of truth", rows)
    record = np.array([source.truth for source in batch.dataset.manifest.sources] or [False])
    known = batch.source >= 0
    bad = known & (none == record[batch.source])
    yield batch.wrong(bad, "n_tops {} of source {}", n_tops, batch.source)


@event_rule("truth.codes")
def codes(batch: Batch) -> Iterator[Wrong]:
    """Tops are 6 or -6, Ws 24 or -24, partons of the PDG's scheme, decays 0, 11, 13, 15 or -1."""
    for name, code in (("tops", 6), ("ws", 24)):
        rows = batch.rows(name)
        yield rows.wrong(np.abs(rows["pdg_id"]) != code, "pdg_id {}", rows["pdg_id"])
        yield rows.wrong(~np.isin(rows["decay"], _DECAYS), "decay {}", rows["decay"])
    for name in ("partons", "me"):
        rows = batch.rows(name)
        code_ = rows["pdg_id"]
        known = np.isin(np.abs(code_), _CODES) | is_new_physics(code_)
        yield rows.wrong(~known, "pdg_id {}", code_)


@event_rule("truth.mass")
def mass(batch: Batch) -> Iterator[Wrong]:
    """Tops and Ws have masses up to 1 TeV, leptons up to 2 GeV, quarks, gluons and photons 100."""
    for name in ("tops", "ws"):
        rows = batch.rows(name)
        bad = (rows["mass"] <= 0) | (rows["mass"] > _HEAVY_MASS)
        yield rows.wrong(bad, "mass {}", rows["mass"])
    partons = batch.rows("partons")
    code = np.abs(partons["pdg_id"])
    lepton, quark = (code >= 11) & (code <= 16), (code <= 5) | (code == 21) | (code == 22)
    for kind, mask in (("lepton", lepton), ("quark", quark)):
        bad = mask & (partons["mass"] > _LIGHT[kind])
        yield partons.wrong(bad, "mass {} of pdg_id {}", partons["mass"], partons["pdg_id"])


def _parent(child: Rows, member: str, parent: Rows) -> tuple[Array, Array]:
    """Return (flat index, whether there is one) of the row that ``member`` of a child names."""
    return parent.at(child.event, child[member].astype(np.int64))


def _count_of(index: Array, chosen: Array, n: int) -> Array:
    return np.bincount(index[chosen], minlength=n)


@event_rule("truth.links")
def links(batch: Batch) -> Iterator[Wrong]:
    """ws.top, partons.top and partons.w are rows of their lists or -1, and agree."""
    tops, ws, partons = (batch.rows(name) for name in ("tops", "ws", "partons"))
    for rows, member, parent in ((ws, "top", tops), (partons, "top", tops), (partons, "w", ws)):
        _, there = _parent(rows, member, parent)
        bad = ~there & (rows[member] != -1)
        text = f"{member} {{}} of {{}} {parent.name}"
        yield rows.wrong(bad, text, rows[member], parent.counts[rows.event])
    if len(ws):
        w, has_w = _parent(partons, "w", ws)
        bad = has_w & (partons["top"] != ws["top"][w])
        text = "top {}, but its W is of top {}"
        yield partons.wrong(bad, text, partons["top"], ws["top"][w])


@event_rule("truth.top-w")
def top_w(batch: Batch) -> Iterator[Wrong]:
    """A decayed top has one W, an undecayed one at most one; charges and decay codes agree."""
    tops, ws = batch.rows("tops"), batch.rows("ws")
    if not len(tops):
        return
    top, has_top = _parent(ws, "top", tops)
    found = _count_of(top, has_top, len(tops))
    bad = (found > 1) | ((found == 0) & (tops["decay"] != Decay.UNKNOWN))
    yield tops.wrong(bad, "{} Ws, decay {}", found, tops["decay"])
    other = has_top & (np.sign(ws["pdg_id"]) != np.sign(tops["pdg_id"][top]))
    yield ws.wrong(other, "pdg_id {} of top {}", ws["pdg_id"], tops["pdg_id"][top])
    decay = has_top & (ws["decay"] != tops["decay"][top])
    yield ws.wrong(decay, "decay {}, its top has {}", ws["decay"], tops["decay"][top])


@event_rule("truth.bottom")
def bottom(batch: Batch) -> Iterator[Wrong]:
    """A decayed top has one b, s or d of its own sign; others have at most one."""
    tops, partons = batch.rows("tops"), batch.rows("partons")
    if not len(tops):
        return
    top, has_top = _parent(partons, "top", tops)
    direct = has_top & (partons["w"] < 0)
    down = np.isin(np.abs(partons["pdg_id"]), (1, 3, 5))
    same = np.sign(partons["pdg_id"]) == np.sign(tops["pdg_id"][top])
    yield partons.wrong(
        direct & ~(down & same), "pdg_id {} of top {}", partons["pdg_id"], tops["pdg_id"][top]
    )
    found = _count_of(top, direct, len(tops))
    bad = (found > 1) | ((found == 0) & (tops["decay"] != Decay.UNKNOWN))
    yield tops.wrong(bad, "{} partons b, s or d, decay {}", found, tops["decay"])


@event_rule("truth.w-daughters")
def w_daughters(batch: Batch) -> Iterator[Wrong]:
    """A W with a decay code has the two daughters that it says: quarks, or lepton and neutrino.

    A tau may give an electron or muon, one more row of the same W.
    """
    ws, partons = batch.rows("ws"), batch.rows("partons")
    if not len(ws):
        return
    w, has_w = _parent(partons, "w", ws)
    code = np.abs(partons["pdg_id"])

    def daughters(*codes: int) -> Array:
        return _count_of(w, has_w & np.isin(code, codes), len(ws))

    total, quarks = _count_of(w, has_w, len(ws)), daughters(1, 2, 3, 4, 5, 6)
    for decay in _DECAYS:
        mine = ws["decay"] == decay
        if decay == Decay.UNKNOWN or not mine.any():
            continue
        if decay == Decay.HADRONIC:
            good = (quarks == 2) & (total == 2)
        else:
            good = (daughters(decay) == 1) & (daughters(decay + 1) == 1)
            more = daughters(11, 13) if decay == Decay.TAU else np.zeros(len(ws), np.int64)
            good &= (total == 2 + more) & (more <= 1)
        yield ws.wrong(mine & ~good, f"decay {decay}, {{}} daughters, {{}} quarks", total, quarks)


@event_rule("truth.charge")
def charge(batch: Batch) -> Iterator[Wrong]:
    """The two daughters of a decayed W have its charge."""
    ws, partons = batch.rows("ws"), batch.rows("partons")
    if not len(ws):
        return
    direct, w = _direct(ws, partons)
    total = np.bincount(w[direct], weights=_thirds(partons["pdg_id"][direct]), minlength=len(ws))
    bad = (ws["decay"] != Decay.UNKNOWN) & (total != 3 * np.sign(ws["pdg_id"]))
    yield ws.wrong(bad, "pdg_id {}, its daughters have charge {:.2f}", ws["pdg_id"], total / 3)


def _thirds(code: Array) -> Array:
    """Return the charge of quarks and leptons in thirds."""
    up = np.abs(code) % 2 == 0
    quark = np.abs(code) <= 6
    return np.sign(code) * np.where(quark, np.where(up, 2, -1), np.where(up, 0, -3))


def _direct(ws: Rows, partons: Rows) -> tuple[Array, Array]:
    """Return (bool [n_partons], flat W) of the daughters of Ws, without leptons from taus."""
    w, has_w = _parent(partons, "w", ws)
    code = np.abs(partons["pdg_id"])
    from_tau = (ws["decay"][w] == Decay.TAU) & ((code == 11) | (code == 13))
    return has_w & ~from_tau, w


@event_rule("truth.w-momentum")
def w_momentum(batch: Batch) -> Iterator[Wrong]:
    """Two daughters of a W have at most its mass (to 1% + 1 GeV) and its energy (to 1%).

    Less they may have: photons of the decay are no rows. Of taus, which are last copies, only the
    mass is asked.
    """
    ws, partons = batch.rows("ws"), batch.rows("partons")
    if not len(ws):
        return
    direct, w = _direct(ws, partons)
    parts = _p4(partons)
    pair = [np.bincount(w[direct], weights=p[direct], minlength=len(ws)) for p in parts]
    two = (_count_of(w, direct, len(ws)) == 2) & (ws["decay"] != Decay.UNKNOWN)
    mass2 = pair[3] ** 2 - pair[0] ** 2 - pair[1] ** 2 - pair[2] ** 2
    found, energy = np.sqrt(np.maximum(mass2, 0)), _p4(ws)[3]
    heavy = two & (found > ws["mass"] * (1 + _PAIR_MASS[0]) + _PAIR_MASS[1])
    yield ws.wrong(heavy, "mass {}, its daughters have {:.6g}", ws["mass"], found)
    fast = two & ~heavy & (ws["decay"] != Decay.TAU) & (pair[3] > energy * (1 + _PAIR_ENERGY))
    yield ws.wrong(fast, "energy {:.6g}, its daughters have {:.6g}", energy, pair[3])


def _p4(rows: Rows) -> tuple[Array, Array, Array, Array]:
    return cartesian(rows["pt"], np.clip(rows["eta"], -50, 50), rows["phi"], rows["mass"])


@event_rule("truth.origin")
def origin(batch: Batch) -> Iterator[Wrong]:
    """The origin of a parton is the PDG code of its W, of its top, or else of no top and no W."""
    tops, ws, partons = (batch.rows(name) for name in ("tops", "ws", "partons"))
    w, has_w = _parent(partons, "w", ws)
    top, has_top = _parent(partons, "top", tops)
    found = partons["origin"]
    known = (found == 0) | np.isin(np.abs(found), (6, 23, 24, 25)) | is_new_physics(found)
    expected = found.copy()
    if len(tops):
        expected = np.where(has_top, tops["pdg_id"][top], expected)
    if len(ws):
        expected = np.where(has_w, ws["pdg_id"][w], expected)
    bad = (found != expected) | ~known | (~has_w & ~has_top & np.isin(np.abs(found), (6, 24)))
    text = "origin {} with top {} and w {}"
    yield partons.wrong(bad, text, found, partons["top"], partons["w"])


@event_rule("truth.me")
def matrix_element(batch: Batch) -> Iterator[Wrong]:
    """Partons of a matrix element balance in transverse momentum, the two incoming ones first."""
    me = batch.rows("me")
    if not len(me):
        return
    side = np.where(me.row < 2, -1.0, 1.0)
    px, py, _, _ = _p4(me)
    n = len(batch)
    off = np.hypot(*(np.bincount(me.event, weights=side * p, minlength=n) for p in (px, py)))
    scale = np.bincount(me.event, weights=me["pt"], minlength=n)
    bad = off > _BALANCE[0] * scale + _BALANCE[1]
    yield batch.wrong(bad, "truth.me is off balance by {:.4g} GeV of {:.4g}", off, scale)
