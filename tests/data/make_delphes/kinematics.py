"""Four-vectors: decays and radiation that keep the sum exactly."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]  # E, px, py, pz; or a direction in space


def four_vector(mass: float, px: float, py: float, pz: float) -> Vector:
    """Return E, px, py, pz."""
    return np.array([math.sqrt(mass**2 + px**2 + py**2 + pz**2), px, py, pz])


def mass_of(p: Vector) -> float:
    """Return the invariant mass."""
    return math.sqrt(max(0.0, p[0] ** 2 - p[1:] @ p[1:]))


def boosted(p: Vector, frame: Vector, sign: int = 1) -> Vector:
    """Take ``p`` from the rest frame of ``frame`` to the laboratory; sign -1 for the way back."""
    mass = mass_of(frame)
    u = sign * frame[1:] / mass
    energy = (frame[0] * p[0] + mass * (u @ p[1:])) / mass
    return np.array([energy, *(p[1:] + u * (p[0] + energy) / (1 + frame[0] / mass))])


def unit(v: Vector) -> Vector:
    """Return the direction of a vector in space."""
    return v / np.linalg.norm(v)


def direction(rng: np.random.Generator) -> Vector:
    """Return an isotropic direction."""
    return unit(rng.normal(size=3))


def two_body(parent: Vector, m1: float, m2: float, axis: Vector) -> tuple[Vector, Vector]:
    """Decay along ``axis`` in the rest frame of the parent."""
    m = mass_of(parent)
    p = math.sqrt((m**2 - (m1 + m2) ** 2) * (m**2 - (m1 - m2) ** 2)) / (2 * m)
    first = boosted(four_vector(m1, *(p * axis)), parent)
    return first, parent - first


def radiate(
    emitter: Vector, recoiler: Vector, energy: float, angle: float, normal: Vector
) -> tuple[Vector, Vector, Vector]:
    """Return emitter, gluon and recoiler with the same sum; energy and angle in its rest frame.

    The gluon leaves the emitter sideways, at right angles to ``normal``.
    """
    total = emitter + recoiler
    axis = unit(boosted(emitter, total, -1)[1:])
    side = unit(np.cross(axis, normal))
    way = math.cos(angle) * axis + math.sin(angle) * side
    gluon = boosted(four_vector(0.0, *(energy * way)), total)
    rest = total - gluon
    along = unit(boosted(emitter, rest, -1)[1:])
    new = two_body(rest, mass_of(emitter), mass_of(recoiler), along)
    return new[0], gluon, new[1]


def angles(p: Vector) -> dict[str, float]:
    """Return PT, Eta, Phi; Eta as Delphes has it for particles along the beam."""
    pt = math.hypot(p[1], p[2])
    eta = math.asinh(p[3] / pt) if pt > 1e-9 else math.copysign(999.9, p[3])
    return {"PT": pt, "Eta": eta, "Phi": math.atan2(p[2], p[1])}


def delta_r(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    """Return the distance of two objects in Eta and Phi."""
    return math.hypot(a["Eta"] - b["Eta"], math.remainder(a["Phi"] - b["Phi"], math.tau))
