"""The part of a generator record that tells how resonances were made and decayed.

A full record has about 1,500 particles an event, of which about 40 matter. Those are found with
a few passes over the flat arrays: the resonances (t, W, Z, H, tau, new particles), the partons
that made them, and the children of both. Everything after works on this compact graph.

Status codes differ between generators and writers, so the links decide: a *copy* is a child of
the same PDG code, the *last copy* has no such child, and the *decay* of a chain of copies is at
its first member with decay products among its other children (Pythia 6 documentation lines
carry the products on the first member, Pythia 8 on the last). Incoming partons are known by
status 21 (Pythia 8) and -1 (LHE), or as the mothers of a first copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topdata.events import Array, GenRecord, expand

_HEAVY = (6, 15, 23, 24, 25)
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
    status: Array  # [n]
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

        ``node`` holds first copies. At the last member of a chain that has no fermion or heavy
        boson among its children, all children count (H -> gamma gamma, H -> g g).
        """
        current = node.copy()
        decays = self._decays()
        for _ in range(_MAX_COPIES):
            move = ~decays[current] & (self.next_copy[current] >= 0)
            if not move.any():
                break
            current[move] = self.next_copy[current[move]]
        position, child = self.children(current)
        copies = self.pid[child] == self.pid[current[position]]
        genuine = self._is_product(child) | ~decays[current[position]]
        keep = ~copies & genuine
        return position[keep], child[keep]

    def _is_product(self, node: Array) -> Array:
        pid = self.pid[node]
        return _IS_PRODUCT[np.minimum(np.abs(pid), 63)] | is_new_physics(pid)

    def _decays(self) -> Array:
        """Tell which nodes have a decay product among their children that are not copies."""
        parent = np.repeat(np.arange(len(self.pid)), np.diff(self.child_offsets))
        product = self._is_product(self.child) & (self.pid[self.child] != self.pid[parent])
        decays = np.zeros(len(self.pid), np.bool_)
        decays[parent[product]] = True
        return decays


def history(record: GenRecord) -> History:
    """Return the compact graph of a generator record."""
    pid, m1 = record.column("pid"), record.column("m1")
    # One more element, always false, is where the link -1 leads.
    marked = np.zeros(len(pid) + 1, np.bool_)
    _mark_resonances(record, marked[:-1])
    hard = _hard_process(record, marked)
    marked |= hard

    # Second mothers are rare: only those that exist are looked at.
    second = np.flatnonzero(record.column("m2") >= 0)
    m2 = record.column("m2")[second]
    kept = _leads_to(marked, m1)
    kept[second] |= _leads_to(marked, m2)
    new = _new_children(record, np.flatnonzero(kept), hard)
    while len(new):  # a chain of new particles, one step a pass
        marked[new] = True
        found = np.zeros_like(marked)
        found[new] = True
        children = _leads_to(found, m1)
        children[second] |= _leads_to(found, m2)
        kept |= children
        candidates = np.flatnonzero(children & ~marked[:-1])
        new = candidates[is_new_physics(pid[candidates])]
    kept |= marked[:-1]

    nodes = np.flatnonzero(kept)
    parent, child = _mother_links(record, nodes)
    resonances = nodes[marked[nodes] & ~hard[nodes]]
    extra_parent, extra_child = _daughter_links(record, np.setdiff1d(resonances, parent))
    if len(extra_child):
        nodes = np.union1d(nodes, extra_child)
        parent = np.concatenate([parent, extra_parent])
        child = np.concatenate([child, extra_child])
    return _graph(record, nodes, hard[nodes], parent, child)


def _mark_resonances(record: GenRecord, marked: Array) -> None:
    """Set ``marked`` where a particle is a t, W, Z, H or tau and not of pile-up."""
    code = np.abs(record.column("pid"))
    for heavy in _HEAVY:
        marked |= code == heavy
    marked &= ~record.column("is_pileup")


def _hard_process(record: GenRecord, marked: Array) -> Array:
    """Return bool [n + 1]: the incoming partons; new particles between are added to ``marked``."""
    pid, status = record.column("pid"), record.column("status")
    hard = np.zeros(len(marked), np.bool_)
    hard[:-1] = (status == 21) | (status == -1)
    makers = np.flatnonzero(marked)
    makers = makers[np.abs(pid[makers]) != 15]
    while len(makers):  # up through new particles, to the partons that made the first of them
        mothers = np.unique(_mother_links(record, makers)[0])
        mothers = mothers[~marked[mothers] & ~hard[mothers]]
        new = is_new_physics(pid[mothers])
        hard[mothers[~new]] = True
        makers = mothers[new]
        marked[makers] = True
    hard[marked] = False
    return hard


def _leads_to(target: Array, link: Array) -> Array:
    """Return ``target[link]``; wrapping sends -1 to the last element and is faster than a check."""
    return np.asarray(np.take(target, link, mode="wrap"))


def _new_children(record: GenRecord, kept: Array, hard: Array) -> Array:
    """Return the new particles among ``kept`` that come straight from the hard process."""
    kept = kept[is_new_physics(record.column("pid")[kept])]
    first, second = record.column("m1")[kept], record.column("m2")[kept]
    return kept[_leads_to(hard, first) | _leads_to(hard, second)]


def _mother_links(record: GenRecord, particle: Array) -> tuple[Array, Array]:
    """Return (mother, particle) for both mothers, each once, within the event."""
    first, second = (record.column(name)[particle].astype(np.int64) for name in ("m1", "m2"))
    mother = np.concatenate([first, second])
    child = np.concatenate([particle, particle])
    real = (mother >= 0) & np.concatenate([np.ones(len(first), np.bool_), second != first])
    mother, child = mother[real], child[real]
    inside = record.same_event(child, mother)
    return mother[inside], child[inside]


def _daughter_links(record: GenRecord, lonely: Array) -> tuple[Array, Array]:
    """Return links of resonances that no particle names as its mother, from ``d1`` and ``d2``.

    The ways to write daughters: ``d1 == d2`` a copy, ``d1 < d2`` a range, ``d2 < d1`` two
    separate daughters, ``d2 == -1`` a single one. Final particles (status 1) are not asked.
    """
    lonely = lonely[record.column("status")[lonely] != 1]
    if not len(lonely):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
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
        status=record.column("status")[nodes],
        hard=hard,
        child_offsets=offsets,
        child=children,
        next_copy=next_copy,
        first_copy=first_copy,
    )
