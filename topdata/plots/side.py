"""One of the two datasets of a comparison, filled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from topdata.kinematics import Array
from topdata.manifest import Manifest
from topdata.plots.catalogue import Plot
from topdata.plots.columns import events_of, read
from topdata.plots.spectra import Covariances, Samples, Spectra
from topdata.progress import Progress


def continuous(plot: Plot) -> bool:
    """Tell whether single values are kept: one an event, and hardly ever the same twice."""
    return plot.of == "events" and not plot.axis.discrete and plot.weighted


class Side:
    """One of the two datasets, filled."""

    def __init__(
        self,
        dataset: Path,
        manifest: Manifest,
        names: list[str],
        split: str | None,
        plots: Sequence[Plot],
    ) -> None:
        self.dataset, self.manifest, self.names, self.split = dataset, manifest, names, split
        self.plots = plots
        self.events = sum(events_of(manifest, name, split) for name in names)
        self.spectra = Spectra(plots, len(names))
        self.covariances, self.samples = Covariances(), Samples()

    def fill(self, *, keep: bool, progress: Progress) -> None:
        """Read the events; keep single values if told."""
        progress.start(f"reading {self.manifest.name}", self.events, "events")
        for columns in read(self.dataset, self.manifest, self.names, self.split):
            for plot in self.plots:
                entries = plot.entries(columns)
                self.spectra.fill(plot, entries, columns)
                if plot.of != "events":
                    self.covariances.fill(plot, entries, columns)
                elif keep and continuous(plot):
                    self.samples.fill(plot, entries, columns)
            progress.advance(len(columns), len(columns))

    def covariance(self, plot: Plot, position: int) -> Array:
        """Return the covariance of the bins, or their variances where events fill one each."""
        covariance = self.covariances.of(plot, position)
        return self.spectra.of(plot, position).variances if covariance is None else covariance
