"""The events of a dataset, a batch of flat columns at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from topdata.errors import InputError, RecipeError, nearest, one_line
from topdata.events import Jagged
from topdata.kinematics import Array
from topdata.manifest import Manifest
from topdata.quantities import NAMES, evaluate
from topdata.schema.arrow import unpack

_BATCH = 16_384
_TRUTH = ("tops", "ws", "partons")
_READ = ["process", "n_tops", "weight", "gen_weight", "met", "jets", "leptons", "photons",
         *(f"truth.{name}" for name in _TRUTH)]  # fmt: skip


class Columns:
    """Some events of the chosen processes; each list is unpacked when it is first asked for.

    ``process`` int64 [n] is the position among the chosen processes, ``weight`` float64 [n] is in
    pb, ``relative_weight`` float64 [n] is the generator weight over its mean in the process.
    """

    def __init__(self, table: pa.Table, btag_bit: int, process: Array, mean_weight: Array) -> None:
        self.process = process
        self.weight = table.column("weight").to_numpy()
        self.relative_weight = table.column("gen_weight").to_numpy() / mean_weight[process]
        self._table = table
        self._btag_bit = btag_bit
        self._lists: dict[str, Jagged] = {}
        self._quantities: dict[str, Array] = {}

    def __len__(self) -> int:
        """Return the number of events."""
        return int(self._table.num_rows)

    def quantity(self, name: str) -> Array:
        """Return a quantity of :mod:`topdata.quantities`, [n]."""
        if not self._quantities:
            self._quantities = evaluate(self._table, NAMES, btag_bit=self._btag_bit)
        return self._quantities[name]

    def met(self, member: str) -> Array:
        """Return ``pt`` or ``phi`` of the missing transverse momentum, [n]."""
        return np.asarray(pa.compute.struct_field(self._table.column("met"), member).to_numpy())

    def objects(self, name: str) -> Jagged:
        """Return ``jets``, ``leptons``, ``photons``, ``tops``, ``ws`` or ``partons``."""
        if name not in self._lists:
            column = self._table.column("truth" if name in _TRUTH else name)
            if name in _TRUTH:
                column = pa.compute.struct_field(column, name)
            self._lists[name] = Jagged(*unpack(column))
        return self._lists[name]


def chosen(manifest: Manifest, wanted: Sequence[str]) -> list[str]:
    """Return the processes to show, in the order of the classes: ``wanted``, or all with events.

    Raises :class:`RecipeError` for a name that the dataset does not have.
    """
    for name in wanted:
        if name not in manifest.classes:
            raise RecipeError(
                f"{manifest.name}: no process {name!r}{nearest(name, manifest.classes)}"
            )
    written = {process.name for process in manifest.processes if process.ledger.written}
    return [name for name in manifest.classes if name in (wanted or written)]


def require_split(manifest: Manifest, split: str | None) -> None:
    """Raise :class:`RecipeError` if the dataset has no such split."""
    if split is not None and split not in (known := manifest.split_counts()):
        raise RecipeError(f"{manifest.name}: no split {split!r}{nearest(split, known)}")


def events_of(manifest: Manifest, name: str, split: str | None) -> int:
    """Return how many events of a process a split holds (of all splits by default)."""
    splits = next((p.splits for p in manifest.processes if p.name == name), {})
    return sum(n for of, n in splits.items() if split in (None, of))


def read(
    dataset: Path, manifest: Manifest, processes: Sequence[str], split: str | None = None
) -> Iterator[Columns]:
    """Yield the events of some processes in the order of the files, in bounded memory.

    Raises :class:`InputError` naming a file that is missing or cannot be read.
    """
    position = np.full(len(manifest.classes), -1)
    position[[manifest.classes.index(name) for name in processes]] = np.arange(len(processes))
    mean_weight = np.array([_mean_weight(manifest, name) for name in processes])
    names = "|".join(re.escape(name) for name in processes)
    wanted = re.compile(rf"data/{re.escape(split) if split else '[a-z]+'}-({names})-\d+\.parquet")
    for file in manifest.files:
        if not wanted.fullmatch(file.path):
            continue
        path = dataset / file.path
        try:
            for batch in pq.ParquetFile(path).iter_batches(_BATCH, columns=_READ):
                table = pa.Table.from_batches([batch])
                process = position[table.column("process").to_numpy()]
                yield Columns(table, manifest.btag_bit, process, mean_weight)
        except FileNotFoundError as error:
            raise InputError(f"{path}: a file of the dataset is missing") from error
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{path}: cannot be read ({one_line(error)})") from error


def _mean_weight(manifest: Manifest, name: str) -> float:
    """Return the mean generator weight of a process over all its usable events."""
    process = next(p for p in manifest.processes if p.name == name)
    usable = process.ledger.read - process.ledger.quarantined
    return process.sum_gen_weight / usable if usable else 1.0
