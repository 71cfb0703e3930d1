"""An encoder with its normalisation and the heads of its tasks: what a checkpoint holds."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn

from topfm import registry
from topfm.config import Encoder as EncoderConfig
from topfm.config import Task as TaskConfig
from topfm.data.batch import batch_of
from topfm.data.draw import Draw
from topfm.data.events import Events, Label
from topfm.data.normalise import Normaliser
from topfm.interfaces import Encoded, Encoder, Task, Term


class Model(nn.Module):
    """Events in, parts of a loss out: ``forward`` is what is trained.

    Tensors are named ``normaliser.*``, ``encoder.*`` and ``tasks.<name>.*``.
    """

    def __init__(
        self, encoder: nn.Module, tasks: dict[str, nn.Module], shares: dict[str, float]
    ) -> None:
        super().__init__()
        self.normaliser = Normaliser()
        self.encoder = encoder
        self.tasks = nn.ModuleDict(tasks)
        self.shares = shares

    def task(self, name: str) -> Task:
        """Return a task by name."""
        return cast(Task, self.tasks[name])

    def forward(self, events: Events, draws: dict[str, Draw]) -> dict[str, Term]:
        """Return the parts of the loss of all tasks, named ``task.part``."""
        batch = batch_of(events, self.normaliser)
        terms: dict[str, Term] = {}
        for name in self.tasks:
            task = self.task(name)
            question = task.ask(batch, draws[name])
            encoder = cast(Encoder, self.encoder)
            encoded = encoder(question.batch, question.query, task.reads_objects)
            for part, term in task.terms(encoded, question, events, self.normaliser).items():
                share = term.share * self.shares[name]
                terms[f"{name}.{part}"] = Term(term.total, term.norm, share)
        return terms

    def encode(self, events: Events) -> Encoded:
        """Encode events of which nothing is hidden; without embeddings of objects."""
        encoder = cast(Encoder, self.encoder)
        return encoder(batch_of(events, self.normaliser), objects=False)

    def logits(self, events: Events) -> Tensor:
        """Return what ``classify`` says of events, uncalibrated, float [B, C]."""
        return cast(Any, self.tasks["classify"]).logits(self.encode(events))  # type: ignore[no-any-return]


def make_model(encoder: EncoderConfig, tasks: dict[str, TaskConfig], label: Label | None) -> Model:
    """Make a model with fresh weights from torch's global generator.

    Raises :class:`topdata.errors.RecipeError` for a name or an option that does not exist.
    """
    made = registry.make(registry.ENCODERS, encoder.name, **encoder.options)
    heads = {
        name: registry.make(registry.TASKS, name, made.width, label, **task.options)
        for name, task in tasks.items()
    }
    return Model(made, heads, {name: task.weight for name, task in tasks.items()})
