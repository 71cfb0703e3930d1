"""Read a checkpoint, and put its tensors into a module without surprises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from topdata.errors import nearest
from topfm.checkpoint.facts import Facts
from topfm.checkpoint.format import WEIGHTS
from topfm.checkpoint.verify import verify
from topfm.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Stored:
    """A verified checkpoint in memory."""

    folder: Path
    facts: Facts
    digest: str
    tensors: dict[str, Tensor]  # on the CPU


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of every tensor, by name."""

    loaded: tuple[str, ...]
    new: tuple[str, ...]  # of the module, left as it was
    dropped: tuple[str, ...]  # of the checkpoint, not used


def read(folder: Path) -> Stored:
    """Verify a checkpoint and read it. Raises :class:`CheckpointError`."""
    verified = verify(folder)
    tensors = load_file(folder / WEIGHTS)
    return Stored(folder, verified.facts, verified.digest, tensors)


def load_into(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    new: Sequence[str] = (),
    dropped: Sequence[str] = (),
    where: Path | str = "checkpoint",
) -> LoadReport:
    """Load tensors into a module, all of them, or none and an error.

    ``new`` and ``dropped`` declare by prefix of their names which tensors of the module are left as
    they are and which of the checkpoint are not used; a head of another shape is both.

    Raises :class:`CheckpointError` for a tensor that is missing, too much, of another shape or
    type, and for a declared prefix that no tensor has. ``where`` begins the message.
    """
    ours = module.state_dict()
    fresh = _declared(ours, new, f"{where}: no tensor of the model is new as")
    unused = _declared(tensors, dropped, f"{where}: holds no tensor to be dropped as")
    wanted = {name: tensor for name, tensor in ours.items() if name not in fresh}
    given = {name: tensor for name, tensor in tensors.items() if name not in unused}
    faults = list(_faults(wanted, given))
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise CheckpointError(f"{where}: {faults[0]}{more}")
    module.load_state_dict(given, strict=False)  # strict above: `fresh` may be missing
    return LoadReport(tuple(sorted(wanted)), tuple(sorted(fresh)), tuple(sorted(unused)))


def _declared(names: Iterable[str], prefixes: Sequence[str], complaint: str) -> set[str]:
    """Return the names that begin with a prefix; each must have one."""
    names = list(names)
    for prefix in prefixes:
        if not prefix or not any(name.startswith(prefix) for name in names):
            known = {".".join(name.split(".")[:2]) for name in names}
            raise CheckpointError(f"{complaint} {prefix!r}{nearest(prefix, known)}")
    return {name for name in names if name.startswith(tuple(prefixes))}


def _faults(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Iterable[str]:
    for name in sorted(wanted.keys() | given.keys()):
        if name not in given:
            yield f"no tensor {name!r}, {_kind(wanted[name])} in the model: declare it new"
        elif name not in wanted:
            yield f"tensor {name!r}, {_kind(given[name])}, has no place in the model: drop it"
        elif _kind(wanted[name]) != _kind(given[name]):
            yield f"tensor {name!r} is {_kind(given[name])}, the model's is {_kind(wanted[name])}"


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
