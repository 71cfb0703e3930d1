"""``topdata compare``: do two datasets show the same distributions?"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from topdata.errors import RecipeError
from topdata.manifest import Manifest, ProcessEntry, read_manifest
from topdata.plots.catalogue import select
from topdata.plots.columns import chosen, require_split
from topdata.plots.control import NORMALISE, beside, require_choice
from topdata.plots.draw import Style, drawing
from topdata.plots.folder import KIND, require_free
from topdata.plots.page import numbers
from topdata.plots.report import of_sides, page_of, picture
from topdata.plots.side import Side, continuous
from topdata.plots.spectra import require_extra
from topdata.plots.statistics import chi2_test, ks_binned, ks_test
from topdata.plots.tested import Compared, Comparison, Yield
from topdata.progress import Progress, Silent
from topdata.whole import new_folder

FIGURES = 48
_KEPT_VALUES = 1 << 24  # of one dataset, for tests without bins: 200 MB


def compare_datasets(
    dataset_a: Path,
    dataset_b: Path,
    output: Path | None = None,
    *,
    split: str | None = None,
    normalise: str = "unit",
    processes: Sequence[str] = (),
    only: Sequence[str] = (),
    any_level: bool = False,
    figures: int = FIGURES,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Compare the shapes of every plot for each process of both datasets, and their yields.

    Processes of one name are compared; if each dataset has a single one, these two. ``output``
    (``A-vs-B-plots`` beside A by default) holds ``index.html`` with ``figures`` of the quantities
    that differ most, the same as png, and ``comparison.json`` with all tests. ``only`` names some
    of the quantities. See :mod:`topdata.plots.statistics` for the tests. Both datasets are read
    once; the Kolmogorov-Smirnov test is without bins while the values take less than 200 MB a
    dataset.

    Raises :class:`InputError`, :class:`RecipeError` if there is nothing to compare or the levels
    differ (unless ``any_level``), :class:`OutputError` as :func:`plot_dataset` does.
    """
    require_extra()
    require_choice(normalise, NORMALISE)
    manifests = read_manifest(dataset_a), read_manifest(dataset_b)
    for manifest in manifests:
        require_split(manifest, split)
    if manifests[0].level != manifests[1].level and not any_level:
        raise RecipeError(
            f"{dataset_a} is {manifests[0].level}, {dataset_b} {manifests[1].level}: distributions "
            "of different levels differ; add --any-level to compare them all the same"
        )
    output = output or beside(dataset_a, f"vs-{Path(os.path.abspath(dataset_b)).name}-plots")
    free = partial(require_free, output, overwrite=overwrite)
    free()
    names, notes = _paired(*manifests, processes)
    plots = select(only)
    a, b = (
        Side(path, manifest, some, split, plots)
        for path, manifest, some in zip((dataset_a, dataset_b), manifests, names, strict=True)
    )
    keep = max(a.events, b.events) * sum(map(continuous, plots)) <= _KEPT_VALUES
    for side in (a, b):
        side.fill(keep=keep, progress=progress or Silent())
    tests = sorted(_tests(a, b, keep=keep), key=lambda t: (t.p, -_reduced(t)))
    found = Comparison(output, list(_yields(a, b)), tests, notes + _remarks(a, b, keep=keep))
    level = " and ".join(dict.fromkeys(m.level for m in manifests))
    style = Style(split or "", level, normalise)
    with new_folder(output, free) as folder, drawing():
        shown = [t for t in tests if t.chi2 or t.ks][:figures]
        told = progress or Silent()
        told.start("drawing", len(shown), unit="plots")
        pictures = []
        for test in shown:
            pictures.append(picture(test, a, b, style, folder, found))
            told.advance(1)
        options = [
            *([f"--split {split}"] if split else []),
            f"--normalise {normalise}",
            *(f"--process {name}" for name in processes),
            *(f"--only {name}" for name in only),
            *(["--any-level"] if any_level else []),
        ]
        page = page_of(found, a, b, style, pictures, options)
        (folder / "index.html").write_text(page.html(), encoding="utf-8")
        content = {"kind": KIND, **of_sides(a, b), **found.plain()}
        (folder / "comparison.json").write_bytes(numbers(content))
    return found


