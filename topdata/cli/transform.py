"""``topdata skim``, ``topdata merge`` and ``topdata migrate``: from datasets to a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from topdata.cli.tables import console, cut_flow, splits, yields
from topdata.manifest import Manifest
from topdata.terminal import Bar
from topdata.transform import merge as merge_datasets
from topdata.transform import migrate as migrate_dataset
from topdata.transform import skim as skim_dataset

Dataset = Annotated[Path, typer.Argument(help="Folder of a dataset.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a dataset of that name when done.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")]


def skim(
    dataset: Dataset,
    cut: Annotated[str, typer.Argument(help="A condition, like 'n_jets >= 6 and ht > 500'.")],
    output: Output,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Keep the events of a dataset that pass a cut.

    Example: `topdata skim tops 'n_jets >= 6 and n_btags >= 2 and ht > 500' -o signal-region`

    Weights stay in pb: they sum to cross-section times efficiency. The result is what a build with
    this cut at the end of its recipe gives.
    """
    with Bar() as bar:
        manifest = skim_dataset(dataset, cut, output, overwrite=overwrite, progress=bar)
    _summary(manifest, output, as_json)


def merge(
    datasets: Annotated[list[Path], typer.Argument(help="Folders of datasets, two or more.")],
    output: Output,
    name: Annotated[
        str | None, typer.Option(help="Name of the dataset (default: the first one's).")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Join datasets that were built with the same rules.

    Example: `topdata merge tops-2024 tops-2025 -o tops`

    A process that stands in several is normalised over all its events, from the stored generator
    weights. Every event keeps its split.
    """
    with Bar() as bar:
        manifest = merge_datasets(datasets, output, name=name, overwrite=overwrite, progress=bar)
    _summary(manifest, output, as_json)


def migrate(
    dataset: Dataset, output: Output, overwrite: Overwrite = False, as_json: AsJson = False
) -> None:
    """Bring a dataset of an older schema to the current one.

    Example: `topdata migrate tops-1.0 -o tops`

    Fields that are new get their default. Where that is not enough, every field that stands in the
    way is named.
    """
    with Bar() as bar:
        manifest = migrate_dataset(dataset, output, overwrite=overwrite, progress=bar)
    _summary(manifest, output, as_json)


def _summary(manifest: Manifest, output: Path, as_json: bool) -> None:
    if as_json:
        typer.echo(manifest.to_json())
        return
    out = console()
    out.print(yields(manifest))
    if len(manifest.processes[0].cut_flow) > 1:
        out.print(cut_flow(manifest))
    out.print(f"dataset {manifest.name!r} is in {output}: {splits(manifest)}", soft_wrap=True)
