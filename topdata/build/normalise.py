"""Cross-sections, yields and cut flows of processes, from the rows of the source table alone.

So a dataset can be extended, merged or cut without its sources. Sums go over jobs within a source,
then over sources: adding a source gives the same number to the last bit as building with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from topdata.errors import InputError, RecipeError
from topdata.manifest import Cut, DataFile, Ledger, ProcessEntry, Source
from topdata.recipe import Process

_SAME_PROCESS = 1.1  # cross-section estimates of one process differ less


def cross_section_of(process: Process, sources: Sequence[Source]) -> tuple[float, str]:
    """Return (pb, where from): the recipe's, or the mean of the files' weighted by entries.

    Raises :class:`RecipeError` where there is none, or the files disagree.
    """
    if process.cross_section is not None:
        return process.cross_section, "recipe"
    given = {s.file: s.cross_section for s in sources if s.cross_section is not None}
    if given:
        low, high = (pick(given, key=given.__getitem__) for pick in (min, max))
        if given[high] > _SAME_PROCESS * given[low]:
            raise RecipeError(
                f"process {process.name!r}: {low} has {given[low]:.4g} pb and {high} "
                f"{given[high]:.4g} pb: different processes, or add `cross_section:` in pb"
            )
    known = [(s.cross_section, s.entries) for s in sources if s.cross_section is not None]
    entries = sum(n for _, n in known)
    if not entries:
        raise RecipeError(f"process {process.name!r}: no cross-section, add `cross_section:` in pb")
    return sum(value * n for value, n in known) / entries, "file"


def sum_of_weights(name: str, sources: Sequence[Source]) -> float:
    """Return the sum of the generator weights of all usable events.

    Raises :class:`InputError` if no cross-section can be spread over them.
    """
    total = math.fsum(source.sum_gen_weight for source in sources)
    usable = sum(source.ledger.read - source.ledger.quarantined for source in sources)
    if usable and not (math.isfinite(total) and total > 0):
        raise InputError(
            f"process {name!r}: the generator weights sum to {total:g}, which no cross-section fits"
        )
    return total


def process_entry(
    name: str,
    cross_section: tuple[float, str],
    cuts: Sequence[str],
    sources: Sequence[Source],
    files: dict[str, list[DataFile]],
) -> ProcessEntry:
    """Return the manifest's entry of a process; ``files`` are its shards by split."""
    ledger = Ledger()
    for source in sources:
        ledger.add(source.ledger)
    flow = summed_flow([source.flow for source in sources], len(cuts) + 1)
    total = sum_of_weights(name, sources)
    sum_weight = flow[-1][1] * cross_section[0] / total if total else 0.0
    return ProcessEntry(
        name=name,
        cross_section=cross_section[0],
        cross_section_from=cross_section[1],
        sum_gen_weight=total,
        negative_weights=sum(source.negative_weights for source in sources),
        sum_weight=sum_weight,
        efficiency=sum_weight / cross_section[0],
        ledger=ledger,
        cut_flow=[
            Cut(cut=cut, events=events, sum_gen_weight=weight)
            for cut, (events, weight) in zip(("all", *cuts), flow, strict=True)
        ],
        splits={split: sum(file.rows for file in shards) for split, shards in files.items()},
    )


def summed_flow(flows: Sequence[list[tuple[int, float]]], steps: int) -> list[tuple[int, float]]:
    """Add cut flows step by step; those without a usable event may be empty."""
    return [
        (sum(f[step][0] for f in flows if f), math.fsum(f[step][1] for f in flows if f))
        for step in range(steps)
    ]
