"""Tops, Ws and partons of a chunk, from the history of its generator record.

Any number of tops; nothing here knows a process. Orders are fixed: tops and Ws by falling pT;
partons by their top (b, then of the W the up-type quark or neutrino, the down-type quark or
charged lepton, the lepton from a tau), then those of the other Ws, then the rest of the hard
process as the generator lists it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from topdata.events import Array, GenRecord, Jagged, empty, offsets_of
from topdata.kinematics import cartesian, cylindrical
from topdata.schema.codes import NO_TRUTH, Decay
from topdata.truth.history import History, history, is_new_physics

_MAX_GENERATIONS = 20  # of resonances that decay to resonances

_MOMENTUM = {"pt": np.float32, "eta": np.float32, "phi": np.float32, "mass": np.float32}
_TOP = {**_MOMENTUM, "pdg_id": np.int32, "decay": np.int8}
_W = {**_TOP, "top": np.int8}
_PARTON = {
    **_MOMENTUM,
    "pdg_id": np.int32,
    "origin": np.int32,
    "top": np.int8,
    "w": np.int8,
    "gen": np.int64,
    "target": np.bool_,
}


@dataclass(slots=True)
class Truth:
    """The truth lists of a chunk; ``partons`` has two columns that are not stored:

    ``gen`` (index into the generator record) and ``target`` (quark, gluon or hadronic tau: what
    a jet can be matched to).
    """

    n_tops: Array  # int8 [n_events], -1 without a record
    tops: Jagged
    ws: Jagged
    partons: Jagged


def no_truth(n_events: int) -> Truth:
    """Return empty lists for events without a generator record."""
    return Truth(
        n_tops=np.full(n_events, NO_TRUTH, np.int8),
        tops=empty(n_events, _TOP),
        ws=empty(n_events, _W),
        partons=empty(n_events, _PARTON),
    )


@dataclass(slots=True)
class _Rows:
    """Parton rows before they are ordered."""

    node: list[Array]
    origin: list[Array]
    top: list[Array]
    w: list[Array]
    group: list[Array]  # 0 of a top, 1 of another W, 2 the rest
    rank: list[Array]  # within the group's member

    def add(
        self, node: Array, *, origin: Array | int, top: Array | int, w: Array | int,
        group: Array | int, rank: Array | int,
    ) -> None:  # fmt: skip
        given = {"origin": origin, "top": top, "w": w, "group": group, "rank": rank}
        self.node.append(node)
        for name, value in given.items():
            getattr(self, name).append(np.broadcast_to(value, node.shape))


def truth_of(record: GenRecord) -> Truth:
    """Return the truth of every event of a chunk."""
    graph = history(record)
    n_events = len(record.offsets) - 1
    code = np.abs(graph.pid)
    rows = _Rows([], [], [], [], [], [])

    top = _by_pt(record, graph, np.flatnonzero(graph.first_copy & (code == 6)))
    top_row = _row_in_event(graph.event[top])
    of_top, product = graph.products(top)

    w = np.flatnonzero(graph.first_copy & (code == 24) & ~_from_taus(graph))
    is_w = code[product] == 24
    top_of_node = np.full(len(graph.pid), -1, np.int64)  # position in `top`
    top_of_node[product[is_w]] = of_top[is_w]
    pairs = _light_pairs(graph, top, of_top, product)

    # Ws that the record names, and those of decays t -> b f f' without one.
    w_top = np.concatenate([top_of_node[w], pairs.top])
    w_event = np.concatenate([graph.event[w], graph.event[top[pairs.top]]])
    w_pid = np.concatenate([graph.pid[w], 24 * np.sign(graph.pid[top[pairs.top]])])
    last = graph.gen[graph.last_copy(w)]
    momentum = {
        name: np.concatenate([record.column(name)[last], made])
        for name, made in _sums(record, graph.gen[pairs.first], graph.gen[pairs.second]).items()
    }
    order = np.lexsort((-momentum["pt"], w_event))
    w_row = np.empty(len(order), np.int64)
    w_row[order] = _row_in_event(w_event[order])

    of_w, daughter = graph.products(w)
    of_w = np.concatenate([of_w, np.tile(np.arange(len(w), len(w_top)), 2)])
    daughter = np.concatenate([daughter, pairs.first, pairs.second])
    w_decay = _decay_codes(graph, of_w, daughter, len(w_top))

    decay = np.full(len(top), Decay.UNKNOWN, np.int8)
    decay[w_top[w_top >= 0]] = w_decay[w_top >= 0]
    bottom = _bottoms(graph, top, of_top, product, pairs)
    rows.add(
        bottom.node, origin=graph.pid[top[bottom.top]], top=top_row[bottom.top], w=-1,
        group=0, rank=0,
    )  # fmt: skip
    daughter_top = np.where(w_top[of_w] >= 0, top_row[w_top[of_w]] if len(top) else -1, -1)
    rows.add(
        daughter, origin=w_pid[of_w], top=daughter_top, w=w_row[of_w],
        group=np.where(daughter_top >= 0, 0, 1), rank=np.where(code[daughter] % 2 == 0, 1, 2),
    )  # fmt: skip
    _add_others(graph, rows)

    return Truth(
        n_tops=np.bincount(graph.event[top], minlength=n_events).astype(np.int8),
        tops=_jagged(
            n_events, graph.event[top],
            {**_momentum(record, graph.gen[graph.last_copy(top)]), "pdg_id": graph.pid[top],
             "decay": decay}, _TOP,
        ),
        ws=_jagged(
            n_events, w_event[order],
            {**{name: values[order] for name, values in momentum.items()},
             "pdg_id": w_pid[order], "decay": w_decay[order],
             "top": np.where(w_top >= 0, top_row[w_top] if len(top) else -1, -1)[order]}, _W,
        ),
        partons=_partons(record, graph, rows, n_events),
    )  # fmt: skip


def _from_taus(graph: History) -> Array:
    """Tell which nodes are children of a tau: Pythia 6 writes tau -> nu W with a W of 1 GeV."""
    _, child = graph.children(np.flatnonzero(np.abs(graph.pid) == 15))
    from_tau = np.zeros(len(graph.pid), np.bool_)
    from_tau[child] = True
    return from_tau


@dataclass(slots=True)
class _Pairs:
    """Fermion pairs of tops that decay without a W in the record."""

    top: Array  # position in the list of tops
    first: Array  # nodes
    second: Array


@dataclass(slots=True)
class _Bottoms:
    top: Array
    node: Array


def _light_pairs(graph: History, top: Array, of_top: Array, product: Array) -> _Pairs:
    """Find t -> b f f' with no W: exactly three fermions, of which one is the b (or s, d)."""
    has_w = np.zeros(len(top), np.bool_)
    has_w[of_top[np.abs(graph.pid[product]) == 24]] = True
    fermion = (np.abs(graph.pid[product]) <= 16) & ~has_w[of_top]
    owner, node = of_top[fermion], product[fermion]
    code = np.abs(graph.pid[node])
    same_sign = np.sign(graph.pid[node]) == np.sign(graph.pid[top[owner]])
    bottom = np.where((code < 6) & (code % 2 == 1) & same_sign, code, 0)
    order = np.lexsort((node, -bottom, owner))
    owner, node = owner[order], node[order]
    starts = np.flatnonzero(np.diff(owner, prepend=-1) != 0)
    three = np.flatnonzero(np.diff(np.append(starts, len(owner))) == 3)
    first = starts[three]
    return _Pairs(owner[first], node[first + 1], node[first + 2])


