"""A generator record written by hand, with its truth and the objects reconstructed from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from fixture import Event, Object, referred
from kinematics import (
    Vector,
    angles,
    delta_r,
    direction,
    four_vector,
    mass_of,
    radiate,
    two_body,
)

BOTTOM, RESONANCE = 5, 6000055
MASSES = {
    1: 0.0, 2: 0.0, 3: 0.5, 4: 1.5, 5: 4.8, 6: 173.0, 11: 0.000511, 12: 0.0, 13: 0.10566, 14: 0.0,
    15: 1.777, 16: 0.0, 21: 0.0, 22: 0.0, 24: 80.4, 211: 0.13957, 321: 0.49368, 411: 1.86966,
    421: 1.86484, 511: 5.27966, 521: 5.27934, 2212: 0.93827, RESONANCE: 450.0,
}  # fmt: skip
CHARGED = {11: -1, 13: -1, 15: -1, 24: 1, 211: 1, 321: 1, 411: 1, 521: 1, 2212: 1}
BEAM_ENERGY = 6500.0


@dataclass
class Truth:
    """A top as it was written: (first copy, last copy) of each, as indices in Particle."""

    top: tuple[int, int]
    b: tuple[int, int]
    w: tuple[int, int]
    products: list[tuple[int, int]]
    decay: int
    from_tau: list[int] = field(default_factory=list)


@dataclass
class Record:
    """A generator record being written."""

    seed: int
    rows: list[Object] = field(default_factory=list)
    p: list[Vector] = field(default_factory=list)
    tops: list[Truth] = field(default_factory=list)
    jets: list[tuple[Vector, int, int]] = field(default_factory=list)  # momentum, flavour, b tag
    others: list[tuple[int, int]] = field(default_factory=list)  # new particles

    def __post_init__(self) -> None:
        """Start the random numbers."""
        self.rng = np.random.default_rng(self.seed)

    # Momenta

    def split(self, parent: Vector, pid1: int, pid2: int) -> tuple[Vector, Vector]:
        """Return the momenta of an isotropic decay."""
        return two_body(parent, MASSES[abs(pid1)], MASSES[abs(pid2)], direction(self.rng))

    def decay(self, parent: int, pid1: int, pid2: int) -> tuple[Vector, Vector]:
        """Return the momenta of an isotropic decay of a particle of the record."""
        return self.split(self.p[parent], pid1, pid2)

    def radiate(
        self, emitter: Vector, recoiler: Vector, energy: float, angle: float
    ) -> tuple[Vector, Vector, Vector]:
        """Return emitter, gluon and recoiler."""
        return radiate(emitter, recoiler, energy, angle, direction(self.rng))

    # Particles and jets

    def add(
        self,
        pid: int,
        status: int,
        p: Vector,
        m1: int = -1,
        m2: int = -1,
        d1: int = -1,
        d2: int = -1,
    ) -> int:
        """Append a particle and return its index."""
        code = abs(pid)
        e, px, py, pz = p.tolist()
        seen = angles(p)
        along = abs(seen["Eta"]) > 900
        self.rows.append({
            "PID": pid, "Status": status, "IsPU": 0, "M1": m1, "M2": m2, "D1": d1, "D2": d2,
            "Charge": CHARGED.get(code, 0) * (1 if pid > 0 else -1),
            "Mass": MASSES[code] if code in MASSES else mass_of(p),
            "E": e, "Px": px, "Py": py, "Pz": pz, "P": float(np.linalg.norm(p[1:])), **seen,
            "Rapidity": seen["Eta"] if along else 0.5 * math.log((e + pz) / (e - pz)),
            "T": 0.0, "X": 0.0, "Y": 0.0, "Z": 0.0,
        })  # fmt: skip
        self.p.append(p)
        return len(self.rows) - 1

    def beams(
        self,
        partons: tuple[int, int],
        status: tuple[int, int],
        total: Vector,
        d1: int = -1,
        d2: int = -1,
    ) -> None:
        """Add the protons and the incoming partons (indices 0 to 3) of a system without pT."""
        for sign in (1, -1):
            self.add(2212, status[0], four_vector(MASSES[2212], 0, 0, sign * BEAM_ENERGY))
        for i, sign in enumerate((1, -1)):
            e = (total[0] + sign * total[3]) / 2
            self.add(partons[i], status[1], np.array([e, 0, 0, sign * e]), i, -1, d1, d2)

    def hadrons(self, quark: int) -> None:
        """Let a b quark end as a pion and B -> D pi, D -> K pi; status 1 and 2."""
        sign = 1 if self.rows[quark]["PID"] < 0 else -1  # the b~ is in the B+
        p = self.p[quark][1:]
        self.add(211 * sign, 1, four_vector(MASSES[211], *(0.2 * p)), quark)
        meson, charm = (521, 421) if sign > 0 else (511, 411)
        b = self.add(sign * meson, 2, four_vector(MASSES[meson], *(0.8 * p)), quark)
        p_d, p_pi = self.decay(b, charm, 211)
        d = self.add(-sign * charm, 2, p_d, b)
        self.add(sign * 211, 1, p_pi, b)
        p_k, p_pi = self.decay(d, 321, 211)
        self.add(sign * 321, 1, p_k, d)
        self.add(-sign * 211, 1, p_pi, d)

    def jet(self, flavour: int, *indices: int, tag: int | None = None) -> None:
        """Add the jet of some partons."""
        p = np.sum([self.p[i] for i in indices], axis=0)
        self.jets.append((p, flavour, int(flavour == BOTTOM) if tag is None else tag))

    def final(self, *codes: int) -> list[tuple[int, Object]]:
        """Return index and row of the stable particles and antiparticles of some kinds."""
        return [
            (i, row)
            for i, row in enumerate(self.rows)
            if row["Status"] == 1 and abs(row["PID"]) in codes
        ]

    # The event

    def well_separated(self) -> bool:
        """Tell whether jets and leptons are in acceptance and far enough from each other."""
        jets = [angles(p) for p, _, _ in self.jets]
        leptons = [row for _, row in self.final(11, 13)]
        return (
            all(jet["PT"] > 25 and abs(jet["Eta"]) < 2.5 for jet in jets)
            and all(lepton["PT"] > 15 and abs(lepton["Eta"]) < 2.4 for lepton in leptons)
            and all(delta_r(a, b) > 0.6 for i, a in enumerate(jets) for b in jets[:i] + leptons)
        )

    def event(self, number: int, weight: float, xsec: float) -> Event:
        """Return the event with its reconstructed objects."""
        ids = (1 + self.rng.permutation(len(self.rows))).tolist()
        jets = self._reconstructed_jets()
        electrons, muons = self._leptons(11, ids), self._leptons(13, ids)
        invisible = angles(sum((self.p[i] for i, _ in self.final(12, 14, 16)), np.zeros(4)))
        x1, x2 = (abs(float(self.p[i][3])) / BEAM_ENERGY for i in (2, 3))
        return {
            "Event": [{
                "Number": number, "ProcessID": 1, "MPI": 0, "Weight": weight,
                "CrossSection": xsec, "CrossSectionError": 0.01 * xsec, "Scale": 173.0,
                "AlphaQED": 0.0078, "AlphaQCD": 0.108, "ID1": self.rows[2]["PID"],
                "ID2": self.rows[3]["PID"], "X1": x1, "X2": x2, "ScalePDF": 173.0,
            }],
            "Weight": [{"Weight": weight * factor} for factor in (1.0, 1.2, 0.85)],
            "Particle": [
                {"fUniqueID": i, **row} for i, row in zip(ids, self.rows, strict=True)
            ],
            "Jet": jets,
            "Electron": electrons,
            "Photon": [],
            "Muon": muons,
            "MissingET": [{"MET": invisible["PT"], "Eta": 0.0, "Phi": invisible["Phi"]}],
            "ScalarHT": [{"HT": sum(v["PT"] for v in jets + electrons + muons)}],
        }  # fmt: skip

    def _reconstructed_jets(self) -> list[Object]:
        """Return the jets by falling pT, a little off their partons."""
        jets: list[Object] = []
        for i, (p, flavour, tag) in enumerate(self.jets):
            seen = angles(p)
            jets.append({
                "PT": seen["PT"] * (0.98 if i % 2 else 1.03), "Eta": seen["Eta"] + 0.01,
                "Phi": math.remainder(seen["Phi"] - 0.01, math.tau),
                "Mass": max(mass_of(p), 0.12 * seen["PT"]), "DeltaEta": 0.35, "DeltaPhi": 0.35,
                "Flavor": flavour, "BTag": tag, "TauTag": 0, "Charge": 1 if i % 2 else -1,
                "EhadOverEem": 1.5, "NCharged": 12 + i, "NNeutrals": 9 + i,
            })  # fmt: skip
        return sorted(jets, key=lambda jet: -jet["PT"])

    def _leptons(self, code: int, ids: list[int]) -> list[Object]:
        return [
            {
                "PT": 0.99 * row["PT"], "Eta": row["Eta"], "Phi": row["Phi"],
                "Charge": -1 if row["PID"] > 0 else 1, "Particle": ids[i],
                "IsolationVar": 0.02, "SumPt": 0.02 * row["PT"],
            }
            for i, row in self.final(code)
        ]  # fmt: skip

    # Its truth

    def expected(self, event: Event) -> Object:
        """Return what a reader must find: tops by falling pT, and all that they decayed to."""
        for top in self.tops:
            self._check_kinematics(top)
        tops = sorted(self.tops, key=lambda top: -self._pt(top))
        assert all(self._pt(a) - self._pt(b) > 1.0 for a, b in pairwise(tops))  # the order is sure
        jets = event["Jet"]
        links = referred(event)
        return {
            "n_tops": len(tops),
            "weight": event["Event"][0]["Weight"],
            "tops": [
                {
                    **self._line(top.top, jets),
                    "decay": top.decay,
                    "b": self._line(top.b, jets),
                    "w": self._line(top.w, jets),
                    "w_products": [self._line(product, jets) for product in top.products],
                    "from_tau": [self._line((i, i), jets) for i in top.from_tau],
                }
                for top in tops
            ],
            "new_particles": [self._line(other, jets) for other in self.others],
            "n_particles": len(self.rows),
            "n_jets": len(jets),
            "electron_particle": links["Electron"],
            "muon_particle": links["Muon"],
            "met": event["MissingET"][0]["MET"],
        }

    def _pt(self, top: Truth) -> float:
        return float(self.rows[top.top[1]]["PT"])

    def _check_kinematics(self, top: Truth) -> None:
        """Assert that the momenta written are those of the decays."""
        w = self.p[top.w[1]]
        assert abs(mass_of(self.p[top.top[1]]) - MASSES[6]) < 1e-6
        assert abs(mass_of(w) - MASSES[24]) < 1e-6
        assert np.allclose(sum(self.p[first] for first, _ in top.products), w)

    def _line(self, copies: tuple[int, int], jets: list[Object]) -> Object:
        """Return a particle from its first to its last copy, and the jet of a quark."""
        first, last = (self.rows[i] for i in copies)
        assert first["PID"] == last["PID"]
        found: Object = {"pdg_id": first["PID"]}
        for name, index, row in zip(("first", "last"), copies, (first, last), strict=True):
            found[name] = {"index": index}
            for leaf in ("PT", "Eta", "Phi", "Mass"):
                found[name][leaf.lower()] = float(np.float32(row[leaf]))
        if abs(first["PID"]) <= BOTTOM:
            near = [i for i, jet in enumerate(jets) if delta_r(first, jet) < 0.4]
            assert len(near) == 1, (first["PID"], near)
            found["jet"] = near[0]
        return found
