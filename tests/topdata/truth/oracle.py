"""Truth and matching of one event, spelled out in plain loops: slow, and written apart from topdata.

Nothing here is shared with the package. Every rule is applied to one particle at a time in the
words of the specification, so that the array code can be held against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

QUARKS = frozenset(range(1, 6))
CHARGED_LEPTONS = frozenset((11, 13, 15))
NEUTRINOS = frozenset((12, 14, 16))
FERMIONS = QUARKS | CHARGED_LEPTONS | NEUTRINOS
HARD_KINDS = FERMIONS | {21, 22}  # what may leave the hard process as it is
TOP, Z, W, HIGGS = 6, 23, 24, 25
NONE = -1


@dataclass(frozen=True, slots=True)
class Particle:
    """One entry of the generator record; links are positions in the event, -1 none."""

    pid: int
    status: int
    is_pileup: bool
    m1: int
    m2: int
    d1: int
    d2: int
    pt: float
    eta: float
    phi: float
    mass: float


@dataclass(frozen=True, slots=True)
class Row:
    """One row of ``tops``, ``ws`` or ``partons``; a list has no use for some of the fields."""

    pt: float
    eta: float
    phi: float
    mass: float
    pdg_id: int
    decay: int = NONE
    origin: int = 0
    top: int = NONE
    w: int = NONE
    index: int = NONE  # the particle it was made of: the direct child
    hadronic: bool = False  # a tau that did not go to e or mu


@dataclass(slots=True)
class Truth:
    """What the specification asks of one event."""

    tops: list[Row] = field(default_factory=list)
    ws: list[Row] = field(default_factory=list)
    partons: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Jet:
    """Direction of a reconstructed jet."""

    eta: float
    phi: float


@dataclass(frozen=True, slots=True)
class Lepton:
    """A reconstructed lepton; ``gen`` is the particle it refers to, ``None`` if unresolved."""

    pdg_id: int
    eta: float
    phi: float
    gen: int | None


def is_new(pid: int) -> bool:
    """Tell whether a PDG code is a particle beyond the standard model, and no hadron."""
    code = abs(pid)
    if code in (7, 8, 17, 18) or 32 <= code <= 80:
        return True
    if not 1_000_000 <= code <= 9_999_999:
        return False
    if code < 9_000_000:
        return True
    if code >= 9_900_000:
        return code % 100_000 < 100  # other codes from 99 on are diffractive states and onia
    return code // 10 % 10 == 0 or code // 100 % 10 == 0  # a meson has two quark digits


def charge3(pid: int) -> int:
    """Return three times the charge of a quark or lepton."""
    code = abs(pid)
    sign = 1 if pid > 0 else -1
    if code in QUARKS:
        return sign * (2 if code % 2 == 0 else -1)
    return -3 * sign if code in CHARGED_LEPTONS else 0


def delta_r(eta1: float, phi1: float, eta2: float, phi2: float) -> float:
    """Return the distance in pseudorapidity and azimuth."""
    turn = abs(phi1 - phi2) % (2 * math.pi)
    return math.hypot(eta1 - eta2, min(turn, 2 * math.pi - turn))


class Record:
    """Family relations of one event."""

    def __init__(self, particles: Sequence[Particle]) -> None:
        self.particles = particles
        n = len(particles)
        by_mother: list[list[int]] = [[] for _ in range(n)]
        for j, particle in enumerate(particles):
            for mother in sorted({particle.m1, particle.m2}):
                if 0 <= mother < n and mother != j and not self._pileup(j, mother):
                    by_mother[mother].append(j)
        self.children = [by_mother[i] or self._stated_daughters(i) for i in range(n)]
        self.parents: list[list[int]] = [[] for _ in range(n)]
        for i, children in enumerate(self.children):
            for child in children:
                self.parents[child].append(i)

    def _pileup(self, *positions: int) -> bool:
        return any(self.particles[i].is_pileup for i in positions)

    def _stated_daughters(self, i: int) -> list[int]:
        """Return the daughters that the particle itself names."""
        d1, d2 = self.particles[i].d1, self.particles[i].d2
        if d1 < 0:
            named: Iterable[int] = ()
        elif d2 < 0:
            named = (d1,)
        elif d2 < d1:
            named = (d2, d1)
        else:
            named = range(d1, d2 + 1)
        n = len(self.particles)
        return [j for j in named if j < n and j != i and not self._pileup(i, j)]

    def pid(self, i: int) -> int:
        """Return the PDG code of a particle."""
        return self.particles[i].pid

    def kind(self, i: int) -> int:
        """Return the PDG code without its sign."""
        return abs(self.pid(i))

    def same(self, i: int, relatives: Sequence[int]) -> list[int]:
        """Return those relatives that carry the code of ``i``."""
        return [j for j in relatives if self.pid(j) == self.pid(i)]

    def copies(self, i: int) -> Iterator[int]:
        """Yield ``i`` and its later copies in order."""
        seen: set[int] = set()
        while i not in seen:
            seen.add(i)
            yield i
            later = self.same(i, self.children[i])
            if later:
                i = later[-1]

    def last_copy(self, i: int) -> int:
        """Return the last copy of ``i``."""
        return list(self.copies(i))[-1]

    def first_copy(self, i: int) -> int:
        """Return the earliest ancestor of ``i`` that is reached through its own code only."""
        seen = {i}
        while earlier := [j for j in self.same(i, self.parents[i]) if j not in seen]:
            i = earlier[0]
            seen.add(i)
        return i

    def levels(self, i: int) -> Iterator[list[int]]:
        """Yield for ``i`` and each of its later copies the children that are no copies."""
        for copy in self.copies(i):
            yield [j for j in self.children[copy] if self.pid(j) != self.pid(i)]

    def decay(self, i: int) -> list[int]:
        """Return the children at the first level that shows more than radiation."""
        for level in self.levels(i):
            if any(self.kind(j) in FERMIONS or self.kind(j) == W for j in level):
                return level
        return []

    def resonance_decay(self, i: int) -> list[int]:
        """Return the decay of a Z, a Higgs or a new particle: two bosons count as well."""
        for level in self.levels(i):
            if any(
                self.kind(j) in FERMIONS | {TOP, Z, W, HIGGS} or is_new(self.pid(j)) for j in level
            ):
                return level
        return next((level for level in self.levels(i) if len(level) > 1), [])

    def chains(self, kinds: Iterable[int] | None) -> list[int]:
        """Return the first copies of these kinds, ``None`` meaning Z, Higgs and new particles."""
        found = []
        for i, particle in enumerate(self.particles):
            if particle.is_pileup or self.same(i, self.parents[i]):
                continue
            code = abs(particle.pid)
            if is_new(code) or code in (Z, HIGGS) if kinds is None else code in kinds:
                found.append(i)
        return found

    def hard_outgoing(self) -> list[int]:
        """Return what leaves the hard process.

        Pythia 8 marks the incoming partons (21), LHE too (-1). Where nothing is marked, they are
        what the heavy particles come from.
        """
        incoming = [
            i
            for i, particle in enumerate(self.particles)
            if particle.status in (21, -21, -1) and not particle.is_pileup
        ]
        if not incoming:
            heavy = [*self.chains((TOP, W)), *self.chains(None)]
            mothers = sorted({j for i in heavy for j in self.parents[i]})
            incoming = [
                j
                for j in mothers
                if self.kind(j) in HARD_KINDS - {15}  # a tau may come with a W of its own
            ]
        return sorted({j for i in incoming for j in self.children[i]})


def row_of(record: Record, i: int, **more: int | bool) -> Row:
    """Return a row with the momentum of particle ``i``."""
    p = record.particles[i]
    return Row(p.pt, p.eta, p.phi, p.mass, p.pid, **more)  # type: ignore[arg-type]


def sum_of(rows: Sequence[Row]) -> tuple[float, float, float, float]:
    """Return pt, eta, phi, mass of a sum of momenta."""
    px = py = pz = energy = 0.0
    for row in rows:
        x, y = row.pt * math.cos(row.phi), row.pt * math.sin(row.phi)
        z = row.pt * math.sinh(row.eta)
        px, py, pz = px + x, py + y, pz + z
        energy += math.sqrt(x * x + y * y + z * z + row.mass * row.mass)
    pt = math.hypot(px, py)
    mass2 = energy * energy - pt * pt - pz * pz
    return pt, math.asinh(pz / pt), math.atan2(py, px), math.sqrt(max(mass2, 0.0))


def decay_code(record: Record, daughters: Sequence[int]) -> int:
    """Return 0 for two quarks, the charged lepton's code for a lepton and neutrino, else -1."""
    kinds = sorted(record.kind(i) for i in daughters)
    if len(kinds) != 2:
        return NONE
    if all(kind in QUARKS for kind in kinds):
        return 0
    if kinds[0] in CHARGED_LEPTONS and kinds[1] in NEUTRINOS:
        return kinds[0]
    return NONE


