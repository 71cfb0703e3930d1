"""What all transformations share: writing the shards of a process, and finishing the dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow as pa

from topdata.build.assemble import finish
from topdata.build.shard import ShardWriter, shard_metadata
from topdata.build.stage import open_stage, recover, require_free
from topdata.build.universal import write_universal
from topdata.manifest import DataFile, Manifest
from topdata.schema.arrow import arrow_schema

Files = dict[str, list[DataFile]]  # by split


@contextmanager
def new_dataset(output: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty folder that becomes ``output`` when all went well.

    Raises :class:`OutputError` if the output exists or is being written.
    """
    output = output.resolve()
    recover(output)
    require_free(output, overwrite=overwrite)
    with open_stage(output, overwrite=overwrite) as stage:
        yield stage.dataset
        stage.publish(overwrite=overwrite)


def write_process(
    dataset: Path,
    manifest: Manifest,
    name: str,
    rows: Callable[[str], Iterator[pa.Table]],
    splits: Sequence[str],
) -> Files:
    """Write the shards of a process; ``rows`` yields its events for a split."""
    schema = arrow_schema(shard_metadata(manifest.btag_bit, manifest.level))
    with ExitStack() as stack:
        writers = {}
        for split in splits:
            writer = ShardWriter(dataset, f"data/{split}-{name}", schema)
            writers[split] = stack.enter_context(writer)
            for table in rows(split):
                writer.write(table.cast(schema))
    return {split: writer.files for split, writer in writers.items()}


def completed(
    dataset: Path, manifest: Manifest, files: list[Files], *, universal: bool
) -> Manifest:
    """Write what follows from the shards, ``files`` of each class; return the whole manifest."""
    every = [file for of_class in files for shards in of_class.values() for file in shards]
    if universal:
        by_split = {split: [of_class[split] for of_class in files] for split in files[0]}
        metadata = shard_metadata(manifest.btag_bit, manifest.level)
        every += write_universal(dataset, by_split, manifest.classes, manifest.btag_bit, metadata)
    whole = manifest.model_copy(update={"files": sorted(every, key=lambda file: file.path)})
    finish(whole, dataset)
    return whole
