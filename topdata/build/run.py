"""Build a dataset: plan, convert every job, put the parts together."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from topdata.build.assemble import Assembly, assemble
from topdata.build.engines import Engine, InProcess
from topdata.build.existing import Existing, existing
from topdata.build.extend import what_is_new
from topdata.build.job import Task
from topdata.build.plan import Plan, plan, require_cross_section
from topdata.build.provenance import (
    Converted,
    note_weights,
    public_names,
    published_recipe,
    source_row,
)
from topdata.build.stage import open_stage, recover, require_free
from topdata.errors import IncompleteError, OutputError, RecipeError
from topdata.manifest import Manifest, Source
from topdata.progress import Progress, Silent
from topdata.recipe import Recipe


def build(
    recipe: Recipe,
    output: Path,
    *,
    base: Path | None = None,
    skip_bad: bool = False,
    overwrite: bool = False,
    extend: bool = False,
    threads: int = 2,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Build the dataset of a recipe in the folder ``output`` and return its manifest.

    File names of the recipe are relative to ``base`` (default: the current folder). An
    interrupted build is taken up by the next one with the same output. Jobs run on ``engine``
    (default: in this process, see :mod:`topdata.build.engines`); in each, ``threads`` unpack
    baskets beside the work on events. With ``extend`` the output is a dataset that was built from
    less: only what is new is converted.

    Raises :class:`RecipeError`, :class:`InputError` or :class:`OutputError` before or while it
    works, and :class:`IncompleteError` when events were damaged and ``skip_bad`` is false; in
    no case is there a partial output.
    """
    told, engine = progress or Silent(), engine or InProcess()
    output = output.resolve()  # an output that is a link is replaced where it leads
    recover(output)
    old = existing(output) if extend else None
    require_free(output, overwrite=overwrite or extend)
    with engine.ready():
        whole = plan(recipe, base or Path(), skip_bad=skip_bad)
        planned, old_paths = what_is_new(whole, old) if old else (whole, {})
        names = public_names([source.path for source in whole.sources])
        published = published_recipe(recipe, whole.sources, names)
        if old and published == old.manifest.recipe:
            return old.manifest  # there is nothing new
        told.note("planned", files=len(planned.sources), jobs=len(planned.jobs), bytes=planned.size)
        with _explained(output), open_stage(output, overwrite=overwrite or extend) as stage:
            task = Task(recipe.rules(), stage.parts, threads)
            converted = _convert(planned, task, engine, told)
            if not skip_bad:
                _require_complete(converted, output)
            sources = _sources(converted, names, old, old_paths)
            _require_usable(recipe, sources, converted)
            told.start("writing", sum(source.ledger.written for source in sources), "events")
            width = max(threads, engine.width)
            work = Assembly(recipe, sources, converted, old, stage.parts, stage.dataset, width)
            manifest = assemble(work, published, told.advance)
            stage.publish(overwrite=overwrite or extend)
    told.note("written", **manifest.total.model_dump())
    return manifest


@contextmanager
def _explained(output: Path) -> Iterator[None]:
    """Say what a full disk means for a build."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC or "No space left" in str(error):
            raise OutputError(
                f"{output}: no space left on the device; finished parts are kept: free some "
                "space and run the same command again"
            ) from error
        raise


def _convert(planned: Plan, task: Task, engine: Engine, told: Progress) -> list[Converted]:
    """Run all jobs and sort the tallies by source and piece."""
    told.start("reading", planned.size, "bytes")
    tallies = {}
    for job, tally in engine.run(task, planned.jobs, told.advance):
        tallies[job.identity] = tally
        start, stop = job.entries(tally.info.entries)
        told.note("job", file=job.source.path, start=start, stop=stop, written=tally.written)
        if tally.damage:
            told.note("lost", file=job.source.path, reason=tally.damage)
        for start, stop, reason in tally.unusable:
            told.note("lost", file=job.source.path, start=start, stop=stop, reason=reason)
    converted = {source.index: Converted(source) for source in planned.sources}
    for job in planned.jobs:
        converted[job.source.index].work.append((job, tallies[job.identity]))
    return list(converted.values())


def _require_complete(converted: Sequence[Converted], output: Path) -> None:
    """Raise :class:`IncompleteError` if something was lost: the first place, and how much."""
    lost = [
        (done.source.path, item)
        for done in converted
        for tally in done.tallies
        for item in tally.unusable
    ]
    unusable = [done for done in converted if done.damage]
    events = sum(tally.lost for done in converted for tally in done.tallies)
    total = sum(done.info.entries for done in converted)
    remedy = (
        f"nothing was written to {output}: mend the {'files' if len(unusable) > 1 else 'file'}, "
        "or add --skip-bad to go on without"
    )
    if unusable:
        more = f" ({len(unusable)} such files)" if len(unusable) > 1 else ""
        raise IncompleteError(f"{unusable[0].damage}{more}; {remedy}")
    if lost:
        path, (start, stop, reason) = lost[0]
        where = f"entry {start}" if stop == start + 1 else f"entries {start} to {stop - 1}"
        raise IncompleteError(
            f"{path}: {where}: {reason}; {events} of {total} events are lost, {remedy} them"
        )


def _sources(
    converted: Sequence[Converted],
    names: dict[str, str],
    old: Existing | None,
    old_paths: dict[int, str],
) -> list[Source]:
    """Return the whole source table: old rows, then new ones."""
    kept = [
        source.model_copy(update={"file": names[old_paths[row]], "notes": list(source.notes)})
        for row, source in enumerate(old.manifest.sources if old else [])
    ]
    sources = kept + [source_row(done, names[done.source.path]) for done in converted]
    note_weights(sources)
    return sources


def _require_usable(
    recipe: Recipe, sources: Sequence[Source], converted: Sequence[Converted]
) -> None:
    """Refuse copies of a file, and files without a cross-section where one is needed."""
    processes = {process.name: process for process in recipe.processes}
    seen: dict[str, str] = {}
    for source in sources:
        first = seen.setdefault(source.sha256, source.file) if source.sha256 else source.file
        if first != source.file:
            raise RecipeError(f"{source.file}: the same events as {first}, name the file once")
    for done in converted:
        if not done.damage:
            require_cross_section(
                processes[done.source.process], done.source.path, done.info.cross_section
            )