def bottom_of(record: Record, top: int, daughters: Sequence[int]) -> int | None:
    """Return the down-type quark beside the W, bottom first."""
    sign = 1 if record.pid(top) > 0 else -1
    for kind in (5, 3, 1):
        for i in daughters:
            if record.pid(i) == sign * kind:
                return i
    return None


def pair_of(record: Record, top: int, daughters: Sequence[int]) -> tuple[int, int] | None:
    """Return the two fermions that stand for a W left out of the record."""
    sign = 1 if record.pid(top) > 0 else -1
    fermions = [i for i in daughters if record.kind(i) in FERMIONS]
    for first, second in combinations(fermions, 2):
        alike = (record.kind(first) in QUARKS) == (record.kind(second) in QUARKS)
        if alike and charge3(record.pid(first)) + charge3(record.pid(second)) == 3 * sign:
            return first, second
    return None


@dataclass(slots=True)
class _W:
    row: Row
    daughters: list[int]
    top: int | None  # the top's last copy


def truth_of_event(particles: Sequence[Particle]) -> Truth:
    """Return tops, Ws and partons of one event; tops and Ws by falling pt."""
    record = Record(particles)
    truth = Truth()
    tops = {record.last_copy(i): i for i in record.chains((TOP,))}
    ws: list[_W] = []
    top_of_w: dict[int, int] = {}  # last copies
    bottoms: dict[int, int] = {}
    top_codes: dict[int, int] = {}

    for last, first in tops.items():
        daughters = record.decay(first)
        bottom = bottom_of(record, last, daughters)
        if bottom is not None:
            bottoms[last] = bottom
        found = [i for i in daughters if record.kind(i) == W]
        if found:
            w = record.last_copy(found[0])
            top_of_w[w] = last
            top_codes[last] = decay_code(record, _fermions(record, found[0]))
            continue
        pair = pair_of(record, last, [i for i in daughters if i != bottom])
        top_codes[last] = decay_code(record, pair) if pair else NONE
        if pair:
            momentum = sum_of([row_of(record, i) for i in pair])
            code = W if record.pid(last) > 0 else -W
            ws.append(_W(Row(*momentum, code, top_codes[last]), list(pair), last))

    for first in record.chains((W,)):
        last = record.last_copy(first)
        daughters = _fermions(record, first)
        row = row_of(record, last, decay=decay_code(record, daughters))
        ws.append(_W(row, daughters, top_of_w.get(last)))

    ordered = sorted(tops, key=lambda last: -particles[last].pt)
    rank = {last: position for position, last in enumerate(ordered)}
    truth.tops = [row_of(record, last, decay=top_codes[last]) for last in ordered]
    ws.sort(key=lambda w: -w.row.pt)

    for last in ordered:
        if last in bottoms:
            i = bottoms[last]
            truth.partons += _rows(record, i, origin=record.pid(last), top=rank[last], w=NONE)
    for position, entry in enumerate(ws):
        top = NONE if entry.top is None else rank[entry.top]
        row = entry.row
        truth.ws.append(
            Row(row.pt, row.eta, row.phi, row.mass, row.pdg_id, decay=row.decay, top=top)
        )
        for i in entry.daughters:
            truth.partons += _rows(record, i, origin=row.pdg_id, top=top, w=position)

    for first in record.chains(None):
        for i in record.resonance_decay(first):
            if _is_row(record, i):
                truth.partons += _rows(record, i, origin=record.pid(first), top=NONE, w=NONE)
    taken = {row.index for row in truth.partons}
    for i in record.hard_outgoing():
        stable_new = is_new(record.pid(i)) and not record.resonance_decay(i)
        if i not in taken and (record.kind(i) in HARD_KINDS or stable_new):
            truth.partons += _rows(record, i, origin=0, top=NONE, w=NONE)
    return truth


