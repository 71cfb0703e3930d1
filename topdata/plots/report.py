"""The page of a comparison: tables of tests and yields, and the figures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from topdata import __version__
from topdata.plots.catalogue import PLOTS
from topdata.plots.describe import (
    alt_text,
    level_text,
    manifest_sha256,
    outside,
    process_table,
    scale_text,
)
from topdata.plots.draw import Line, Style, ratio_figure, render
from topdata.plots.page import Page, Picture, Table
from topdata.plots.side import Side
from topdata.plots.tested import Compared, Comparison

_FIRST = 20  # tests on the page before a click


def of_sides(a: Side, b: Side) -> dict[str, Any]:
    """Say which datasets were compared, for JSON."""
    return {
        side_name: {
            "name": side.manifest.name,
            "manifest_sha256": manifest_sha256(side.dataset),
            "dataset_fingerprint": side.manifest.dataset_fingerprint,
            "level": side.manifest.level,
            "processes": side.names,
            "split": side.split,
        }
        for side_name, side in (("a", a), ("b", b))
    }


def picture(
    test: Compared, a: Side, b: Side, style: Style, folder: Path, found: Comparison
) -> Picture:
    """Draw one of the compared quantities, keep it in ``folder`` and return it for the page."""
    plot = next(p for p in PLOTS if p.name == test.plot)
    position = a.names.index(test.process)
    one, two = (
        Line(f"{letter}: {side.manifest.name}", place, side.spectra.of(plot, position))
        for place, (letter, side) in enumerate((("A", a), ("B", b)))
    )
    process = " / ".join(dict.fromkeys([test.process, b.names[position]]))
    tests = _said(test)
    png = render(ratio_figure(plot, process, one, two, style, tests), "png")
    file = f"png/{test.process}-{plot.name}.png"
    (folder / "png").mkdir(exist_ok=True)
    (folder / file).write_bytes(png)
    rows = [[line.name, *outside(line.spectrum)] for line in (one, two)]
    header = ["dataset", plot.of, "below", "above", "below, fraction", "above, fraction"]
    alt = f"{alt_text(plot, style, [one.name, two.name])}, for {process}: {tests}"
    caption = f"smallest p {test.p:.3g}, times {found.n_tests} tests {found.corrected(test.p):.3g}"
    return Picture(f"{test.process}-{plot.name}", f"{process}: {plot.title}", alt, png, [file],
                   caption, Table(header, rows))  # fmt: skip


def _said(test: Compared) -> str:
    """Return both tests in words, a line each."""
    lines = []
    if test.chi2:
        lines.append(f"χ²/ndf = {test.chi2.chi2:.1f}/{test.chi2.ndf}, p = {test.chi2.p:.3g}")
    if test.ks:
        lines.append(f"KS distance {test.ks.distance:.3f}, p = {test.ks.p:.3g}")
    return "\n".join(lines)


def page_of(
    found: Comparison, a: Side, b: Side, style: Style, pictures: list[Picture],
    options: Sequence[str],
) -> Page:  # fmt: skip
    """Return the page."""
    page = Page(f"{a.manifest.name} (A) and {b.manifest.name} (B)")
    page.intro = [
        f"A: {a.events} events, B: {b.events} events of "
        f"{f'split {style.name!r}' if style.name else 'all splits'}, simulated. "
        + scale_text(style.normalise),
        "Tests are of shapes, with under- and overflow: chi-square for weighted histograms "
        "(N. Gagunashvili, arXiv:physics/0605123), with the covariance over events where an event "
        "fills several bins, and weighted Kolmogorov-Smirnov with the effective number of events.",
        f"Of {found.n_tests} p-values some are small by chance: the last column is multiplied by "
        "their number.",
    ]
    page.warnings = [*found.notes]
    if a.manifest.level != "reconstructed":
        page.warnings.append(level_text(a.manifest))
    page.tables = [
        ("yields", "Yields of all splits", table_of_yields(found).html(left=1)),
        ("tests", "Tests", _tests(found)),
        ("a", f"A: {a.manifest.name}", process_table(a.manifest, a.names, a.split).html()),
        ("b", f"B: {b.manifest.name}", process_table(b.manifest, b.names, b.split).html()),
    ]
    page.groups = [("Figures, the smallest p-value first", pictures)] if pictures else []
    names = [os.path.basename(os.path.abspath(side.dataset)) for side in (a, b)]
    page.provenance = [("command", " ".join(["topdata compare", *names, *options]))]
    for letter, side in (("A", a), ("B", b)):
        page.provenance += [
            (f"{letter}, sha256 of topdata.json", manifest_sha256(side.dataset)),
            (f"{letter}, dataset fingerprint", side.manifest.dataset_fingerprint),
        ]
    page.provenance.append(("topdata", __version__))
    return page


def _tests(found: Comparison) -> str:
    """Return the tests as HTML: what differs most, and all of them on a click."""
    first = table_of_tests(found, _FIRST).html(left=2)
    if len(found.tests) <= _FIRST:
        return first
    return (
        f"{first}<details><summary>all {len(found.tests)}</summary>"
        f"{table_of_tests(found).html(left=2)}</details>"
    )


def table_of_yields(found: Comparison) -> Table:
    """Return selected pb of A and B, their ratio and difference."""
    header = ["process", "A, pb", "±", "B, pb", "±", "B / A", "difference, σ"]
    rows = [
        [y.process if y.process == y.process_b else f"{y.process} / {y.process_b}", f"{y.a:.6g}",
         f"{y.error_a:.3g}", f"{y.b:.6g}", f"{y.error_b:.3g}",
         f"{y.b / y.a:.4f}" if y.a else "-", "-" if y.pull is None else f"{y.pull:+.1f}"]
        for y in found.yields
    ]  # fmt: skip
    return Table(header, rows)


def table_of_tests(found: Comparison, most: int | None = None) -> Table:
    """Return one row a process and quantity, the smallest p-value first."""
    header = ["process", "quantity", "χ²/ndf", "p", "KS", "p", "smallest p × tests"]
    rows = []
    for t in found.tests[:most]:
        chi2 = [f"{t.chi2.chi2:.1f}/{t.chi2.ndf}", f"{t.chi2.p:.2g}"] if t.chi2 else ["-", "-"]
        ks = [f"{t.ks.distance:.3f}", f"{t.ks.p:.2g}"] if t.ks else ["-", "-"]
        tested = f"{found.corrected(t.p):.2g}" if t.chi2 or t.ks else "-"
        rows.append([t.process, t.plot, *chi2, *ks, tested])
    return Table(header, rows)
