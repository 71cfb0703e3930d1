"""Put the parts of finished jobs together: shards, universal configuration, card, manifest."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from topdata.build.card import dataset_card
from topdata.build.chain import Tally
from topdata.build.digest import Digests
from topdata.build.plan import Job, Plan
from topdata.build.provenance import (
    Work,
    ledger,
    published_recipe,
    quarantine,
    sources,
    versions,
)
from topdata.build.shard import ShardWriter, shard_metadata
from topdata.build.split import assign
from topdata.build.stage import Stage, write_whole
from topdata.build.universal import write_universal
from topdata.errors import IncompleteError, InputError
from topdata.manifest import FILE_NAME, Cut, DataFile, Manifest, ProcessEntry, Step
from topdata.recipe import Recipe
from topdata.schema.arrow import arrow_schema
from topdata.schema.fingerprint import dataset_fingerprint, view_fingerprint
from topdata.schema.version import SCHEMA_VERSION


@dataclass(slots=True)
class _Shards:
    """What was written of one process."""

    files: dict[str, list[DataFile]]
    sum_weight: float


def assemble(
    planned: Plan, tallies: list[Tally], stage: Stage, advance: Callable[[int], None]
) -> Manifest:
    """Write shards, universal configuration, card and manifest."""
    recipe = planned.recipe
    by_source: dict[int, Work] = {s.index: [] for s in planned.sources}
    for job, tally in zip(planned.jobs, tallies, strict=True):
        by_source[job.source].append((job, tally))
    metadata = shard_metadata(recipe.objects.jets.btag_bit, planned.level)
    processes: list[ProcessEntry] = []
    files: dict[str, list[list[DataFile]]] = {split: [] for split in recipe.splits.fractions}
    for index, process in enumerate(recipe.processes):
        work = [
            pair
            for s in planned.sources
            if s.process == process.name
            for pair in by_source[s.index]
        ]
        total = math.fsum(tally.sum_gen_weight for _, tally in work)
        cross_section, origin = planned.cross_sections[process.name]
        _require_normalisable(process.name, total, work)
        shards = _write_shards(
            index, process.name, work, cross_section / total if total else 0.0, recipe,
            planned.digests, stage,
            metadata, advance,
        )  # fmt: skip
        for split, written in shards.files.items():
            files[split].append(written)
        processes.append(
            ProcessEntry(
                name=process.name,
                cross_section=cross_section,
                cross_section_from=origin,
                sum_gen_weight=total,
                negative_weights=sum(tally.negative for _, tally in work),
                sum_weight=shards.sum_weight,
                efficiency=shards.sum_weight / cross_section,
                ledger=ledger([tally for _, tally in work]),
                cut_flow=_cut_flow([tally for _, tally in work], recipe),
                splits={s: sum(f.rows for f in written) for s, written in shards.files.items()},
            )
        )
    classes = [process.name for process in recipe.processes]
    written = [file for by_process in files.values() for some in by_process for file in some]
    if recipe.universal:
        written += write_universal(
            stage.dataset, files, classes, recipe.objects.jets.btag_bit, metadata
        )
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        dataset_fingerprint=dataset_fingerprint(),
        view_fingerprint=view_fingerprint(recipe.objects.jets.btag_bit),
        name=recipe.name,
        description=recipe.description,
        level=planned.level,
        btag_bit=recipe.objects.jets.btag_bit,
        classes=classes,
        processes=processes,
        sources=sources(planned, by_source),
        quarantine=quarantine(planned, by_source),
        files=sorted(written, key=lambda file: file.path),
        recipe=published_recipe(planned),
        history=[Step(command="build", detail={}, parents=[], versions=versions())],
    )
    events = manifest.total
    if not events.written:
        raise IncompleteError(
            f"no event is left: {events.read} read, {events.cut} cut, {events.quarantined} "
            "quarantined; nothing was written"
        )
    if not events.closes:
        raise IncompleteError(
            f"the ledger does not close: {events.model_dump()}; please report this"
        )
    write_whole(stage.dataset / FILE_NAME, manifest.to_json().encode())
    write_whole(stage.dataset / "README.md", dataset_card(manifest).encode())
    return manifest


def _require_normalisable(name: str, total: float, work: Work) -> None:
    """Refuse weights that cannot be scaled to a cross-section."""
    usable = sum(tally.usable for _, tally in work)
    if usable and not (math.isfinite(total) and total > 0):
        raise InputError(
            f"process {name!r}: the generator weights sum to {total:g}, which no cross-section fits"
        )


def _write_shards(
    index: int, name: str, work: Work, scale: float, recipe: Recipe, digests: Digests,
    stage: Stage, metadata: dict[str, str], advance: Callable[[int], None],
) -> _Shards:  # fmt: skip
    """Write the events of one process, each to the shard of its split, in job order."""
    schema = arrow_schema(metadata)
    fractions = recipe.splits.fractions
    sums: list[float] = []
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(ShardWriter(stage.dataset, f"data/{split}-{name}", schema))
            for split in fractions
        }
        for job, _ in work:
            sha256 = digests.of(job.path)
            for table in stage.read_part(job):
                table = _completed(table, index, job, scale, schema)
                sums.append(float(np.sum(table.column("weight").to_numpy())))
                split = assign(sha256, table.column("event").to_numpy(), fractions)
                if job.lhe:  # two showers of one hard event stay together
                    lhe_event = table.column("lhe_event").to_numpy()
                    of_lhe = assign(digests.of(job.lhe), lhe_event, fractions)
                    split = np.where(lhe_event >= 0, of_lhe, split)
                for number, writer in enumerate(writers.values()):
                    writer.write(table.filter(pa.array(split == number)))
                advance(table.num_rows)
    return _Shards({split: writer.files for split, writer in writers.items()}, math.fsum(sums))


def _completed(table: pa.Table, index: int, job: Job, scale: float, schema: pa.Schema) -> pa.Table:
    """Add the columns that a part does not know: source, process and weight."""
    rows = table.num_rows
    later = {
        "source": pa.array(np.full(rows, job.source, np.int32)),
        "process": pa.array(np.full(rows, index, np.int64)),
        "weight": pa.array(table.column("gen_weight").to_numpy() * scale),
    }
    columns = [later[f.name] if f.name in later else table.column(f.name) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _cut_flow(tallies: list[Tally], recipe: Recipe) -> list[Cut]:
    flow = []
    for step, text in enumerate(("all", *recipe.select)):
        counts = [tally.flow[step] for tally in tallies if tally.flow]
        flow.append(
            Cut(
                cut=text,
                events=sum(events for events, _ in counts),
                sum_gen_weight=math.fsum(weight for _, weight in counts),
            )
        )
    return flow
