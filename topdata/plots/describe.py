"""What the pages and figures say in words and numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from topdata.manifest import FILE_NAME, Manifest
from topdata.plots.catalogue import Plot
from topdata.plots.columns import events_of
from topdata.plots.draw import Style
from topdata.plots.page import Table
from topdata.plots.spectra import Spectrum


def manifest_sha256(dataset: Path) -> str:
    """Return the sha256 of ``topdata.json``, which names every file with its own."""
    return hashlib.sha256((dataset / FILE_NAME).read_bytes()).hexdigest()


def outside(spectrum: Spectrum) -> list[str]:
    """Return entries, and what is below and above the range: entries, share of the weights."""
    entries = spectrum.entries.astype(int)
    shares = [v / spectrum.total if spectrum.total else 0.0 for v in spectrum.values[[0, -1]]]
    return [f"{entries.sum()}", f"{entries[0]}", f"{entries[-1]}", *(f"{s:.2%}" for s in shares)]


def alt_text(plot: Plot, style: Style, names: Sequence[str]) -> str:
    """Say in words what a figure shows."""
    axis = plot.axis
    unit = f" {plot.unit}" if plot.unit else ""
    across = ", ".join(axis.names) if axis.names else f"from {axis.start:.4g} to {axis.stop:.4g}"
    how = "in pb" if style.in_pb(plot) else "normalised to one"
    scale = "logarithmic" if style.log(plot) else "linear"
    return (
        f"{plot.title} ({across}{unit}), {how}, {scale} scale, "
        f"{style.level} level, of {', '.join(names)}"
    )


def scale_text(normalise: str) -> str:
    """Say how the histograms are scaled and what their error bars are."""
    if normalise == "unit":
        scaled = "Each histogram is divided by its total, under- and overflow included"
    else:
        scaled = "Histograms are in pb"
    return f"{scaled}. Events are weighted; errors are from the sum of squared weights."


def level_text(manifest: Manifest) -> str:
    """Say that nothing here was reconstructed."""
    undecayed = ", ".join(str(code) for code in manifest.undecayed)
    return (
        f"{manifest.level.capitalize()} level: jets are final quarks and gluons, b-tags their true "
        "flavour, MET the sum of invisible particles"
        + (f"; undecayed (PDG codes): {undecayed}." if undecayed else ".")
    )


def process_table(manifest: Manifest, names: Sequence[str], split: str | None) -> Table:
    """Return one row a process: normalisation, events, efficiency, negative weights."""
    header = ["process", "cross-section, pb", "read", "written", f"in {split}" if split else "",
              "efficiency", "selected, pb", "negative weights"]  # fmt: skip
    rows = []
    for p in manifest.processes:
        if p.name in names:
            usable = p.ledger.read - p.ledger.quarantined
            negative = p.negative_weights / usable if usable else 0.0
            rows.append(
                [p.name, f"{p.cross_section:.5g}", f"{p.ledger.read}", f"{p.ledger.written}",
                 f"{events_of(manifest, p.name, split)}" if split else "", f"{p.efficiency:.4f}",
                 f"{p.sum_weight:.6g}", f"{negative:.1%}"]
            )  # fmt: skip
    kept = [i for i, name in enumerate(header) if name]
    return Table([header[i] for i in kept], [[row[i] for i in kept] for row in rows])
