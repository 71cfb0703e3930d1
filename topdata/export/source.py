"""The dataset that is exported: its events in a mixed stream, and what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from topdata.errors import InputError, one_line
from topdata.export.events import COLUMNS, Events
from topdata.interleave import interleaved
from topdata.loader import split_files
from topdata.manifest import FILE_NAME, Manifest, read_manifest
from topdata.schema.arrow import unpack
from topdata.schema.codes import Decay

_SEED = 1  # of the order in which processes are mixed
_READ_BATCH = 50_000
_DECAY = "truth.tops.list.element.decay"


@dataclass(frozen=True)
class Source:
    """A built dataset."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> Source:
        """Open a dataset folder. Raises :class:`InputError` if it is none."""
        return cls(path, read_manifest(path))

    @property
    def manifest_sha256(self) -> str:
        """The sha256 of ``topdata.json``, which names all files by theirs."""
        return hashlib.sha256((self.path / FILE_NAME).read_bytes()).hexdigest()

    def events_in(self, split: str) -> int:
        """Return the number of events of a split. Raises :class:`RecipeError` if there is none."""
        return sum(rows for _, rows in split_files(self.path, self.manifest, split))

    def blocks(self, split: str) -> Iterator[Events]:
        """Yield the events of a split, processes mixed, some ten thousand at a time.

        The order depends on the dataset alone.
        """
        streams: dict[str, list[tuple[Path, int]]] = {}
        for file, rows in split_files(self.path, self.manifest, split):
            streams.setdefault(file.name.rpartition("-")[0], []).append((file, rows))
        with self._readable():
            for table in interleaved(list(streams.values()), _SEED, list(COLUMNS)):
                yield Events(table, self.manifest.btag_bit)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn what Arrow says of a damaged file into an :class:`InputError`."""
        try:
            yield
        except pa.ArrowException as error:
            raise InputError(f"{self.path}: a damaged data file ({one_line(error)})") from error

    @cached_property
    def decays(self) -> frozenset[tuple[int, int]]:
        """The (hadronic, leptonic) numbers of true tops that occur in any split."""
        found: set[tuple[int, int]] = set()
        with self._readable():
            for file, _ in split_files(self.path, self.manifest, None):
                for batch in pq.ParquetFile(file).iter_batches(_READ_BATCH, columns=[_DECAY]):
                    offsets, columns = unpack(batch.column("truth").field("tops"))
                    counts = [
                        np.diff(np.append(0, np.cumsum(kind))[offsets])
                        for kind in (columns["decay"] == Decay.HADRONIC, columns["decay"] > 0)
                    ]
                    found.update(zip(*(count.tolist() for count in counts), strict=True))
        return frozenset(found)

    @property
    def most_tops(self) -> int:
        """The largest number of decayed true tops in an event."""
        return max((hadronic + leptonic for hadronic, leptonic in self.decays), default=0)
