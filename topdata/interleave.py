"""Rows of several files in one mixed stream, in bounded memory.

A stream for training should not come sorted by class. Each block takes a random share of every
file in proportion to what is left of it, so every event is as likely at every place; the seed and
the counts alone decide the order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BLOCK = 20_000


def interleaved(
    streams: Sequence[Sequence[tuple[Path, int]]], seed: int, columns: list[str] | None = None
) -> Iterator[pa.Table]:
    """Yield blocks of mixed rows.

    Each stream is a list of (parquet file, number of rows) read one after the other.
    """
    left = np.array([sum(rows for _, rows in stream) for stream in streams])
    readers = [_Rows([path for path, _ in stream], columns) for stream in streams]
    random = np.random.Generator(np.random.PCG64(seed))
    while left.sum():
        size = int(min(BLOCK, left.sum()))
        share = random.multivariate_hypergeometric(left, size, method="marginals")
        parts = [
            part for reader, n in zip(readers, share, strict=True) for part in reader.take(int(n))
        ]
        left -= share
        order = pa.array(random.permutation(size))
        yield pa.concat_tables(parts).take(order).combine_chunks()


class _Rows:
    """The rows of some files in order, a few at a time."""

    def __init__(self, paths: list[Path], columns: list[str] | None) -> None:
        self._batches = (
            pa.Table.from_batches([batch])
            for path in paths
            for batch in pq.ParquetFile(path).iter_batches(BLOCK, columns=columns)
        )
        self._rest: pa.Table | None = None

    def take(self, n: int) -> Iterator[pa.Table]:
        while n:
            if self._rest is None or not self._rest.num_rows:
                self._rest = next(self._batches)
            part = self._rest.slice(0, n)
            self._rest = self._rest.slice(part.num_rows)
            n -= part.num_rows
            yield part
