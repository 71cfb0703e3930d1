"""The text of a file in blocks of whole lines, and tables of numbers in text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from topdata.errors import DamagedError, InputError
from topdata.events import Array
from topdata.unpacked import unpacked

_LINE_BYTES = 1 << 22  # a longer line is no text


def blocks(path: str) -> Iterator[bytes]:
    """Yield the unpacked text in order; every block but the last ends with a line.

    Raises :class:`DamagedError` where the stream breaks off, behind all that could be unpacked,
    and :class:`InputError` when the file cannot be opened or is no text.
    """
    pending = b""
    for piece in unpacked(path):
        if isinstance(piece, str):
            if pending:
                yield pending
            raise DamagedError(piece)
        pending += piece
        end = pending.rfind(b"\n") + 1
        if end:
            yield pending[:end]
            pending = pending[end:]
        elif len(pending) > _LINE_BYTES:
            raise InputError(f"{path}: a line of more than {_LINE_BYTES >> 20} MiB: no text")
    if pending:
        yield pending


def table(rows: list[bytes], names: Sequence[str], delimiter: str) -> Array:
    """Parse rows of numbers: float64 [n_rows, n_names], NaN where a word is no number.

    Every row must have as many words as there are names.
    """
    if not rows:
        return np.zeros((0, len(names)))
    text = b"\n".join(rows)
    try:
        parsed = pc.read_csv(
            pa.BufferReader(text),
            pc.ReadOptions(use_threads=False, column_names=list(names), block_size=len(text) + 1),
            pc.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False),
            pc.ConvertOptions(column_types=dict.fromkeys(names, pa.float64()), null_values=[]),
        )
        if parsed.num_rows == len(rows):
            return np.stack([column.to_numpy() for column in parsed.columns], axis=1)
    except pa.ArrowInvalid:
        pass  # some word is no number: find it
    separator = delimiter.encode()
    return np.array([[number(word) for word in row.split(separator)] for row in rows])


def number(word: bytes) -> float:
    """Return a number, NaN if it is none."""
    try:
        return float("nan") if b"_" in word else float(word)
    except ValueError:
        return float("nan")
