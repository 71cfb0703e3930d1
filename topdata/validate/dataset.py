"""What rules look at: a dataset, its shards, and batches of events as flat columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from topdata.errors import one_line
from topdata.kinematics import Array
from topdata.manifest import DataFile, Manifest, ProcessEntry
from topdata.recipe import JetCuts, Matching, Objects, Splits
from topdata.schema.arrow import unpack
from topdata.validate.rules import Wrong

if TYPE_CHECKING:
    from topdata.validate.tally import Tally

_EVENTS = re.compile(r"data/(?P<split>[a-z]+)-(?P<process>[^-/]+)-(?P<number>\d{5})\.parquet")
_UNIVERSAL = re.compile(r"universal/(?P<split>[a-z]+)-(?P<number>\d{5})\.parquet")
_TRUTH = ("tops", "ws", "partons", "me")
UNREADABLE = (pa.ArrowException, OSError, ValueError)  # what pyarrow raises for a damaged file


class Dataset:
    """A dataset folder with its manifest."""

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self.root = root
        self.manifest = manifest
        self.objects, self.splits, self.radius = Objects(), Splits(), Matching().radius
        self.recipe_fault = ""
        try:
            self.objects = Objects.model_validate(manifest.recipe.get("objects", {}))
            self.splits = Splits.model_validate(manifest.recipe.get("splits", {}))
            self.radius = Matching.model_validate(manifest.recipe.get("matching", {})).radius
        except ValidationError as error:
            self.recipe_fault = one_line(error)

    @cached_property
    def shards(self) -> list[Shard]:
        """The parquet files that the manifest names and that are there."""
        named = [Shard.of(self, file) for file in self.manifest.files]
        return [shard for shard in named if shard is not None and shard.file_path.is_file()]

    @cached_property
    def process_of_source(self) -> Array:
        """Class index of each source, -1 for one of no known process, int64 [n_sources]."""
        index = {name: number for number, name in enumerate(self.manifest.classes)}
        return np.array([index.get(s.process, -1) for s in self.manifest.sources], np.int64)

    @cached_property
    def scales(self) -> Array:
        """Cross-section over sum of generator weights of each class, float64 [n_classes]."""
        scales = np.zeros(len(self.manifest.classes))
        for index, name in enumerate(self.manifest.classes):
            process = self.process(name)
            if process is not None and process.sum_gen_weight:
                scales[index] = process.cross_section / process.sum_gen_weight
        return scales

    def process(self, name: str) -> ProcessEntry | None:
        """Return the process of a name."""
        return next((p for p in self.manifest.processes if p.name == name), None)

    @property
    def cuts_objects(self) -> bool:
        """Tell whether the recipe leaves out objects."""
        plain = Objects(jets=JetCuts(btag_bit=self.objects.jets.btag_bit))
        return self.objects != plain

    def sources_noting(self, text: str) -> list[int]:
        """Return the sources with a note that begins with ``text``."""
        return [
            index
            for index, source in enumerate(self.manifest.sources)
            if any(note.startswith(text) for note in source.notes)
        ]

    @property
    def has_universal(self) -> bool:
        """Tell whether there is the fixed-slot configuration."""
        return any(file.path.startswith("universal/") for file in self.manifest.files)


@dataclass(slots=True)
class Shard:
    """One parquet file: of events, or of the fixed-slot configuration (no ``process``)."""

    dataset: Dataset
    file: DataFile
    split: str
    process: str  # empty in the fixed-slot configuration
    parquet: pq.ParquetFile | None = None
    problems: list[str] = field(default_factory=list)  # why it cannot be read
    differences: list[str] = field(default_factory=list)  # of its columns from the schema

    @classmethod
    def of(cls, dataset: Dataset, file: DataFile) -> Shard | None:
        """Return the shard of a file whose path is well-formed."""
        if found := _EVENTS.fullmatch(file.path):
            return cls(dataset, file, found["split"], found["process"])
        if found := _UNIVERSAL.fullmatch(file.path):
            return cls(dataset, file, found["split"], "")
        return None

    @property
    def path(self) -> str:
        """Path in the dataset."""
        return self.file.path

    @property
    def file_path(self) -> Path:
        """Path of the file."""
        return self.dataset.root / self.file.path

    @property
    def is_universal(self) -> bool:
        """Tell whether it is of the fixed-slot configuration."""
        return not self.process

    def open(self) -> None:
        """Read the footer; a damaged one is noted."""
        try:
            self.parquet = pq.ParquetFile(self.file_path)
        except UNREADABLE as error:
            self.problems.append(f"the footer cannot be read ({one_line(error)})")

    def close(self) -> None:
        """Close the file."""
        if self.parquet is not None:
            self.parquet.close()
            self.parquet = None

    def groups(self) -> Iterator[tuple[int, pa.Table]]:
        """Yield (first row, table) of the row groups that can be read; the others are noted."""
        assert self.parquet is not None
        first = 0
        for number in range(self.parquet.num_row_groups):
            rows = self.parquet.metadata.row_group(number).num_rows
            try:
                table = self.parquet.read_row_group(number).combine_chunks()
                table.validate()
                yield first, table
            except UNREADABLE as error:
                self.problems.append(
                    f"rows {first} to {first + rows - 1} cannot be read ({one_line(error)})"
                )
            first += rows


@dataclass(frozen=True, slots=True)
class Rows:
    """A list column of a batch: flat members with the event and position of each row."""

    name: str
    offsets: Array  # [n_events + 1]
    columns: dict[str, Array]  # each [n_rows]
    event: Array  # [n_rows]
    row: Array  # [n_rows], within the event

    def __getitem__(self, member: str) -> Array:
        """Return a flat member, [n_rows]."""
        return self.columns[member]

    def __len__(self) -> int:
        """Return the number of rows of all events."""
        return len(self.event)

    @property
    def counts(self) -> Array:
        """Rows of each event, [n_events]."""
        return np.diff(self.offsets)

    def wrong(self, mask: Array, text: str, *values: Array) -> Wrong:
        """Say what is wrong with the rows of ``mask``; the text begins with list and position."""
        at = np.flatnonzero(mask)
        chosen = (self.row[at], *(value[at] for value in values))
        return Wrong(self.event[at], f"{self.name}[{{}}]: {text}", chosen)

    def at(self, event: Array, row: Array) -> tuple[Array, Array]:
        """Return (flat index, whether it exists) of ``row`` in the list of ``event``."""
        inside = (row >= 0) & (row < self.counts[event])
        return np.where(inside, self.offsets[event] + row, 0), inside


class Batch:
    """Some events of a shard."""

    def __init__(self, shard: Shard, table: pa.Table, row: Array, tally: Tally) -> None:
        self.shard = shard
        self.dataset = shard.dataset
        self.table = table
        self.row = row  # in the shard, of each event
        self.tally = tally  # of the events before
        self._lists: dict[str, Rows] = {}

    def __len__(self) -> int:
        """Return the number of events."""
        return int(self.table.num_rows)

    def without(self, events: Array) -> Batch:
        """Return the batch without some events."""
        keep = np.ones(len(self), np.bool_)
        keep[events] = False
        table = self.table.filter(pa.array(keep)).combine_chunks()
        return Batch(self.shard, table, self.row[keep], self.tally)

    def scalar(self, name: str) -> Array:
        """Return a column of one number an event, [n_events]."""
        return np.asarray(self.table.column(name).to_numpy())

    def met(self, member: str) -> Array:
        """Return ``pt`` or ``phi`` of the missing momentum, [n_events]."""
        return np.asarray(self.table.column("met").combine_chunks().field(member).to_numpy())

    def rows(self, name: str) -> Rows:
        """Return jets, leptons, photons, or tops, ws, partons, me of the truth."""
        if name not in self._lists:
            if name in _TRUTH:
                column = self.table.column("truth").combine_chunks().field(name)
            else:
                column = self.table.column(name)
            offsets, columns = unpack(column)
            event = np.repeat(np.arange(len(self)), np.diff(offsets))
            row = np.arange(len(event)) - offsets[:-1][event]
            self._lists[name] = Rows(name, offsets, columns, event, row)
        return self._lists[name]

    @cached_property
    def source(self) -> Array:
        """Source of each event where that is in range, else -1, [n_events]."""
        source = self.scalar("source")
        known = (source >= 0) & (source < len(self.dataset.manifest.sources))
        return np.where(known, source, -1)

    def wrong(self, mask: Array, text: str, *values: Array) -> Wrong:
        """Say what is wrong with the events of ``mask``."""
        at = np.flatnonzero(mask)
        return Wrong(at, text, tuple(value[at] for value in values))
