"""Put the parts of finished jobs together: shards, universal configuration, card, manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock

import numpy as np
import pyarrow as pa

from topdata.build.card import dataset_card
from topdata.build.existing import Existing
from topdata.build.normalise import cross_section_of, process_entry, sum_of_weights
from topdata.build.parts import Parts
from topdata.build.plan import require_one_level
from topdata.build.provenance import Converted, quarantine, versions
from topdata.build.shard import ShardWriter, shard_metadata
from topdata.build.split import assign
from topdata.build.universal import write_universal
from topdata.errors import IncompleteError
from topdata.events import Array
from topdata.manifest import FILE_NAME, DataFile, Manifest, ProcessEntry, Source, Step
from topdata.recipe import Recipe
from topdata.schema.arrow import arrow_schema
from topdata.schema.fingerprint import dataset_fingerprint, view_fingerprint
from topdata.schema.version import SCHEMA_VERSION
from topdata.whole import write_whole

Files = dict[str, list[DataFile]]  # by split
_MOST_THREADS = 4  # each holds a row group for every split


@dataclass(slots=True)
class Assembly:
    """Everything that shards are made from."""

    recipe: Recipe
    sources: list[Source]  # the whole table, old rows first
    converted: list[Converted]  # what is new
    old: Existing | None
    parts: Parts
    dataset: Path
    threads: int = 1  # processes (of the recipe) that are written at once

    @property
    def classes(self) -> list[str]:
        """Process names; old ones keep their index."""
        names = list(self.old.manifest.classes) if self.old else []
        return names + [p.name for p in self.recipe.processes if p.name not in names]

    @property
    def level(self) -> str:
        """What stands in the lists: reconstructed objects or partons."""
        old = {str(self.old.folder): self.old.manifest.level} if self.old else {}
        new = {d.source.path: d.info.level for d in self.converted if not d.damage}
        return require_one_level(old | new)


def assemble(
    work: Assembly, published: dict[str, object], advance: Callable[[int, int], None]
) -> Manifest:
    """Write shards, universal configuration, card and manifest; ``advance`` is told of events."""
    recipe, btag_bit = work.recipe, work.recipe.objects.jets.btag_bit
    metadata = shard_metadata(btag_bit, work.level)
    by_name = {process.name: process for process in recipe.processes}
    lock, stopped = Lock(), Event()

    def locked(done: int, events: int) -> None:
        if stopped.is_set():
            raise IncompleteError("stopped")  # the first error or interruption is the one told
        with lock:
            advance(done, events)

    def written(name: str) -> tuple[ProcessEntry, Files]:
        mine = [source for source in work.sources if source.process == name]
        cross_section = cross_section_of(by_name[name], mine)
        total = sum_of_weights(name, mine)
        scale = cross_section[0] / total if total else 0.0
        shards = _shards(work, name, scale, metadata, locked)
        return process_entry(name, cross_section, recipe.select, mine, shards), shards

    with ThreadPoolExecutor(min(work.threads, _MOST_THREADS)) as pool:  # Arrow frees the GIL
        try:
            done = list(pool.map(written, work.classes))
        except BaseException:
            stopped.set()
            raise
    processes = [entry for entry, _ in done]
    files = {split: [shards[split] for _, shards in done] for split in recipe.splits.fractions}
    if recipe.universal:
        universal = write_universal(work.dataset, files, work.classes, btag_bit, metadata)
    else:
        universal = []
    old = work.old
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        dataset_fingerprint=dataset_fingerprint(),
        view_fingerprint=view_fingerprint(btag_bit),
        name=recipe.name,
        description=recipe.description,
        level=work.level,
        btag_bit=btag_bit,
        classes=work.classes,
        processes=processes,
        sources=work.sources,
        quarantine=[*(old.manifest.quarantine if old else []), *quarantine(work.converted)],
        files=sorted([*_flat(files), *universal], key=lambda file: file.path),
        recipe=published,
        history=[*(old.manifest.history if old else []), _step(work)],
    )
    finish(manifest, work.dataset)
    return manifest


def finish(manifest: Manifest, dataset: Path) -> None:
    """Write manifest and card, the last files of a dataset.

    Raises :class:`IncompleteError` if nothing is left, or an event is unaccounted for.
    """
    events = manifest.total
    if not events.written:
        raise IncompleteError(
            f"no event is left: {events.read} read, {events.cut} cut, {events.quarantined} "
            "quarantined; nothing was written"
        )
    require_closed(manifest)
    write_whole(dataset / FILE_NAME, manifest.to_json().encode())
    write_whole(dataset / "README.md", dataset_card(manifest).encode())


def require_closed(manifest: Manifest) -> None:
    """Raise :class:`IncompleteError` unless every entry of every source is accounted for."""
    for source in manifest.sources:
        ledger = source.ledger
        if not ledger.closes or ledger.read != source.entries:
            counts = ", ".join(f"{n} {name}" for name, n in ledger.model_dump().items())
            raise IncompleteError(
                f"{source.file}: the ledger does not close: {source.entries} entries, {counts}; "
                "please report this"
            )
    rows = sum(file.rows for file in manifest.files if file.path.startswith("data/"))
    if rows != manifest.total.written:
        raise IncompleteError(
            f"the ledger does not close: {rows} events in shards, {manifest.total.written} "
            "written; please report this"
        )


def _flat(files: dict[str, list[list[DataFile]]]) -> list[DataFile]:
    return [file for by_process in files.values() for some in by_process for file in some]


def _step(work: Assembly) -> Step:
    old = work.old
    if old is None:
        return Step(command="build", detail={}, parents=[], versions=versions())
    detail = {
        "sources": [source.file for source in work.sources[len(old.manifest.sources) :]],
        "processes": work.classes[len(old.manifest.classes) :],
    }
    return Step(command="extend", detail=detail, parents=[old.parent], versions=versions())


def _shards(
    work: Assembly, name: str, scale: float, metadata: dict[str, str],
    advance: Callable[[int, int], None],
) -> Files:  # fmt: skip
    """Write the events of one process, each to the shard of its split, old ones first."""
    splits = list(work.recipe.splits.fractions)
    mine = [done for done in work.converted if done.source.process == name]
    old = work.old if work.old and name in work.old.manifest.classes else None
    before = {split: old.shards(split, name) if old else [] for split in splits}
    if old is not None and not mine and scale == old.scale(name):
        for file in (file for files in before.values() for file in files):
            old.hand_over(file, work.dataset)
        return before
    schema = arrow_schema(metadata)
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(
                ShardWriter(work.dataset, f"data/{split}-{name}", schema, ahead=work.threads > 1)
            )
            for split in splits
        }
        if old is not None:
            for split in splits:
                for table in old.rows(split, name):
                    writers[split].write(reweighted(table, scale, schema))
                    advance(table.num_rows, table.num_rows)
        index = work.classes.index(name)
        for done in mine:
            for table, split_of in _new_events(work, done, index, scale, schema):
                for number, writer in enumerate(writers.values()):
                    writer.write(table.filter(pa.array(split_of == number)))
                advance(table.num_rows, table.num_rows)
    return {split: writer.files for split, writer in writers.items()}


def reweighted(table: pa.Table, scale: float, schema: pa.Schema) -> pa.Table:
    """Return the rows with ``weight`` computed anew from ``gen_weight``."""
    weight = pa.array(table.column("gen_weight").to_numpy() * scale)
    columns = [weight if f.name == "weight" else table.column(f.name) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _new_events(
    work: Assembly, done: Converted, index: int, scale: float, schema: pa.Schema
) -> Iterator[tuple[pa.Table, Array]]:
    """Yield the converted events of a source with the position of each one's split."""
    source = work.sources[done.source.index]
    fractions = work.recipe.splits.fractions
    for job, tally in done.work:
        if tally.damage:
            continue
        for table in work.parts.read(job.identity):
            rows = table.num_rows
            later = {
                "source": pa.array(np.full(rows, done.source.index, np.int32)),
                "process": pa.array(np.full(rows, index, np.int64)),
                "weight": pa.array(table.column("gen_weight").to_numpy() * scale),
            }
            columns = [later[f.name] if f.name in later else table.column(f.name) for f in schema]
            split_of = assign(source.sha256, table.column("event").to_numpy(), fractions)
            if source.lhe:  # two showers of one hard event stay together
                lhe_event = table.column("lhe_event").to_numpy()
                of_lhe = assign(source.lhe_sha256, lhe_event, fractions)
                split_of = np.where(lhe_event >= 0, of_lhe, split_of)
            yield pa.Table.from_arrays(columns, schema=schema), split_of
