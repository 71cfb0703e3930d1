"""What differs between two checkpoints: facts by key, weights by tensor; needs no torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from topfm.checkpoint.facts import Ancestor, DataSeen, Facts
from topfm.checkpoint.format import SEEN, WEIGHTS
from topfm.checkpoint.verify import TensorFact, Verified
from topfm.errors import CheckpointError

_BLOCK = 1 << 20  # elements that become float64 at a time


@dataclass(frozen=True, slots=True)
class Change:
    """A fact that differs; None where a checkpoint has no such key."""

    key: str  # dots lead into nested facts
    first: Any
    second: Any


@dataclass(frozen=True, slots=True)
class TensorChange:
    """A tensor of both checkpoints, with its Frobenius norms."""

    name: str
    first: float | None  # norm; None where it is not finite
    second: float | None
    difference: float | None  # norm of second - first, over ``first``; None if that is zero

    @property
    def same(self) -> bool:
        """Tell whether all its numbers are equal."""
        return self.difference == 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two checkpoints side by side."""

    facts: dict[str, list[Change]]  # what differs, by section
    tensors: list[TensorChange]  # of both, of the same shape and type
    reshaped: list[Change]  # of both, of another shape or type
    only_first: list[str]  # names of tensors
    only_second: list[str]


def compare(first: Verified, second: Verified) -> Comparison:
    """Compare two verified checkpoints.

    Raises :class:`CheckpointError` if weights of one of them cannot be read.
    """
    ours, theirs = (_weights(checkpoint) for checkpoint in (first, second))
    shared = sorted(ours.keys() & theirs.keys())
    alike = [name for name in shared if ours[name] == theirs[name]]
    reshaped = [
        Change(name, _shape(first, name), _shape(second, name))
        for name in shared
        if ours[name] != theirs[name]
    ]
    return Comparison(
        facts=_facts(first.facts, second.facts),
        tensors=list(_tensors(first, second, alike)),
        reshaped=reshaped,
        only_first=sorted(ours.keys() - theirs.keys()),
        only_second=sorted(theirs.keys() - ours.keys()),
    )


def _weights(checkpoint: Verified) -> dict[str, TensorFact]:
    """Return the tensors of a checkpoint that are weights."""
    return {name: fact for name, fact in checkpoint.tensors.items() if name != SEEN}


def _facts(first: Facts, second: Facts) -> dict[str, list[Change]]:
    ours, theirs = (_sections(facts) for facts in (first, second))
    return {name: list(_changes(ours[name], theirs[name])) for name in ours}


def _sections(facts: Facts) -> dict[str, dict[str, Any]]:
    """Return facts as a reader asks for them; lists of named rows become tables by name."""
    content = facts.model_dump(mode="json")
    names = {
        "config": ("encoder", "interactions", "tasks", "label", "run", "versions"),
        "schema": (
            "schema_version", "dataset_fingerprint", "view_fingerprint", "inputs", "normalisation",
        ),
        "training": ("epochs", "steps", "best_epoch"),
        "metrics": ("results",),
    }  # fmt: skip
    sections = {section: {key: content[key] for key in keys} for section, keys in names.items()}
    sections["data"] = _seen(facts.data)
    sections["lineage"] = {"ancestors": [_named(ancestor) for ancestor in facts.ancestors]}
    return sections


def _named(ancestor: Ancestor) -> str:
    revision = f"@{ancestor.revision}" if ancestor.revision else ""
    return f"{ancestor.address}{revision}, digest {ancestor.digest[:16]}..."


def _seen(data: DataSeen) -> dict[str, Any]:
    return {
        **data.model_dump(mode="json", exclude={"sources", "processes"}),
        "processes": {process.name: process.events for process in data.processes},
        "cross_sections": {process.name: process.cross_section for process in data.processes},
        "sources": {f"{seen.file} {seen.sha256[:16]}": seen.events for seen in data.sources},
    }


def _changes(first: Any, second: Any, path: str = "") -> Iterator[Change]:
    """Yield what differs between two plain values, as deep as there are keys."""
    rows = isinstance(first, list) and isinstance(second, list)  # of which the order counts
    first, second = _keyed(first), _keyed(second)
    if isinstance(first, dict) and second is None:
        second = {}
    if isinstance(second, dict) and first is None:
        first = {}
    if isinstance(first, dict) and isinstance(second, dict):
        for key in (*first, *(key for key in second if key not in first)):
            where = f"{path}.{key}" if path else key
            yield from _changes(first.get(key), second.get(key), where)
        orders = [[k for k in side if k in first and k in second] for side in (first, second)]
        if rows and orders[0] != orders[1]:
            yield Change(f"{path}, order", *orders)
    elif first != second:
        yield Change(path, first, second)


def _keyed(value: Any) -> Any:
    rows = isinstance(value, list) and value
    if rows and all(isinstance(row, dict) and "name" in row for row in value):
        return {row["name"]: {k: v for k, v in row.items() if k != "name"} for row in value}
    return value


def _shape(checkpoint: Verified, name: str) -> str:
    tensor = checkpoint.tensors[name]
    return f"{tensor.dtype} {list(tensor.shape)}"


def _tensors(first: Verified, second: Verified, names: list[str]) -> Iterator[TensorChange]:
    """Yield each tensor, of which only two are in memory at a time."""
    from safetensors import SafetensorError, safe_open

    kinds = {tensor.dtype for tensor in first.tensors.values()}
    # numpy has no bfloat16; torch is slow to start, and is here only where it is needed
    framework = "pt" if "BF16" in kinds else "numpy"
    try:
        with (
            safe_open(first.folder / WEIGHTS, framework=framework) as ours,
            safe_open(second.folder / WEIGHTS, framework=framework) as theirs,
        ):
            for name in names:
                yield _tensor(name, ours.get_tensor(name), theirs.get_tensor(name))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{first.folder} or {second.folder}: {error}") from error


def _tensor(name: str, first: Any, second: Any) -> TensorChange:
    ours = theirs = apart = 0.0
    for a, b in zip(_blocks(first), _blocks(second), strict=True):
        ours += float(a @ a)
        theirs += float(b @ b)
        apart += float((b - a) @ (b - a))
    relative = math.sqrt(apart / ours) if ours else (0.0 if apart == 0 else math.inf)
    return TensorChange(name, *map(_finite, (math.sqrt(ours), math.sqrt(theirs), relative)))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _blocks(tensor: Any) -> Iterator[npt.NDArray[np.float64]]:
    """Yield a tensor in pieces of float64, in which squares neither vanish nor overflow."""
    flat = tensor.reshape(-1)
    for start in range(0, len(flat), _BLOCK):
        piece = flat[start : start + _BLOCK]
        yield np.asarray(piece if isinstance(piece, np.ndarray) else piece.double(), dtype=float)
