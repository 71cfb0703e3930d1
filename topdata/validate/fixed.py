"""Rules of the fixed-slot configuration: the same events, and the view of each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from topdata.kinematics import Array
from topdata.validate.dataset import Dataset
from topdata.validate.rules import Fault, total_rule
from topdata.validate.signatures import COLUMNS, differing, name_of
from topdata.validate.tally import Tally


@total_rule("universal.shape")
def shape(dataset: Dataset, tally: Tally) -> Iterator[Fault]:
    """The arrays of the universal configuration have their fixed shapes and no nulls."""
    yield from tally.comparison.shapes


@total_rule("universal.events")
def same_events(dataset: Dataset, tally: Tally) -> Iterator[Fault]:
    """The universal configuration has every event of its split, each once."""
    for events, fixed in tally.comparison.pairs() if dataset.has_universal else ():
        here, there = events.joined()[0], fixed.joined()[0]
        in_both = _common(here, there)
        for index in np.flatnonzero(~in_both[0]).tolist():
            yield events.fault(index, f"{name_of(int(here[index]))} is not in universal")
        for index in np.flatnonzero(~in_both[1]).tolist():
            text = f"{name_of(int(there[index]))} is not in data, or stands twice"
            yield fixed.fault(index, text)


@total_rule("universal.view")
def same_view(dataset: Dataset, tally: Tally) -> Iterator[Fault]:
    """Rows of the universal configuration are the view of their events; momenta to 1e-6."""
    for events, fixed in tally.comparison.pairs() if dataset.has_universal else ():
        here, digests, sums = events.joined()
        there, fixed_digests, fixed_sums = fixed.joined()
        ours, theirs = (
            np.flatnonzero(mask)[np.argsort(keys[mask])]
            for mask, keys in zip(_common(here, there), (here, there), strict=True)
        )
        differs = differing(
            (digests[ours], sums[ours]), (fixed_digests[theirs], fixed_sums[theirs])
        )
        for position in np.flatnonzero(differs.any(axis=1)).tolist():
            names = [name for name, bad in zip(COLUMNS, differs[position], strict=True) if bad]
            index = int(theirs[position])
            text = f"{name_of(int(there[index]))}: not its {', '.join(names)}"
            yield fixed.fault(index, text)


def _common(a: Array, b: Array) -> tuple[Array, Array]:
    """Tell which keys of each are, for their first time, in both."""

    def firsts(mine: Array, other: Array) -> Array:
        first = np.zeros(len(mine), np.bool_)
        first[np.unique(mine, return_index=True)[1]] = True
        return first & np.isin(mine, other)

    return firsts(a, b), firsts(b, a)
