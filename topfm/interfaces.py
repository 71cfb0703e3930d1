"""What an encoder and a task are: the model joins them, neither knows the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from torch import Tensor

from topfm.data.batch import EventBatch
from topfm.data.draw import Draw
from topfm.data.events import Events
from topfm.data.normalise import Normaliser


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encoder makes of B events with N slots."""

    objects: Tensor  # float [B, N, D]; of empty slots nothing may be read; N = 0 if not asked for
    event: Tensor  # float [B, D]


class Encoder(Protocol):
    """An architecture: registered under the entry-point group ``topfm.encoders``.

    It must not depend on the content of empty slots, nor on the order of objects unless
    ``ordered`` says so. A batch may have more slots than the view: questions that a task appends.
    Where it has a list of modules named ``blocks``, layer-wise learning rates follow it.
    """

    name: ClassVar[str]
    ordered: ClassVar[bool]  # the order of slots has a meaning
    width: int  # D

    def __call__(
        self, batch: EventBatch, query: Tensor | None = None, objects: bool = True
    ) -> Encoded:
        """Encode a batch; ``query`` (float [B, N, D]) is added to the embedded objects.

        Without ``objects`` nobody reads their embeddings, which may be left out.
        """
        ...

    def options(self) -> dict[str, Any]:
        """Return what makes the encoder again: arguments of its constructor, in plain types."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """What a task shows to the encoder, and what it will ask about."""

    batch: EventBatch
    query: Tensor | None = None  # float [B, N, D]
    values: Tensor | None = None  # bool [B, N, V]: variables to be found
    types: Tensor | None = None  # bool [B, N]: types to be found


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a loss over the events of this process.

    The part is the quotient of the sums over all processes, times ``share``.
    """

    total: Tensor  # float []
    norm: Tensor  # float [], without gradient
    share: float = 1.0


class Task(Protocol):
    """An objective: registered under the entry-point group ``topfm.tasks``.

    Made from the width of the encoder, the label (None where nothing is classified) and options.
    A loss must not depend on padding, and is the same for the same draws.
    """

    name: ClassVar[str]
    needs_label: ClassVar[bool]
    reads_objects: ClassVar[bool]  # or the event embedding alone

    def ask(self, batch: EventBatch, draw: Draw) -> Question:
        """Return what the encoder is shown of a batch in which nothing is hidden."""
        ...

    def terms(
        self, encoded: Encoded, question: Question, events: Events, normaliser: Normaliser
    ) -> dict[str, Term]:
        """Return the parts of the loss; ``events.weight`` says what an event counts."""
        ...

    def options(self) -> dict[str, Any]:
        """Return the options that make the task again, in plain types."""
        ...
