"""HDF5 files of arrays with one row an event, written block by block."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from topdata.errors import RecipeError
from topdata.kinematics import Array

_CHUNK_BYTES = 1 << 18


class Hdf5Writer:
    """A file for a known number of events; a dataset is made when its first block is written.

    Datasets are chunked along the events and gzipped lightly, which every HDF5 library reads.
    ``attributes`` are stored at the root: text as it is, anything else as JSON.
    """

    def __init__(self, path: Path, events: int, attributes: dict[str, Any]) -> None:
        try:
            h5py = import_module("h5py")
        except ImportError:
            raise RecipeError("HDF5 needs h5py: pip install 'topdata[export]'") from None
        self._file = h5py.File(path, "x")
        self._events = events
        self._row = 0
        for name, value in attributes.items():
            self._file.attrs[name] = value if isinstance(value, str) else json.dumps(value)

    def __enter__(self) -> Hdf5Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, arrays: dict[str, Array]) -> None:
        """Append a block: one array for each dataset path, all of the same length."""
        (length,) = {len(values) for values in arrays.values()}
        for name, values in arrays.items():
            if name not in self._file:
                self._create(name, values)
            self._file[name][self._row : self._row + length] = values
        self._row += length

    def described(self) -> dict[str, str]:
        """Return type and shape of every dataset by its path."""
        found: dict[str, str] = {}

        def note(name: str, item: Any) -> None:
            if hasattr(item, "shape"):
                found[name] = described(item.dtype, item.shape)

        self._file.visititems(note)
        return found

    def _create(self, name: str, values: Array) -> None:
        row = max(values[:1].nbytes, 1)
        chunk = min(max(_CHUNK_BYTES // row, 1), max(self._events, 1))
        self._file.create_dataset(
            name,
            shape=(self._events, *values.shape[1:]),
            dtype=values.dtype,
            chunks=(chunk, *values.shape[1:]),
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )


def described(dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """Return type and shape in a few characters, e.g. ``float32 [100, 12]``."""
    kind = f"({', '.join(dtype.names)})" if dtype.names else str(dtype)
    return f"{kind} {list(shape)}"
