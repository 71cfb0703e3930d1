"""Rules of the ledger: every event read is written, cut or quarantined, and counted once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from topdata.manifest import Ledger, ProcessEntry
from topdata.validate.dataset import Dataset
from topdata.validate.rules import Fault, dataset_rule, total_rule
from topdata.validate.tally import Tally

_SUMS = 1e-9  # relative: sums of a hundred million doubles


def _same(a: float, b: float, scale: float) -> bool:
    return abs(a - b) <= _SUMS * max(scale, abs(a), abs(b))


@dataset_rule("ledger.closes")
def closes(dataset: Dataset) -> Iterator[Fault]:
    """Read = written + cut + quarantined; a source's read is its entries."""
    manifest = dataset.manifest
    ledgers = [(f"source {i} ({s.file})", s.ledger) for i, s in enumerate(manifest.sources)]
    for name, ledger in [*ledgers, *((p.name, p.ledger) for p in manifest.processes)]:
        counts = ledger.model_dump()
        if not ledger.closes or min(counts.values()) < 0:
            yield Fault(f"{name}: {_words(ledger)}")
    for (name, ledger), source in zip(ledgers, manifest.sources, strict=True):
        if ledger.read != source.entries:
            yield Fault(f"{name}: {ledger.read} read of {source.entries} entries")


def _words(ledger: Ledger) -> str:
    return (
        f"{ledger.read} read, {ledger.written} written + {ledger.cut} cut + "
        f"{ledger.quarantined} quarantined"
    )


@dataset_rule("ledger.sums")
def sums(dataset: Dataset) -> Iterator[Fault]:
    """The ledger of a process is the sum of its sources'."""
    for process in dataset.manifest.processes:
        total = Ledger()
        for source in dataset.manifest.sources:
            if source.process == process.name:
                total.add(source.ledger)
        if total != process.ledger:
            yield Fault(f"{process.name}: {_words(process.ledger)}; its sources: {_words(total)}")


@dataset_rule("cutflow.events")
def cut_flow(dataset: Dataset) -> Iterator[Fault]:
    """A cut flow falls from usable to written events, and is the sum of its sources'."""
    for process in dataset.manifest.processes:
        counts = [line.events for line in process.cut_flow]
        if counts:
            yield from _falls(process.name, counts, process.ledger)
        flows = [s.flow for s in dataset.manifest.sources if s.process == process.name]
        for step, line in enumerate(process.cut_flow):
            total = sum(flow[step][0] for flow in flows if len(flow) > step)
            if total != line.events:
                yield Fault(
                    f"{process.name}, {line.cut!r}: {line.events} events, its sources have {total}"
                )
    for index, source in enumerate(dataset.manifest.sources):
        if source.flow:
            name = f"source {index} ({source.file})"
            yield from _falls(name, [events for events, _ in source.flow], source.ledger)
            process_ = dataset.process(source.process)
            if process_ is not None and len(source.flow) != len(process_.cut_flow):
                yield Fault(f"{name}: {len(source.flow)} steps, {len(process_.cut_flow)} cuts")


def _falls(name: str, counts: list[int], ledger: Ledger) -> Iterator[Fault]:
    if any(after > before for before, after in pairwise(counts)):
        yield Fault(f"{name}: events grow from cut to cut: {counts}")
    if counts[0] != ledger.read - ledger.quarantined:
        yield Fault(
            f"{name}: begins with {counts[0]}, usable are {ledger.read - ledger.quarantined}"
        )
    if counts[-1] != ledger.written:
        yield Fault(f"{name}: ends with {counts[-1]}, written are {ledger.written}")


@dataset_rule("cutflow.weights")
def cut_flow_weights(dataset: Dataset) -> Iterator[Fault]:
    """The weights of a cut flow begin with the sum of all, and are the sums of its sources'."""
    for process in dataset.manifest.processes:
        mine = [s for s in dataset.manifest.sources if s.process == process.name]
        scale = math.fsum(abs(s.sum_gen_weight) for s in mine)
        for step, line in enumerate(process.cut_flow):
            total = math.fsum(s.flow[step][1] for s in mine if len(s.flow) > step)
            if not _same(line.sum_gen_weight, total, scale):
                yield Fault(
                    f"{process.name}, {line.cut!r}: weight {line.sum_gen_weight!r}, its sources "
                    f"have {total!r}"
                )
        yield from _begins(process, scale)


