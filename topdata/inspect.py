"""What a path is: an input file of any supported format, or a built dataset."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from topdata.events import Damage, EventChunk, ReadOptions
from topdata.manifest import FILE_NAME, read_manifest
from topdata.registry import reader_for

SAMPLE_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class FileReport:
    """An input file. Weights and multiplicities are of the first events only."""

    path: str
    format: str
    generator: str
    entries: int
    truth: bool
    level: str
    process: str
    cross_section: float | None  # pb
    cross_section_error: float | None
    declared: int | None  # events that the file says it holds
    undecayed: list[int]
    collections: dict[str, str]
    notes: list[str]
    sampled: int
    weights: dict[str, float] = field(default_factory=dict)
    mean_counts: dict[str, float] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return plain types for JSON."""
        return {"kind": "file", **asdict(self)}


def inspect_file(path: str, options: ReadOptions | None = None) -> FileReport:
    """Report on an input file. Raises :class:`topdata.errors.InputError` if it is none."""
    reader = reader_for(path)(path, options or ReadOptions())
    try:
        info = reader.info
        sample = min(info.entries, SAMPLE_EVENTS)
        items = list(reader.chunks(0, sample)) if sample else []
        info = reader.info  # reading may have found absent leaves
    finally:
        reader.close()
    chunks = [item for item in items if isinstance(item, EventChunk)]
    damage = [item for item in items if isinstance(item, Damage)]
    notes = [*info.notes, *(f"entries {d.start} to {d.stop - 1}: {d.reason}" for d in damage)]
    weight = np.concatenate([c.gen_weight for c in chunks]) if chunks else np.zeros(0)
    return FileReport(
        path=path,
        format=info.format,
        generator=info.generator,
        entries=info.entries,
        truth=info.truth,
        level=info.level,
        process=info.process,
        cross_section=info.cross_section,
        cross_section_error=info.cross_section_error,
        declared=info.declared,
        undecayed=sorted({code for chunk in chunks for code in chunk.undecayed}),
        collections=info.collections,
        notes=notes,
        sampled=len(weight),
        weights=_weights(weight),
        mean_counts=_mean_counts(chunks),
    )


def inspect(path: str) -> dict[str, Any]:
    """Return the report on a file or a dataset as plain types."""
    folder = Path(path)
    if "://" not in path and (folder / FILE_NAME).is_file():
        manifest = read_manifest(folder)
        return {"kind": "dataset", "path": path, **manifest.model_dump(mode="json")}
    if "://" not in path and folder.is_dir():
        read_manifest(folder)  # says that it is none
    return inspect_file(path).plain()


def _weights(weight: np.ndarray) -> dict[str, float]:
    if not len(weight):
        return {}
    return {
        "mean": float(weight.mean()),
        "min": float(weight.min()),
        "max": float(weight.max()),
        "negative_fraction": float((weight < 0).mean()),
    }


def _mean_counts(chunks: list[EventChunk]) -> dict[str, float]:
    events = sum(len(chunk) for chunk in chunks)
    return {
        name: sum(int(getattr(chunk, name).offsets[-1]) for chunk in chunks) / events
        for name in ("jets", "leptons", "photons")
        if events
    }
