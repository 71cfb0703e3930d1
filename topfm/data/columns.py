"""The numbers of a slot as a network reads them, and back.

A slot has seven *variables* (``topdata.schema.slots.FEATURES``: pt, eta, phi, px, py, pz, energy).
Networks read them as eight *columns*: logarithms of what spans decades, an azimuth as sine and
cosine, signed momenta through asinh. What hides a variable hides its columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

from topdata.schema import slots

VARIABLES: tuple[str, ...] = slots.FEATURE_NAMES
COLUMNS = ("log_pt", "eta", "sin_phi", "cos_phi", "asinh_px", "asinh_py", "asinh_pz", "log_energy")
VARIABLE_OF_COLUMN = (0, 1, 2, 2, 3, 4, 5, 6)  # index into VARIABLES
MOMENTUM = 20.0  # GeV, where asinh turns from linear to logarithmic
LEAST = 1e-3  # GeV, below which logarithms stop


def columns_of(variables: Tensor) -> Tensor:
    """Return the columns [..., 8] of slots with variables [..., 7], GeV and radians."""
    pt, eta, phi, px, py, pz, energy = variables.unbind(-1)
    return torch.stack(
        [
            pt.clamp_min(LEAST).log(),
            eta,
            phi.sin(),
            phi.cos(),
            (px / MOMENTUM).asinh(),
            (py / MOMENTUM).asinh(),
            (pz / MOMENTUM).asinh(),
            energy.clamp_min(LEAST).log(),
        ],
        dim=-1,
    )


def variables_of(columns: Tensor) -> Tensor:
    """Return the variables [..., 7] of columns [..., 8]; phi from sine and cosine of any length."""
    log_pt, eta, sin_phi, cos_phi, px, py, pz, log_energy = columns.unbind(-1)
    return torch.stack(
        [
            log_pt.exp(),
            eta,
            torch.atan2(sin_phi, cos_phi),
            MOMENTUM * px.sinh(),
            MOMENTUM * py.sinh(),
            MOMENTUM * pz.sinh(),
            log_energy.exp(),
        ],
        dim=-1,
    )


def of_variables(per_variable: Tensor) -> Tensor:
    """Spread flags or weights of variables [..., 7] over their columns [..., 8]."""
    index = torch.tensor(VARIABLE_OF_COLUMN, device=per_variable.device)
    return per_variable.index_select(-1, index)
