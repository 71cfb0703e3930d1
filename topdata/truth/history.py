"""The part of a generator record that tells how resonances were made and decayed.

A full record has about 1,500 particles an event, of which about 40 matter. Those are found with
a few passes over the flat arrays: the resonances (t, W, Z, H, tau, new particles), the partons
that made them, and the children of both. Everything after works on this compact graph.

Status codes differ between generators and writers, so the links decide: a *copy* is a child of
the same PDG code, the *last copy* has no such child, and the *decay* of a chain of copies is at
its first member with decay products among its other children (Pythia 6 documentation lines
carry the products on the first member, Pythia 8 on the last). The incoming partons are the
mothers of the first resonances; only where there is none, status 21 (Pythia 8) and -1 (LHE) tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topdata.events import Array, GenRecord, expand

_HEAVY = (6, 15, 23, 24, 25)
_CHARGED_CURRENT = (6, 15, 24)
_MAX_COPIES = 1024  # longer chains are cyclic


_IS_PRODUCT = np.zeros(64, np.bool_)  # a look-up over min(|PDG code|, 63)
_IS_PRODUCT[[1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 23, 24, 25]] = True


def is_new_physics(pid: Array) -> Array:
    """Tell which PDG codes name particles beyond the Standard Model.

    Fourth generation, 32 to 60 (Z', W', further Higgs bosons, dark matter) and seven-digit codes.
    Hadrons with seven digits exist; none is made in a hard process, where this is asked.
    """
    code = np.abs(pid)
    fourth = (code == 7) | (code == 8) | (code == 17) | (code == 18)
    heavy = ((code > 25) & (code <= 60)) | ((code > 1_000_000) & (code < 10_000_000))
    return np.asarray(fourth | heavy)


@dataclass(slots=True)
class History:
    """The compact graph of a chunk; all indices but ``gen`` count its n nodes."""

    gen: Array  # [n] index into the generator record, ascending
    event: Array  # [n] position in the chunk
    pid: Array  # [n]
    hard: Array  # [n] bool: incoming partons of the hard process
    child_offsets: Array  # [n + 1] into child
    child: Array  # [n_links] children of node 0, of node 1, ...
    next_copy: Array  # [n] the child of the same PDG code, or -1
    first_copy: Array  # [n] bool: no mother of the same PDG code

    def last_copy(self, node: Array) -> Array:
        """Follow copies to their end; a cyclic chain gives the node itself."""
        step = np.where(self.next_copy >= 0, self.next_copy, np.arange(len(self.next_copy)))
        last = step
        for _ in range(_MAX_COPIES.bit_length() - 1):
            last = last[last]
        reached = last[node]
        return np.where(self.next_copy[reached] < 0, reached, node)

    def last_copy_of_taus(self, node: Array) -> Array:
        """Replace each tau by its last copy; leave every other node as it is."""
        return np.where(np.abs(self.pid[node]) == 15, self.last_copy(node), node)

    def children(self, node: Array) -> tuple[Array, Array]:
        """Return (position in ``node``, child) for every child of every given node."""
        counts = self.child_offsets[node + 1] - self.child_offsets[node]
        position, link = expand(self.child_offsets[node], counts)
        return position, self.child[link]

    def products(self, node: Array) -> tuple[Array, Array]:
        """Return (position in ``node``, product) for the decay of each chain of copies.

        ``node`` holds first copies. A top, W or tau decays to fermions and heavy bosons, and the
        gluons and photons beside those are radiation; whatever else Z, H and new particles give
        is their decay (H -> gamma gamma, H -> Z gamma, gluino -> g chi).
        """
        decayed = self._decay_member(node)
        position, child = self.children(decayed)
        parent = decayed[position]
        strict = np.isin(np.abs(self.pid[parent]), _CHARGED_CURRENT)
        keep = (self.pid[child] != self.pid[parent]) & (~strict | self._is_product(child))
        return position[keep], child[keep]

    def _decay_member(self, node: Array) -> Array:
        """Return, of each chain of copies, the first member with a fermion or heavy boson among
        its other children; where there is none, the last member with any other child.
        """
        parent = np.repeat(np.arange(len(self.pid)), np.diff(self.child_offsets))
        other = self.pid[self.child] != self.pid[parent]
        has_other = np.zeros(len(self.pid), np.bool_)
        has_other[parent[other]] = True
        decays = np.zeros(len(self.pid), np.bool_)
        decays[parent[other & self._is_product(self.child)]] = True

        current, found = node.copy(), node.copy()
        for _ in range(_MAX_COPIES):
            found = np.where(has_other[current], current, found)
            move = ~decays[current] & (self.next_copy[current] >= 0)
            if not move.any():
                break
            current[move] = self.next_copy[current[move]]
        return found

    def _is_product(self, node: Array) -> Array:
        pid = self.pid[node]
        return _IS_PRODUCT[np.minimum(np.abs(pid), 63)] | is_new_physics(pid)


def history(record: GenRecord) -> History:
    """Return the compact graph of a generator record.

    Columns are read from the file when they are asked for, so the rare cases ask: status codes
    for events without a resonance, second mothers and daughters for resonances without a child.
    """
    pid, m1 = record.column("pid"), record.column("m1")
    # One more element, always false, is where the link -1 leads.
    marked = np.zeros(len(pid) + 1, np.bool_)
    _mark_resonances(record, marked[:-1])
    hard = _hard_process(record, marked)
    marked |= hard

    kept = _leads_to(marked, m1)
    new = _new_children(record, np.flatnonzero(kept), hard)
    while len(new):  # a chain of new particles, one step a pass
        marked[new] = True
        found = np.zeros_like(marked)
        found[new] = True
        children = _leads_to(found, m1)
        kept |= children
        candidates = np.flatnonzero(children & ~marked[:-1])
        new = candidates[is_new_physics(pid[candidates])]
    kept |= marked[:-1]

    nodes = np.flatnonzero(kept)
    parent, child = _mother_links(record, "m1", nodes)
    lonely = marked & ~hard
    lonely[parent] = False
    asked = np.flatnonzero(lonely)
    while len(asked):
        more_parents, more_children = _links_of_lonely(record, asked)
        parent = np.concatenate([parent, more_parents])
        child = np.concatenate([child, more_children])
        fresh = np.setdiff1d(more_children, nodes)
        nodes = np.union1d(nodes, fresh)
        asked = fresh[is_new_physics(pid[fresh])]  # their own children were not looked for yet
    return _graph(record, nodes, hard[nodes], parent, child)


def _mark_resonances(record: GenRecord, marked: Array) -> None:
    """Set ``marked`` where a particle is a t, W, Z, H or tau and not of pile-up."""
    for heavy in _HEAVY:
        marked |= record.code == heavy
    marked &= ~record.column("is_pileup")


def _hard_process(record: GenRecord, marked: Array) -> Array:
    """Return bool [n + 1]: the incoming partons; new particles between are added to ``marked``.

    They are the mothers of the first resonances; in an event without any, what the status says.
    """
    pid = record.column("pid")
    hard = np.zeros(len(marked), np.bool_)
    makers = np.flatnonzero(marked)
    makers = makers[record.code[makers] != 15]
    while len(makers):  # up through new particles, to the partons that made the first of them
        mothers = np.unique(_mother_links(record, "m1", makers)[0])
        mothers = mothers[~marked[mothers] & ~hard[mothers]]
        new = is_new_physics(pid[mothers])
        hard[mothers[~new]] = True
        makers = mothers[new]
        marked[makers] = True
    hard[marked] = False
    _incoming_by_status(record, hard)
    return hard


def _incoming_by_status(record: GenRecord, hard: Array) -> None:
    """Set ``hard`` at status 21 and -1 in the events where it is nowhere set."""
    without = np.ones(len(record.offsets) - 1, np.bool_)
    without[record.event_of(np.flatnonzero(hard))] = False
    without &= np.diff(record.offsets) > 0
    if not without.any():
        return
    status = record.column("status")
    incoming = np.flatnonzero((status == 21) | (status == -1))
    hard[incoming[without[record.event_of(incoming)]]] = True


def _leads_to(target: Array, link: Array) -> Array:
    """Return ``target[link]``; wrapping sends -1 to the last element and is faster than a check."""
    return np.asarray(np.take(target, link, mode="wrap"))


def _new_children(record: GenRecord, kept: Array, hard: Array) -> Array:
    """Return the new particles among ``kept`` that come straight from the hard process."""
    kept = kept[is_new_physics(record.column("pid")[kept])]
    return kept[_leads_to(hard, record.column("m1")[kept])]


def _mother_links(record: GenRecord, name: str, particle: Array) -> tuple[Array, Array]:
    """Return (mother, particle) of the mothers that exist, within the event."""
    mother = record.column(name)[particle].astype(np.int64)
    inside = (mother >= 0) & record.same_event(particle, mother)
    return mother[inside], particle[inside]


def _links_of_lonely(record: GenRecord, lonely: Array) -> tuple[Array, Array]:
    """Return links of resonances that are nobody's first mother: second mothers, then daughters."""
    lonely = lonely[record.column("status")[lonely] != 1]  # final: they have no daughters
    if not len(lonely):
        return lonely, lonely
    parent, child = _second_mother_links(record, lonely)
    lonely = np.setdiff1d(lonely, parent)
    more_parents, more_children = _daughter_links(record, lonely)
    return np.concatenate([parent, more_parents]), np.concatenate([child, more_children])


