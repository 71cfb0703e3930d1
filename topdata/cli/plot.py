"""``topdata plot`` and ``topdata compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table as Rich

from topdata.cli.tables import console
from topdata.plots import compare_datasets, plot_dataset
from topdata.plots.comparison import FIGURES
from topdata.plots.report import table_of_tests, table_of_yields
from topdata.plots.tested import Comparison
from topdata.terminal import Bar

_SHOWN = 20  # lines of a table in the terminal

Split = Annotated[str | None, typer.Option(help="Only this split.")]
Normalise = Annotated[str, typer.Option(help="Draw shapes (unit) or pb (cross-section).")]
Processes = Annotated[list[str] | None, typer.Option(help="Only this process; repeat for more.")]
Only = Annotated[list[str] | None, typer.Option(help="Only this plot, like ht; repeat for more.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a folder of plots of that name.")
]


def plot(
    dataset: Annotated[Path, typer.Argument(help="A built dataset.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to make; DATASET-plots by default."),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="png (default) or pdf, beside the page; repeat for both."),
    ] = None,
    split: Split = None,
    normalise: Normalise = "unit",
    process: Processes = None,
    only: Only = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw the control plots of a dataset by process: objects, event, truth, matching, weights.

    Example: `topdata plot demo-dataset`

    The folder holds one page, `index.html`, with all images inside, the images as files, and
    `histograms.json` with the numbers in pb.
    """
    with Bar() as bar:
        made = plot_dataset(
            dataset,
            output,
            formats=formats or ["png"],
            split=split,
            normalise=normalise,
            processes=process or [],
            only=only or [],
            overwrite=overwrite,
            progress=bar,
        )
    console().print(
        f"{len(made.drawn)} plots of {made.events} events: {made.folder / 'index.html'}",
        soft_wrap=True,
    )


def compare(
    a: Annotated[Path, typer.Argument(help="A built dataset.")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to make; A-vs-B-plots by default."),
    ] = None,
    split: Split = None,
    normalise: Normalise = "unit",
    process: Processes = None,
    figures: Annotated[
        int, typer.Option(min=0, help="Figures to draw, of what differs most.")
    ] = FIGURES,
    any_level: Annotated[
        bool, typer.Option("--any-level", help="Compare reconstructed with parton level.")
    ] = False,
    only: Only = None,
    overwrite: Overwrite = False,
    fail_below: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="P",
            help="Exit with 2 if a p-value times the number of tests is below.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all tests as JSON.")] = False,
) -> None:  # fmt: skip
    """Compare two datasets, process by process: yields, chi-square and KS of every quantity.

    Example: `topdata compare cms-card atlas-card --fail-below 0.001`

    The folder holds one page, `index.html`, and `comparison.json`.
    """
    with Bar() as bar:
        found = compare_datasets(
            a,
            b,
            output,
            split=split,
            normalise=normalise,
            processes=process or [],
            only=only or [],
            any_level=any_level,
            figures=figures,
            overwrite=overwrite,
            progress=bar,
        )
    if as_json:
        typer.echo(json.dumps(found.plain(), indent=1))
    else:
        _summary(found)
    if fail_below is not None and (failed := found.below(fail_below)):
        worst = failed[0]
        typer.echo(
            f"topdata: {len(failed)} of {len(found.tests)} distributions differ "
            f"(p x {found.n_tests} tests < {fail_below:g}), most {worst.plot} of {worst.process}",
            err=True,
        )
        raise typer.Exit(2)


def _summary(found: Comparison) -> None:
    out = console()
    for table, texts in ((table_of_yields(found), 1), (table_of_tests(found, _SHOWN), 2)):
        shown = Rich(box=box.SIMPLE_HEAD, pad_edge=False)
        for place, name in enumerate(table.header):
            shown.add_column(name, justify="left" if place < texts else "right", no_wrap=True)
        for row in table.rows:
            shown.add_row(*row)
        out.print(shown)
    rest = len(found.tests) - _SHOWN
    if rest > 0:
        out.print(f"and {rest} more in {found.folder / 'comparison.json'}", soft_wrap=True)
    for note in found.notes:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(f"page: {found.folder / 'index.html'}", soft_wrap=True)
