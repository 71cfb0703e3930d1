"""One job, run wherever there is a processor: from a piece of a file to a finished part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from topdata.build.chain import PART_FIELDS, convert
from topdata.build.digest import file_digest, require_unchanged
from topdata.build.parts import Parts
from topdata.build.plan import Job, read_options
from topdata.build.tally import Tally
from topdata.errors import InputError
from topdata.events import Damage, EventChunk, Reader
from topdata.pairing import Partner
from topdata.recipe import Rules
from topdata.registry import reader_for
from topdata.schema.arrow import arrow_type

T = TypeVar("T")
PART_SCHEMA = pa.schema([pa.field(f.name, arrow_type(f)) for f in PART_FIELDS])


@dataclass(frozen=True, slots=True)
class Task:
    """What all jobs of a build share: rules for events, where parts go, threads for each job."""

    rules: Rules
    parts: Parts
    threads: int = 1


def run_job(task: Task, job: Job, advance: Callable[[int, int], None] = lambda *_: None) -> Tally:
    """Convert one piece of a source and return its tally; a finished one is not done again.

    ``advance`` is told (bytes, events) as they are done. A source that cannot be used at all is no
    exception but a tally with ``damage``, because the other jobs go on.

    Raises :class:`InputError` if a pair of files turns out to be none, or a file changes.
    """
    done = task.parts.finished(job.identity)
    if done is not None:
        advance(job.size, done.read)
        return done
    with ThreadPoolExecutor(1, thread_name_prefix="sha256") as pool:
        hashes = _hashes(job, pool) if task.threads > 1 else {}
        tally = _converted(task, job, advance)
        try:
            hashes = hashes or _hashes(job, pool)
            for name, coming in hashes.items():
                setattr(tally, name, coming.result())
        except InputError:
            if not tally.damage:
                raise
    require_unchanged(job.source.path, job.source.stamp)
    if not tally.damage:
        task.parts.finish(job.identity, tally)
    return tally


def _hashes(job: Job, pool: ThreadPoolExecutor) -> dict[str, Future[str]]:
    """Begin to hash the files of a job, if it holds the first entries of its source."""
    source = job.source
    files = {"sha256": (source.path, source.stamp), "lhe_sha256": (source.lhe, source.lhe_stamp)}
    return {
        name: pool.submit(file_digest, path, mark)
        for name, (path, mark) in files.items()
        if path and job.piece == 0
    }


def _converted(task: Task, job: Job, advance: Callable[[int, int], None]) -> Tally:
    source, options = job.source, read_options(task.rules, task.threads)
    tally = Tally()
    try:
        reader = reader_for(source.path)(source.path, options)
        tally.info = reader.info
    except InputError as error:
        tally.damage = str(error)
        advance(job.size, 0)
        return tally
    try:
        partner = Partner(source.lhe, options) if source.lhe else None
        if partner is not None:
            tally.info = partner.completed(tally.info)
        start, stop = job.entries(reader.info.entries)
        told = _shared_out(advance, job.size, stop - start)
        with task.parts.open(job.identity, PART_SCHEMA) as writer:
            for item in _ahead(_items(reader, start, stop), task.threads):
                if isinstance(item, Damage):
                    tally.read += item.stop - item.start
                    tally.unusable.append((item.start, item.stop, item.reason))
                    told(item.stop - item.start)
                    continue
                if partner is not None:
                    tally.unpaired += partner.attach(item, source.path)
                writer.write_table(convert(item, task.rules, tally))
                told(len(item))
    finally:
        reader.close()
    return tally


def _items(reader: Reader, start: int, stop: int) -> Iterator[EventChunk | Damage]:
    return reader.chunks(start, stop) if stop > start else iter(())


def _shared_out(
    advance: Callable[[int, int], None], size: int, entries: int
) -> Callable[[int], None]:
    """Return a function that turns events into the bytes that they stand for."""
    done = 0

    def told(events: int) -> None:
        nonlocal done
        before, done = done, done + events
        advance(size * done // entries - size * before // entries, events)

    if not entries:
        advance(size, 0)
    return told


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
