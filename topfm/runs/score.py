"""Scores of events as a table, and the search for what a classifier is unsure about."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import topdata
from topdata.errors import InputError, OutputError, one_line
from topdata.progress import Progress
from topdata.schema import slots
from topdata.whole import beside_of, sync
from topfm.evaluation import plots
from topfm.evaluation.entropy import Sample, Search, entropy, search
from topfm.located import Located
from topfm.runs.opened import events_for, open_checkpoint
from topfm.runs.predict import predict

_KEY = b"topfm"
_PT = slots.FEATURE_NAMES.index("pt")


def score(
    checkpoint: Path, dataset: Located, output: Path, *, split: str | None = None,
    embedding: bool = True, overwrite: bool = False, progress: Progress | None = None,
) -> int:  # fmt: skip
    """Write what a checkpoint says of each event to a Parquet file and return their number.

    Columns: ``event``, ``source``, ``process`` (name), ``weight`` (pb), ``met`` (GeV); with a
    ``classify`` task ``probabilities`` (calibrated, a list in the order of the classes, which stand
    in the file's metadata) and ``entropy`` (bits); ``embedding``, a list.

    Raises :class:`OutputError` if the output exists, and the errors of
    :func:`topfm.runs.evaluate.evaluate`.
    """
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: exists already, choose another name or add --overwrite")
    opened = open_checkpoint(checkpoint)
    events = events_for(opened, dataset, split, labelled=False)
    found = predict(opened.model, events, progress=progress)
    names = np.array(topdata.info(dataset.folder).classes)
    columns = {
        "event": events.event.numpy(),
        "source": events.source.numpy(),
        "process": pa.array(names[events.process.numpy()]).dictionary_encode(),
        "weight": events.weight.numpy(),
        "met": events.variables[:, slots.MET.start, _PT].numpy(),
    }
    if found.probabilities is not None:
        columns["probabilities"] = _lists(found.probabilities)
        columns["entropy"] = entropy(found.probabilities).astype(np.float32)
    if embedding:
        columns["embedding"] = _lists(found.embedding)
    about = {
        "checkpoint": opened.digest,
        "classes": list(opened.label.classes) if opened.label else [],
        "label": opened.label.text if opened.label else "",
        "dataset": dataset.address or topdata.info(dataset.folder).name,
        "revision": dataset.revision,
        "split": split,
    }
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(about)})
    _write(table, output)
    return len(events)


def search_in(background: Path, signal: Path, *, seed: int = 0) -> tuple[Search, Sample, Sample]:
    """Compare two files of scores; see :func:`topfm.evaluation.entropy.search`.

    Raises :class:`InputError` for a file without scores, and for scores of two checkpoints.
    """
    (first, about), (second, other) = _read(background), _read(signal)
    if about.get("checkpoint") != other.get("checkpoint"):
        raise InputError(f"{signal}: not scored by the checkpoint of {background}: score it again")
    return search(first, second, seed=seed), first, second


def _lists(values: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def _write(table: pa.Table, output: Path) -> None:
    beside = beside_of(output)
    try:
        pq.write_table(table, beside, compression="zstd")
        sync(beside)
        beside.replace(output)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({one_line(error)})") from error
    finally:
        beside.unlink(missing_ok=True)


def _read(path: Path) -> tuple[Sample, dict[str, object]]:
    try:
        table = pq.read_table(path, columns=["entropy", "met", "weight"])
        about = json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: not a file of scores with an entropy ({one_line(error)}); make it with "
            "`topfm score`"
        ) from error
    arrays = {name: table.column(name).to_numpy() for name in ("entropy", "met", "weight")}
    return Sample(**arrays), about


def search_json(found: Search) -> dict[str, dict[str, float]]:
    """Return the figures of a search, each with its error, in plain types."""
    return {
        field.name: {"value": float(value.value), "error": float(value.error)}
        for field in fields(found)
        if (value := getattr(found, field.name)) is not None
    }


def draw_search(path: Path, background: Sample, signal: Sample) -> None:
    """Draw the distributions of entropy of two samples."""
    top = max(1.0, float(background.entropy.max()), float(signal.entropy.max()))
    samples = {
        "background": (background.entropy, background.weight),
        "signal": (signal.entropy, signal.weight),
    }
    plots.distributions(path, samples, "entropy, bits", limits=(0.0, top))
