"""From a chunk of a file to rows of a dataset. The one place that knows the order of the steps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from topdata import expressions, quantities
from topdata.events import Array, EventChunk, Jagged
from topdata.kinematics import wrap
from topdata.objects import select_objects
from topdata.recipe import Recipe
from topdata.schema.arrow import build as to_arrow
from topdata.schema.fields import EVENT, Field
from topdata.truth import Truth, match, no_truth, truth_of

# What a shard adds later: its process, its source and the normalised weight.
LATER = ("source", "process", "weight")
PART_FIELDS: tuple[Field, ...] = tuple(f for f in EVENT if f.name not in LATER and not f.optional)
ALL = "all"


@dataclass(slots=True)
class Tally:
    """What became of the events of some chunks."""

    read: int = 0
    written: int = 0
    sum_gen_weight: float = 0.0
    negative: int = 0
    flow: dict[str, tuple[int, float]] = field(default_factory=dict)  # cut -> events, gen weight
    unusable: list[tuple[int, int, int, str]] = field(default_factory=list)  # start, stop, n, why
    dangling: int = 0

    def passed(self, cut: str, gen_weight: Array) -> None:
        """Count the events that are left after a cut."""
        events, weight = self.flow.get(cut, (0, 0.0))
        self.flow[cut] = (events + len(gen_weight), weight + float(gen_weight.sum()))


def convert(chunk: EventChunk, recipe: Recipe, tally: Tally) -> pa.Table:
    """Return the selected events of a chunk in the storage schema, without the columns of LATER."""
    tally.read += len(chunk)
    tally.dangling += int((chunk.leptons["gen"] == -2).sum())
    truth = truth_of(chunk.gen) if chunk.gen is not None else no_truth(len(chunk))
    chunk = select_objects(chunk, recipe.objects)
    jet_parton, lepton_parton = match(truth, chunk.jets, chunk.leptons, chunk.gen, recipe.matching)
    _fold_phi(chunk, truth)
    table = _table(chunk, truth, jet_parton, lepton_parton)
    finite = _finite(chunk, truth, tally)
    table = table.filter(pa.array(finite)) if not finite.all() else table
    weight = chunk.gen_weight[finite]
    tally.sum_gen_weight += float(weight.sum())
    tally.negative += int((weight < 0).sum())
    return _selected(table, weight, recipe, tally)


def _selected(table: pa.Table, weight: Array, recipe: Recipe, tally: Tally) -> pa.Table:
    """Apply the cuts in order."""
    tally.passed(ALL, weight)
    for text in recipe.select:
        cut = expressions.parse(text, quantities.NAMES)
        values = quantities.evaluate(table, cut.names, btag_bit=recipe.objects.jets.btag_bit)
        keep = np.broadcast_to(cut.mask(values), weight.shape)
        table, weight = table.filter(pa.array(keep)), weight[keep]
        tally.passed(text, weight)
    tally.written += table.num_rows
    return table


def _table(chunk: EventChunk, truth: Truth, jet_parton: Array, lepton_parton: Array) -> pa.Table:
    columns = {
        "event": chunk.event,
        "n_tops": truth.n_tops,
        "gen_weight": chunk.gen_weight,
        "met": chunk.met,
        "jets": _list(chunk.jets, parton=jet_parton),
        "leptons": _list(chunk.leptons, parton=lepton_parton),
        "photons": _list(chunk.photons),
        "truth": {name: _list(getattr(truth, name)) for name in ("tops", "ws", "partons")},
    }
    return pa.Table.from_arrays(
        [to_arrow(f, columns[f.name]) for f in PART_FIELDS], names=[f.name for f in PART_FIELDS]
    )


def _list(rows: Jagged, **more: Array) -> tuple[Array, dict[str, Array]]:
    return rows.offsets, {**rows.columns, **more}


def _fold_phi(chunk: EventChunk, truth: Truth) -> None:
    """Bring every azimuth into (-pi, pi]; nothing is copied where it already is."""
    lists = (chunk.jets, chunk.leptons, chunk.photons, truth.tops, truth.ws, truth.partons)
    for columns in (chunk.met, *(rows.columns for rows in lists)):
        phi = columns["phi"]
        outside = (phi > np.pi) | (phi <= -np.pi)
        if outside.any():
            columns["phi"] = np.where(outside, wrap(phi.astype(np.float64)), phi).astype(np.float32)


def _finite(chunk: EventChunk, truth: Truth, tally: Tally) -> Array:
    """Tell which events have finite numbers only; count the others with the first reason."""
    good = np.ones(len(chunk), np.bool_)
    reasons: dict[int, str] = {}

    def check(bad: Array, what: str) -> None:
        for position in bad[good[bad]].tolist():
            reasons.setdefault(position, f"{what} is not finite")
        good[bad] = False

    check(np.flatnonzero(~np.isfinite(chunk.gen_weight)), "weight")
    for name, values in chunk.met.items():
        check(np.flatnonzero(~np.isfinite(values)), f"met.{name}")
    lists = {
        "jets": chunk.jets,
        "leptons": chunk.leptons,
        "photons": chunk.photons,
        "truth.tops": truth.tops,
        "truth.ws": truth.ws,
        "truth.partons": truth.partons,
    }
    for where, rows in lists.items():
        for name, values in rows.columns.items():
            if values.dtype == np.float32:
                bad = np.flatnonzero(~np.isfinite(values))
                if len(bad):
                    check(rows.event[bad], f"{where}.{name}")
    for position, reason in sorted(reasons.items()):
        entry = int(chunk.event[position])
        tally.unusable.append((entry, entry + 1, 1, reason))
    return good
