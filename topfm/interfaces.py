"""What an encoder and a task are: the run joins them, neither knows the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from torch import Tensor

from topfm.data.batch import EventBatch


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encoder makes of B events with N slots."""

    objects: Tensor  # float [B, N, D]; of empty slots nothing may be read
    event: Tensor  # float [B, D]


class Encoder(Protocol):
    """An architecture: registered under the entry-point group ``topfm.encoders``.

    It must not depend on the content of empty slots, nor on the order of objects unless
    ``ordered`` says so (``tests/contract/test_encoders.py``).
    """

    name: ClassVar[str]
    ordered: ClassVar[bool]  # the order of slots has a meaning
    width: int  # D

    def __call__(self, batch: EventBatch, query: Tensor | None = None) -> Encoded:
        """Encode a batch; ``query`` (float [B, N, D]) is added to the embedded objects."""
        ...

    def config(self) -> dict[str, Any]:
        """Return what makes the encoder again: arguments of its constructor, in plain types."""
        ...
