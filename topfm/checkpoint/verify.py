"""Whether a folder is the checkpoint that its checksums and its config say; needs no torch.

Checksums find damage; who wrote the files also wrote the checksums. So names, kinds of files and
the header of the weights are checked as if the author meant harm.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from topdata.errors import one_line
from topfm.checkpoint.facts import Facts, parse_facts
from topfm.checkpoint.format import (
    ATTRIBUTES,
    CONFIG,
    METADATA,
    SUMS,
    WEIGHTS,
    checkpoint_digest,
    entries,
    file_digest,
    metadata_text,
    parse_sums,
    read_text,
)
from topfm.errors import CheckpointError

DTYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL")
_HEADER = 16 << 20  # bytes, of safetensors: far above what 100,000 tensors need
_AGAIN = "pull or copy it again"


@dataclass(frozen=True, slots=True)
class TensorFact:
    """What the header of the weights says of a tensor."""

    dtype: str  # as safetensors writes it: F32, I64, ...
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """A checkpoint whose every file is what it should be."""

    folder: Path
    facts: Facts
    digest: str  # of the whole
    files: Mapping[str, str]  # sha256 (hex) by name
    tensors: Mapping[str, TensorFact]


def verify(folder: Path) -> Verified:
    """Check a checkpoint; files are read in blocks, weights not into memory.

    Raises :class:`CheckpointError` for a folder that is none; a file that is missing, too much,
    changed, a link, or of a kind that a checkpoint may not hold; a config that cannot be read;
    weights whose header does not fit the file, or that were made for another config.
    """
    try:
        return _verified(folder)
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be read ({one_line(error)})") from error


def _verified(folder: Path) -> Verified:
    if folder.is_dir() and not any((folder / name).exists() for name in (SUMS, CONFIG)):
        raise CheckpointError(f"{folder}: not a checkpoint (neither {SUMS} nor {CONFIG} in it)")
    names = set(entries(folder))
    for name in (SUMS, CONFIG, WEIGHTS):
        if name not in names:
            raise CheckpointError(f"{folder}: no {name}, so no whole checkpoint: {_AGAIN}")
    sums = read_text(folder / SUMS)
    digests = parse_sums(sums, folder / SUMS)
    _require_listed(folder, names - {SUMS, ATTRIBUTES}, set(digests))
    for name, wanted in digests.items():
        found = file_digest(folder / name)
        if found != wanted:
            raise CheckpointError(
                f"{folder / name}: damaged, sha256 {found[:16]}... instead of {wanted[:16]}...: "
                f"{_AGAIN}"
            )
    facts = parse_facts(read_text(folder / CONFIG), folder / CONFIG)
    tensors = _weights(folder / WEIGHTS, metadata_text(facts.binding()))
    return Verified(folder, facts, checkpoint_digest(sums), digests, tensors)


def _require_listed(folder: Path, names: set[str], listed: set[str]) -> None:
    for name in sorted(listed - names):
        raise CheckpointError(f"{folder / name}: missing, {SUMS} lists it: {_AGAIN}")
    for name in sorted(names - listed):
        raise CheckpointError(f"{folder / name}: {SUMS} does not list it: move it away")


def _weights(path: Path, binding: str) -> dict[str, TensorFact]:
    """Read the header of the weights; the library checks offsets against shapes and file size."""
    from safetensors import SafetensorError, safe_open

    with open(path, "rb") as stream:
        start = stream.read(8)
    if len(start) == 8 and struct.unpack("<Q", start)[0] > _HEADER:
        raise CheckpointError(f"{path}: declares a header above {_HEADER >> 20} MB: refused")
    tensors = {}
    try:
        with safe_open(path, framework="numpy") as weights:
            metadata = weights.metadata() or {}
            for name in sorted(weights.keys()):
                header = weights.get_slice(name)
                tensors[name] = TensorFact(header.get_dtype(), tuple(header.get_shape()))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: damaged ({one_line(error)}): {_AGAIN}") from error
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES:
            raise CheckpointError(f"{path}: tensor {name!r} is of type {tensor.dtype}: refused")
    if metadata != {METADATA: binding}:
        raise CheckpointError(
            f"{path}: its metadata does not agree with {CONFIG}: weights of another checkpoint"
        )
    return tensors
