"""From a chunk of a file to rows of a dataset. The one place that knows the order of the steps."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from topdata import quantities
from topdata.build.tally import Tally
from topdata.events import Array, EventChunk, Jagged, empty
from topdata.kinematics import wrap
from topdata.objects import select_objects
from topdata.recipe import Rules
from topdata.schema.arrow import build as to_arrow
from topdata.schema.fields import EVENT, ME, Field
from topdata.truth import Truth, match, no_truth, truth_of

# What a shard adds later: its process, its source and the normalised weight.
LATER = ("source", "process", "weight")
PART_FIELDS: tuple[Field, ...] = tuple(f for f in EVENT if f.name not in LATER)


def convert(chunk: EventChunk, rules: Rules, tally: Tally) -> pa.Table:
    """Return the selected events of a chunk in the storage schema, without the columns of LATER."""
    tally.read += len(chunk)
    tally.undecayed = sorted({*tally.undecayed, *chunk.undecayed})
    tally.dangling += int((chunk.leptons["gen"] == -2).sum())
    truth = truth_of(chunk.gen) if chunk.gen is not None else no_truth(len(chunk))
    chunk = select_objects(chunk, rules.objects)
    jet_parton, lepton_parton = match(truth, chunk.jets, chunk.leptons, chunk.gen, rules.matching)
    _fold_phi(chunk, truth)
    table = _table(chunk, truth, jet_parton, lepton_parton)
    usable = _usable(chunk, truth, tally)
    table = table.filter(pa.array(usable)) if not usable.all() else table
    weight = chunk.gen_weight[usable]
    tally.sum_gen_weight += float(weight.sum())
    tally.negative += int((weight < 0).sum())
    return _selected(table, weight, rules, tally)


def _selected(table: pa.Table, weight: Array, rules: Rules, tally: Tally) -> pa.Table:
    """Apply the cuts in order."""
    tally.passed(0, weight)
    for step, text in enumerate(rules.select, start=1):
        cut = quantities.parse_cut(text)
        values = quantities.evaluate(table, cut.names, btag_bit=rules.objects.jets.btag_bit)
        keep = np.broadcast_to(cut.mask(values), weight.shape)
        table, weight = table.filter(pa.array(keep)), weight[keep]
        tally.passed(step, weight)
    tally.written += table.num_rows
    return table


def _table(chunk: EventChunk, truth: Truth, jet_parton: Array, lepton_parton: Array) -> pa.Table:
    columns = {
        "event": chunk.event,
        "n_tops": truth.n_tops,
        "gen_weight": chunk.gen_weight,
        "weights": _variations(chunk),
        "lhe_event": _none(chunk) if chunk.lhe_event is None else chunk.lhe_event,
        "met": chunk.met,
        "jets": _list(chunk.jets, parton=jet_parton),
        "leptons": _list(chunk.leptons, parton=lepton_parton),
        "photons": _list(chunk.photons),
        "truth": {
            **{name: _list(getattr(truth, name)) for name in ("tops", "ws", "partons")},
            "me": _list(chunk.me or empty(len(chunk), {f.name: f.dtype for f in ME.fields})),
        },
    }
    return pa.Table.from_arrays(
        [to_arrow(f, columns[f.name]) for f in PART_FIELDS], names=[f.name for f in PART_FIELDS]
    )


def _none(chunk: EventChunk) -> Array:
    return np.full(len(chunk), -1, np.int64)


def _variations(chunk: EventChunk) -> tuple[Array, Array]:
    """Return the weight variations as a list column."""
    if chunk.weights is None:
        return np.zeros(len(chunk) + 1, np.int64), np.zeros(0, np.float32)
    n, width = chunk.weights.shape
    has = np.ones(n, np.bool_) if chunk.lhe_event is None else chunk.lhe_event >= 0
    return np.concatenate([[0], np.cumsum(has * width)]), chunk.weights[has].reshape(-1)


def _list(rows: Jagged, **more: Array) -> tuple[Array, dict[str, Array]]:
    return rows.offsets, {**rows.columns, **more}


def _fold_phi(chunk: EventChunk, truth: Truth) -> None:
    """Bring every azimuth into (-pi, pi]; nothing is copied where it already is."""
    lists = [chunk.jets, chunk.leptons, chunk.photons, truth.tops, truth.ws, truth.partons]
    if chunk.me is not None:
        lists.append(chunk.me)
    for columns in (chunk.met, *(rows.columns for rows in lists)):
        phi = columns["phi"]
        outside = (phi > np.pi) | (phi <= -np.pi)
        if outside.any():
            columns["phi"] = np.where(outside, wrap(phi.astype(np.float64)), phi).astype(np.float32)


def _usable(chunk: EventChunk, truth: Truth, tally: Tally) -> Array:
    """Tell which events have an undamaged record and finite numbers; tally the others."""
    reasons: dict[int, str] = dict(chunk.gen.damaged) if chunk.gen is not None else {}

    def check(what: str, values: Array, event: Array | None = None) -> None:
        bad = np.flatnonzero(~np.isfinite(values))
        for position in (bad if event is None else event[bad]).tolist():
            reasons.setdefault(position, f"{what} is not finite")

    check("weight", chunk.gen_weight)
    for name, values in chunk.met.items():
        check(f"met.{name}", values)
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
            if values.dtype == np.float32 and not np.isfinite(values).all():
                check(f"{where}.{name}", values, rows.event)
    usable = np.ones(len(chunk), np.bool_)
    usable[list(reasons)] = False
    tally.unusable.extend(_ranges(chunk, reasons))
    return usable


def _ranges(chunk: EventChunk, reasons: dict[int, str]) -> list[tuple[int, int, str]]:
    """Return (start, stop, reason) for neighbours with one reason, in entry numbers."""
    ranges: list[tuple[int, int, str]] = []
    for position in sorted(reasons):
        entry, reason = int(chunk.event[position]), reasons[position]
        if ranges and ranges[-1][1:] == (entry, reason):
            ranges[-1] = (ranges[-1][0], entry + 1, reason)
        else:
            ranges.append((entry, entry + 1, reason))
    return ranges
