"""Options that several commands share, and how they become a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from topdata.errors import RecipeError, one_line
from topfm.config import RunConfig, load_config

DATA_HELP = "A built dataset: its folder, or its address on a hub."
Dataset = Annotated[str, typer.Argument(help=DATA_HELP)]
CHECKPOINT_HELP = "A checkpoint: its folder, or its address on a hub."
Checkpoint = Annotated[str, typer.Argument(help=CHECKPOINT_HELP)]
Revision = Annotated[
    str | None,
    typer.Option(
        "--revision", help="Tag, branch or commit of the checkpoint; the same as @ in its address."
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", help="The checkpoint to write.")]
Tasks = Annotated[
    list[str] | None,
    typer.Option("--task", "-t", help="classify or masked; several are learned together."),
]
LabelText = Annotated[
    str | None,
    typer.Option("--label", help="What to tell apart: n_tops, process, or e.g. 'n_btags >= 2'."),
]
Labels = Annotated[
    int | None, typer.Option("--labels", help="Train on so many events, drawn with the seed.")
]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Passes over the events.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Decides weights, order and masks.")]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", help="Events of a step, of all processes together.")
]
Rate = Annotated[float | None, typer.Option("--learning-rate", help="The largest one.")]
Precision = Annotated[str | None, typer.Option("--precision", help="no, bf16 or fp16.")]
Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="A training as YAML; options win over it.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", help="Any key of the configuration, e.g. training.patience=5."),
]
PartonLevel = Annotated[
    bool, typer.Option("--parton-level", help="Accept partons in the place of jets.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing checkpoint.")]
Restart = Annotated[
    bool, typer.Option("--restart", help="Forget an interrupted training of this output.")
]
Board = Annotated[
    Path | None, typer.Option("--tensorboard", help="Also write curves for TensorBoard there.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def configured(
    path: Path | None, tasks: list[str] | None, sets: list[str] | None, **options: Any
) -> RunConfig:
    """Return the configuration of a file with options put over it.

    ``options`` are keys with ``__`` for the dot; None leaves a key as it is. Raises
    :class:`RecipeError`.
    """
    over = {key.replace("__", "."): v for key, v in options.items() if v is not None}
    for text in sets or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise RecipeError(f"--set {text}: write key=value, such as training.patience=5")
        try:
            over[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RecipeError(f"--set {text}: {one_line(error)}") from error
    config = load_config(path, over)
    if not tasks:
        return config
    known = config.model_dump(exclude_unset=True).get("tasks", {})
    over["tasks"] = {name: known.get(name, {}) for name in tasks}
    return load_config(path, over)
