"""Parquet shards: the same rows give the same bytes; a shard knows nothing of its neighbours."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from topdata.manifest import DataFile
from topdata.schema.fingerprint import dataset_fingerprint, view_fingerprint
from topdata.schema.version import SCHEMA_VERSION

ROW_GROUP = 50_000
SHARD_ROWS = 500_000


def shard_metadata(btag_bit: int, level: str) -> dict[str, str]:
    """Return what every shard says of itself: nothing that another process could change."""
    return {
        "topdata.schema_version": SCHEMA_VERSION,
        "topdata.dataset_fingerprint": dataset_fingerprint(),
        "topdata.view_fingerprint": view_fingerprint(btag_bit),
        "topdata.btag_bit": str(btag_bit),
        "topdata.level": level,
    }


class ShardWriter:
    """Writes a stream of tables as ``<stem>-00000.parquet``, ... with full row groups.

    Where the tables are cut does not matter: row groups and shards have fixed sizes. With
    ``ahead`` a thread encodes a row group while the next one is gathered.
    """

    def __init__(self, root: Path, stem: str, schema: pa.Schema, *, ahead: bool = False) -> None:
        self.files: list[DataFile] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shard") if ahead else None
        self._written: Future[None] | None = None
        self._root = root
        self._stem = stem
        self._schema = schema
        self._pending: list[pa.Table] = []
        self._n_pending = 0
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0  # in the open shard
        self._memory = 0

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        if not table.num_rows:
            return
        self._pending.append(table)
        self._n_pending += table.num_rows
        while self._n_pending >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                if self._n_pending:
                    self._flush(self._n_pending)
                self._wait()
                self._close_shard()
        finally:
            if self._thread is not None:
                self._thread.shutdown(wait=True)
            if self._writer is not None:
                self._abandon()

    def _flush(self, rows: int) -> None:
        table = pa.concat_tables(self._pending)
        group, rest = table.slice(0, rows), table.slice(rows)
        self._pending, self._n_pending = [rest], rest.num_rows
        if self._thread is None:
            self._write(group)
            return
        self._wait()
        self._written = self._thread.submit(self._write, group)

    def _wait(self) -> None:
        """Wait for the row group that is being written, and raise what it raised."""
        if self._written is not None:
            written, self._written = self._written, None
            written.result()

    def _write(self, group: pa.Table) -> None:
        if self._writer is None:
            self._writer = self._open()
        group = group.combine_chunks()
        self._writer.write_table(group, row_group_size=ROW_GROUP)
        self._rows += group.num_rows
        self._memory += sum(_memory(chunk) for column in group.columns for chunk in column.chunks)
        if self._rows >= SHARD_ROWS:
            self._close_shard()

    @property
    def _path(self) -> Path:
        return self._root / f"{self._stem}-{len(self.files):05d}.parquet"

    def _open(self) -> pq.ParquetWriter:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        floats = [name for name, kind in _leaves(self._schema) if pa.types.is_floating(kind)]
        others = [name for name, kind in _leaves(self._schema) if not pa.types.is_floating(kind)]
        return pq.ParquetWriter(
            self._path,
            self._schema,
            compression="zstd",
            use_dictionary=others,  # floats hardly repeat
            use_byte_stream_split=floats,
            write_page_index=True,
            use_content_defined_chunking=True,
            store_schema=True,
        )

    def _close_shard(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        path = self._path
        self.files.append(described(self._root, path, self._rows, self._memory))
        self._rows = self._memory = 0

    def _abandon(self) -> None:
        """Drop the open shard after an error; closing may fail too (a full disk)."""
        try:
            assert self._writer is not None
            self._writer.close()
        except OSError:
            self._path.unlink(missing_ok=True)


def described(root: Path, path: Path, rows: int, memory: int) -> DataFile:
    """Sync a finished file and return its entry for the manifest."""
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return DataFile(
        path=path.relative_to(root).as_posix(),
        rows=rows,
        size=path.stat().st_size,
        memory=memory,
        sha256=sha256,
    )


def _memory(array: pa.Array) -> int:
    """Return the bytes of an Arrow array's values and offsets, however it was cut and joined."""
    kind = array.type
    if isinstance(kind, pa.ExtensionType):
        return _memory(array.storage)
    if pa.types.is_struct(kind):
        return sum(_memory(child) for child in array.flatten())
    if pa.types.is_fixed_size_list(kind):
        return _memory(array.flatten())
    if pa.types.is_list(kind):
        return 4 * (len(array) + 1) + _memory(array.flatten())
    return int(len(array) * kind.bit_width // 8)


def _leaves(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    """Yield (parquet path, type) of every leaf column."""

    def walk(prefix: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
        if pa.types.is_struct(kind):
            for i in range(kind.num_fields):
                yield from walk(f"{prefix}.{kind.field(i).name}", kind.field(i).type)
        elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
            yield from walk(f"{prefix}.list.element", kind.value_type)
        elif isinstance(kind, pa.ExtensionType):
            yield from walk(prefix, kind.storage_type)
        else:
            yield prefix, kind

    for column in schema:
        yield from walk(column.name, column.type)
