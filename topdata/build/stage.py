"""The folder beside the output where a build works until the dataset is whole.

It holds one finished part per job, so that an interrupted build goes on where it stopped, and is
renamed into place at the end. A lock keeps a second build away.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from topdata.build.chain import Tally
from topdata.build.plan import Job
from topdata.errors import OutputError
from topdata.manifest import FILE_NAME, read_manifest

_LOCK = "lock"


class Stage:
    """The working folder of one output."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.root = output.parent / f".{output.name}.partial"
        self.parts = self.root / "parts"
        self.dataset = self.root / "dataset"

    def part(self, job: Job) -> Path:
        """Return the path of a job's events."""
        return self.parts / f"{job.identity}.arrow"

    def finished(self, job: Job) -> Tally | None:
        """Return the tally of a job that an earlier run finished."""
        note = self.part(job).with_suffix(".json")
        if not (note.exists() and self.part(job).exists()):
            return None
        content = json.loads(note.read_text(encoding="utf-8"))
        for name in ("flow", "unusable"):
            content[name] = [tuple(value) for value in content[name]]
        return Tally(**content)

    def finish(self, job: Job, tally: Tally) -> None:
        """Record that a job's part is complete; this is the last step of a job."""
        write_whole(self.part(job).with_suffix(".json"), json.dumps(asdict(tally)).encode())

    @contextmanager
    def open_part(self, job: Job, schema: pa.Schema) -> Iterator[pa.RecordBatchWriter]:
        """Open the part of a job for writing; it appears under its name when it is whole."""
        path = self.part(job)
        beside = path.with_suffix(".tmp")
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with open(beside, "wb") as stream:
            with pa.ipc.new_file(stream, schema, options=options) as writer:
                yield writer
            _sync(stream.fileno())
        os.replace(beside, path)

    def read_part(self, job: Job) -> Iterator[pa.Table]:
        """Yield the events of a finished job, some at a time."""
        with pa.memory_map(str(self.part(job))) as stream:
            part = pa.ipc.open_file(stream)
            for position in range(part.num_record_batches):
                yield pa.Table.from_batches([part.get_batch(position)])

    def publish(self, *, overwrite: bool) -> None:
        """Move the finished dataset to its place and remove the working folder."""
        for path in sorted(self.dataset.rglob("*")):
            if path.is_dir():
                _sync_folder(path)
        _sync_folder(self.dataset)
        old = self.root / "replaced"
        if overwrite and self.output.exists():
            os.rename(self.output, old)
        try:
            os.rename(self.dataset, self.output)
        except OSError:
            if old.exists():
                os.rename(old, self.output)
            raise
        _sync_folder(self.output.parent)
        shutil.rmtree(self.root)


@contextmanager
def open_stage(output: Path, *, overwrite: bool) -> Iterator[Stage]:
    """Check the output, make the working folder and hold its lock.

    Raises :class:`OutputError` when the output exists, or another build works on it.
    """
    require_free(output, overwrite=overwrite)
    stage = Stage(output)
    try:
        stage.parts.mkdir(parents=True, exist_ok=True)
        lock = open(stage.root / _LOCK, "w")  # noqa: SIM115  held until the build ends
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror})") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"{output}: another build is writing it") from error
        if not os.path.samestat(os.fstat(lock.fileno()), _status(stage.root / _LOCK)):
            raise OutputError(f"{output}: another build has just finished")
        require_free(output, overwrite=overwrite)
        shutil.rmtree(stage.dataset, ignore_errors=True)
        stage.dataset.mkdir()
        yield stage


def require_free(output: Path, *, overwrite: bool) -> None:
    """Raise :class:`OutputError` unless the output may be written."""
    if not (output.exists() or output.is_symlink()):
        return
    if not overwrite:
        raise OutputError(f"{output}: exists already, choose another name or add --overwrite")
    if not (output / FILE_NAME).is_file():
        raise OutputError(f"{output}: not a topdata dataset, it will not be overwritten")
    ours = {FILE_NAME, "README.md", *(file.path for file in read_manifest(output).files)}
    for path in sorted(output.rglob("*")):
        if not path.is_dir() and path.relative_to(output).as_posix() not in ours:
            raise OutputError(
                f"{path}: is no file of the dataset, move it away or choose another output"
            )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all."""
    beside = path.with_name(f"{path.name}.tmp")
    with open(beside, "wb") as stream:
        stream.write(content)
        stream.flush()
        _sync(stream.fileno())
    os.replace(beside, path)


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError:
        return os.stat_result((0,) * 10)


def _sync(descriptor: int) -> None:
    os.fsync(descriptor)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
