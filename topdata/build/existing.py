"""A dataset that is there and will be part of another one."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from topdata.build.shard import ROW_GROUP
from topdata.errors import InputError, SchemaError
from topdata.manifest import FILE_NAME, DataFile, Manifest, Parent, damaged_files, read_manifest
from topdata.recipe import Recipe, make_recipe
from topdata.schema.fingerprint import dataset_fingerprint


@dataclass(frozen=True, slots=True)
class Existing:
    """A dataset that is going to be extended."""

    folder: Path
    manifest: Manifest
    sha256: str  # of its manifest

    @property
    def recipe(self) -> Recipe:
        """The recipe that gives this dataset; its files have public names."""
        return make_recipe(self.manifest.recipe, str(self.folder / FILE_NAME))

    @property
    def universal(self) -> bool:
        """Whether it has the fixed-slot configuration."""
        return any(file.path.startswith("universal/") for file in self.manifest.files)

    @property
    def parent(self) -> Parent:
        """How the extended dataset names this one."""
        return Parent(name=self.manifest.name, manifest_sha256=self.sha256)

    def shards(self, split: str, process: str) -> list[DataFile]:
        """Return the shards of a process in a split, in order."""
        stem = f"data/{split}-{process}-"
        return [file for file in self.manifest.files if file.path.startswith(stem)]

    def scale(self, process: str) -> float:
        """Return ``weight / gen_weight`` of a process, pb."""
        entry = self.manifest.processes[self.manifest.classes.index(process)]
        return entry.cross_section / entry.sum_gen_weight if entry.sum_gen_weight else 0.0

    def rows(self, split: str, process: str) -> Iterator[pa.Table]:
        """Yield the events of a process in a split, a row group at a time."""
        for file in self.shards(split, process):
            with pq.ParquetFile(self.folder / file.path) as shard:
                for batch in shard.iter_batches(ROW_GROUP):
                    yield pa.Table.from_batches([batch])

    def hand_over(self, file: DataFile, dataset: Path) -> None:
        """Put a shard into another dataset as it is, without a copy where the disk can."""
        target = dataset / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self.folder / file.path, target)
        except OSError:
            shutil.copyfile(self.folder / file.path, target)


def existing(folder: Path, *, any_schema: bool = False) -> Existing:
    """Open a dataset for extending, merging, cutting or, with ``any_schema``, migrating.

    Raises :class:`InputError` if it is none or one of its files is damaged, :class:`SchemaError`
    if it is of another schema.
    """
    manifest = read_manifest(folder, any_schema=any_schema)
    if not any_schema and manifest.dataset_fingerprint != dataset_fingerprint():
        raise SchemaError(f"{folder}: its schema is not this package's, see `topdata migrate`")
    for file, wrong in damaged_files(folder, manifest):
        raise InputError(f"{folder / file.path}: {wrong}: build or pull it again")
    return Existing(folder, manifest, hashlib.sha256((folder / FILE_NAME).read_bytes()).hexdigest())
