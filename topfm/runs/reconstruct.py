"""What ``masked`` finds of what is hidden from events: errors by object and variable."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch

from topfm.data.batch import batch_of
from topfm.data.draw import Draw
from topfm.data.events import Events, present
from topfm.data.order import batches_of
from topfm.evaluation.reconstruction import (
    OBJECTS,
    TOPS,
    WS,
    object_means,
    reconstruction_errors,
    type_accuracy,
)
from topfm.evaluation.report import Reconstruction
from topfm.model import Model
from topfm.tasks.masked import Masked

_BATCH = 1024
_TRUE = (("ws", WS), ("tops", TOPS))


def reconstructions(
    model: Model, events: Events, train: Events, *, seed: int = 0
) -> list[Reconstruction]:
    """Return the errors with variables hidden at random, and with whole objects hidden.

    The masks follow from the seed: two models are asked the same. ``train`` gives the means that
    stand beside. True Ws and tops are answered from the whole event.
    """
    task = cast(Masked, model.tasks["masked"])
    found = [
        _reconstruction(model, task, events, train, how, objectwise, seed)
        for how, objectwise in ((f"{task.fraction:.0%} of variables", 0.0), ("whole objects", 1.0))
    ]
    if task.truth:
        found.append(_truth(model, task, events, train))
    return found


def _reconstruction(
    model: Model,
    task: Masked,
    events: Events,
    train: Events,
    how: str,
    objectwise: float,
    seed: int,
) -> Reconstruction:
    answers = _answers(model, task, events, objectwise, seed)
    n_slots = events.type.shape[1]
    true, there = events.variables.numpy(), present(events.type).numpy()
    means = object_means(train.variables.numpy(), present(train.type).numpy(), OBJECTS)
    errors = reconstruction_errors(
        answers["values"][:, :n_slots], true, answers["hidden"][:, :n_slots], there, means, OBJECTS
    )
    accuracy, commonest = type_accuracy(
        answers["types"][:, :n_slots], events.type.numpy(), answers["type_hidden"][:, :n_slots]
    )
    return Reconstruction(
        hidden=how, errors=tuple(errors), type_accuracy=accuracy, commonest_type=commonest
    )


def _truth(model: Model, task: Masked, events: Events, train: Events) -> Reconstruction:
    """Return the errors of true Ws and tops, from events of which nothing else is hidden."""
    answers = _answers(model, task, events, None, 0)
    first = events.type.shape[1]
    errors = []
    for name, objects in _TRUE:
        true = getattr(events, name).numpy()
        there = true[..., 0] > 0
        of_train = getattr(train, name).numpy()
        means = object_means(of_train, of_train[..., 0] > 0, objects)
        values = answers["values"][:, first : first + true.shape[1]]
        hidden = np.broadcast_to(there[..., None], true.shape)
        errors += reconstruction_errors(values, true, hidden, there, means, objects)
        first += true.shape[1]
    return Reconstruction(hidden="true Ws and tops", errors=tuple(errors))


@torch.no_grad()
def _answers(
    model: Model, task: Masked, events: Events, objectwise: float | None, seed: int
) -> dict[str, Any]:
    """Return answers [n, S, 7] and types [n, S] with what was hidden; None hides nothing."""
    model.eval()
    parts: dict[str, list[Any]] = {"values": [], "types": [], "hidden": [], "type_hidden": []}
    for index, rows in enumerate(batches_of(torch.arange(len(events)), _BATCH)):
        batch = batch_of(events.rows(rows), model.normaliser)
        draw = Draw(seed, index, events=len(rows))
        values, types, whole = task.masks(batch, draw, objectwise or 0.0)
        if objectwise is None:
            values, types = torch.zeros_like(values), torch.zeros_like(types)
        question = task.question(batch, values, types, whole)
        encoded = cast(Any, model.encoder)(question.batch, question.query)
        answers, logits = task.answers(encoded)
        parts["values"].append(task.restored(answers, model.normaliser).numpy())
        parts["types"].append(logits.argmax(-1).numpy())
        assert question.values is not None
        assert question.types is not None
        parts["hidden"].append(question.values.numpy())
        parts["type_hidden"].append(question.types.numpy())
    return {name: np.concatenate(blocks) for name, blocks in parts.items()}
