"""Adding to a dataset that is there: only what is new is converted.

A source is known by its content. The old ones keep their rows in the source table, processes keep
their class, events their split, and a process without a new file keeps its shards byte for byte;
of the others only ``weight`` changes, from the stored ``gen_weight``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from topdata.build.digest import file_digest
from topdata.build.plan import Plan, PlannedSource, planned
from topdata.errors import InputError, RecipeError, SchemaError
from topdata.manifest import (
    FILE_NAME,
    DataFile,
    Manifest,
    Parent,
    damaged_files,
    read_manifest,
)
from topdata.recipe import Recipe, make_recipe
from topdata.schema.fingerprint import dataset_fingerprint


@dataclass(frozen=True, slots=True)
class Existing:
    """A dataset that is going to be extended."""

    folder: Path
    manifest: Manifest
    sha256: str  # of its manifest

    @property
    def parent(self) -> Parent:
        """How the extended dataset names this one."""
        return Parent(name=self.manifest.name, manifest_sha256=self.sha256)

    def shards(self, split: str, process: str) -> list[DataFile]:
        """Return the shards of a process in a split, in order."""
        stem = f"data/{split}-{process}-"
        return [file for file in self.manifest.files if file.path.startswith(stem)]

    def hand_over(self, file: DataFile, dataset: Path) -> None:
        """Put a shard into another dataset as it is, without a copy where the disk can."""
        target = dataset / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self.folder / file.path, target)
        except OSError:
            shutil.copyfile(self.folder / file.path, target)


def existing(folder: Path) -> Existing:
    """Open a dataset for extending, merging or cutting.

    Raises :class:`InputError` if it is none or one of its files is damaged, :class:`SchemaError`
    if it is of another schema.
    """
    manifest = read_manifest(folder)
    if manifest.dataset_fingerprint != dataset_fingerprint():
        raise SchemaError(f"{folder}: its schema is not this package's, see `topdata migrate`")
    for file, wrong in damaged_files(folder, manifest):
        raise InputError(f"{folder / file.path}: {wrong}: build or pull it again")
    return Existing(folder, manifest, hashlib.sha256((folder / FILE_NAME).read_bytes()).hexdigest())


def what_is_new(whole: Plan, old: Existing) -> tuple[Plan, dict[int, str]]:
    """Return the plan of the new sources, and the path of each old one by its row.

    Raises :class:`RecipeError` where the recipe treats events otherwise than the old one, or names
    less than it did.
    """
    _require_same_rules(whole.recipe, old.manifest)
    known = {source.sha256: row for row, source in enumerate(old.manifest.sources)}
    sizes = {source.size for source in old.manifest.sources}
    paths: dict[int, str] = {}
    new: list[PlannedSource] = []
    for source in whole.sources:
        sha256 = file_digest(source.path, source.stamp) if source.size in sizes else ""
        row = known.get(sha256)
        if row is None:
            new.append(source)
            continue
        _require_same_place(source, row, old.manifest)
        if row in paths:
            raise RecipeError(f"{source.path}: the same events as {paths[row]}, name the file once")
        paths[row] = source.path
    for row, row_source in enumerate(old.manifest.sources):
        if row not in paths:
            raise RecipeError(
                f"{row_source.file} (process {row_source.process!r}) is in {old.folder} but no "
                "longer in the recipe, or has changed: build another dataset"
            )
    return planned(whole.recipe, new, first=len(paths)), paths


def _require_same_rules(recipe: Recipe, manifest: Manifest) -> None:
    ours = recipe.rules().model_dump()
    theirs = make_recipe(manifest.recipe, FILE_NAME).rules().model_dump()
    for key, value in ours.items():
        if value != theirs[key]:
            raise RecipeError(
                f"{key}: the dataset was built with {theirs[key]}, the recipe says {value}: events "
                "of one dataset are treated alike, build another"
            )
    if len(manifest.processes[0].cut_flow) != len(recipe.select) + 1:
        raise RecipeError("the dataset was skimmed after it was built: extend it, then skim again")


def _require_same_place(source: PlannedSource, row: int, manifest: Manifest) -> None:
    old = manifest.sources[row]
    if source.process != old.process:
        raise RecipeError(
            f"{source.path}: already in the dataset as process {old.process!r}, not "
            f"{source.process!r}"
        )
    if bool(source.lhe) != bool(old.lhe) or (
        source.lhe and file_digest(source.lhe, source.lhe_stamp) != old.lhe_sha256
    ):
        raise RecipeError(f"{source.path}: already in the dataset, with another LHE file")
