"""Read a built dataset: awkward arrays for analysis, fixed-slot arrays for training.

``topdata.load`` and ``topdata.batches`` go from parquet leaves to arrays without a loop over
events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from topdata.errors import InputError, RecipeError, nearest
from topdata.interleave import interleaved
from topdata.manifest import Manifest, read_manifest
from topdata.quantities import NAMES, evaluate
from topdata.schema.fields import EVENT, walk
from topdata.views import universal

_SCALARS = ("event", "source", "process", "n_tops", "weight", "gen_weight")
_VIEW_COLUMNS = [*_SCALARS, "met", "jets", "leptons", "photons", "truth"]
_READ_BATCH = 16_384


def info(path: str | Path) -> Manifest:
    """Return the manifest of a dataset folder: schema, processes, sources, counts."""
    return read_manifest(Path(path))


def load(
    path: str | Path, *, split: str | None = None, columns: str | Sequence[str] | None = None
) -> Any:
    """Return events as an ``awkward.Array`` of records, shape [n_events].

    ``columns`` are dotted paths such as ``"jets.pt"`` or ``"truth.tops"`` (all by default);
    ``split`` is train, validation or test (all by default). Lists have type ``var * {...}``.

    Raises :class:`InputError` for a folder that is no dataset, :class:`RecipeError` for an
    unknown column or split.
    """
    import awkward as ak

    manifest = info(path)
    wanted = _checked(columns) if columns is not None else None
    files = [str(file) for file, _ in split_files(Path(path), manifest, split)]
    events = ak.from_parquet(files, columns=wanted)
    return ak.transform(_required, events)


def batches(
    path: str | Path,
    *,
    split: str | None = None,
    batch_size: int = 1024,
    view: str = "universal",
    shuffle: int | None = None,
    drop_last: bool = False,
    quantities: Sequence[str] = (),
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the universal view as writable numpy arrays.

    Files are grouped by process, and so are the batches unless ``shuffle`` gives a seed: then
    every event is as likely in every batch, in an order that the seed decides.

    Each batch holds, for B events, ``objects`` float32 [B, 19, 7] (pt, eta, phi, px, py, pz,
    energy), ``type`` int8 [B, 19], ``row`` int16 [B, 19], ``n_jets``, ``n_btags``,
    ``n_leptons``, ``n_photons`` int16 [B], ``tops`` and ``ws`` float32 [B, 4, 7],
    ``top_slots`` int8 [B, 4, 3], and of the record ``event`` int64 [B], ``source`` int32 [B],
    ``process`` int64 [B], ``n_tops`` int8 [B], ``weight`` and ``gen_weight`` float64 [B].
    ``quantities`` adds named quantities of the whole event, untruncated, float64 or int64 [B]
    (see :mod:`topdata.quantities`). ``torch.from_numpy`` takes each array as it is. See
    :mod:`topdata.schema.slots` for the slots.

    Raises :class:`InputError` for a folder that is no dataset, :class:`RecipeError` for an
    unknown split, view or quantity.
    """
    for name in quantities:
        if name not in NAMES:
            raise RecipeError(f"no quantity {name!r}{nearest(name, NAMES)}")
    if view != "universal":
        raise RecipeError(f"no view {view!r}{nearest(view, ['universal'])}")
    if batch_size < 1:
        raise RecipeError(f"batch_size {batch_size}: at least 1")
    manifest = info(path)
    rest: dict[str, np.ndarray] | None = None
    files = split_files(Path(path), manifest, split)
    reading: Iterator[pa.RecordBatch | pa.Table]
    if shuffle is None:
        source = ds.dataset([str(file) for file, _ in files], format="parquet")
        size = max(batch_size, _READ_BATCH)
        reading = source.to_batches(columns=_VIEW_COLUMNS, batch_size=size)
    else:
        reading = interleaved([[file] for file in files], shuffle, _VIEW_COLUMNS)
    for record_batch in reading:
        block = _arrays(record_batch, manifest.btag_bit, quantities)
        if rest is not None:
            block = {name: np.concatenate([rest[name], block[name]]) for name in block}
        events = len(block["event"])
        whole = events - events % batch_size
        for start in range(0, whole, batch_size):
            yield {name: values[start : start + batch_size] for name, values in block.items()}
        rest = {name: values[whole:] for name, values in block.items()} if whole < events else None
    if rest is not None and not drop_last:
        yield rest


def _arrays(
    batch: pa.RecordBatch | pa.Table, btag_bit: int, quantities: Sequence[str]
) -> dict[str, np.ndarray]:
    scalars = {name: batch.column(name).to_numpy().copy() for name in _SCALARS}
    named = evaluate(batch, quantities, btag_bit=btag_bit)
    return {**named, **scalars, **universal(batch, btag_bit=btag_bit).arrays()}


def _required(layout: Any, **_: Any) -> Any:
    """Drop the option types that parquet readers add: the record has no missing values."""
    import awkward as ak

    if layout.is_option:
        return ak.transform(_required, layout.content, highlevel=False)
    return None


def split_files(path: Path, manifest: Manifest, split: str | None) -> list[tuple[Path, int]]:
    """Return (file, rows) of the events of a split, or of all.

    Raises :class:`RecipeError` for an unknown split, :class:`InputError` if a file is missing.
    """
    counts = manifest.split_counts()
    if split is not None and split not in counts:
        raise RecipeError(f"{path}: no split {split!r}{nearest(split, counts)}")
    files = [
        (path / file.path, file.rows)
        for file in manifest.files
        if file.path.startswith(f"data/{split}-" if split else "data/")
    ]
    if missing := next((file for file, _ in files if not file.is_file()), None):
        raise InputError(f"{missing}: a file of the dataset is missing")
    if not files:
        raise InputError(f"{path}: the dataset holds no events")
    return files


def _checked(columns: str | Sequence[str]) -> list[str]:
    """Return the columns; a struct or a list stands for all its members."""
    columns = [columns] if isinstance(columns, str) else columns
    known = {name for name, _ in walk(EVENT)}
    for name in columns:
        if name not in known:
            raise RecipeError(f"no column {name!r}{nearest(name, known)}")
    return list(columns)
