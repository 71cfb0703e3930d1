"""Adding to a dataset that is there: only what is new is converted.

A source is known by its content. The old ones keep their rows in the source table, processes keep
their class, events their split, and a process without a new file keeps its shards byte for byte;
of the others only ``weight`` changes, from the stored ``gen_weight``.
"""

from __future__ import annotations

from topdata.build.digest import file_digest
from topdata.build.existing import Existing
from topdata.build.plan import Plan, PlannedSource, planned
from topdata.errors import RecipeError
from topdata.manifest import FILE_NAME, Manifest
from topdata.recipe import Recipe, make_recipe


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
