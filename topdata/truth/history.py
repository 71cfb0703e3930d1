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


def _table(codes: tuple[int, ...]) -> Array:
    """Return a look-up over min(|PDG code|, 63)."""
    table = np.zeros(64, np.bool_)
    table[list(codes)] = True
    return table


_IS_HEAVY = _table(_HEAVY)
_IS_PRODUCT = _table((1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 23, 24, 25))


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
    pid, m1, m2 = record.column("pid"), record.column("m1"), record.column("m2")
    status = record.column("status")
    # One more element, always false, is what the link -1 points to.
    marked = np.zeros(len(pid) + 1, np.bool_)
    marked[:-1] = _IS_HEAVY[np.minimum(np.abs(pid), 63)] & ~record.column("is_pileup")
    heavy = np.flatnonzero(marked)

    hard = np.zeros(len(pid) + 1, np.bool_)
    hard[:-1] = (status == 21) | (status == -1)
    makers = heavy[np.abs(pid[heavy]) != 15]
    while len(makers):  # up through new particles, to the partons that made the first of them
        mothers = np.unique(np.concatenate([m1[makers], m2[makers]]))
        mothers = mothers[mothers >= 0]
        mothers = mothers[~marked[mothers] & ~hard[mothers]]
        new = is_new_physics(pid[mothers])
        hard[mothers[~new]] = True
        makers = mothers[new]
        marked[makers] = True
    hard[marked] = False
    marked |= hard

    kept = marked[m1] | marked[m2]
    new = np.flatnonzero((hard[m1] | hard[m2]) & is_new_physics(pid))
    while len(new):  # a chain of new particles, one step a pass
        marked[new] = True
        links = np.zeros_like(marked)
        links[new] = True
        found = links[m1] | links[m2]
        kept |= found
        new = np.flatnonzero(found & is_new_physics(pid) & ~marked[:-1])
    kept |= marked[:-1]

    parent, child = _daughter_links(record, np.flatnonzero(marked[:-1] & ~hard[:-1]), kept)
    kept[child] = True

    nodes = np.flatnonzero(kept)
    place = np.full(len(pid) + 1, -1, np.int64)
    place[nodes] = np.arange(len(nodes))
    mother1, mother2 = place[m1[nodes]], place[m2[nodes]]
    second = np.flatnonzero(mother2 != mother1)
    parents = np.concatenate([mother1, mother2[second], place[parent]])
    children = np.concatenate([np.arange(len(nodes)), second, place[child]])
    return _graph(record, nodes, hard[nodes], parents, children)


def _daughter_links(record: GenRecord, resonances: Array, kept: Array) -> tuple[Array, Array]:
    """Return links of resonances that no particle names as its mother, from ``d1`` and ``d2``.

    The ways to write daughters: ``d1 == d2`` a copy, ``d1 < d2`` a range, ``d2 < d1`` two
    separate daughters, ``d2 == -1`` a single one. Final particles (status 1) are not asked.
    """
    has_child = np.zeros(len(record) + 1, np.bool_)
    nodes = np.flatnonzero(kept)
    has_child[record.column("m1")[nodes]] = True
    has_child[record.column("m2")[nodes]] = True
    lonely = resonances[~has_child[resonances] & (record.column("status")[resonances] != 1)]
    none = np.zeros(0, np.int64)
    if not len(lonely):
        return none, none
    d1, d2 = record.column("d1")[lonely], record.column("d2")[lonely]
    lonely, d1, d2 = (values[d1 >= 0] for values in (lonely, d1, d2))
    separate = (d2 >= 0) & (d2 < d1)
    last = np.where(d2 > d1, d2, d1)
    owner, child = expand(d1, last - d1 + 1)
    parent = np.concatenate([lonely[owner], lonely[separate]])
    child = np.concatenate([child, d2[separate]])
    return parent.astype(np.int64), child.astype(np.int64)


def _graph(
    record: GenRecord, nodes: Array, hard: Array, parents: Array, children: Array
) -> History:
    pid = record.column("pid")[nodes]
    real = (parents >= 0) & (parents != children)
    parents, children = parents[real], children[real]
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