def _begins(process: ProcessEntry, scale: float) -> Iterator[Fault]:
    if process.cut_flow:
        first = process.cut_flow[0].sum_gen_weight
        if not _same(first, process.sum_gen_weight, scale):
            yield Fault(
                f"{process.name}: the cut flow begins with weight {first!r}, sum_gen_weight is "
                f"{process.sum_gen_weight!r}"
            )


@dataset_rule("quarantine.ranges")
def quarantine(dataset: Dataset) -> Iterator[Fault]:
    """Quarantined entries are inside a known source, apart, and as many as its ledger says."""
    sources = dataset.manifest.sources
    ranges: list[list[tuple[int, int]]] = [[] for _ in sources]
    for lost in dataset.manifest.quarantine:
        if not 0 <= lost.source < len(sources):
            yield Fault(f"quarantine of source {lost.source}, there are {len(sources)}")
            continue
        ranges[lost.source] += lost.ranges
    for index, source in enumerate(sources):
        name = f"source {index} ({source.file})"
        mine = sorted(ranges[index])
        for start, stop in mine:
            if not 0 <= start <= stop <= source.entries:  # what ends a file too early has none
                yield Fault(f"{name}: [{start}, {stop}) of {source.entries} entries")
        for (_, stop), (start, _) in pairwise(mine):
            if start < stop:
                yield Fault(f"{name}: entry {start} is lost twice")
        if (events := sum(stop - start for start, stop in mine)) != source.ledger.quarantined:
            yield Fault(
                f"{name}: {events} entries listed, {source.ledger.quarantined} in the ledger"
            )


@total_rule("source.rows")
def source_rows(dataset: Dataset, tally: Tally) -> Iterator[Fault]:
    """As many rows are of each source as its ledger says were written."""
    for index, source in enumerate(dataset.manifest.sources):
        if source.process in tally.incomplete:
            continue
        if tally.rows[index] != source.ledger.written:
            yield Fault(
                f"source {index} ({source.file}): {tally.rows[index]} rows, "
                f"{source.ledger.written} written"
            )


@total_rule("source.weights")
def source_weights(dataset: Dataset, tally: Tally) -> Iterator[Fault]:
    """The generator weights of each source's rows sum to the end of its cut flow."""
    for index, source in enumerate(dataset.manifest.sources):
        if source.process in tally.incomplete:
            continue
        expected = source.flow[-1][1] if source.flow else 0.0
        scale = tally.largest[index] * float(tally.rows[index])
        if not _same(found := tally.sum_gen_weight(index), expected, scale):
            yield Fault(
                f"source {index} ({source.file}): gen_weight sums to {found!r}, the cut flow ends "
                f"with {expected!r}"
            )


@total_rule("weight.sum")
def weight_sum(dataset: Dataset, tally: Tally) -> Iterator[Fault]:
    """The weights of a process sum to its sum_weight."""
    for process in dataset.manifest.processes:
        if process.name in tally.incomplete or process.name not in dataset.manifest.classes:
            continue
        label = dataset.manifest.classes.index(process.name)
        found = tally.sum_weight(label)
        rows = sum(
            tally.largest[i] * float(tally.rows[i])
            for i in range(len(tally.rows))
            if dataset.process_of_source[i] == label
        )
        if not _same(found, process.sum_weight, rows * abs(float(dataset.scales[label]))):
            yield Fault(f"{process.name}: weights sum to {found!r} pb, not {process.sum_weight!r}")


@total_rule("weight.nonzero")
def weight_nonzero(dataset: Dataset, tally: Tally) -> Iterator[Fault]:
    """Not all generator weights of a source are zero."""
    for index, source in enumerate(dataset.manifest.sources):
        if tally.rows[index] and not tally.largest[index]:
            yield Fault(f"source {index} ({source.file}): all {tally.rows[index]} weights are zero")