def _sums(record: GenRecord, first: Array, second: Array) -> dict[str, Array]:
    """Return the momenta of the sums of two particles."""
    a = cartesian(*_momentum(record, first).values())
    b = cartesian(*_momentum(record, second).values())
    total = cylindrical(*(x + y for x, y in zip(a, b, strict=True)))
    return {name: v.astype(np.float32) for name, v in zip(_MOMENTUM, total, strict=True)}


def _bottoms(graph: History, top: Array, of_top: Array, product: Array, pairs: _Pairs) -> _Bottoms:
    """Return the b (or s, d) of each top: the heaviest down-type quark of the top's sign."""
    code = np.abs(graph.pid[product])
    down = (code == 5) | (code == 3) | (code == 1)
    same_sign = np.sign(graph.pid[product]) == np.sign(graph.pid[top[of_top]])
    in_pair = np.isin(product, np.concatenate([pairs.first, pairs.second]))
    keep = down & same_sign & ~in_pair
    owner, node = of_top[keep], product[keep]
    order = np.lexsort((node, -np.abs(graph.pid[node]), owner))
    owner, node = owner[order], node[order]
    first = np.flatnonzero(np.diff(owner, prepend=-1) != 0)
    return _Bottoms(owner[first], node[first])


def _decay_codes(graph: History, of_w: Array, daughter: Array, n: int) -> Array:
    """Return the decay code of each W: unknown unless it has exactly two fermion daughters."""
    code = np.abs(graph.pid[daughter])
    quarks = np.bincount(of_w[code <= 6], minlength=n)
    fermions = np.bincount(of_w[code <= 16], minlength=n)
    decay = np.full(n, Decay.UNKNOWN, np.int8)
    charged = np.isin(code, (11, 13, 15))
    decay[of_w[charged]] = code[charged]
    decay[quarks == 2] = Decay.HADRONIC
    decay[fermions != 2] = Decay.UNKNOWN
    return decay


