"""A report as tables: in Markdown, and on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from topfm.evaluation.report import (
    CalibrationFound,
    Data,
    Metrics,
    Reconstruction,
    Report,
    Row,
)
from topfm.evaluation.values import Value

if TYPE_CHECKING:
    from rich.table import Table as RichTable


_OVERALL = (("macro AUC", "macro_auc"), ("accuracy", "accuracy"), ("log-loss", "log_loss"))


@dataclass(frozen=True, slots=True)
class Table:
    """A title, heads of columns, and rows of text."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Return a Markdown table under its title."""
        lines = [
            f"**{_cell(self.title)}**", "", _line(self.head),
            _line(("---", *("---:" for _ in self.head[1:]))),
        ]  # fmt: skip
        return "\n".join([*lines, *map(_line, self.rows)]) + "\n"

    def rich(self) -> RichTable:
        """Return a table for the terminal."""
        from rich import box
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(self.title),
                          title_justify="left")  # fmt: skip
        for position, name in enumerate(self.head):
            table.add_column(Text(name), justify="right" if position else "left")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table


def tables(report: Report) -> Iterator[Table]:
    """Return the report as tables, section by section."""
    if report.metrics:
        yield _classes(report.data, report.metrics)
        yield from (_efficiencies(report.data, m) for m in report.metrics)
        yield _confusion(report.data, report.metrics[0])
    if report.calibration:
        yield _calibration(report.calibration)
    if report.baselines:
        yield _baselines(report.baselines)
    yield from map(_reconstruction, report.reconstruction)


def markdown(report: Report) -> str:
    """Return all tables of a report in Markdown."""
    return "\n".join(table.markdown() for table in tables(report))


def _classes(data: Data, metrics: Sequence[Metrics]) -> Table:
    rows = [
        (f"AUC, {name}", f"{data.events.get(name, 0)}", *(str(m.auc[name]) for m in metrics))
        for name in data.classes
    ]
    total = f"{sum(data.events.values())}"
    for name, field in _OVERALL:
        rows.append((name, total, *(str(getattr(m, field)) for m in metrics)))
    head = ("", "events", *(f"{m.weights} weights" for m in metrics))
    return Table(f"{data.label}, {data.name}, {data.split}", head, tuple(rows))


def _efficiencies(data: Data, metrics: Metrics) -> Table:
    rows = [
        (name, efficiency, *(str(found[name][background]) for background in metrics.backgrounds))
        for efficiency, found in sorted(metrics.background_efficiency.items(), reverse=True)
        for name in data.classes
    ]
    head = ("signal", "efficiency", *metrics.backgrounds)
    return Table(f"Background efficiency, {metrics.weights} weights", head, tuple(rows))


def _confusion(data: Data, metrics: Metrics) -> Table:
    rows = tuple(
        (name, *("–" if cell is None else f"{cell:.5g}" for cell in row))
        for name, row in zip(data.classes, metrics.confusion, strict=True)
    )
    title = f"Confusion, {metrics.weights} weights: true class in rows, predicted in columns"
    return Table(title, ("", *data.classes), rows)


def _calibration(found: CalibrationFound) -> Table:
    rows = (
        ("log-loss", str(found.log_loss), str(found.log_loss_scaled)),
        ("calibration error", str(found.calibration_error), str(found.calibration_error_scaled)),
    )
    temperature = "–" if found.temperature is None else f"{found.temperature:.3f}"
    return Table("Calibration", ("", "as trained", f"at temperature {temperature}"), rows)


def _baselines(found: Sequence[Row]) -> Table:
    rows = tuple(
        (row.name, str(row.macro_auc), str(row.macro_auc_pb), str(row.log_loss),
         str(row.difference) if row.difference else "")
        for row in found
    )  # fmt: skip
    head = ("classifier", "macro AUC", "macro AUC, pb", "log-loss", "model − this")
    return Table("Baselines", head, rows)


def _reconstruction(found: Reconstruction) -> Table:
    rows = []
    for e in found.errors:
        mae, mean_mae, mean_rmse = (Value(value=x) for x in (e.mae, e.mean_mae, e.mean_rmse))
        cells = map(str, (mae, mean_mae, e.rmse, mean_rmse))
        rows.append((e.object, e.variable, e.unit, f"{e.entries}", *cells))
    if found.type_accuracy is not None and found.commonest_type is not None:
        share = (f"{found.type_accuracy:.4g}", f"{found.commonest_type:.4g}")
        rows.append(("all", "type", "", "", *share, "", ""))
    head = ("object", "variable", "unit", "entries", "MAE", "of the mean", "RMSE", "of the mean")
    return Table(f"Reconstruction, hidden: {found.hidden}", head, tuple(rows))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