def _fermions(record: Record, w: int) -> list[int]:
    """Return the quarks and leptons a W goes to."""
    return [i for i in record.decay(w) if record.kind(i) in FERMIONS]


def _is_row(record: Record, i: int) -> bool:
    """Tell whether a daughter is a parton: tops, Ws and what decays further are none."""
    if record.kind(i) in (TOP, W):
        return False
    decays = record.kind(i) in (Z, HIGGS) or is_new(record.pid(i))
    return not (decays and record.resonance_decay(i))


def _rows(record: Record, i: int, origin: int, top: int, w: int) -> list[Row]:
    """Return the row of a parton; a tau brings the e or mu that it goes to."""
    if record.kind(i) != 15:
        return [row_of(record, i, origin=origin, top=top, w=w, index=i)]
    light = [j for j in record.decay(i) if record.kind(j) in (11, 13)]
    tau = row_of(
        record, record.last_copy(i), origin=origin, top=top, w=w, index=i, hadronic=not light
    )
    return [tau, *(row_of(record, j, origin=origin, top=top, w=w, index=j) for j in light)]


Pair = tuple[int, int]  # jet, parton


def match_event(
    truth: Truth,
    particles: Sequence[Particle],
    jets: Sequence[Jet],
    leptons: Sequence[Lepton],
    method: str,
    radius: float,
) -> tuple[list[int], list[int]]:
    """Return for each jet and each lepton a row of ``truth.partons`` or -1."""
    distances: dict[Pair, float] = {}
    for j, jet in enumerate(jets):
        for p, row in enumerate(truth.partons):
            if abs(row.pdg_id) in QUARKS or row.pdg_id == 21 or row.hadronic:
                distance = delta_r(jet.eta, jet.phi, row.eta, row.phi)
                if distance < radius:
                    distances[j, p] = distance
    chosen = {"assignment": _assigned, "unique": _unique, "closest": _closest}[method](distances)
    jet_parton = [NONE] * len(jets)
    for j, p in chosen:
        jet_parton[j] = p
    record = Record(particles)
    return jet_parton, [_parton_of_lepton(truth, record, lepton) for lepton in leptons]


