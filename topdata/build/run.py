"""Run a plan: convert every job, then put the parts together as a dataset."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import pyarrow as pa

from topdata.build.assemble import assemble
from topdata.build.chain import PART_FIELDS, Tally, convert
from topdata.build.plan import Job, Plan, plan, read_options
from topdata.build.stage import Stage, open_stage, require_free
from topdata.errors import IncompleteError, OutputError
from topdata.events import Damage
from topdata.manifest import Manifest
from topdata.pairing import Partner
from topdata.recipe import Recipe
from topdata.registry import reader_for
from topdata.schema.arrow import arrow_type

T = TypeVar("T")
_PART_SCHEMA = pa.schema([pa.field(f.name, arrow_type(f)) for f in PART_FIELDS])


class Progress(Protocol):
    """Told what a build does; see ``topdata.cli.progress``."""

    def planning(self, path: str) -> None:
        """A source is opened and hashed."""
        ...

    def start(self, stage: str, total: int) -> None:
        """A stage of ``total`` events begins."""
        ...

    def advance(self, events: int) -> None:
        """Some events of the stage are done."""
        ...


class Silent:
    """Tells nobody."""

    def planning(self, path: str) -> None:
        """Do nothing."""

    def start(self, stage: str, total: int) -> None:
        """Do nothing."""

    def advance(self, events: int) -> None:
        """Do nothing."""


def build(
    recipe: Recipe,
    output: Path,
    *,
    base: Path | None = None,
    skip_bad: bool = False,
    overwrite: bool = False,
    threads: int = 2,
    progress: Progress | None = None,
) -> Manifest:
    """Build the dataset of a recipe in the folder ``output`` and return its manifest.

    File names of the recipe are relative to ``base`` (default: the current folder). An
    interrupted build is taken up by the next one with the same output. ``threads`` unpack
    baskets beside the work on events.

    Raises :class:`RecipeError`, :class:`InputError` or :class:`OutputError` before or while it
    works, and :class:`IncompleteError` when events were damaged and ``skip_bad`` is false; in
    no case is there a partial output.
    """
    told = progress or Silent()
    output = output.resolve()  # an output that is a link is replaced where it leads
    require_free(output, overwrite=overwrite)
    planned = plan(recipe, base or Path(), skip_bad=skip_bad, progress=told.planning)
    try:
        with open_stage(output, overwrite=overwrite) as stage:
            told.start("reading", planned.entries)
            with planned.digests.in_background(threads):
                tallies = [_run(job, stage, recipe, threads, told) for job in planned.jobs]
                if not skip_bad:
                    _require_complete(tallies, planned, output)
                told.start("writing", sum(tally.written for tally in tallies))
                manifest = assemble(planned, tallies, stage, told.advance)
            stage.publish(overwrite=overwrite)
            return manifest
    except OSError as error:
        if error.errno == errno.ENOSPC or "No space left" in str(error):
            raise OutputError(
                f"{output}: no space left on the device; finished parts are kept: free some "
                "space and run the same command again"
            ) from error
        raise


def _run(job: Job, stage: Stage, recipe: Recipe, threads: int, told: Progress) -> Tally:
    """Convert one job, or find it done."""
    tally = stage.finished(job)
    if tally is not None:
        told.advance(job.stop - job.start)
        return tally
    tally = Tally()
    options = read_options(recipe, threads)
    reader = reader_for(job.path)(job.path, options)
    partner = Partner(job.lhe, options) if job.lhe else None
    try:
        with stage.open_part(job, _PART_SCHEMA) as writer:
            for item in _ahead(reader.chunks(job.start, job.stop), threads):
                if isinstance(item, Damage):
                    lost = item.stop - item.start
                    tally.read += lost
                    tally.unusable.append((item.start, item.stop, item.reason))
                    told.advance(lost)
                    continue
                if partner is not None:
                    tally.unpaired += partner.attach(item, job.path)
                writer.write_table(convert(item, recipe, tally))
                told.advance(len(item))
    finally:
        reader.close()
    stage.finish(job, tally)
    return tally


def _ahead(items: Iterator[T], threads: int) -> Iterator[T]:
    """Yield ``items``, the next one being read while this one is worked on."""
    if threads == 1:
        yield from items
        return
    done = object()
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(next, items, done)
        while (item := coming.result()) is not done:
            coming = pool.submit(next, items, done)
            yield item  # type: ignore[misc]


def _require_complete(tallies: list[Tally], planned: Plan, output: Path) -> None:
    lost = [
        (job, item) for job, t in zip(planned.jobs, tallies, strict=True) for item in t.unusable
    ]
    if not lost:
        return
    job, (start, stop, reason) = lost[0]
    events = sum(tally.lost for tally in tallies)
    where = f"entry {start}" if stop == start + 1 else f"entries {start} to {stop - 1}"
    raise IncompleteError(
        f"{job.path}: {where}: {reason}; {events} of {planned.entries} events are lost, nothing "
        f"was written to {output}: mend the file, or add --skip-bad to go on without them"
    )
