"""Put the parts of finished jobs together: shards, universal configuration, card, manifest."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

import topdata
from topdata.build.card import dataset_card
from topdata.build.chain import ALL, Tally
from topdata.build.digest import Digests
from topdata.build.plan import Job, Plan, PlannedSource
from topdata.build.shard import ShardWriter, shard_metadata
from topdata.build.split import assign
from topdata.build.stage import Stage, write_whole
from topdata.build.universal import write_universal
from topdata.errors import IncompleteError, InputError
from topdata.manifest import (
    FILE_NAME,
    Cut,
    DataFile,
    Ledger,
    Manifest,
    ProcessEntry,
    Quarantine,
    Source,
)
from topdata.recipe import Recipe
from topdata.schema.arrow import arrow_schema
from topdata.schema.fingerprint import dataset_fingerprint, view_fingerprint
from topdata.schema.version import SCHEMA_VERSION

LEVEL = "reconstructed"
_PACKAGES = ("awkward", "datasets", "numpy", "pyarrow", "uproot")
_Work = list[tuple[Job, Tally]]


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
    by_source: dict[int, _Work] = {s.index: [] for s in planned.sources}
    for job, tally in zip(planned.jobs, tallies, strict=True):
        by_source[job.source].append((job, tally))
    metadata = shard_metadata(recipe.objects.jets.btag_bit, LEVEL)
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
                ledger=_ledger([tally for _, tally in work]),
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
        level=LEVEL,
        btag_bit=recipe.objects.jets.btag_bit,
        classes=classes,
        processes=processes,
        sources=[
            _source_entry(s, planned.digests.of(s.path), [t for _, t in by_source[s.index]])
            for s in planned.sources
        ],
        quarantine=_quarantine(planned, by_source),
        files=sorted(written, key=lambda file: file.path),
        recipe=_public(recipe),
        versions=_versions(),
    )
    if not manifest.total.closes:
        raise IncompleteError(
            f"the ledger does not close: {manifest.total.model_dump()}; please report this"
        )
    write_whole(stage.dataset / FILE_NAME, manifest.to_json().encode())
    write_whole(stage.dataset / "README.md", dataset_card(manifest).encode())
    return manifest


def _require_normalisable(name: str, total: float, work: _Work) -> None:
    """Refuse weights that cannot be scaled to a cross-section."""
    usable = sum(tally.flow.get(ALL, (0, 0.0))[0] for _, tally in work)
    if usable and not (math.isfinite(total) and total > 0):
        raise InputError(
            f"process {name!r}: the generator weights sum to {total:g}, which no cross-section fits"
        )


def _write_shards(
    index: int, name: str, work: _Work, scale: float, recipe: Recipe, digests: Digests,
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


def _ledger(tallies: list[Tally]) -> Ledger:
    read = sum(tally.read for tally in tallies)
    written = sum(tally.written for tally in tallies)
    quarantined = sum(count for tally in tallies for _, _, count, _ in tally.unusable)
    usable = sum(tally.flow.get(ALL, (0, 0.0))[0] for tally in tallies)
    return Ledger(read=read, written=written, cut=usable - written, quarantined=quarantined)


def _cut_flow(tallies: list[Tally], recipe: Recipe) -> list[Cut]:
    flow = []
    for text in (ALL, *recipe.select):
        counts = [tally.flow.get(text, (0, 0.0)) for tally in tallies]
        flow.append(
            Cut(
                cut=text,
                events=sum(events for events, _ in counts),
                sum_gen_weight=math.fsum(weight for _, weight in counts),
            )
        )
    return flow


def _source_entry(source: PlannedSource, sha256: str, tallies: list[Tally]) -> Source:
    notes = list(source.info.notes)
    if dangling := sum(tally.dangling for tally in tallies):
        notes.append(f"{dangling} lepton references lead nowhere")
    if source.damage:
        notes.append(source.damage)
    return Source(
        process=source.process,
        file=source.path.rpartition("/")[2],
        sha256=sha256,
        size=source.size,
        format=source.info.format,
        generator=source.info.generator,
        truth=source.info.truth,
        entries=source.info.entries,
        ledger=_ledger(tallies),
        notes=[_no_folder(note, source.path) for note in notes],
    )


def _quarantine(planned: Plan, by_source: dict[int, _Work]) -> list[Quarantine]:
    """List what was lost; a source that cannot be opened has an unknown number of events."""
    lost = [
        Quarantine(source=s.index, start=0, stop=0, events=0, reason=_no_folder(s.damage, s.path))
        for s in planned.sources
        if s.damage
    ]
    for source in planned.sources:
        for _, tally in by_source[source.index]:
            lost.extend(
                Quarantine(
                    source=source.index, start=start, stop=stop, events=count,
                    reason=_no_folder(reason, source.path),
                )
                for start, stop, count, reason in tally.unusable
            )  # fmt: skip
    return lost


def _no_folder(text: str, path: str) -> str:
    """Keep private folder names out of a published manifest."""
    return text.replace(path, path.rpartition("/")[2])


def _public(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as published: file names without the folders of whoever built it."""
    content = recipe.model_dump(mode="json", exclude_defaults=True)
    for process in content["processes"]:
        process["files"] = [f if "://" in f else f.rpartition("/")[2] for f in process["files"]]
    return content


def _versions() -> dict[str, str]:
    return {
        "topdata": topdata.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }
