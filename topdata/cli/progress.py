"""A progress bar on standard error, where that is a terminal."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} events/s" if speed else "")


class Bar:
    """Shows the stages of a build or a transfer; silent without a terminal at standard error.

    ``unit`` is what is counted, events or bytes.
    """

    def __init__(self, unit: str = "events") -> None:
        console = Console(stderr=True)
        counted: tuple[ProgressColumn, ...] = (MofNCompleteColumn(), _Rate())
        if unit == "bytes":
            counted = (DownloadColumn(), TransferSpeedColumn())
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            *counted,
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None

    @property
    def visible(self) -> bool:
        """Tell whether somebody sees it."""
        return not self._bar.disable

    def __enter__(self) -> Bar:
        if not self._bar.disable:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._bar.disable:
            self._bar.stop()

    def planning(self, path: str) -> None:
        """Show which source is opened."""
        self._show(f"planning {path.rpartition('/')[2]}", None)

    def start(self, stage: str, total: int) -> None:
        """Begin a stage."""
        self._show(stage, total)

    def advance(self, amount: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.advance(self._task, amount)

    def _show(self, text: str, total: int | None) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(text, total=total)
