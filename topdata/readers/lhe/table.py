"""Numbers separated by single blanks, one row a line: Arrow's CSV parser, with no other reading."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from topdata.events import Array


def parse_table(content: bytes, types: dict[str, pa.DataType]) -> dict[str, Array] | None:
    """Return the columns, or ``None`` where a line has another number of words or no numbers."""
    try:
        table = pc.read_csv(
            pa.BufferReader(content),
            pc.ReadOptions(use_threads=False, column_names=list(types), block_size=1 << 24),
            pc.ParseOptions(delimiter=" ", quote_char=False),
            pc.ConvertOptions(column_types=types, null_values=[], strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None
    return {name: _values(table.column(name)) for name in types}


def _values(column: pa.ChunkedArray) -> Array:
    """Return a column without nulls as an array; ``to_numpy`` would import pandas for it."""
    dtype = np.dtype(str(column.type).replace("double", "float64"))
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype, len(chunk), chunk.offset * dtype.itemsize)
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(parts) if len(parts) != 1 else parts[0]
