"""``classify``: which class an event belongs to, from its event embedding."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from topfm.data.batch import EventBatch
from topfm.data.draw import Draw
from topfm.data.events import Events, Label
from topfm.data.normalise import Normaliser
from topfm.interfaces import Encoded, Question, Term


class Classify(nn.Module):
    """A two-layer head and the cross-entropy, weighted by event.

    ``temperature`` is fitted on validation events after the training (``topfm.runs.train``) and
    travels with the weights: probabilities are calibrated, the loss is not touched.
    """

    name: ClassVar[str] = "classify"
    needs_label: ClassVar[bool] = True
    reads_objects: ClassVar[bool] = False

    def __init__(
        self, width: int, label: Label | None, dropout: float = 0.0, smoothing: float = 0.0
    ) -> None:
        super().__init__()
        if label is None or len(label.classes) < 2:
            raise ValueError("there are no two classes to tell apart")
        if not 0 <= dropout < 1 or not 0 <= smoothing < 1:
            raise ValueError("dropout and smoothing are from 0 to below 1")
        self._options = {"dropout": dropout, "smoothing": smoothing}
        self.smoothing = smoothing
        self.inner = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.outer = nn.Linear(width, len(label.classes))
        self.register_buffer("temperature", torch.ones(()))

    temperature: Tensor

    def ask(self, batch: EventBatch, draw: Draw) -> Question:
        """Show the whole event."""
        return Question(batch)

    def terms(
        self, encoded: Encoded, question: Question, events: Events, normaliser: Normaliser
    ) -> dict[str, Term]:
        """Return the weighted cross-entropy over the number of events.

        Weights have mean 1, so the quotient is the mean; dividing by their sum in the batch would
        let a batch of little or negative weight shout.
        """
        logits = self.logits(encoded)
        entropy = functional.cross_entropy(
            logits, events.label, reduction="none", label_smoothing=self.smoothing
        )
        total = (entropy * events.weight.to(entropy.dtype)).sum()
        return {"cross_entropy": Term(total, total.new_tensor(float(len(events))))}

    def logits(self, encoded: Encoded) -> Tensor:
        """Return uncalibrated scores, float [B, C]."""
        logits: Tensor = self.outer(self.dropout(functional.gelu(self.inner(encoded.event))))
        return logits

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return calibrated probabilities, float [B, C]."""
        return functional.softmax(logits / self.temperature, dim=-1)

    def options(self) -> dict[str, Any]:
        """See :class:`topfm.interfaces.Task`."""
        return dict(self._options)
