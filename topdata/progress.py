"""How long work tells what it does; ``topdata.terminal`` shows it."""

from __future__ import annotations

from typing import Any, Protocol


class Progress(Protocol):
    """Told what a command does."""

    def start(self, stage: str, total: int, unit: str = "bytes") -> None:
        """A stage begins: ``total`` bytes or events."""
        ...

    def advance(self, done: int, events: int = 0) -> None:
        """Some of the stage's units, and as many events, are done."""
        ...

    def note(self, event: str, **facts: Any) -> None:
        """Something happened; in a build ``planned``, ``job``, ``lost`` or ``written``."""
        ...


class Silent:
    """Tells nobody."""

    def start(self, stage: str, total: int, unit: str = "bytes") -> None:
        """Do nothing."""

    def advance(self, done: int, events: int = 0) -> None:
        """Do nothing."""

    def note(self, event: str, **facts: Any) -> None:
        """Do nothing."""
