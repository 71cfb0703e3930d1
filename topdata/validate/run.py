"""Check every rule: the manifest and the files, then shard by shard, then the sums."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from topdata.errors import InputError, SchemaError
from topdata.manifest import FILE_NAME, read_manifest
from topdata.progress import Progress, Silent
from topdata.validate import (  # noqa: F401  each registers its rules
    ledgers,
    manifests,
    matching,
    momenta,
    objects,
    origins,
    truth,
    values,
)
from topdata.validate.dataset import Batch, Dataset, Shard
from topdata.validate.files import differences
from topdata.validate.fixed import same_events  # noqa: F401
from topdata.validate.report import Report
from topdata.validate.rules import RULES, Fault, rules_of
from topdata.validate.tally import Tally


def validate(path: str | Path, *, progress: Progress | None = None) -> Report:
    """Check a built dataset against every rule and return what was found.

    Reads one row group at a time; keeps one byte for each entry of the sources, and about 250
    bytes for each event of a universal configuration.

    Raises :class:`InputError` if the folder is no dataset at all. A damaged manifest or shard is
    a finding.
    """
    started = time.perf_counter()
    root = Path(path)
    if not (root / FILE_NAME).exists():
        raise InputError(f"{root}: not a topdata dataset (no {FILE_NAME} in it)")
    report = Report(str(path))
    try:
        dataset = Dataset(root, read_manifest(root))
    except (InputError, SchemaError) as error:
        readable = RULES["manifest.readable"]
        report.rules.append(readable.name)
        report.add(readable, Fault(str(error), FILE_NAME))
    else:
        report.rules.extend(RULES)
        _check(dataset, report, progress or Silent())
    report.seconds = time.perf_counter() - started
    return report


def _check(dataset: Dataset, report: Report, told: Progress) -> None:
    told.start("checking", dataset.manifest.total.written, "events")
    for rule in rules_of("dataset"):
        for fault in rule.check(dataset):
            report.add(rule, fault)
    tally = Tally(dataset)
    there = {shard.path for shard in dataset.shards}
    for file in dataset.manifest.files:
        if file.path not in there and (shard := Shard.of(dataset, file)) is not None:
            tally.miss(shard)
    for shard in dataset.shards:
        _check_shard(shard, tally, report)
        if not shard.is_universal:
            told.advance(shard.file.rows, shard.file.rows)
    for rule in rules_of("totals"):
        for fault in rule.check(dataset, tally):
            report.add(rule, fault)


def _check_shard(shard: Shard, tally: Tally, report: Report) -> None:
    shard.open()
    try:
        shard.differences = list(differences(shard))
        if shard.parquet is None or shard.differences:
            tally.miss(shard)
        elif shard.is_universal:
            for first, table in shard.groups():
                tally.comparison.add_fixed(shard, first, table)
        elif shard.process in shard.dataset.manifest.classes:
            for first, table in shard.groups():
                _check_events(shard, first, table, tally, report)
        if shard.problems:
            tally.miss(shard)
        for rule in rules_of("shard"):
            for fault in rule.check(shard):
                report.add(rule, fault)
    finally:
        shard.close()


def _check_events(shard: Shard, first: int, table: pa.Table, tally: Tally, report: Report) -> None:
    """Check a row group. What a gate finds is not shown to the rules after it."""
    batch = Batch(shard, table, np.arange(first, first + table.num_rows), tally)
    report.events += len(batch)
    for rule in rules_of("events"):
        lost = []
        for wrong in rule.check(batch):
            report.add_events(rule, batch, wrong)
            lost.append(wrong.events)
        if rule.gate and lost and len(bad := np.unique(np.concatenate(lost))):
            tally.miss(shard)
            batch = batch.without(bad)
    if not len(batch):
        return
    tally.add(batch)
    if shard.dataset.has_universal:
        tally.comparison.add_events(batch)
