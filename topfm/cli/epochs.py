"""What a training tells while it goes on: a bar, a line an epoch, curves for TensorBoard."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import typer

from topdata.errors import RecipeError
from topdata.terminal import Bar


class Epochs:
    """A :class:`topdata.progress.Progress` for trainings."""

    def __init__(self, *, silent: bool, board: Path | None = None) -> None:
        self._bar, self._silent, self._board = Bar(), silent, board
        self._writer: Any = None
        self._open = ExitStack()

    def __enter__(self) -> Epochs:
        self._open.enter_context(self._bar)
        if self._board is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise RecipeError(
                    "--tensorboard needs its package: pip install 'topdata[tensorboard]'"
                ) from None
            self._writer = SummaryWriter(str(self._board))
            self._open.callback(self._writer.close)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def start(self, stage: str, total: int, unit: str = "bytes") -> None:
        """A stage begins."""
        self._bar.start(stage, total, unit)

    def advance(self, done: int, events: int = 0) -> None:
        """Some events are done."""
        self._bar.advance(done, events)

    def note(self, event: str, **facts: Any) -> None:
        """Print an epoch as one line."""
        if event == "threads":
            typer.echo(
                f"resumed with {facts['now']} threads after {facts['before']}: the result may "
                "differ in the last bits",
                err=True,
            )
        if event == "seen":
            typer.echo(
                f"warning: {facts['share']:.1%} of the events of {facts['split']!r} were in the "
                "training data of the checkpoint: figures on them are too good",
                err=True,
            )
        if event != "epoch":
            return
        if self._writer is not None:
            for split in ("train", "validation"):
                for name, value in facts[split].items():
                    self._writer.add_scalar(f"{name}/{split}", value, facts["step"])
            self._writer.add_scalar("learning_rate", facts["learning_rate"], facts["step"])
        if not self._silent:
            parts = "  ".join(
                f"{name} {value:.4f}"
                for name, value in facts["validation"].items()
                if name != "loss"
            )
            typer.echo(
                f"epoch {facts['epoch']:3d}  train {facts['train']['loss']:.4f}  validation "
                f"{facts['validation']['loss']:.4f}{'*' if facts['best'] else ' '}  ({parts})  "
                f"{facts['events_per_second']:,.0f} events/s"
            )
