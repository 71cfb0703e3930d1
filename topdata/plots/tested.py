"""What a comparison of two datasets found."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from topdata.plots.statistics import Chi2, Distance


@dataclass(frozen=True, slots=True)
class Compared:
    """One quantity of one process in both datasets."""

    process: str  # its name in A
    plot: str
    title: str
    chi2: Chi2 | None
    ks: Distance | None
    ks_binned: bool  # the distance was taken between histograms

    @property
    def p(self) -> float:
        """The smaller p-value; 1 where nothing could be tested."""
        return min((test.p for test in (self.chi2, self.ks) if test), default=1.0)


@dataclass(frozen=True, slots=True)
class Yield:
    """Selected cross-section of one process in both datasets, pb."""

    process: str
    process_b: str
    a: float
    error_a: float  # of the selection: zero without a cut
    b: float
    error_b: float

    @property
    def pull(self) -> float | None:
        """Difference in standard deviations, None where there is no statistical error."""
        error = math.hypot(self.error_a, self.error_b)
        return (self.b - self.a) / error if error > 1e-9 * max(self.a, self.b) else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What :func:`compare_datasets` found: ``tests`` begin with the smallest p-value."""

    folder: Path
    yields: list[Yield]
    tests: list[Compared]
    notes: list[str]

    @property
    def n_tests(self) -> int:
        """Number of p-values."""
        return sum((t.chi2 is not None) + (t.ks is not None) for t in self.tests)

    def corrected(self, p: float) -> float:
        """Return the chance of such a p-value anywhere among so many tests (Bonferroni)."""
        return min(1.0, p * self.n_tests)

    def below(self, threshold: float) -> list[Compared]:
        """Return what differs: p-values under the threshold after correction."""
        return [test for test in self.tests if self.corrected(test.p) < threshold]

    def plain(self) -> dict[str, Any]:
        """Return plain types for JSON."""
        return {
            "yields": [{**asdict(y), "pull": y.pull} for y in self.yields],
            "n_tests": self.n_tests,
            "tests": [
                {**asdict(t), "p": t.p, "p_corrected": self.corrected(t.p)} for t in self.tests
            ],
            "notes": self.notes,
        }
