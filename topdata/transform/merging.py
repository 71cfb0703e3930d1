"""Join datasets that were built alike into one.

The result is what one build of all their files gives: sources and classes of the later datasets
follow those of the first, a process that stands in several is normalised over all its events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from topdata.build.assemble import reweighted
from topdata.build.existing import Existing, existing
from topdata.build.normalise import cross_section_of, process_entry, sum_of_weights
from topdata.build.provenance import note_weights, versions
from topdata.errors import RecipeError
from topdata.manifest import Manifest, ProcessEntry, Quarantine, Source, Step
from topdata.progress import Progress, Silent
from topdata.recipe import Process, Recipe, make_recipe
from topdata.schema.arrow import arrow_schema
from topdata.transform.write import Files, completed, new_dataset, write_process


def merge(
    datasets: Sequence[Path],
    output: Path,
    *,
    name: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Write all events of ``datasets`` as the dataset ``output``, called ``name``.

    ``name`` is the first one's by default.

    Raises :class:`RecipeError` for datasets whose events were treated differently, or that share a
    source; :class:`InputError` for a damaged dataset; :class:`OutputError` if the output exists.
    """
    if len(datasets) < 2:
        raise RecipeError("merge needs two datasets or more")
    old = [existing(Path(dataset)) for dataset in datasets]
    told = progress or Silent()
    told.start("merging", sum(one.manifest.total.written for one in old), "events")
    recipe = _recipe(old, name)
    sources = _sources(old)
    with new_dataset(output, overwrite=overwrite) as folder:
        classes = [process.name for process in recipe.processes]
        processes: list[ProcessEntry] = []
        files: list[Files] = []
        for process in recipe.processes:
            mine = [source for source in sources if source.process == process.name]
            cross_section = cross_section_of(process, mine)
            total = sum_of_weights(process.name, mine)
            rows = _Rows(old, process.name, classes.index(process.name),
                         cross_section[0] / total if total else 0.0, told)  # fmt: skip
            files.append(write_process(folder, old[0].manifest, process.name, rows,
                                       list(recipe.splits.fractions)))  # fmt: skip
            processes.append(
                process_entry(process.name, cross_section, recipe.select, mine, files[-1])
            )
        steps = [step for one in old for step in one.manifest.history]
        detail = {"datasets": [one.manifest.name for one in old]}
        parents = [one.parent for one in old]
        manifest = old[0].manifest.model_copy(
            update={
                "name": recipe.name,
                "classes": classes,
                "processes": processes,
                "sources": sources,
                "quarantine": _quarantine(old),
                "recipe": recipe.plain(),
                "history": [
                    *steps,
                    Step(command="merge", detail=detail, parents=parents, versions=versions()),
                ],
            }
        )
        return completed(folder, manifest, files, universal=recipe.universal)


class _Rows:
    """The events of one process in all datasets, for a split."""

    def __init__(
        self,
        old: Sequence[Existing],
        name: str,
        index: int,
        scale: float,
        told: Progress,
    ) -> None:
        self._old, self._name, self._index = old, name, index
        self._scale, self._told = scale, told

    def __call__(self, split: str) -> Iterator[pa.Table]:
        schema, first = arrow_schema(), 0
        for one in self._old:
            for table in one.rows(split, self._name):
                later = {
                    "source": pa.array(table.column("source").to_numpy() + np.int32(first)),
                    "process": pa.array(np.full(table.num_rows, self._index, np.int64)),
                }
                columns = [later.get(f.name, table.column(f.name)) for f in schema]
                moved = pa.Table.from_arrays(columns, schema=schema)
                yield reweighted(moved, self._scale, schema)
                self._told.advance(table.num_rows, table.num_rows)
            first += len(one.manifest.sources)


def _recipe(old: Sequence[Existing], name: str | None) -> Recipe:
    """Return the recipe that would build the merged dataset."""
    first = old[0]
    processes: dict[str, dict[str, Any]] = {}
    for one in old:
        _require_alike(first, one)
        for process in one.recipe.processes:
            content = process.model_dump(mode="json", exclude_defaults=True)
            known = processes.setdefault(process.name, content)
            if known is not content:
                _join(known, content, process, one)
    content = first.recipe.model_dump(mode="json", exclude_defaults=True)
    content["processes"] = list(processes.values())
    content["universal"] = all(one.universal for one in old)
    if name is not None:
        content["name"] = name
    return make_recipe(content, "merge")


def _join(known: dict[str, Any], more: dict[str, Any], process: Process, one: Existing) -> None:
    if known.get("cross_section") != more.get("cross_section"):
        before, after = (x.get("cross_section", "from the files") for x in (known, more))
        raise RecipeError(
            f"process {process.name!r}: its cross-section is {before} in one dataset and {after} "
            f"in {one.folder}: build one of them again with the other's"
        )
    if ("lhe" in known) != ("lhe" in more):
        raise RecipeError(f"process {process.name!r}: paired with LHE files in one dataset only")
    for key in ("files", "delphes", "lhe"):
        if key in more:
            known[key] = [*known[key], *more[key]]


def _require_alike(first: Existing, one: Existing) -> None:
    if one.manifest.level != first.manifest.level:
        raise RecipeError(
            f"{one.folder} is of {one.manifest.level} level, {first.folder} of "
            f"{first.manifest.level} level: they do not mix"
        )
    ours, theirs = first.recipe.rules().model_dump(), one.recipe.rules().model_dump()
    for key, value in ours.items():
        if value != theirs[key]:
            raise RecipeError(
                f"{key}: {first.folder} was built with {value}, {one.folder} with {theirs[key]}: "
                "events of one dataset are treated alike"
            )


def _sources(old: Sequence[Existing]) -> list[Source]:
    """Return all source tables as one; a name that stands twice gets its dataset's."""
    rows = [(one, source) for one in old for source in one.manifest.sources]
    names = [source.file for _, source in rows]
    seen: dict[str, Path] = {}
    sources = []
    for one, source in rows:
        if source.sha256 in seen:
            raise RecipeError(
                f"{source.file}: its events are in {seen[source.sha256]} and in {one.folder}"
            )
        if source.sha256:
            seen[source.sha256] = one.folder
        twice = names.count(source.file) > 1
        file = f"{one.manifest.name}/{source.file}" if twice else source.file
        notes = [note for note in source.notes if "is it the same process?" not in note]
        sources.append(source.model_copy(update={"file": file, "notes": notes}))
    note_weights(sources)
    return sources


def _quarantine(old: Sequence[Existing]) -> list[Quarantine]:
    first, rows = 0, []
    for one in old:
        rows += [
            lost.model_copy(update={"source": lost.source + first})
            for lost in one.manifest.quarantine
        ]
        first += len(one.manifest.sources)
    return rows
