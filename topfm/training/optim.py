"""Which parameters learn how fast, and when."""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from torch import nn

from topfm.config import Finetune, Training

_BLOCK = re.compile(r"^encoder\.(?:.*\.)?blocks\.(\d+)\.")


def optimiser_of(model: nn.Module, training: Training, finetune: Finetune) -> torch.optim.AdamW:
    """Return AdamW over what may learn; vectors (biases, norms, tokens) are not decayed.

    With ``layer_decay`` a block learns slower the further it is from the head; embeddings are the
    lowest block. ``head_factor`` multiplies the rate of the tasks.
    """
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    deepest = max((int(m[1]) for n, _ in named if (m := _BLOCK.match(n))), default=-1) + 1
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in named:
        factor = _factor(name, deepest, finetune)
        groups.setdefault((factor, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": training.learning_rate * factor,
                "factor": factor,
                "weight_decay": training.weight_decay if decays else 0.0,
            }
            for (factor, decays), parameters in groups.items()
        ],
        fused=True,  # one pass over all; half the time of separate operators on a CPU
    )


def _factor(name: str, deepest: int, finetune: Finetune) -> float:
    if not name.startswith("encoder."):
        return finetune.head_factor
    depth = deepest + 1 if name.startswith("encoder.norm") else 0
    if match := _BLOCK.match(name):
        depth = int(match[1]) + 1
    return float(finetune.layer_decay ** (deepest + 1 - depth))


class Schedule:
    """The learning rate of a step: a factor on that of each group.

    ``cosine`` warms up linearly and falls to zero at the end; ``plateau`` halves the rate after
    some epochs without progress; ``constant`` warms up only.
    """

    def __init__(self, optimiser: torch.optim.Optimizer, training: Training, steps: int) -> None:
        self._optimiser, self._training = optimiser, training
        self._steps, self._warm = steps, max(1, round(training.warmup * steps))
        self.state: dict[str, Any] = {"halved": 1.0, "best": math.inf, "bad": 0}

    def set(self, step: int) -> float:
        """Set the rates for a step, counted from 0. Returns the rate of a group of factor 1."""
        factor = min(1.0, (step + 1) / self._warm) * self.state["halved"]
        if self._training.schedule == "cosine" and step >= self._warm:
            share = (step - self._warm) / max(1, self._steps - self._warm)
            factor *= 0.5 * (1 + math.cos(math.pi * share))
        for group in self._optimiser.param_groups:
            group["lr"] = self._training.learning_rate * group["factor"] * factor
        return float(self._training.learning_rate * factor)

    def epoch_done(self, loss: float) -> None:
        """Tell the loss of the validation events."""
        if self._training.schedule != "plateau":
            return
        if loss < self.state["best"] * (1 - 1e-4):
            self.state.update(best=loss, bad=0)
            return
        self.state["bad"] += 1
        if self.state["bad"] > self._training.plateau_patience:
            self.state.update(halved=self.state["halved"] / 2, bad=0)
