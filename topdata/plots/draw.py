"""Figures: ``hist`` numbers drawn with ``mplhep``, the same bytes every time.

Figures are made without pyplot and from matplotlib's own defaults, so neither a display nor a
user's matplotlibrc changes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from topdata.kinematics import Array
from topdata.plots.catalogue import Plot
from topdata.plots.spectra import Spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Seven of the colours of M. Okabe and K. Ito for all kinds of colour vision (B. Wong, Nature
# Methods 8 (2011) 441), without the yellow that a thin line on white loses.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
_LEAST_DECADES = 2  # of a logarithmic axis
_DECADES = {"unit": 5, "cross-section": 9}
_STYLE: dict[str, Any] = {
    "font.size": 11, "axes.labelsize": 12, "axes.linewidth": 0.9, "mathtext.default": "regular",
    "xaxis.labellocation": "right", "yaxis.labellocation": "top", "legend.frameon": False,
    "xtick.direction": "in", "ytick.direction": "in", "xtick.top": True, "ytick.right": True,
    "xtick.minor.visible": True, "ytick.minor.visible": True, "xtick.major.size": 6,
    "ytick.major.size": 6, "xtick.minor.size": 3, "ytick.minor.size": 3,
    "axes.formatter.limits": (-3, 4), "axes.formatter.use_mathtext": True, "pdf.fonttype": 42,
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SIZE = (7.4, 4.5)  # inches
_DPI = 130
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}


@dataclass(frozen=True, slots=True)
class Line:
    """One process of a figure."""

    name: str
    place: int  # among the classes: decides the colour
    spectrum: Spectrum


@dataclass(frozen=True, slots=True)
class Style:
    """What all figures of a set have in common."""

    name: str  # of the dataset, with its split
    level: str
    normalise: str = "unit"  # or cross-section

    def in_pb(self, plot: Plot) -> bool:
        """Tell whether a plot shows cross-sections rather than shapes."""
        return plot.weighted and self.normalise != "unit"

    def log(self, plot: Plot) -> bool:
        """Tell whether the axis is logarithmic: cross-sections differ by orders of magnitude."""
        return plot.log or self.in_pb(plot)

    def scale(self, plot: Plot, spectrum: Spectrum) -> float:
        """Return the factor from what was filled to what is drawn."""
        if self.in_pb(plot):
            return 1.0
        return 1 / spectrum.total if spectrum.total > 0 else 0.0


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with our style, whatever the user's settings are."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def render(figure: Figure, kind: str) -> bytes:
    """Return a figure as the bytes of a ``png`` or ``pdf`` file."""
    stream = BytesIO()
    figure.savefig(stream, format=kind, dpi=_DPI, metadata=_METADATA[kind])
    return stream.getvalue()


def control_figure(plot: Plot, lines: Sequence[Line], style: Style) -> Figure:
    """Draw one plot of several processes, its legend beside it."""
    figure = _figure()
    labels = [_short(line.name) for line in lines]
    legend = min(0.07 + 0.0145 * max(map(len, labels), default=0), 0.34)  # of the width
    axes = figure.add_axes((0.115, 0.135, 0.875 - legend, 0.785))
    drawn = []
    for line, label in zip(lines, labels, strict=True):
        scale = style.scale(plot, line.spectrum)
        colour, dashes = look(line.place)
        values, errors = _inside(line.spectrum, scale)
        _steps(axes, plot, values, errors, color=colour, linestyle=dashes, label=label)
        drawn.append(values)
    _y_range(axes, drawn, style.log(plot), _DECADES[style.normalise])
    axes.set_ylabel(_y_label(plot, style))
    _x_axis(axes, plot)
    _header(axes, style.level, style.name)
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.01, 1.02), borderaxespad=0, handlelength=1.9,
        fontsize=min(11.0, 190 / max(len(lines), 1)), labelspacing=0.45,
    )  # fmt: skip
    return figure


def ratio_figure(plot: Plot, process: str, a: Line, b: Line, style: Style, note: str) -> Figure:
    """Overlay one plot of two datasets, with their ratio below."""
    figure = _figure()
    axes = figure.add_axes((0.115, 0.375, 0.86, 0.545))
    below = figure.add_axes((0.115, 0.135, 0.86, 0.21), sharex=axes)
    (values_a, errors_a), (values_b, errors_b) = (
        _inside(line.spectrum, style.scale(plot, line.spectrum)) for line in (a, b)
    )
    _steps(axes, plot, values_a, errors_a, color=PALETTE[0], linestyle="-", label=_short(a.name))
    centres = (plot.axis.edges[1:] + plot.axis.edges[:-1]) / 2
    points: dict[str, Any] = {"fmt": "o", "color": PALETTE[3], "markersize": 3.5, "linewidth": 1.2}
    seen = values_b != 0
    axes.errorbar(centres[seen], values_b[seen], errors_b[seen], label=_short(b.name), **points)
    _y_range(axes, [values_a, values_b], style.log(plot), _DECADES[style.normalise], head=0.3)
    _ratio(below, plot, (values_a, errors_a), (values_b, errors_b), points)
    axes.set_ylabel(_y_label(plot, style))
    axes.tick_params(labelbottom=False)
    _x_axis(below, plot)
    below.set_ylabel("B / A", loc="center")
    _header(axes, style.level, ", ".join(filter(None, (process, style.name))))
    axes.legend(loc="upper right", ncols=2, fontsize=10.5, borderaxespad=0.6, handlelength=1.9)
    axes.text(0.02, 0.955, note, transform=axes.transAxes, va="top",
              fontsize=10.5, linespacing=1.4)  # fmt: skip
    return figure


def look(place: int) -> tuple[str, Any]:
    """Return colour and dashes of a class; no two of the first 28 are alike."""
    turn, colour = divmod(place, len(PALETTE))
    return PALETTE[colour], _DASHES[turn % len(_DASHES)]


def _figure() -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE)
    FigureCanvasAgg(figure)
    return figure


def _inside(spectrum: Spectrum, scale: float) -> tuple[Array, Array]:
    return spectrum.values[1:-1] * scale, np.sqrt(spectrum.variances[1:-1]) * abs(scale)


def _steps(axes: Axes, plot: Plot, values: Array, errors: Array, **look: Any) -> None:
    import mplhep

    mplhep.histplot(
        values, plot.axis.edges, ax=axes, yerr=False, flow="none", linewidth=1.5, **look
    )
    centres = (plot.axis.edges[1:] + plot.axis.edges[:-1]) / 2
    filled = values != 0
    axes.errorbar(centres[filled], values[filled], errors[filled], fmt="none", linewidth=0.8,
                  color=look["color"], alpha=0.6)  # fmt: skip


def _ratio(
    axes: Axes, plot: Plot, a: tuple[Array, Array], b: tuple[Array, Array], points: dict[str, Any]
) -> None:
    """Draw b over a as points; the band is the error of a."""
    (values_a, errors_a), (values_b, errors_b) = a, b
    filled = values_a > 0
    safe = np.where(filled, values_a, 1.0)
    band = np.where(filled, errors_a / safe, 0.0)
    axes.stairs(1 + band, plot.axis.edges, baseline=1 - band, fill=True, color=PALETTE[0],
                alpha=0.25, linewidth=0)  # fmt: skip
    axes.axhline(1, color="#666666", linewidth=0.9)
    centres = (plot.axis.edges[1:] + plot.axis.edges[:-1]) / 2
    shown = filled & (values_b != 0)
    ratio, error = (values_b / safe)[shown], (errors_b / safe)[shown]
    far = float(np.max(np.abs(ratio - 1)[error < 0.3], initial=0.0))
    half = next((step for step in (0.1, 0.25, 0.5) if far < 0.8 * step), 1.0)
    axes.set_ylim(1 - half, 1 + half)
    axes.errorbar(centres[shown], ratio, error, **points)
    for marker, out, edge in (("^", ratio > 1 + half, 1 + 0.9 * half),
                              ("v", ratio < 1 - half, 1 - 0.9 * half)):  # fmt: skip
        axes.plot(centres[shown][out], np.full(out.sum(), edge), marker, color=points["color"],
                  markersize=4)  # fmt: skip


def _y_range(axes: Axes, drawn: list[Array], log: bool, decades: int, head: float = 0.06) -> None:
    """Set the y axis; ``head`` is the part of the height that stays free at the top."""
    highest = max((float(values.max()) for values in drawn), default=0.0)
    lowest = min((float(values.min()) for values in drawn), default=0.0)
    if highest <= 0:
        return
    if not log:
        bottom = 1.1 * lowest if lowest < 0 else 0.0
        axes.set_ylim(bottom, bottom + (highest - bottom) / (1 - head))
        return
    positive = [values[values > 0] for values in drawn]
    least = min(float(values.min()) for values in positive if len(values))
    bottom = max(0.5 * least, highest * 10.0**-decades)
    bottom = min(bottom, highest * 10.0**-_LEAST_DECADES)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(_power_of_ten)
    axes.yaxis.set_minor_formatter("")
    axes.set_ylim(bottom, highest * (highest / bottom) ** (head / (1 - head)))


def _power_of_ten(value: float, _: object) -> str:
    """Return a tick label as plain text: mathtext would take a quarter of the time of a figure."""
    return f"10{f'{np.log10(value):.0f}'.translate(_SUPERSCRIPTS)}"


def _y_label(plot: Plot, style: Style) -> str:
    axis = plot.axis
    width = f"{(axis.stop - axis.start) / axis.bins:.3g}"
    if axis.discrete:
        per = ""
    else:
        per = " / bin" if plot.unit == "rad" else f" / {f'{width} {plot.unit}'.strip()}"
    if not style.in_pb(plot):
        return f"fraction of {plot.of}{per}"
    return f"{'σ' if plot.of == 'events' else f'σ × {plot.of}'}{per} [pb]"


def _x_axis(axes: Axes, plot: Plot) -> None:
    axis = plot.axis
    axes.set_xlim(axis.start, axis.stop)
    axes.set_xlabel(f"{plot.label} [{plot.unit}]" if plot.unit else plot.label)
    if axis.names:
        axes.set_xticks(range(axis.bins), axis.names)
    elif axis.discrete and axis.stop - axis.start == axis.bins:
        axes.set_xticks(range(axis.bins))
    elif plot.unit == "rad":
        quarters = np.arange(-2, 3)
        names = ["−π", "−π/2", "0", "π/2", "π"]
        axes.set_xticks(quarters * np.pi / 2, names)
    if axis.discrete:
        axes.tick_params(axis="x", which="minor", bottom=False, top=False)


def _header(axes: Axes, level: str, name: str) -> None:
    """Say above the frame that this is simulation, on which level, and of which dataset."""
    what = "Simulation" if level == "reconstructed" else f"Simulation, {level} level"
    axes.text(0, 1.02, what, transform=axes.transAxes, weight="bold", fontsize=11)
    axes.text(1, 1.02, _short(name, 40), transform=axes.transAxes, ha="right", fontsize=11)


def _short(name: str, length: int = 22) -> str:
    """Cut a name that is too long, and keep matplotlib from reading it as mathematics."""
    return (name if len(name) <= length else f"{name[: length - 1]}…").replace("$", r"\$")