def _unique(distances: dict[Pair, float]) -> list[Pair]:
    """Return the pairs whose members have nobody else within reach."""
    return [
        (j, p)
        for j, p in distances
        if not any((j == other_j) != (p == other_p) for other_j, other_p in distances)
    ]


def _closest(distances: dict[Pair, float]) -> list[Pair]:
    """Return pairs taken by rising distance."""
    chosen: list[Pair] = []
    for j, p in sorted(distances, key=lambda pair: distances[pair]):
        if all(j != taken_j and p != taken_p for taken_j, taken_p in chosen):
            chosen.append((j, p))
    return chosen


def _assigned(distances: dict[Pair, float]) -> list[Pair]:
    """Return the largest set of pairs, and of those the one with the least sum of squares."""
    chosen: list[Pair] = []
    for component in _components(distances):
        partners: dict[int, list[int | None]] = {}
        for j, p in component:
            partners.setdefault(j, [None]).append(p)
        best: tuple[int, float, list[Pair]] = (0, 0.0, [])
        for choice in product(*partners.values()):
            pairs = [(j, p) for j, p in zip(partners, choice, strict=True) if p is not None]
            if len({p for _, p in pairs}) < len(pairs):
                continue
            cost = sum(distances[pair] ** 2 for pair in pairs)
            if (-len(pairs), cost) < (-best[0], best[1]):
                best = (len(pairs), cost, pairs)
        chosen += best[2]
    return chosen


def _components(pairs: Iterable[Pair]) -> list[list[Pair]]:
    """Split pairs into sets that share no jet and no parton."""
    components: list[list[Pair]] = []
    for j, p in pairs:
        touching = [c for c in components if any(j == a or p == b for a, b in c)]
        apart = [c for c in components if c not in touching]
        components = [*apart, [(j, p), *(pair for c in touching for pair in c)]]
    return components


def _parton_of_lepton(truth: Truth, record: Record, lepton: Lepton) -> int:
    """Follow the reference to its first copy; only without one look for the nearest parton."""
    if lepton.gen is not None:
        first = record.first_copy(lepton.gen)
        rows = [p for p, row in enumerate(truth.partons) if row.index == first]
        return rows[0] if rows else NONE
    near = [
        (distance, p)
        for p, row in enumerate(truth.partons)
        if row.pdg_id == lepton.pdg_id
        and (distance := delta_r(lepton.eta, lepton.phi, row.eta, row.phi)) < 0.1
    ]
    return min(near)[1] if near else NONE
