"""``topfm evaluate``, ``topfm score`` and ``topfm search``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from topdata.errors import RecipeError
from topfm.cli import options as o
from topfm.cli.epochs import Epochs
from topfm.hub import checkpoints


def evaluate(
    checkpoint: o.Checkpoint,
    dataset: o.Dataset,
    revision: o.Revision = None,
    split: Annotated[str, typer.Option("--split", help="The split to evaluate on.")] = "test",
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines",
            help="Train boosted trees and the same network from scratch on the same events.",
        ),
    ] = False,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="A folder for plots, made if needed.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the report and plots in the checkpoint.")
    ] = False,
    replicas: Annotated[
        int, typer.Option("--replicas", min=2, help="Bootstrap replicas behind the errors.")
    ] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of masks and replicas.")] = 0,
    as_json: o.Json = False,
) -> None:
    """Say how good a checkpoint is: AUC, calibration, reconstruction, all with errors.

    Example: `topfm evaluate base demo-dataset --baselines --plots figures`
    """
    from topfm.cli.tables import print_tables
    from topfm.evaluation.tables import tables
    from topfm.hub.datasets import locate
    from topfm.runs.evaluate import evaluate as run
    from topfm.runs.record import record_report

    with Epochs(silent=True) as shown:
        model = checkpoints.locate(checkpoint, revision=revision, progress=shown)
        if record and model.revision:
            raise RecipeError(
                f"{checkpoint}: --record changes a checkpoint, and what is on a hub stays as it "
                f"is: `topfm pull {checkpoint} -o FOLDER` first"
            )
        data = locate(dataset, progress=shown)
        report = run(
            model.folder, data, split=split, baselines=baselines, pictures=plots,
            n_replicas=replicas, seed=seed, progress=shown,
        )  # fmt: skip
    if report.data.left_out:
        typer.echo(
            f"{report.data.left_out} events of {split!r} have none of the labels and are left out",
            err=True,
        )
    if report.data.seen:
        typer.echo(
            f"warning: {report.data.seen:.1%} of these events were in the training data of the "
            "checkpoint or of its ancestors: the figures are too good",
            err=True,
        )
    if report.data.seen is None:
        typer.echo(
            "warning: it is not known which events the checkpoint or its ancestors trained on",
            err=True,
        )
    if as_json:
        typer.echo(report.to_json())
    else:
        print_tables(table.rich() for table in tables(report))
    if record:
        digest = record_report(model.folder, report, plots)
        typer.echo(f"recorded in {model.folder}, its digest is now {digest}", err=as_json)


def score(
    checkpoint: o.Checkpoint,
    dataset: o.Dataset,
    output: Annotated[Path, typer.Option("--output", "-o", help="The Parquet file to write.")],
    revision: o.Revision = None,
    split: Annotated[
        str | None, typer.Option("--split", help="One split only; all without it.")
    ] = None,
    embedding: Annotated[
        bool, typer.Option("--embedding/--no-embedding", help="Also write event embeddings.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
) -> None:
    """Write probabilities, their entropy and the embedding of every event.

    Example: `topfm score base demo-dataset -o scores.parquet`
    """
    from topfm.hub.datasets import locate
    from topfm.runs.score import score as run

    with Epochs(silent=True) as shown:
        model = checkpoints.locate(checkpoint, revision=revision, progress=shown)
        data = locate(dataset, progress=shown)
        n = run(
            model.folder, data, output, split=split, embedding=embedding,
            overwrite=overwrite, progress=shown,
        )  # fmt: skip
    typer.echo(f"{output}: scores of {n} events")


def search(
    background: Annotated[Path, typer.Argument(help="Scores of what is known.")],
    signal: Annotated[Path, typer.Argument(help="Scores of what is looked for.")],
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the distributions of entropy there.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the bootstrap replicas.")] = 0,
    as_json: o.Json = False,
) -> None:
    """Compare how unsure a classifier is of two samples, and their MET beside it.

    Example: `topfm search background.parquet signal.parquet --plot entropy.png`

    Signal-like is declared: higher entropy, and higher MET. Only shapes are compared.
    """
    from topfm.cli.tables import print_tables, search_table
    from topfm.runs.score import draw_search, search_in, search_json

    found, first, second = search_in(background, signal, seed=seed)
    if plot is not None:
        draw_search(plot, first, second)
    if as_json:
        typer.echo(json.dumps(search_json(found), indent=1))
    else:
        print_tables([search_table(found, len(first.met), len(second.met))])
