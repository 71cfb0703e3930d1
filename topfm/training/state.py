"""The state of a training on disk: one safetensors file that appears whole.

Everything that the next step depends on is in it, so a training that was killed goes on to the same
bits: parameters and buffers, moments of the optimiser, the average and the best weights, and as
JSON the place in the data and the running sums. Random numbers are drawn from seeds that name the
step, so no generator has a state.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from topdata.whole import write_whole
from topfm.errors import TrainingError

STATE = "state.safetensors"  # in the working folder of a training
_KEY = "topfm-state"


def write_state(path: Path, groups: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> None:
    """Write named groups of tensors and what JSON can hold."""
    tensors = {
        f"{group}/{name}": tensor.detach().to("cpu").contiguous()
        for group, named in groups.items()
        for name, tensor in named.items()
    }
    write_whole(path, save(tensors, {_KEY: json.dumps(facts)}))


def read_state(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Return what :func:`write_state` wrote. Raises :class:`TrainingError` for a damaged file."""
    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, "pt") as stored:
            facts = dict(json.loads((stored.metadata() or {})[_KEY]))
            for key in stored.keys():  # noqa: SIM118  not a mapping
                group, _, name = key.partition("/")
                groups.setdefault(group, {})[name] = stored.get_tensor(key)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"{path}: the state of the interrupted training is damaged; start again with --restart"
        ) from error
    return groups, facts


def moments_of(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's tensors, named ``parameter:moment``."""
    return {
        f"{name}:{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def set_moments(
    model: nn.Module, optimiser: torch.optim.Optimizer, moments: dict[str, Tensor]
) -> None:
    """Give the optimiser back what :func:`moments_of` returned."""
    parameters = dict(model.named_parameters())
    for key, value in moments.items():
        name, _, moment = key.rpartition(":")
        parameter = parameters[name]
        # the number of steps too: a fused optimiser reads it on the device
        optimiser.state[parameter][moment] = value.to(parameter.device)
