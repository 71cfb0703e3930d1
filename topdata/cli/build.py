"""``topdata build``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from topdata.build import build as build_dataset
from topdata.build.cluster import Dask
from topdata.build.engines import Engine, InProcess, Workers
from topdata.cli.tables import console, cut_flow, ledgers, splits, yields
from topdata.errors import RecipeError, one_line
from topdata.manifest import Manifest
from topdata.recipe import Recipe, load_recipe, make_recipe
from topdata.terminal import Bar, Both, JsonLog

_RECIPE_ENDINGS = (".yaml", ".yml")


def build(
    inputs: Annotated[
        list[str], typer.Argument(help="One recipe (.yaml), or data files of one process.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to make.")],
    process: Annotated[
        str | None, typer.Option(help="Process name of the data files (no recipe).")
    ] = None,
    cross_section: Annotated[
        float | None, typer.Option(help="Cross-section in pb (no recipe).")
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(help="A cut, like 'n_jets >= 4'; repeat for more (no recipe)."),
    ] = None,
    universal: Annotated[
        bool, typer.Option("--universal", help="Also write fixed-slot arrays (no recipe).")
    ] = False,
    no_truth: Annotated[
        bool,
        typer.Option("--no-truth", help="Leave the generator record unread: faster (no recipe)."),
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Go on without damaged files and events.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a dataset of that name when done.")
    ] = False,
    extend: Annotated[
        bool,
        typer.Option("--extend", help="Add what is new in the recipe to the dataset OUTPUT."),
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes of this machine, or batch jobs of --dask.")
    ] = 1,
    dask: Annotated[
        str | None,
        typer.Option(help="Run on Dask: a scheduler's address tcp://HOST:PORT, slurm or htcondor."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads that unpack baskets (default: 2, with workers 1)."),
    ] = None,
    json_log: Annotated[
        Path | None, typer.Option(help="File for a log in JSON lines; - is standard error.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
) -> None:
    """Build a dataset from a recipe, or from the files of one process.

    Examples: `topdata build recipe.yaml -o tops` and
    `topdata build tt_*.root -o tt --process tt --cross-section 504.9`

    An interrupted build goes on when the same command runs again. The output appears when it is
    whole. On Dask, workers must see inputs and output under the same paths.
    """
    quick = {
        "process": process,
        "cross_section": cross_section,
        "select": select or None,
        "universal": universal or None,
        "no_truth": no_truth or None,
    }
    recipe, base = _recipe(inputs, output, {k: v for k, v in quick.items() if v is not None})
    if extend and overwrite:
        raise RecipeError("--extend keeps what is there, --overwrite does not: choose one")
    engine = _engine(workers, dask)
    try:
        with Bar() as bar, _log(json_log) as log:
            manifest = build_dataset(
                recipe,
                output,
                base=base,
                skip_bad=skip_bad,
                overwrite=overwrite,
                extend=extend,
                threads=threads or (2 if isinstance(engine, InProcess) else 1),
                engine=engine,
                progress=Both(bar, log) if log else bar,
            )
    except KeyboardInterrupt:
        typer.echo("topdata: interrupted; the same command goes on from here", err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(manifest.to_json())
    else:
        _summary(manifest, output)


def _engine(workers: int, dask: str | None) -> Engine:
    if dask is not None:
        return Dask(dask, workers)
    return Workers(workers) if workers > 1 else InProcess()


@contextmanager
def _log(path: Path | None) -> Iterator[JsonLog | None]:
    if path is None:
        yield None
        return
    with nullcontext(sys.stderr) if str(path) == "-" else path.open("a") as stream:
        log = JsonLog(stream)
        try:
            yield log
        except BaseException as error:
            log.note("failed", reason=one_line(error))
            raise
        finally:
            log.end()


def _recipe(inputs: list[str], output: Path, quick: dict[str, Any]) -> tuple[Recipe, Path]:
    """Return the recipe and the folder that its file names are relative to."""
    recipes = [name for name in inputs if name.endswith(_RECIPE_ENDINGS)]
    if recipes and len(inputs) > 1:
        raise RecipeError(f"{recipes[0]}: give one recipe, or data files, not both")
    if recipes:
        if quick:
            option = f"--{next(iter(quick)).replace('_', '-')}"
            raise RecipeError(f"{option}: only without a recipe; write it into {recipes[0]}")
        path = Path(recipes[0])
        return load_recipe(path), path.parent
    if "process" not in quick:
        raise RecipeError("--process NAME is needed for data files without a recipe")
    content: dict[str, Any] = {
        "name": output.name,
        "processes": [
            {
                "name": quick["process"],
                "files": inputs,
                "cross_section": quick.get("cross_section"),
            }
        ],
        "select": quick.get("select", []),
        "universal": quick.get("universal", False),
        "truth": not quick.get("no_truth", False),
    }
    return make_recipe(content, "command line"), Path()


def _summary(manifest: Manifest, output: Path) -> None:
    out = console()
    out.print(yields(manifest))
    if len(manifest.processes[0].cut_flow) > 1:
        out.print(cut_flow(manifest))
    if len(manifest.sources) > 1:
        out.print(ledgers(manifest))
    total = manifest.total
    out.print(
        f"{total.read} read = {total.written} written + {total.cut} cut + "
        f"{total.quarantined} quarantined"
    )
    for source in manifest.sources:
        for note in source.notes:
            out.print(f"note: {source.file}: {note}", soft_wrap=True)
    for lost in manifest.quarantine:
        file = manifest.sources[lost.source].file
        out.print(f"lost: {file}: {lost.where}: {lost.reason}", soft_wrap=True)
    out.print(f"dataset {manifest.name!r} is in {output}: {splits(manifest)}", soft_wrap=True)
