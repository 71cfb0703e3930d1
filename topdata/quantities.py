"""Named quantities of an event, for selections, skims and labels.

Computed from the columns of a shard, so that a cut means the same in a build, in a skim and in a
training label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa

from topdata.errors import RecipeError
from topdata.expressions import Array, Expression, parse
from topdata.schema.arrow import unpack

_Lists = tuple[Array, dict[str, Array]]


class _Event:
    """The lists of a table, unpacked once."""

    def __init__(self, table: pa.Table, btag_bit: int) -> None:
        self.table = table
        self.btag_bit = btag_bit
        self._lists: dict[str, _Lists] = {}

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def lists(self, name: str) -> _Lists:
        if name not in self._lists:
            self._lists[name] = unpack(self.table.column(name))
        return self._lists[name]

    def scalar(self, name: str, member: str | None = None) -> Array:
        column = self.table.column(name)
        if member is not None:
            column = pa.compute.struct_field(column, member)
        return np.asarray(column.to_numpy())

    def count(self, name: str, mask: Array | None = None) -> Array:
        """Count the rows of a list, or those where ``mask`` is true."""
        offsets, _ = self.lists(name)
        if mask is None:
            return np.diff(offsets)
        return np.asarray(np.diff(np.concatenate([[0], np.cumsum(mask)])[offsets]))

    def sum(self, name: str, member: str) -> Array:
        offsets, columns = self.lists(name)
        event = np.repeat(np.arange(len(self)), np.diff(offsets))
        return np.bincount(event, weights=columns[member], minlength=len(self))

    def nth(self, name: str, member: str, n: int) -> Array:
        """Return a member of the n-th row of each event, 0 where there are fewer."""
        offsets, columns = self.lists(name)
        values = np.append(columns[member], 0).astype(np.float64)
        place = np.where(np.diff(offsets) > n, offsets[:-1] + n, len(values) - 1)
        return np.asarray(values[place])

    def btagged(self) -> Array:
        return np.asarray((self.lists("jets")[1]["btag"] >> self.btag_bit) & 1)

    def tautagged(self) -> Array:
        return np.asarray(self.lists("jets")[1]["tautag"] & 1)

    def flavour(self, code: int) -> Array:
        return np.asarray(np.abs(self.lists("leptons")[1]["pdg_id"]) == code)

    def same_sign(self) -> Array:
        """Tell whether two leptons have charges of one sign."""
        charge = self.lists("leptons")[1]["charge"]
        plus, minus = self.count("leptons", charge > 0), self.count("leptons", charge < 0)
        return np.asarray((plus >= 2) | (minus >= 2))


QUANTITIES: dict[str, tuple[str, Callable[[_Event], Array]]] = {
    "n_jets": ("number of jets", lambda e: e.count("jets")),
    "n_btags": ("number of b-tagged jets", lambda e: e.count("jets", e.btagged())),
    "n_tautags": ("number of tau-tagged jets", lambda e: e.count("jets", e.tautagged())),
    "n_leptons": ("number of electrons and muons", lambda e: e.count("leptons")),
    "n_electrons": ("number of electrons", lambda e: e.count("leptons", e.flavour(11))),
    "n_muons": ("number of muons", lambda e: e.count("leptons", e.flavour(13))),
    "n_photons": ("number of photons", lambda e: e.count("photons")),
    "same_sign": ("two leptons have the same charge", lambda e: e.same_sign()),
    "ht": ("scalar sum of jet pT, GeV", lambda e: e.sum("jets", "pt")),
    "st": (
        "scalar sum of jet and lepton pT and MET, GeV",
        lambda e: e.sum("jets", "pt") + e.sum("leptons", "pt") + e.scalar("met", "pt"),
    ),
    "met": ("missing transverse momentum, GeV", lambda e: e.scalar("met", "pt")),
    "jet1_pt": ("pT of the leading jet, GeV", lambda e: e.nth("jets", "pt", 0)),
    "jet2_pt": ("pT of the second jet, GeV", lambda e: e.nth("jets", "pt", 1)),
    "lepton1_pt": ("pT of the leading lepton, GeV", lambda e: e.nth("leptons", "pt", 0)),
    "lepton2_pt": ("pT of the second lepton, GeV", lambda e: e.nth("leptons", "pt", 1)),
    "n_tops": ("true top quarks, -1 without truth", lambda e: e.scalar("n_tops")),
    "gen_weight": ("generator weight", lambda e: e.scalar("gen_weight")),
}  # fmt: skip

NAMES = frozenset(QUANTITIES)
CONDITIONS = frozenset({"same_sign"})  # true or false; everything else is a number


def parse_cut(text: str) -> Expression:
    """Parse a condition over named quantities, such as ``n_jets >= 4 and met > 100``.

    Raises :class:`RecipeError` for what cannot be understood, or is a number and no condition.
    """
    cut = parse(text, NAMES, CONDITIONS)
    if not cut.is_condition:
        raise RecipeError(f"{text!r} is a number, not a condition: compare it, like '>= 4'")
    return cut


def evaluate(table: pa.Table, names: Iterable[str], *, btag_bit: int = 0) -> dict[str, Array]:
    """Return the named quantities of each row of a table, arrays [n]."""
    event = _Event(table, btag_bit)
    return {name: QUANTITIES[name][1](event) for name in names}
