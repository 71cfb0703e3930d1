"""What a long command does: a bar on standard error where that is a terminal, or a JSON log."""

from __future__ import annotations

import json
import time
from types import TracebackType
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    """How much is done and how fast: events where there are some, else megabytes."""

    def render(self, task: Task) -> Text:
        elapsed = task.finished_time or task.elapsed
        events = task.fields["events"]
        if not elapsed:
            return Text("")
        if events:
            return Text(f"{events:,} events, {events / elapsed:,.0f}/s")
        if task.fields["unit"] != "bytes":
            return Text(f"{task.completed:,.0f} {task.fields['unit']}")
        return Text(f"{task.completed / 1e6:,.1f} MB, {task.completed / 1e6 / elapsed:,.1f} MB/s")


class Bar:
    """Shows the stages of a build or a transfer; silent without a terminal at standard error."""

    def __init__(self) -> None:
        console = Console(stderr=True, markup=False, emoji=False, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None
        self._events = 0

    @property
    def visible(self) -> bool:
        """Tell whether somebody sees it."""
        return not self._bar.disable

    @property
    def shown(self) -> Bar | None:
        """Itself where there is a terminal to see it."""
        return self if self.visible else None

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

    def start(self, stage: str, total: int, unit: str = "bytes") -> None:
        """Begin a stage of ``total`` bytes or events."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._events = 0
        self._task = self._bar.add_task(stage, total=total, events=0, unit=unit)

    def advance(self, done: int, events: int = 0) -> None:
        """Move the bar."""
        self._events += events
        if self._task is not None:
            self._bar.update(self._task, advance=done, events=self._events)

    def note(self, event: str, **facts: Any) -> None:
        """Say at once what is lost; the summary comes in the end."""
        if event == "lost" and not self._bar.disable:
            self._bar.console.print(f"lost: {facts['file']}: {facts['reason']}", soft_wrap=True)


class Interruptible:
    """Says after an interruption what to do."""

    def __init__(self, program: str = "topdata") -> None:
        self._program = program

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is KeyboardInterrupt:
            typer.echo(
                f"{self._program}: interrupted; the same command goes on from here", err=True
            )
            raise typer.Exit(130) from None


class JsonLog:
    """Writes what a build does as JSON lines with a time (seconds since 1970)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._stage, self._began, self._events = "", 0.0, 0

    def start(self, stage: str, total: int, unit: str = "bytes") -> None:
        """Write that a stage ended and that the next begins."""
        self.end()
        self._stage, self._began, self._events = stage, time.monotonic(), 0
        self.note("start", stage=stage, total=total, unit=unit)

    def advance(self, done: int, events: int = 0) -> None:
        """Count events; lines are written for jobs."""
        self._events += events

    def note(self, event: str, **facts: Any) -> None:
        """Write one line."""
        line = {"time": round(time.time(), 3), "event": event, **facts}
        print(json.dumps(line), file=self._stream, flush=True)

    def end(self) -> None:
        """Write how long the current stage took."""
        if self._stage:
            seconds = round(time.monotonic() - self._began, 3)
            self.note("end", stage=self._stage, events=self._events, seconds=seconds)
            self._stage = ""


class Both:
    """Tells two."""

    def __init__(self, *told: Bar | JsonLog) -> None:
        self._told = told

    def start(self, stage: str, total: int, unit: str = "bytes") -> None:
        """Begin a stage."""
        for one in self._told:
            one.start(stage, total, unit)

    def advance(self, done: int, events: int = 0) -> None:
        """Go on."""
        for one in self._told:
            one.advance(done, events)

    def note(self, event: str, **facts: Any) -> None:
        """Hand on."""
        for one in self._told:
            one.note(event, **facts)
