"""The results of finished jobs: one Arrow file and one tally each, found again by identity.

Any process that sees the folder can write them, several may write the same one: a part appears
under its name when it is whole, and the same job gives the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from topdata.build.tally import Tally
from topdata.whole import beside_of, write_whole


@dataclass(frozen=True, slots=True)
class Parts:
    """A folder of finished parts."""

    folder: Path

    def finished(self, identity: str) -> Tally | None:
        """Return the tally of a job that was finished before."""
        try:
            return Tally.from_json(self._note(identity).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def finish(self, identity: str, tally: Tally) -> None:
        """Record that a job's part is complete; this is the last step of a job."""
        write_whole(self._note(identity), tally.to_json().encode())

    @contextmanager
    def open(self, identity: str, schema: pa.Schema) -> Iterator[pa.RecordBatchWriter]:
        """Open the part of a job for writing; it appears under its name when it is whole."""
        path = self._part(identity)
        beside = beside_of(path)
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        try:
            with open(beside, "wb") as stream:
                with pa.ipc.new_file(stream, schema, options=options) as writer:
                    yield writer
                os.fsync(stream.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)

    def read(self, identity: str) -> Iterator[pa.Table]:
        """Yield the events of a finished job, some at a time."""
        with pa.memory_map(str(self._part(identity))) as stream:
            part = pa.ipc.open_file(stream)
            for position in range(part.num_record_batches):
                yield pa.Table.from_batches([part.get_batch(position)])

    def sweep(self) -> None:
        """Remove what killed processes left half-written."""
        for path in self.folder.glob("*.tmp"):
            path.unlink(missing_ok=True)

    def _part(self, identity: str) -> Path:
        return self.folder / f"{identity}.arrow"

    def _note(self, identity: str) -> Path:
        return self.folder / f"{identity}.json"