def _add_others(graph: History, rows: _Rows) -> None:
    """Add what the hard process and Z, H and new particles gave, apart from tops and Ws."""
    code = np.abs(graph.pid)
    new = is_new_physics(graph.pid)
    _, made = graph.children(np.flatnonzero(graph.hard))
    made = np.unique(made[graph.first_copy[made] & ~graph.hard[made]])
    origin = np.zeros(len(made), np.int64)
    bosons = np.flatnonzero(graph.first_copy & ((code == 23) | (code == 25)))
    extra = bosons[~np.isin(bosons, made)]
    frontier = np.concatenate([made, extra])
    origin = np.concatenate([origin, np.zeros(len(extra), np.int64)])
    seen = np.zeros(len(code), np.bool_)
    for _ in range(_MAX_GENERATIONS):
        fresh = ~seen[frontier]
        frontier, origin = frontier[fresh], origin[fresh]
        seen[frontier] = True
        resonance = (code[frontier] == 23) | (code[frontier] == 25) | new[frontier]
        position, product = graph.products(frontier[resonance])
        decayed = np.zeros(len(frontier), np.bool_)
        decayed[np.flatnonzero(resonance)[position]] = True
        final = ~decayed & _is_parton(code[frontier], new[frontier])
        rows.add(frontier[final], origin=origin[final], top=-1, w=-1, group=2, rank=0)
        if not len(product):
            return
        origin = graph.pid[frontier[resonance][position]].astype(np.int64)
        frontier = product


def _is_parton(code: Array, new: Array) -> Array:
    """Tell what is stored of the rest: light quarks, leptons, gluons, photons, new particles."""
    quark, lepton = (code >= 1) & (code <= 5), (code >= 11) & (code <= 16)
    undecayed = (code == 23) | (code == 25)  # asked only where nothing comes of it
    return np.asarray(quark | lepton | (code == 21) | (code == 22) | undecayed | new)


def _partons(record: GenRecord, graph: History, rows: _Rows, n_events: int) -> Jagged:
    node = np.concatenate(rows.node)
    columns = {
        name: np.concatenate(getattr(rows, name))
        for name in ("origin", "top", "w", "group", "rank")
    }
    # a lepton from a tau is one more row beside it
    tau = np.flatnonzero(np.abs(graph.pid[node]) == 15)
    of_tau, product = graph.products(node[tau])
    lepton = np.isin(np.abs(graph.pid[product]), (11, 13))
    of_tau, product = of_tau[lepton], product[lepton]
    hadronic = np.abs(graph.pid[node]) == 15
    hadronic[tau[of_tau]] = False
    key = node.copy()
    key_extra = node[tau[of_tau]]
    target = hadronic | (np.abs(graph.pid[node]) <= 5) | (graph.pid[node] == 21)

    source = np.concatenate([np.arange(len(node)), tau[of_tau]])
    node = np.concatenate([graph.last_copy_of_taus(node), product])
    target = np.concatenate([target, np.zeros(len(product), np.bool_)])
    columns = {name: values[source] for name, values in columns.items()}
    columns["rank"][len(key) :] = 3
    key = np.concatenate([key, key_extra])
    member = np.where(
        columns["group"] == 0, columns["top"], np.where(columns["group"] == 1, columns["w"], key)
    )
    event = graph.event[node]
    order = np.lexsort((key, columns["rank"], member, columns["group"], event))
    gen = graph.gen[node[order]]
    return _jagged(
        n_events,
        event[order],
        {
            **_momentum(record, gen),
            "pdg_id": graph.pid[node[order]],
            "origin": columns["origin"][order],
            "top": columns["top"][order],
            "w": columns["w"][order],
            "gen": gen,
            "target": target[order],
        },
        _PARTON,
    )


def _by_pt(record: GenRecord, graph: History, node: Array) -> Array:
    """Order first copies by event and falling pT of their last copy."""
    pt = record.column("pt")[graph.gen[graph.last_copy(node)]]
    return node[np.lexsort((-pt, graph.event[node]))]


def _row_in_event(event: Array) -> Array:
    """Return the position of each element among those of its event; ``event`` is sorted."""
    return np.arange(len(event)) - np.searchsorted(event, event)


def _momentum(record: GenRecord, gen: Array) -> dict[str, Array]:
    return {name: record.column(name)[gen] for name in _MOMENTUM}


def _jagged(
    n_events: int, event: Array, columns: dict[str, Array], dtypes: Mapping[str, Any]
) -> Jagged:
    counts = np.bincount(event, minlength=n_events)
    return Jagged(offsets_of(counts), {n: columns[n].astype(t) for n, t in dtypes.items()})
