"""Keep the events of a dataset that pass a cut.

The result is what a build with that cut at the end of its recipe gives: weights stay normalised to
all events that were read, the cut flow has one line more, the events that go are counted as cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from topdata import expressions, quantities
from topdata.build.existing import Existing, existing
from topdata.build.normalise import process_entry
from topdata.build.provenance import versions
from topdata.events import Array
from topdata.manifest import Ledger, Manifest, ProcessEntry, Source, Step
from topdata.progress import Progress, Silent
from topdata.transform.write import Files, completed, new_dataset, write_process


def skim(
    dataset: Path,
    cut: str,
    output: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Write the events of ``dataset`` that pass ``cut`` as the dataset ``output``.

    ``cut`` is a condition such as ``n_jets >= 6 and ht > 500`` (names: see
    :mod:`topdata.quantities`).

    Raises :class:`RecipeError` for a cut that cannot be understood, :class:`InputError` for a
    damaged dataset, :class:`OutputError` if the output exists.
    """
    condition = quantities.parse_cut(cut)
    old, told = existing(dataset), progress or Silent()
    told.start("skimming", old.manifest.total.written, "events")
    with new_dataset(output, overwrite=overwrite) as folder:
        kept = _Kept(len(old.manifest.sources))
        files: list[Files] = []
        for name in old.manifest.classes:
            passing = _Passing(old, name, condition, kept, told)
            splits = list(old.manifest.processes[0].splits)
            files.append(write_process(folder, old.manifest, name, passing, splits))
        return completed(folder, _manifest(old, cut, kept, files), files, universal=old.universal)


class _Kept:
    """How many events of each source pass, and the sum of their generator weights."""

    def __init__(self, sources: int) -> None:
        self.events = np.zeros(sources, np.int64)
        self.weight = np.zeros(sources, np.float64)

    def add(self, source: Array, gen_weight: Array) -> None:
        self.events += np.bincount(source, minlength=len(self.events))
        self.weight += np.bincount(source, gen_weight, minlength=len(self.events))


class _Passing:
    """The events of one process that pass, for a split; they are counted on the way."""

    def __init__(
        self,
        old: Existing,
        name: str,
        condition: expressions.Expression,
        kept: _Kept,
        told: Progress,
    ) -> None:
        self._old, self._name, self._condition = old, name, condition
        self._kept, self._told = kept, told

    def __call__(self, split: str) -> Iterator[pa.Table]:
        btag_bit = self._old.manifest.btag_bit
        for table in self._old.rows(split, self._name):
            values = quantities.evaluate(table, self._condition.names, btag_bit=btag_bit)
            keep = np.broadcast_to(self._condition.mask(values), table.num_rows)
            passing = table.filter(pa.array(keep))
            self._kept.add(*(passing.column(c).to_numpy() for c in ("source", "gen_weight")))
            self._told.advance(table.num_rows, table.num_rows)
            yield passing


def _manifest(old: Existing, cut: str, kept: _Kept, files: list[Files]) -> Manifest:
    was = old.manifest
    sources = [
        _skimmed(source, int(kept.events[row]), float(kept.weight[row]))
        for row, source in enumerate(was.sources)
    ]
    cuts = [*(line.cut for line in was.processes[0].cut_flow[1:]), cut]
    processes: list[ProcessEntry] = []
    for process, shards in zip(was.processes, files, strict=True):
        mine = [source for source in sources if source.process == process.name]
        cross_section = (process.cross_section, process.cross_section_from)
        processes.append(process_entry(process.name, cross_section, cuts, mine, shards))
    step = Step(command="skim", detail={"select": cut}, parents=[old.parent], versions=versions())
    recipe = old.recipe.model_copy(update={"select": cuts}).plain()
    return was.model_copy(
        update={
            "sources": sources,
            "processes": processes,
            "recipe": recipe,
            "history": [*was.history, step],
        }
    )


def _skimmed(source: Source, events: int, weight: float) -> Source:
    ledger = source.ledger
    return source.model_copy(
        update={
            "flow": [*source.flow, (events, weight)] if source.flow else [],
            "ledger": Ledger(
                read=ledger.read,
                written=events,
                cut=ledger.cut + ledger.written - events,
                quarantined=ledger.quarantined,
            ),
        }
    )