def _paired(
    a: Manifest, b: Manifest, wanted: Sequence[str]
) -> tuple[tuple[list[str], list[str]], list[str]]:
    """Return the processes to compare, by their names in A and in B, and what is left out."""
    of_a, of_b = chosen(a, ()), chosen(b, ())
    if len(of_a) == len(of_b) == 1 and of_a != of_b and not wanted:
        return (of_a, of_b), [f"{of_a[0]} of A is compared with {of_b[0]} of B"]
    for name in wanted:
        for manifest in (a, b):
            chosen(manifest, [name])
    common = [name for name in of_a if name in of_b and name in (wanted or of_a)]
    if not common:
        raise RecipeError(
            f"no process is in both {a.name} ({', '.join(of_a)}) and {b.name} ({', '.join(of_b)})"
        )
    notes = [] if wanted else [
        f"only in {side}, left out: {', '.join(rest)}"
        for side, names in (("A", of_a), ("B", of_b))
        if (rest := [name for name in names if name not in common])
    ]  # fmt: skip
    return (common, common), notes


def _tests(a: Side, b: Side, *, keep: bool) -> Iterator[Compared]:
    for position, name in enumerate(a.names):
        for plot in a.plots:
            one, two = a.spectra.of(plot, position), b.spectra.of(plot, position)
            if not (one.entries.any() and two.entries.any()):
                continue
            chi2 = chi2_test(
                one.values, a.covariance(plot, position),
                two.values, b.covariance(plot, position),
            )  # fmt: skip
            ks = None
            if continuous(plot):
                ks = (
                    ks_test(*a.samples.of(plot, position), *b.samples.of(plot, position))
                    if keep
                    else ks_binned(one.values, one.variances, two.values, two.variances)
                )
            yield Compared(name, plot.name, plot.title, chi2, ks, bool(ks) and not keep)


def _reduced(test: Compared) -> float:
    """Return chi2 per degree of freedom: orders p-values that are all zero."""
    return test.chi2.chi2 / test.chi2.ndf if test.chi2 else 0.0


def _yields(a: Side, b: Side) -> Iterator[Yield]:
    for name_a, name_b in zip(a.names, b.names, strict=True):
        one, two = (
            next(p for p in side.manifest.processes if p.name == name)
            for side, name in ((a, name_a), (b, name_b))
        )
        yield Yield(name_a, name_b, one.sum_weight, _selection_error(one), two.sum_weight,
                    _selection_error(two))  # fmt: skip


def _selection_error(process: ProcessEntry) -> float:
    """Return the error of the selected cross-section, pb; that of the cross-section is not in it.

    The weights sum to the cross-section before the cuts, so the error is binomial. The manifest
    has no sum of squared weights; their size is taken as one for all events of the process.
    """
    usable = process.ledger.read - process.ledger.quarantined
    if not usable:
        return 0.0
    net = 1 - 2 * process.negative_weights / usable  # of signed unit weights: events over |events|
    passed = process.ledger.written / usable
    efficiency = process.efficiency
    variance = max(passed * (1 - 2 * efficiency) + efficiency**2, 0.0) / (usable * net**2)
    return process.cross_section * math.sqrt(variance) if net > 0 else 0.0


def _remarks(a: Side, b: Side, *, keep: bool) -> list[str]:
    notes = []
    same = {s.sha256 for s in a.manifest.sources} & {s.sha256 for s in b.manifest.sources}
    if same:
        notes.append(
            f"{len(same)} source files are in both: the tests take the events as independent, so "
            "p-values are too large"
        )
    if a.manifest.btag_bit != b.manifest.btag_bit:
        notes.append(f"b-tag bit {a.manifest.btag_bit} in A, {b.manifest.btag_bit} in B")
    if a.manifest.level != b.manifest.level:
        notes.append(f"A is {a.manifest.level}, B {b.manifest.level}")
    if not keep:
        notes.append("Kolmogorov-Smirnov distances are between histograms: p-values too large")
    return notes
