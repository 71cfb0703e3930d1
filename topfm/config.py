"""A training as a person writes it down: a YAML file or options, checked key by key.

Defaults live here and nowhere else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from topdata.errors import RecipeError
from topdata.strict import Strict, explain, read_yaml


class Data(Strict):
    """Which events are learned from, and what is to be told apart."""

    label: str = Field("n_tops", description="n_tops, process, or an expression")
    classes: tuple[str, ...] | None = Field(None, description="fixes classes and their order")
    processes: tuple[str, ...] = ()
    labels: int | None = Field(None, gt=0, description="train on so many events only")
    weights: Literal["balanced", "unit", "physical"] = Field(
        "balanced",
        description="balanced: 1 an event, scaled to equal sums of the classes; unit: 1 an event; "
        "physical: signed pb, scaled to equal sums of the classes",
    )
    weight_cap: float = Field(
        20.0, gt=0, description="largest |physical weight| in units of the mean of its class"
    )
    train: str = Field("train", description="split to learn from")
    validation: str = Field("validation", description="split to choose the best epoch with")
    parton_level: bool = False


class Encoder(Strict):
    """The architecture: a name under ``topfm.encoders`` and its options."""

    name: str = "l2-transformer"
    options: dict[str, Any] = Field(default_factory=dict)


class Task(Strict):
    """One objective: its share in the loss, and the options of its head."""

    weight: float = Field(1.0, gt=0)
    options: dict[str, Any] = Field(default_factory=dict)


class Training(Strict):
    """How weights are found."""

    epochs: int = Field(10, gt=0)
    batch_size: int = Field(512, gt=0, description="of all processes together")
    learning_rate: float = Field(
        3e-3, gt=0, description="the largest; from a checkpoint 5e-4 unless it is chosen"
    )
    weight_decay: float = Field(1e-2, ge=0, description="decoupled (AdamW)")
    schedule: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup: float = Field(0.05, ge=0, lt=1, description="share of all steps")
    plateau_patience: int = Field(5, ge=0, description="epochs before the rate is halved")
    clip: float | None = Field(1.0, gt=0, description="largest norm of the gradient")
    patience: int | None = Field(None, gt=0, description="epochs without progress before the end")
    average: float | None = Field(None, gt=0, lt=1, description="decay of the average of weights")
    precision: Literal["no", "bf16", "fp16"] = "no"
    compile: bool = False
    seed: int = Field(0, ge=0)
    save_steps: int = Field(500, gt=0, description="how often the state is saved within an epoch")


FINETUNE_RATE = 5e-4  # what was learned is kept


class Finetune(Strict):
    """What of a pre-trained encoder may move, and how fast."""

    freeze: bool = Field(False, description="the encoder stays, only heads learn")
    lora: int | None = Field(None, gt=0, description="rank of low-rank updates (arXiv:2106.09685)")
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="factor of the learning rate for each block further down"
    )
    head_factor: float = Field(1.0, gt=0, description="factor of the learning rate of new heads")

    @model_validator(mode="after")
    def _one_of(self) -> Finetune:
        if self.freeze and self.lora is not None:
            raise ValueError("freeze and lora exclude each other")
        return self


class RunConfig(Strict):
    """A whole training."""

    data: Data = Data()
    encoder: Encoder = Encoder()
    tasks: dict[str, Task] = Field(default_factory=lambda: {"classify": Task()}, min_length=1)
    training: Training = Training()
    finetune: Finetune = Finetune()


def load_config(path: Path | None, overrides: dict[str, Any] | None = None) -> RunConfig:
    """Read a training from a YAML file and set some of its keys, ``training.epochs`` and the like.

    Raises :class:`RecipeError` with one line that names the file, the key and the nearest key.
    """
    content: dict[str, Any] = {}
    where = "options"
    if path is not None:
        where = str(path)
        content = read_yaml(path, "a training is a mapping with `data:`, `tasks:`, `training:`")
    for key, value in (overrides or {}).items():
        _put(content, key.split("."), value, where)
    return make_config(content, where)


def make_config(content: dict[str, Any], where: str) -> RunConfig:
    """Check a training given as plain types; ``where`` names its origin in messages.

    Raises :class:`RecipeError` with one line.
    """
    try:
        return RunConfig.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{where}: {explain(error, RunConfig)}") from None


def _put(content: dict[str, Any], keys: list[str], value: Any, where: str) -> None:
    """Set a nested key, making the mappings on the way to it."""
    for key in keys[:-1]:
        content = content.setdefault(key, {})
        if not isinstance(content, dict):
            raise RecipeError(f"{where}: {key} is no mapping, it cannot hold {keys[-1]}")
    content[keys[-1]] = value
