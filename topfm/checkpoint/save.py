"""Write a checkpoint, whole or not at all; the same content gives the same bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from topdata.errors import OutputError, one_line
from topdata.whole import new_folder
from topfm.checkpoint.facts import Facts, config_text
from topfm.checkpoint.format import (
    CONFIG,
    METADATA,
    SUMS,
    WEIGHTS,
    entries,
    metadata_text,
    require_texts,
    write_sums,
)
from topfm.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor


def save(
    output: Path,
    tensors: Mapping[str, Tensor],
    facts: Facts,
    *,
    texts: Mapping[str, bytes] | None = None,
    overwrite: bool = False,
) -> str:
    """Write a checkpoint and return its digest (hex).

    ``texts`` are further files by name: card, log, pictures. Raises :class:`OutputError` if the
    output exists, unless it is a checkpoint and ``overwrite``, or cannot be written;
    :class:`CheckpointError` for weights that are not finite, and for names of other kinds.
    """
    texts = texts or {}
    require_texts(texts, output)
    config = config_text(facts, output / CONFIG)
    plain = _plain(tensors, output)
    try:
        with new_folder(output, partial(require_free, output, overwrite=overwrite)) as folder:
            (folder / CONFIG).write_text(config, encoding="utf-8", newline="\n")
            for name, content in texts.items():
                (folder / name).write_bytes(content)
            _write_weights(folder / WEIGHTS, plain, metadata_text(facts.binding()))
            digest = write_sums(folder)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({one_line(error)})") from error
    return digest


def require_free(output: Path, *, overwrite: bool) -> None:
    """Raise :class:`OutputError` unless an output is free, or a checkpoint to be replaced."""
    if not os.path.lexists(output):
        return
    if not overwrite:
        raise OutputError(f"{output}: exists already, choose another name or add --overwrite")
    try:
        mine = not output.is_symlink() and {SUMS, CONFIG, WEIGHTS} <= set(entries(output))
    except CheckpointError:
        mine = False
    if not mine:
        raise OutputError(f"{output}: holds other things than a checkpoint, it is not replaced")


def _plain(tensors: Mapping[str, Tensor], where: Path) -> dict[str, Tensor]:
    """Return finite, contiguous tensors on the CPU, each with memory of its own (tied weights)."""
    import torch

    if not tensors:
        raise CheckpointError(f"{where}: no tensor to save")
    plain: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{where}: tensor {name!r} is not finite, so it is not saved")
        if tensor.untyped_storage().data_ptr() in taken:
            tensor = tensor.clone()
        taken.add(tensor.untyped_storage().data_ptr())
        plain[name] = tensor
    return plain


def _write_weights(path: Path, tensors: dict[str, Tensor], metadata: str) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(tensors, path, metadata={METADATA: metadata})
    except SafetensorError as error:  # its name for a full disk, among others
        raise OSError(one_line(error)) from error
    os.chmod(path, stat.S_IMODE(path.with_name(CONFIG).stat().st_mode))  # the library gives 0600
