"""What is remembered of a training: the facts of its checkpoint."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, cast

import torch
from torch import Tensor

from topfm import __version__
from topfm.checkpoint.facts import Ancestor, Facts, LabelFact, Normalisation, Part
from topfm.checkpoint.inputs import inputs_of, targets
from topfm.config import RunConfig
from topfm.data.columns import COLUMNS
from topfm.data.events import COUNTS
from topfm.model import Model
from topfm.runs.data import Prepared
from topfm.training.loop import Trainer


@dataclass(frozen=True, slots=True)
class Run:
    """What a training is told, and where its weights came from."""

    config: RunConfig
    prepared: Prepared
    seen: Tensor | None  # sketch of the events that the weights will have seen
    ancestors: Sequence[Ancestor] = ()

    @property
    def identity(self) -> str:
        """Digest of everything that decides what a training gives."""
        content = json.dumps(
            [self.config.model_dump(mode="json"), self.prepared.seen.model_dump(mode="json"),
             [ancestor.digest for ancestor in self.ancestors], __version__],
            sort_keys=True,
        )  # fmt: skip
        return hashlib.sha256(content.encode()).hexdigest()


def facts_of(model: Model, trainer: Trainer, run: Run, results: dict[str, Any]) -> Facts:
    """Return all facts of a checkpoint after its training."""
    prepared, config = run.prepared, run.config
    place, manifest = trainer.place, prepared.manifest
    label = prepared.label
    best = place.log[place.best_epoch] if place.best_epoch >= 0 else {}
    return Facts(
        versions=_versions(),
        schema_version=manifest.schema_version,
        dataset_fingerprint=manifest.dataset_fingerprint,
        view_fingerprint=manifest.view_fingerprint,
        inputs=inputs_of(manifest.btag_bit),
        encoder=Part(name=config.encoder.name, options=cast(Any, model.encoder).options()),
        tasks={name: model.task(name).options() for name in model.tasks},
        label=None if label is None else LabelFact(text=label.text, classes=list(label.classes)),
        normalisation=Normalisation(
            targets=targets(),
            kinds=list(model.normaliser.kinds),
            constant=_constant(model),
            fitted_on=int(model.normaliser.fitted),
        ),
        run={
            "config": config.model_dump(mode="json"),
            "processes": trainer.ranks,
            "threads": torch.get_num_threads(),
            "device": _device(trainer.device),
            "seconds": round(place.seconds, 1),
            "parameters": sum(p.numel() for p in model.parameters()),
        },
        data=prepared.seen,
        ancestors=list(run.ancestors),
        epochs=place.epoch,
        steps=place.epoch * trainer.steps,
        best_epoch=place.best_epoch + 1 if place.best_epoch >= 0 else None,
        results={"validation": best.get("validation", {}), **results},
    )


def _constant(model: Model) -> list[str]:
    """Return the names of inputs that never varied."""
    n = model.normaliser
    return [
        name
        for name, spread in (
            *zip(COLUMNS, n.column_spread.tolist(), strict=True),
            *zip(COUNTS, n.count_spread.tolist(), strict=True),
        )
        if not spread
    ]


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "topfm": __version__,
        **{name: version(name) for name in ("topdata", "torch", "accelerate", "safetensors")},
    }


def _device(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device
