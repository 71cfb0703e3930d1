"""Figures of an evaluation: one function each, which writes a PNG file.

Needs the extra ``plot``. Figures are made without pyplot and from matplotlib's own defaults, so
neither a display nor a user's matplotlibrc changes them; the same numbers give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from topdata.errors import TopdataError
from topdata.whole import write_whole
from topfm.evaluation.calibration import Reliability
from topfm.evaluation.metrics import Array, roc
from topfm.evaluation.reconstruction import VariableError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours of M. Okabe and K. Ito for all kinds of colour vision (Nature Methods 8 (2011) 441).
_PALETTE = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
_STYLE: dict[str, Any] = {
    "font.size": 11, "axes.labelsize": 12, "axes.linewidth": 0.9, "mathtext.default": "regular",
    "legend.frameon": False, "legend.fontsize": 10, "xtick.direction": "in",
    "ytick.direction": "in", "xtick.top": True, "ytick.right": True,
}  # fmt: skip
_DPI = 110
_POINTS = 500  # of a curve: more cannot be seen
_NAME = 24  # letters of a name
_MOST_CELLS = 12  # classes of a confusion matrix whose numbers are written


def roc_curves(
    path: Path,
    probabilities: Array,
    labels: Array,
    weights: Array,
    classes: Sequence[str],
    title: str = "",
) -> None:
    """Draw signal efficiency against background efficiency, each class against the rest."""
    with _figure(path, title) as axes:
        for place, name in enumerate(classes):
            x, y = roc(probabilities[:, place], labels == place, weights)
            if np.isfinite(x).all() and np.isfinite(y).all():
                kept = np.unique(np.linspace(0, len(x) - 1, _POINTS).astype(int))
                axes.plot(x[kept], y[kept], label=_short(name), **_look(place))
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="background efficiency",
                 ylabel="signal efficiency")  # fmt: skip
        _legend(axes, "lower right")


def confusion_matrix(path: Path, matrix: Array, classes: Sequence[str], title: str = "") -> None:
    """Draw a confusion matrix [C, C], each row (true class) scaled to one."""
    total = matrix.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, matrix / np.where(total > 0, total, 1.0), np.nan)
    with _figure(path, title) as axes:
        axes.imshow(np.clip(shares, 0, 1), cmap="Blues", vmin=0, vmax=1)
        names = [_short(name) for name in classes]
        axes.set_xticks(range(len(names)), names, rotation=90 if len(names) > 6 else 0)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0)
        axes.set(xlabel="most probable class", ylabel="true class")
        if len(names) <= _MOST_CELLS:
            for (row, column), share in np.ndenumerate(shares):
                text = f"{share:.2f}" if np.isfinite(share) else "–"
                axes.text(column, row, text, ha="center", va="center", fontsize=9,
                          color="white" if share > 0.6 else "black")  # fmt: skip


def reliability_diagram(path: Path, found: Mapping[str, Reliability], title: str = "") -> None:
    """Draw the observed share against the predicted probability, by bins; one line a name."""
    with _figure(path, title) as axes:
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
        for place, (name, r) in enumerate(found.items()):
            kept = np.isfinite(r.predicted)
            axes.errorbar(r.predicted[kept], r.observed[kept], r.error[kept], marker="o",
                          markersize=3.5, label=_short(name), **_look(place))  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="predicted probability", ylabel="observed share")
        _legend(axes, "upper left")


def distributions(
    path: Path,
    samples: Mapping[str, tuple[Array, Array]],
    label: str,
    *,
    limits: tuple[float, float],
    bins: int = 40,
    title: str = "",
) -> None:
    """Draw the distributions of a score or an entropy, each scaled to one.

    ``samples`` gives (values [n], weights [n]) by name; what is outside ``limits`` counts for the
    scale and is not drawn.
    """
    import mplhep

    edges = np.linspace(*limits, bins + 1)
    with _figure(path, title) as axes:
        for place, (name, (values, weights)) in enumerate(samples.items()):
            heights, _ = np.histogram(values, edges, weights=weights)
            squares, _ = np.histogram(values, edges, weights=weights**2)
            total = weights.sum()
            if total <= 0:
                continue
            look = _look(place)
            mplhep.histplot(heights / total, edges, ax=axes, yerr=np.sqrt(squares) / total,
                            flow="none", label=_short(name), **look)  # fmt: skip
        axes.set(xlim=limits, xlabel=label, ylabel="fraction of events")
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        _legend(axes, "best")


def reconstruction_bars(
    path: Path, found: Mapping[str, Sequence[VariableError]], title: str = ""
) -> None:
    """Draw RMSE over that of predicting the mean; a bar for each object, variable and name."""
    first = next(iter(found.values()))
    labels = [f"{_short(e.object)} {e.variable}" for e in first]
    height = 0.8 / len(found)
    with _figure(path, title, size=(6.4, 1.2 + 0.17 * len(labels))) as axes:
        for place, (name, errors) in enumerate(found.items()):
            ratios = [_over(e.rmse.value, e.mean_rmse) for e in errors]
            widths = [_over(e.rmse.error, e.mean_rmse) for e in errors]
            at = np.arange(len(labels)) + (place - (len(found) - 1) / 2) * height
            axes.barh(at, ratios, height, xerr=widths, label=_short(name),
                      color=_look(place)["color"])  # fmt: skip
        axes.axvline(1, color="#666666", linewidth=0.9)
        axes.set_yticks(range(len(labels)), labels, fontsize=7)
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.set_xlabel("RMSE / RMSE of predicting the mean")
        _legend(axes, "best")


def learning_curve(path: Path, log: Sequence[Mapping[str, Any]], title: str = "") -> None:
    """Draw the losses of a training log by epoch.

    An entry has ``epoch``, ``train_loss`` and ``validation_loss``. Entries without a loss, as from
    within an epoch, are left out of its line.
    """
    from matplotlib.ticker import MaxNLocator

    with _figure(path, title) as axes:
        for place, name in enumerate(("train_loss", "validation_loss")):
            points = [(e["epoch"], e[name]) for e in log if e.get(name) is not None]
            if points:
                axes.plot(*zip(*points, strict=True), marker="o", markersize=3,
                          label=name.removesuffix("_loss"), **_look(place))  # fmt: skip
        axes.set(xlabel="epoch", ylabel="loss")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend(axes, "upper right")


def require_extra() -> None:
    """Raise :class:`TopdataError` where the packages of the extra ``plot`` are not installed."""
    missing = [name for name in ("matplotlib", "mplhep") if find_spec(name) is None]
    if missing:
        raise TopdataError(f"plots need {', '.join(missing)}: pip install 'topdata[plot]'")


@contextmanager
def _figure(path: Path, title: str, size: tuple[float, float] = (5.6, 4.6)) -> Iterator[Axes]:
    """Give axes to draw in, then write the file whole."""
    require_extra()
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        if title:
            axes.set_title(_short(title, 60), loc="left", fontsize=11)
        yield axes
        stream = BytesIO()
        figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    write_whole(path, stream.getvalue())


def _look(place: int) -> dict[str, Any]:
    """Return colour and dashes of a line; no two of the first 28 are alike."""
    turn, colour = divmod(place, len(_PALETTE))
    return {
        "color": _PALETTE[colour],
        "linestyle": _DASHES[turn % len(_DASHES)],
        "linewidth": 1.4,
    }


def _legend(axes: Axes, place: str) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc=place)


def _over(value: float | None, unit: float | None) -> float:
    return value / unit if value is not None and unit else float("nan")


def _short(name: str, length: int = _NAME) -> str:
    """Cut a name that is too long, and keep matplotlib from reading it as mathematics."""
    return (name if len(name) <= length else f"{name[: length - 1]}…").replace("$", r"\$")
