"""Rules of the matching: which object is which parton."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from topdata.kinematics import Array, delta_r2
from topdata.validate.dataset import Batch, Rows
from topdata.validate.rules import Wrong, event_rule

_ROUNDING = 1e-6  # relative, of an angle


@event_rule("match.range")
def in_range(batch: Batch) -> Iterator[Wrong]:
    """The partons that jets and leptons point to are rows of truth.partons, or -1."""
    partons = batch.rows("partons")
    for name in ("jets", "leptons"):
        rows = batch.rows(name)
        _, there = partons.at(rows.event, rows["parton"].astype(np.int64))
        bad = ~there & (rows["parton"] != -1)
        yield rows.wrong(bad, "parton {} of {}", rows["parton"], partons.counts[rows.event])


@event_rule("match.unique")
def one_to_one(batch: Batch) -> Iterator[Wrong]:
    """No two jets and no two leptons of an event point to one parton."""
    for name in ("jets", "leptons"):
        rows = batch.rows(name)
        chosen = np.flatnonzero(rows["parton"] >= 0)
        key = rows.event[chosen] * 128 + rows["parton"][chosen]
        _, first = np.unique(key, return_index=True)
        repeat = np.zeros(len(rows), np.bool_)
        repeat[np.delete(chosen, first)] = True
        yield rows.wrong(repeat, "parton {} is matched already", rows["parton"])


def _targets(batch: Batch, name: str) -> tuple[Rows, Rows, Array, Array]:
    """Return the objects, the partons, the flat parton of each object and whether it has one."""
    rows, partons = batch.rows(name), batch.rows("partons")
    index, there = partons.at(rows.event, rows["parton"].astype(np.int64))
    return rows, partons, index, there & (len(partons) > 0)


@event_rule("match.jets")
def jets(batch: Batch) -> Iterator[Wrong]:
    """Jets point to quarks, gluons or taus."""
    rows, partons, index, there = _targets(batch, "jets")
    if there.any():
        code = partons["pdg_id"][index]
        good = (np.abs(code) <= 6) | (code == 21) | (np.abs(code) == 15)
        yield rows.wrong(there & ~good, "points to pdg_id {}", code)


@event_rule("match.radius")
def radius(batch: Batch) -> Iterator[Wrong]:
    """A matched jet is within the recipe's radius of its parton; at parton level equal to it."""
    rows, partons, index, there = _targets(batch, "jets")
    if not there.any():
        return
    c = partons.columns
    d = np.sqrt(delta_r2(rows["eta"], rows["phi"], c["eta"][index], c["phi"][index]))
    if batch.dataset.manifest.level == "parton":
        bad = (d > _ROUNDING) | (rows["pt"] != c["pt"][index])
        text = "pt {} of a parton with {}"
        yield rows.wrong(there & bad, text, rows["pt"], c["pt"][index])
    else:
        limit = batch.dataset.radius
        bad = d > limit * (1 + _ROUNDING)
        yield rows.wrong(there & bad, f"delta R {{:.4f}} from its parton, at most {limit}", d)


@event_rule("match.leptons")
def leptons(batch: Batch) -> Iterator[Wrong]:
    """Leptons point to charged leptons of their own flavour."""
    rows, partons, index, there = _targets(batch, "leptons")
    if there.any():
        code = partons["pdg_id"][index]
        bad = there & (np.abs(code) != np.abs(rows["pdg_id"]))
        yield rows.wrong(bad, "pdg_id {} points to {}", rows["pdg_id"], code)
