"""``topdata plot``: the control plots of one dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from topdata import __version__
from topdata.errors import InputError, RecipeError, nearest
from topdata.manifest import Manifest, read_manifest
from topdata.plots.catalogue import GROUPS, Plot, select
from topdata.plots.columns import chosen, events_of, read, require_split
from topdata.plots.describe import (
    alt_text,
    level_text,
    manifest_sha256,
    outside,
    process_table,
    scale_text,
)
from topdata.plots.draw import Line, Style, control_figure, drawing, render
from topdata.plots.folder import KIND, require_free
from topdata.plots.page import Page, Picture, Table, numbers
from topdata.plots.spectra import Spectra, require_extra
from topdata.progress import Progress, Silent
from topdata.whole import new_folder

FORMATS = ("png", "pdf")
NORMALISE = ("unit", "cross-section")


@dataclass(frozen=True, slots=True)
class Plotted:
    """What :func:`plot_dataset` made."""

    folder: Path
    events: int
    drawn: list[str]
    empty: list[str]  # titles of plots without entries


def plot_dataset(
    dataset: Path,
    output: Path | None = None,
    *,
    formats: Sequence[str] = ("png",),
    split: str | None = None,
    normalise: str = "unit",
    processes: Sequence[str] = (),
    only: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Plotted:
    """Fill the plots of the catalogue by process and write a folder with a page of them.

    ``output`` is ``<dataset>-plots`` beside the dataset by default. It holds ``index.html`` (with
    the images inside), a folder for each of ``formats`` (png, pdf), and ``histograms.json`` with
    the numbers in pb, whatever is drawn: ``normalise`` is unit or cross-section. One pass over
    the events of ``split`` (all by default), in bounded memory. ``only`` names some of the plots.

    Raises :class:`InputError`, :class:`RecipeError` for an unknown name or choice, and
    :class:`OutputError` if the folder is there already or holds anything else.
    """
    require_extra()
    require_choice(normalise, NORMALISE)
    for kind in formats:
        require_choice(kind, FORMATS)
    manifest = read_manifest(dataset)
    require_split(manifest, split)
    output = output or beside(dataset, "plots")
    free = partial(require_free, output, overwrite=overwrite)
    free()
    names = chosen(manifest, processes)
    plots = select(only)
    told = progress or Silent()
    spectra, events = _filled(dataset, manifest, plots, names, split, told)
    lines = {plot.name: _lines(plot, spectra, names, manifest) for plot in plots}
    drawn = [plot for plot in plots if any(_filled_at_all(line) for line in lines[plot.name])]
    style = Style(f"{manifest.name}{f', {split}' if split else ''}", manifest.level, normalise)
    provenance = _provenance(dataset, manifest, names, split, normalise, only)
    with new_folder(output, free) as folder, drawing():
        told.start("drawing", len(drawn), unit="plots")
        pictures: dict[str, list[Picture]] = {group: [] for group in GROUPS}
        for plot in drawn:
            pictures[plot.group].append(_draw(plot, lines[plot.name], style, formats, folder))
            told.advance(1)
        empty = [plot.title for plot in plots if plot not in drawn]
        page = _page(manifest, names, style, split, empty, pictures, provenance)
        (folder / "index.html").write_text(page.html(), encoding="utf-8")
        content = {
            "kind": KIND,
            "dataset": dict(provenance),
            "level": manifest.level,
            "processes": names,
            "plots": [_plain(plot, lines[plot.name]) for plot in drawn],
        }
        (folder / "histograms.json").write_bytes(numbers(content))
    return Plotted(output, events, [plot.name for plot in drawn], empty)


def require_choice(value: str, known: Sequence[str]) -> None:
    """Raise :class:`RecipeError` unless a value is one of the known ones."""
    if value not in known:
        raise RecipeError(f"{value!r} is no choice here{nearest(value, known)}")


def beside(dataset: Path, what: str) -> Path:
    """Return the default output, beside the dataset and never in it."""
    whole = Path(os.path.abspath(dataset))
    return whole.parent / f"{whole.name}-{what}"


def _filled(
    dataset: Path, manifest: Manifest, plots: Sequence[Plot], names: list[str], split: str | None,
    progress: Progress,
) -> tuple[Spectra, int]:  # fmt: skip
    spectra, events = Spectra(plots, len(names)), 0
    total = sum(events_of(manifest, name, split) for name in names)
    progress.start("reading", total, "events")
    for columns in read(dataset, manifest, names, split):
        for plot in plots:
            spectra.fill(plot, plot.entries(columns), columns)
        events += len(columns)
        progress.advance(len(columns), len(columns))
    if not events:
        raise InputError(f"{dataset}: no events of these processes to plot")
    return spectra, events


def _lines(plot: Plot, spectra: Spectra, names: list[str], manifest: Manifest) -> list[Line]:
    return [
        Line(name, manifest.classes.index(name), spectra.of(plot, position))
        for position, name in enumerate(names)
    ]


def _filled_at_all(line: Line) -> bool:
    return bool(line.spectrum.entries.any())


def _draw(
    plot: Plot, lines: list[Line], style: Style, formats: Sequence[str], folder: Path
) -> Picture:
    shown = [line for line in lines if _filled_at_all(line)]
    figure = control_figure(plot, shown, style)
    png = render(figure, "png")
    files = []
    for kind in dict.fromkeys(formats):
        files.append(f"{kind}/{plot.name}.{kind}")
        (folder / kind).mkdir(exist_ok=True)
        (folder / files[-1]).write_bytes(png if kind == "png" else render(figure, kind))
    rows = [[line.name, *outside(line.spectrum)] for line in lines]
    header = ["process", f"{plot.of}", "below", "above", "below, fraction", "above, fraction"]
    return Picture(plot.name, plot.title, alt_text(plot, style, [line.name for line in shown]),
                   png, files, outside=Table(header, rows))  # fmt: skip


def _plain(plot: Plot, lines: list[Line]) -> dict[str, Any]:
    return {
        "name": plot.name,
        "group": plot.group,
        "title": plot.title,
        "unit": plot.unit,
        "entries_are": plot.of,
        "values_in": "pb" if plot.weighted else "events",
        "edges": plot.axis.edges.tolist(),
        "bin_names": list(plot.axis.names),
        "processes": {line.name: line.spectrum.plain() for line in lines},
    }


def _provenance(
    dataset: Path, manifest: Manifest, names: list[str], split: str | None, normalise: str,
    only: Sequence[str],
) -> list[tuple[str, str]]:  # fmt: skip
    """Return what is needed to make the plots again; nothing of this machine or this day."""
    command = ["topdata plot", os.path.basename(os.path.abspath(dataset))]
    command += [f"--split {split}"] if split else []
    command += [f"--normalise {normalise}"]
    if names != chosen(manifest, ()):
        command += [f"--process {name}" for name in names]
    command += [f"--only {name}" for name in only]
    return [
        ("command", " ".join(command)),
        ("dataset", manifest.name),
        ("sha256 of topdata.json", manifest_sha256(dataset)),
        ("dataset fingerprint", manifest.dataset_fingerprint),
        ("view fingerprint", manifest.view_fingerprint),
        ("topdata", __version__),
    ]


def _page(
    manifest: Manifest, names: list[str], style: Style, split: str | None, empty: list[str],
    pictures: dict[str, list[Picture]], provenance: list[tuple[str, str]],
) -> Page:  # fmt: skip
    page = Page(f"{manifest.name}: control plots")
    events = sum(events_of(manifest, name, split) for name in names)
    page.intro = [
        f"{events} events of {f'split {split!r}' if split else 'all splits'}, simulated; "
        f"b-tag bit {manifest.btag_bit}. {scale_text(style.normalise)}"
    ]
    if manifest.level != "reconstructed":
        page.warnings.append(level_text(manifest))
    table = process_table(manifest, names, split)
    page.tables = [("processes", "Processes", table.html())]
    page.groups = [(group, some) for group, some in pictures.items() if some]
    if empty:
        page.provenance.append(("plots without entries", "; ".join(empty)))
    page.provenance += provenance
    return page
