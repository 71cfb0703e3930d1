"""``topfm pretrain`` and ``topfm finetune``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from topfm.cli import options as o
from topfm.cli.epochs import Epochs
from topfm.hub import checkpoints

if TYPE_CHECKING:
    from topfm.runs.train import Trained


def pretrain(
    dataset: o.Dataset,
    output: o.Output,
    task: o.Tasks = None,
    label: o.LabelText = None,
    encoder: Annotated[
        str | None, typer.Option("--encoder", "-e", help="The architecture, by name.")
    ] = None,
    epochs: o.Epochs = None,
    seed: o.Seed = None,
    labels: o.Labels = None,
    batch_size: o.BatchSize = None,
    learning_rate: o.Rate = None,
    precision: o.Precision = None,
    parton_level: o.PartonLevel = False,
    config: o.Config = None,
    set_: o.Set = None,
    overwrite: o.Overwrite = False,
    restart: o.Restart = False,
    tensorboard: o.Board = None,
    as_json: o.Json = False,
) -> None:
    """Train an encoder from nothing on a dataset and write a checkpoint.

    Example: `topfm pretrain demo-dataset -o base --task classify --task masked --epochs 10`

    The epoch with the least loss on validation events is kept. When it is interrupted, even killed,
    the same command goes on where it stopped, to the same bits.
    """
    from topfm.hub.datasets import locate
    from topfm.runs.train import pretrain as train

    run = o.configured(
        config, task, set_, data__label=label, data__labels=labels, encoder__name=encoder,
        training__epochs=epochs, training__seed=seed, training__batch_size=batch_size,
        training__learning_rate=learning_rate, training__precision=precision,
        data__parton_level=parton_level or None,
    )  # fmt: skip
    with Epochs(silent=as_json, board=tensorboard) as shown:
        data = locate(dataset, progress=shown)
        done = train(data, output, run, overwrite=overwrite, restart=restart, progress=shown)
    _print(done, as_json)


def finetune(
    checkpoint: o.Checkpoint,
    dataset: o.Dataset,
    output: o.Output,
    revision: o.Revision = None,
    task: o.Tasks = None,
    label: o.LabelText = None,
    labels: o.Labels = None,
    freeze: Annotated[
        bool, typer.Option("--freeze", help="The encoder stays; only heads learn.")
    ] = False,
    lora: Annotated[
        int | None, typer.Option("--lora", help="Rank of low-rank updates of the encoder.")
    ] = None,
    layer_decay: Annotated[
        float | None,
        typer.Option("--layer-decay", help="Factor of the learning rate for each block down."),
    ] = None,
    epochs: o.Epochs = None,
    seed: o.Seed = None,
    batch_size: o.BatchSize = None,
    learning_rate: o.Rate = None,
    precision: o.Precision = None,
    parton_level: o.PartonLevel = False,
    config: o.Config = None,
    set_: o.Set = None,
    overwrite: o.Overwrite = False,
    restart: o.Restart = False,
    tensorboard: o.Board = None,
    as_json: o.Json = False,
) -> None:
    """Train on from a checkpoint, for another label or on other data.

    Example: `topfm finetune base demo-dataset -o signal --label process --labels 1000`

    Encoder and normalisation are those of the checkpoint; heads that no longer fit are new.
    """
    from topfm.hub.datasets import locate
    from topfm.runs.train import finetune as train

    run = o.configured(
        config, task, set_, data__label=label, data__labels=labels, finetune__freeze=freeze or None,
        finetune__lora=lora, finetune__layer_decay=layer_decay, training__epochs=epochs,
        training__seed=seed, training__batch_size=batch_size,
        training__learning_rate=learning_rate, training__precision=precision,
        data__parton_level=parton_level or None,
    )  # fmt: skip
    with Epochs(silent=as_json, board=tensorboard) as shown:
        parent = checkpoints.locate(checkpoint, revision=revision, progress=shown)
        data = locate(dataset, progress=shown)
        done = train(
            parent, data, output, run, overwrite=overwrite, restart=restart, progress=shown
        )
    _print(done, as_json)


def _print(done: Trained, as_json: bool) -> None:
    if not done.digest:
        return  # of several processes the first one wrote it, and tells
    facts, report = done.facts, done.report
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "checkpoint": str(done.output),
                    "digest": done.digest,
                    "epochs": facts.epochs,
                    "best_epoch": facts.best_epoch,
                    "results": facts.results,
                    "new": list(report.new) if report else [],
                    "dropped": list(report.dropped) if report else [],
                },
                indent=1,
            )
        )
        return
    if report is not None:
        typer.echo(
            f"{len(report.loaded)} tensors loaded, {_heads(report.new)} new, "
            f"{_heads(report.dropped)} dropped"
        )
    typer.echo(
        f"checkpoint {done.output}: {facts.encoder.name}, {', '.join(facts.tasks)}, "
        f"{facts.run['parameters']:,} parameters, {facts.data.events} events, best epoch "
        f"{facts.best_epoch} of {facts.epochs}"
    )


def _heads(names: tuple[str, ...]) -> str:
    """Name tensors by what they belong to."""
    return ", ".join(sorted({".".join(name.split(".")[:2]) for name in names})) or "none"
