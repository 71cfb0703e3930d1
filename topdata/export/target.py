"""What an exporter is: a class that writes the events of a split in the format of a program.

Exporters are found through the entry points ``topdata.exporters``. A new one is one new file with
a subclass of :class:`Target`, and one entry-point line.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import BaseModel, ConfigDict

from topdata.errors import RecipeError
from topdata.export.events import Events
from topdata.export.source import Source
from topdata.export.topology import Topology


class Options(BaseModel):
    """Base of the options of a target; a name that is not declared is refused."""

    model_config = ConfigDict(extra="forbid")


class TopOptions(Options):
    """Options of the targets that assign objects to tops."""

    tops: int | None = None  # in an event at most; by default as many as there are
    leptonic: int = 0  # of them


@dataclass
class Written:
    """One data file."""

    path: str  # in the output folder
    split: str
    events: int
    sum_weight: float  # pb
    arrays: dict[str, str] = field(default_factory=dict)  # name -> type and shape


class Target(ABC):
    """Writes one output folder. ``counts`` is what the report says was kept and dropped."""

    title: ClassVar[str]  # the program and its format
    options: ClassVar[type[Options]]

    def __init__(
        self, folder: Path, source: Source, options: Any, provenance: dict[str, Any]
    ) -> None:
        self.folder = folder
        self.source = source
        self.chosen = options
        self.provenance = provenance
        self.counts: Counter[str] = Counter()
        self.prepare()

    def prepare(self) -> None:  # noqa: B027  most targets have something to do here, none must
        """Work out from the dataset and the options what the files will look like."""

    @abstractmethod
    def write(self, split: str, blocks: Iterable[Events]) -> list[Written]:
        """Write the events of a split; ``blocks`` can be gone through once."""

    def finish(self) -> None:  # noqa: B027  most targets have something to do here, none must
        """Write what describes the data files, after the last split."""

    @abstractmethod
    def conventions(self) -> str:
        """Return Markdown that says what is in the files and how the program reads them."""

    def classes(self) -> str:
        """Return the process of every class in words."""
        names = enumerate(self.source.manifest.classes)
        return ", ".join(f"{index} {name}" for index, name in names)

    def write_yaml(self, name: str, content: dict[str, Any], comment: str) -> None:
        """Write a configuration file of the program, in the order given."""
        lines = "".join(f"# {line}\n" for line in comment.splitlines())
        text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=100)
        (self.folder / name).write_text(lines + text, encoding="utf-8")


class TopTarget(Target):
    """A target that describes events by a fixed number of tops."""

    options: ClassVar[type[Options]] = TopOptions
    most_leptonic: ClassVar[int | None] = None  # tops, where the format has no room for more

    def prepare(self) -> None:
        """Find the tops that the options ask for; :class:`RecipeError` where there are none."""
        options: TopOptions = self.chosen
        tops = self.source.most_tops if options.tops is None else options.tops
        if tops < 1:
            raise RecipeError(f"{self.source.path}: no true tops to assign jets to; give --tops")
        leptonic, room = options.leptonic, self.most_leptonic
        if not 0 <= leptonic <= tops:
            raise RecipeError(f"--leptonic {leptonic}: from 0 to the {tops} tops of an event")
        if room is not None and leptonic > room:
            raise RecipeError(f"--leptonic {leptonic}: this format has room for {room}")
        self.topology = Topology(tops - leptonic, leptonic)
