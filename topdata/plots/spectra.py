"""Filling: ``hist`` histograms with weights, and what the comparison needs beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from topdata.errors import TopdataError
from topdata.kinematics import Array
from topdata.plots.catalogue import Plot
from topdata.plots.columns import Columns
from topdata.plots.entries import Entries

if TYPE_CHECKING:
    import hist

Cells = tuple[str, int]  # name of a plot, position of a process


def require_extra() -> None:
    """Raise :class:`TopdataError` where the packages of the extra ``plot`` are not installed."""
    missing = [name for name in ("hist", "matplotlib", "mplhep") if find_spec(name) is None]
    if missing:
        raise TopdataError(f"plots need {', '.join(missing)}: pip install 'topdata[plot]'")


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One plot of one process, float64 [bins + 2]: underflow first, overflow last."""

    values: Array  # sum of weights, pb (or events, where the plot has no weights)
    variances: Array  # sum of squared weights
    entries: Array  # number of entries

    @property
    def total(self) -> float:
        """Sum of weights, with under- and overflow."""
        return float(self.values.sum())

    def plain(self) -> dict[str, Any]:
        """Return plain types for JSON; ``flow`` is [underflow, overflow]."""
        named = {"values": self.values, "variances": self.variances, "entries": self.entries}
        inside = {name: array[1:-1].tolist() for name, array in named.items()}
        flow = {name: array[[0, -1]].tolist() for name, array in named.items()}
        return {**inside, "flow": flow}


class Spectra:
    """The histograms of all plots, each with an axis for the process."""

    def __init__(self, plots: Sequence[Plot], processes: int) -> None:
        import hist

        def made(plot: Plot, storage: Any) -> hist.Hist[Any]:
            process = hist.axis.Integer(0, processes, name="process", flow=False)
            axis = plot.axis
            return hist.Hist(
                process,
                hist.axis.Regular(axis.bins, axis.start, axis.stop, name="x", label=plot.label),
                storage=storage,
            )

        self.plots = plots
        self._weighted = {plot.name: made(plot, hist.storage.Weight()) for plot in plots}
        self._entries = {plot.name: made(plot, hist.storage.Int64()) for plot in plots}

    def fill(self, plot: Plot, entries: Entries, columns: Columns) -> None:
        """Add the entries of some events."""
        process = columns.process[entries.event]
        weight = columns.weight[entries.event] if plot.weighted else np.ones(len(entries.event))
        self._weighted[plot.name].fill(process=process, x=entries.values, weight=weight)
        self._entries[plot.name].fill(process=process, x=entries.values)

    def of(self, plot: Plot, process: int) -> Spectrum:
        """Return what was filled for a process."""
        weighted: Any = self._weighted[plot.name].view(flow=True)[process]
        entries: Any = self._entries[plot.name].view(flow=True)[process]
        return Spectrum(
            np.array(weighted["value"]), np.array(weighted["variance"]), np.array(entries)
        )


class Covariances:
    """Covariance of the bins of plots that one event may fill several times.

    The entries of one event are not independent: with x the vector that an event adds, the
    covariance of the sum is estimated by the sum of w^2 x x^T over events.
    """

    def __init__(self) -> None:
        self._sums: dict[Cells, Array] = {}

    def fill(self, plot: Plot, entries: Entries, columns: Columns) -> None:
        """Add the entries of some events."""
        from scipy.sparse import csr_array

        axis = plot.axis
        width = (axis.stop - axis.start) / axis.bins
        bin_ = np.clip(np.floor((entries.values - axis.start) / width), -1, axis.bins) + 1
        weight = columns.weight[entries.event] if plot.weighted else np.ones(len(entries.event))
        process = columns.process[entries.event]
        for position in np.unique(process):
            mine = process == position
            filled = csr_array(
                (weight[mine], (entries.event[mine], bin_[mine].astype(np.int64))),
                shape=(len(columns), axis.bins + 2),
            )
            cell = (plot.name, int(position))
            self._sums[cell] = self._sums.get(cell, 0) + (filled.T @ filled).toarray()

    def of(self, plot: Plot, process: int) -> Array | None:
        """Return the covariance [bins + 2, bins + 2], None where nothing was filled."""
        return self._sums.get((plot.name, process))


class Samples:
    """The single values and weights of plots, for tests without bins."""

    def __init__(self) -> None:
        self._parts: dict[Cells, list[tuple[Array, Array]]] = {}

    def fill(self, plot: Plot, entries: Entries, columns: Columns) -> None:
        """Keep the entries of some events: 12 bytes each."""
        process = columns.process[entries.event]
        weight = columns.weight[entries.event]
        for position in np.unique(process):
            mine = process == position
            part = (entries.values[mine].astype(np.float32), weight[mine])
            self._parts.setdefault((plot.name, int(position)), []).append(part)

    def of(self, plot: Plot, process: int) -> tuple[Array, Array]:
        """Return (values float32 [k], weights float64 [k])."""
        parts = self._parts.get((plot.name, process), [(np.zeros(0, np.float32), np.zeros(0))])
        values, weights = (np.concatenate(of) for of in zip(*parts, strict=True))
        return values, weights