def _second_mother_links(record: GenRecord, lonely: Array) -> tuple[Array, Array]:
    """Return links of resonances that are nobody's first mother but somebody's second."""
    wanted = np.zeros(len(record) + 1, np.bool_)
    wanted[lonely] = True
    return _mother_links(record, "m2", np.flatnonzero(_leads_to(wanted, record.column("m2"))))


def _daughter_links(record: GenRecord, lonely: Array) -> tuple[Array, Array]:
    """Return links of resonances that no particle names as its mother, from ``d1`` and ``d2``.

    The ways to write daughters: ``d1 == d2`` a copy, ``d1 < d2`` a range, ``d2 < d1`` two
    separate daughters, ``d2 == -1`` a single one.
    """
    d1, d2 = (record.column(name)[lonely].astype(np.int64) for name in ("d1", "d2"))
    lonely, d1, d2 = (values[record.same_event(lonely, d1)] for values in (lonely, d1, d2))
    d2 = np.where(record.same_event(lonely, d2), d2, -1)
    separate = (d2 >= 0) & (d2 < d1)
    owner, child = expand(d1, np.maximum(d2 - d1, 0) + 1)
    parent = np.concatenate([lonely[owner], lonely[separate]])
    return parent, np.concatenate([child, d2[separate]])


def _graph(record: GenRecord, nodes: Array, hard: Array, parent: Array, child: Array) -> History:
    """Number the nodes from 0 and sort the links by parent; both ends must be nodes."""
    pid = record.column("pid")[nodes]
    parents = np.searchsorted(nodes, parent)
    known = (nodes[np.minimum(parents, len(nodes) - 1)] == parent) & (parent != child)
    parents, children = parents[known], np.searchsorted(nodes, child[known])
    order = np.lexsort((children, parents))
    parents, children = parents[order], children[order]
    offsets = np.searchsorted(parents, np.arange(len(nodes) + 1))
    copies = (pid[parents] == pid[children]) & ~hard[parents]
    next_copy = np.full(len(nodes), -1, np.int64)
    next_copy[parents[copies]] = children[copies]  # the last of several wins
    first_copy = np.ones(len(nodes), np.bool_)
    first_copy[children[copies]] = False
    return History(
        gen=nodes,
        event=record.event_of(nodes),
        pid=pid,
        hard=hard,
        child_offsets=offsets,
        child=children,
        next_copy=next_copy,
        first_copy=first_copy,
    )
