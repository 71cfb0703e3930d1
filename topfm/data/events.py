"""Events of a dataset in memory, as tensors; about 900 bytes each.

The whole selection is read once, then batches are rows of these tensors: nothing is parsed again in
the next epoch, and the order of an epoch is a permutation that a seed decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import topdata
from topdata.errors import InputError, RecipeError, nearest
from topdata.expressions import parse
from topdata.manifest import Manifest
from topdata.quantities import CONDITIONS, NAMES
from topdata.schema.codes import ObjectType
from topfm.data.readable import require_readable

COUNTS = ("n_jets", "n_btags", "n_leptons", "n_photons")
_BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class Events:
    """n events; N = 19 slots of 7 variables, T = 4 true tops and as many Ws."""

    variables: Tensor  # float32 [n, N, 7], GeV and radians, 0 where empty
    type: Tensor  # int8 [n, N], topdata.schema.codes.ObjectType
    counts: Tensor  # float32 [n, 4]: COUNTS, before truncation
    ws: Tensor  # float32 [n, T, 7]: true Ws, 0 where there are fewer
    tops: Tensor  # float32 [n, T, 7]
    truth: Tensor  # bool [n]: whether there is a truth record
    label: Tensor  # int64 [n]
    weight: Tensor  # float64 [n], pb, signed
    process: Tensor  # int64 [n]
    source: Tensor  # int32 [n]
    event: Tensor  # int64 [n]

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.event)

    def rows(self, index: Tensor) -> Events:
        """Return the events with some row numbers (int64), in their order."""
        return Events(*(getattr(self, f.name).index_select(0, index) for f in fields(self)))

    def to(self, device: str) -> Events:
        """Return the events on a device, copied without waiting where that is possible."""
        return Events(
            *(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self))
        )


@dataclass(frozen=True, slots=True)
class Label:
    """What is to be told apart: a column or an expression, and its classes in order."""

    text: str  # n_tops, process, or an expression over topdata.quantities
    classes: tuple[str, ...]

    @property
    def is_column(self) -> bool:
        """Whether it is a column of the record."""
        return self.text in ("n_tops", "process")


def load_events(
    dataset: Path | str,
    *,
    split: str | None = None,
    label: str = "n_tops",
    classes: Sequence[str] | None = None,
    processes: Sequence[str] = (),
    limit: int | None = None,
    seed: int = 0,
    parton_level: bool = False,
) -> tuple[Events, Label]:
    """Read the events of a split, and what their label means.

    ``label`` is ``n_tops``, ``process``, or an expression such as ``n_btags >= 2`` (classes
    ``false`` and ``true``) or ``min(n_jets, 8)`` (a class for each value). ``classes`` fixes the
    classes and their order, as a checkpoint does; events of no class are left out. ``processes``
    keeps some processes only, ``limit`` that many events, drawn with ``seed``.

    Raises :class:`SchemaError` for a dataset of another view, or of parton level unless told;
    :class:`RecipeError` for an unknown label, split or process; :class:`InputError` if no event is
    left.
    """
    manifest = topdata.info(dataset)
    require_readable(manifest, dataset, parton_level=parton_level)
    for name in processes:
        if name not in manifest.classes:
            raise RecipeError(f"{dataset}: no process {name!r}{nearest(name, manifest.classes)}")
    wanted = [manifest.classes.index(name) for name in processes]
    blocks = list(_blocks(dataset, split, label, wanted))
    if not blocks:
        raise InputError(f"{dataset}: no event of {', '.join(processes) or 'any process'} is left")
    arrays = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    label_, codes = _coded(label, arrays.pop("label"), classes, manifest)
    keep = np.flatnonzero(codes >= 0)
    if limit is not None and limit < len(keep):
        keep = np.sort(np.random.default_rng(seed).choice(keep, limit, replace=False))
    if not len(keep):
        raise InputError(f"{dataset}: no event has one of the labels {', '.join(label_.classes)}")
    tensors = {name: torch.from_numpy(values[keep]) for name, values in arrays.items()}
    return Events(**tensors, label=torch.from_numpy(codes[keep])), label_


def _blocks(
    dataset: Path | str, split: str | None, label: str, wanted: list[int]
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the arrays of some events at a time, with the raw values of the label."""
    expression = None
    if label not in ("n_tops", "process"):
        expression = parse(label, NAMES, CONDITIONS)
    names = sorted(expression.names) if expression else []
    for raw in topdata.batches(dataset, split=split, batch_size=_BLOCK, quantities=names):
        n = len(raw["event"])
        value = np.broadcast_to(expression(raw) if expression else raw[label], n)
        block = {
            "variables": raw["objects"],
            "type": raw["type"],
            "counts": np.stack([raw[name] for name in COUNTS], axis=1).astype(np.float32),
            **{name: raw[name] for name in ("ws", "tops", "weight", "process", "source", "event")},
            "truth": raw["n_tops"] >= 0,
            "label": value,
        }
        keep = np.isin(raw["process"], wanted) if wanted else np.ones(n, np.bool_)
        if keep.any():
            yield {name: values[keep] for name, values in block.items()}


def _coded(
    text: str, values: np.ndarray, classes: Sequence[str] | None, manifest: Manifest
) -> tuple[Label, np.ndarray]:
    """Return the label and the class of each event, -1 where it has none."""
    if text == "process":
        names = np.array(manifest.classes)[values]
    elif values.dtype == np.bool_:
        names = np.where(values, "true", "false")
    else:
        if text == "n_tops" and (values < 0).any():
            raise RecipeError("label n_tops: some events have no truth record")
        if not np.array_equal(values, np.rint(values)):
            raise RecipeError(f"label {text!r}: its values are no whole numbers, compare or round")
        names = values.astype(np.int64).astype(str)
    if classes is None:
        found = set(names.tolist())
        if text == "process":
            classes = [name for name in manifest.classes if name in found]
        elif values.dtype == np.bool_:
            classes = ["false", "true"]
        else:
            classes = sorted(found, key=int)
    order = {name: code for code, name in enumerate(classes)}
    unique, inverse = np.unique(names, return_inverse=True)
    codes = np.array([order.get(name, -1) for name in unique.tolist()], np.int64)
    return Label(text, tuple(classes)), codes[inverse]


def present(type_: Tensor) -> Tensor:
    """Return which slots hold an object, bool, of the shape of ``type_``."""
    return type_ != int(ObjectType.NONE)
