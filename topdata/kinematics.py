"""Angles and four-momenta of flat arrays, in double precision. GeV, radians."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def wrap(phi: Array) -> Array:
    """Bring azimuthal differences into (-pi, pi]."""
    return np.asarray(np.pi - np.mod(np.pi - phi, 2 * np.pi))


def delta_r2(eta_a: Array, phi_a: Array, eta_b: Array, phi_b: Array) -> Array:
    """Return (delta eta)^2 + (delta phi)^2."""
    d_eta = eta_a.astype(np.float64) - eta_b
    d_phi = wrap(phi_a.astype(np.float64) - phi_b)
    return np.asarray(d_eta * d_eta + d_phi * d_phi)


def cartesian(pt: Array, eta: Array, phi: Array, mass: Array) -> tuple[Array, Array, Array, Array]:
    """Return px, py, pz, energy."""
    pt, phi = pt.astype(np.float64), phi.astype(np.float64)
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta.astype(np.float64))
    return px, py, pz, np.sqrt(pt * pt + pz * pz + mass.astype(np.float64) ** 2)


def cylindrical(
    px: Array, py: Array, pz: Array, energy: Array
) -> tuple[Array, Array, Array, Array]:
    """Return pt, eta, phi, mass; eta is finite for pt = 0, a negative mass squared gives 0."""
    pt = np.hypot(px, py)
    with np.errstate(over="ignore", invalid="ignore"):  # absurd momenta are found out later
        mass2 = energy**2 - pt**2 - pz**2
    eta = np.arcsinh(pz / np.maximum(pt, 1e-9))
    return pt, eta, np.arctan2(py, px), np.sqrt(np.maximum(mass2, 0.0))
