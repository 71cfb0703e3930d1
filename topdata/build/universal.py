"""The fixed-slot configuration, written from the finished shards.

Its rows are mixed over processes with a fixed seed, so a rebuild gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from topdata.build.shard import ShardWriter
from topdata.interleave import interleaved
from topdata.manifest import DataFile
from topdata.schema.arrow import UNIVERSAL_COUNTS, universal_features
from topdata.views import universal

_SEED = 20_251_124


def write_universal(
    root: Path, files: dict[str, list[list[DataFile]]], classes: list[str], btag_bit: int,
    metadata: dict[str, str],
) -> list[DataFile]:  # fmt: skip
    """Write ``universal/<split>-00000.parquet``; ``files`` has a list per process by split."""
    schema = universal_features(classes).arrow_schema.with_metadata(metadata)
    written: list[DataFile] = []
    for split, by_process in files.items():
        if not any(by_process):
            continue
        with ShardWriter(root, f"universal/{split}", schema) as writer:
            streams = [[(root / f.path, f.rows) for f in files] for files in by_process]
            for table in interleaved(streams, _SEED):
                writer.write(fixed_slots(table, schema, btag_bit))
        written.extend(writer.files)
    return written


def fixed_slots(table: pa.Table, schema: pa.Schema, btag_bit: int) -> pa.Table:
    """Return rows of the storage schema as rows of the fixed-slot schema."""
    view = universal(table, btag_bit=btag_bit)
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        name: table.column(name) for name in ("event", "source", "process", "n_tops", "weight")
    }
    for name in UNIVERSAL_COUNTS:
        columns[f"n_{name}"] = pa.array(getattr(view, f"n_{name}"))
    for name in ("objects", "tops", "ws", "top_slots"):
        columns[name] = _array2d(schema.field(name).type, getattr(view, name))
    columns["type"] = pa.FixedSizeListArray.from_arrays(
        pa.array(view.type.reshape(-1)), view.type.shape[1]
    )
    return pa.Table.from_arrays([columns[field.name] for field in schema], schema=schema)


def _array2d(kind: pa.ExtensionType, values: np.ndarray) -> pa.ExtensionArray:
    n, rows, width = values.shape
    inner = pa.ListArray.from_arrays(
        pa.array(np.arange(0, n * rows * width + 1, width), pa.int32()),
        pa.array(values.reshape(-1)),
    )
    outer = pa.ListArray.from_arrays(pa.array(np.arange(0, n * rows + 1, rows), pa.int32()), inner)
    return pa.ExtensionArray.from_storage(kind, outer)
