"""What a model says of events, in batches, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from topdata.progress import Progress, Silent
from topfm.data.events import Events
from topfm.data.order import batches_of
from topfm.model import Model

Array = npt.NDArray[Any]
_BATCH = 1024


@dataclass(frozen=True, slots=True)
class Prediction:
    """Answers for n events."""

    probabilities: Array | None  # float32 [n, C], calibrated; None without `classify`
    embedding: Array  # float32 [n, D]


@torch.no_grad()
def predict(model: Model, events: Events, *, progress: Progress | None = None) -> Prediction:
    """Return probabilities and embeddings of events, on the CPU or where the model is."""
    progress = progress or Silent()
    model.eval()
    device = str(next(model.parameters()).device)
    head = cast(Any, model.tasks["classify"]) if "classify" in model.tasks else None
    probabilities, embeddings = [], []
    progress.start("predicting", len(events), unit="events")
    for rows in batches_of(torch.arange(len(events)), _BATCH):
        encoded = model.encode(events.rows(rows).to(device))
        embeddings.append(encoded.event.float().cpu().numpy())
        if head is not None:
            probabilities.append(head.probabilities(head.logits(encoded)).float().cpu().numpy())
        progress.advance(len(rows), events=len(rows))
    return Prediction(
        np.concatenate(probabilities) if probabilities else None, np.concatenate(embeddings)
    )
