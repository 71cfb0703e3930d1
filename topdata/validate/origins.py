"""Rules of where an event came from: source, entry, split, weight, paired LHE event."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from topdata.build.split import assign
from topdata.kinematics import Array
from topdata.validate.dataset import Batch
from topdata.validate.rules import Wrong, event_rule
from topdata.validate.values import variations_of


@event_rule("process.label")
def label(batch: Batch) -> Iterator[Wrong]:
    """The column process is the class index of the process in the file's name."""
    found = batch.scalar("process")
    expected = batch.dataset.manifest.classes.index(batch.shard.process)
    yield batch.wrong(found != expected, f"process {{}}, the file is of class {expected}", found)


@event_rule("source.index")
def source(batch: Batch) -> Iterator[Wrong]:
    """The source is a row of the source table, and of the file's process."""
    found, manifest = batch.scalar("source"), batch.dataset.manifest
    out = batch.source < 0
    yield batch.wrong(out, f"source {{}}, there are {len(manifest.sources)}", found)
    if len(manifest.sources):
        expected = manifest.classes.index(batch.shard.process)
        other = ~out & (batch.dataset.process_of_source[batch.source] != expected)
        text = f"source {{}} is of another process than {batch.shard.process}"
        yield batch.wrong(other, text, found)


def _sources(batch: Batch) -> Iterator[tuple[int, Array]]:
    """Yield (source, positions of its events) of a batch."""
    for index in np.unique(batch.source[batch.source >= 0]).tolist():
        yield index, np.flatnonzero(batch.source == index)


@event_rule("event.range")
def event_range(batch: Batch) -> Iterator[Wrong]:
    """The event number is an entry of its source."""
    event = batch.scalar("event")
    for index, at in _sources(batch):
        entries = batch.dataset.manifest.sources[index].entries
        bad = at[(event[at] < 0) | (event[at] >= entries)]
        yield Wrong(bad, f"event {{}} of source {index}, which has {entries}", (event[bad],))


@event_rule("event.unique")
def unique(batch: Batch) -> Iterator[Wrong]:
    """No event of a source stands twice, in any split."""
    bad = batch.tally.repeated(batch)
    values = batch.scalar("event")[bad], batch.source[bad]
    yield Wrong(bad, "event {} of source {} was there before", values)


@event_rule("event.quarantined")
def quarantined(batch: Batch) -> Iterator[Wrong]:
    """No event is one that the manifest lists as quarantined."""
    event = batch.scalar("event")
    for lost in batch.dataset.manifest.quarantine:
        mine = np.flatnonzero(batch.source == lost.source)
        for start, stop in lost.ranges if len(mine) else ():
            bad = mine[(event[mine] >= start) & (event[mine] < stop)]
            yield Wrong(bad, f"event {{}} is quarantined: {_plain(lost.reason)}", (event[bad],))


def _plain(text: str) -> str:
    """Keep braces of a foreign text out of a format string."""
    return text.replace("{", "{{").replace("}", "}}")


@event_rule("event.split")
def split(batch: Batch) -> Iterator[Wrong]:
    """An event is in the split that the hash of its source and entry gives.

    Events paired with an LHE event follow that one's hash: two showers of one stay together.
    """
    fractions = batch.dataset.splits.fractions
    names = list(fractions)
    if batch.shard.split not in names:
        return
    event, lhe_event = batch.scalar("event"), batch.scalar("lhe_event")
    for index, at in _sources(batch):
        entry = batch.dataset.manifest.sources[index]
        try:
            expected = assign(entry.sha256, event[at], fractions)
            if entry.lhe_sha256:
                of_lhe = assign(entry.lhe_sha256, lhe_event[at], fractions)
                expected = np.where(lhe_event[at] >= 0, of_lhe, expected)
        except ValueError:  # no hash: said of the manifest
            continue
        bad = expected != names.index(batch.shard.split)
        where = np.array(names, object)[expected[bad]]
        yield Wrong(at[bad], "event {} belongs in {}", (event[at][bad], where))


@event_rule("event.lhe")
def lhe(batch: Batch) -> Iterator[Wrong]:
    """lhe_event is the entry's number with a matrix element, or -1 without one."""
    event, lhe_event = batch.scalar("event"), batch.scalar("lhe_event")
    partons = batch.rows("me").counts
    for index, at in _sources(batch):
        paired = bool(batch.dataset.manifest.sources[index].lhe)
        number = lhe_event[at]
        bad = at[(number != -1) & ((number != event[at]) | (not paired))]
        values = lhe_event[bad], event[bad]
        yield Wrong(bad, "lhe_event {} of event {}" + ("" if paired else ", not paired"), values)
    alone = (lhe_event < 0) & (partons > 0)
    yield batch.wrong(alone, "{} partons of a matrix element, but no LHE event", partons)
    bare = (lhe_event >= 0) & (partons < 3)
    yield batch.wrong(bare, "{} partons of a matrix element, at least 3 are in one", partons)


@event_rule("weight.scale")
def scale(batch: Batch) -> Iterator[Wrong]:
    """weight = gen_weight x cross-section / sum of gen_weight of the process, to 1e-12."""
    weight, gen_weight = batch.scalar("weight"), batch.scalar("gen_weight")
    index = batch.dataset.manifest.classes.index(batch.shard.process)
    expected = gen_weight * batch.dataset.scales[index]
    bad = ~(np.abs(weight - expected) <= 1e-12 * np.abs(expected))
    yield batch.wrong(bad, "weight {}, expected {}", weight, expected)


@event_rule("weight.variations")
def variations(batch: Batch) -> Iterator[Wrong]:
    """There are as many weight variations as their source names, none for an unpaired event."""
    found, lhe_event = variations_of(batch), batch.scalar("lhe_event")
    for index, at in _sources(batch):
        entry = batch.dataset.manifest.sources[index]
        expected = np.full(len(at), len(entry.weight_names))
        if entry.lhe:
            expected[lhe_event[at] < 0] = 0
        bad = found[at] != expected
        values = found[at][bad], expected[bad]
        yield Wrong(at[bad], "{} weight variations, {} are named", values)
