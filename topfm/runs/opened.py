"""A checkpoint as a model that answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

import topdata
from topfm.checkpoint.facts import Facts
from topfm.checkpoint.format import SEEN
from topfm.checkpoint.inputs import require_view
from topfm.checkpoint.load import Stored, load_into, read
from topfm.config import Encoder, RunConfig, Task, make_config
from topfm.data.events import Events, Label, load_events
from topfm.data.readable import require_readable
from topfm.data.sketch import is_sketch
from topfm.errors import CheckpointError
from topfm.located import Located
from topfm.model import Model, make_model
from topfm.runs.predict import Prediction, predict


@dataclass(frozen=True, slots=True)
class Opened:
    """A verified checkpoint, loaded."""

    folder: Path
    facts: Facts
    digest: str
    model: Model
    config: RunConfig  # of its training
    label: Label | None
    seen: Tensor | None  # sketch of the events that its weights saw

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes in the order of probabilities."""
        return self.label.classes if self.label else ()

    def predict(self, dataset: str | Path, split: str | None = None) -> Prediction:
        """Return probabilities and embeddings of the events of a dataset folder, in its order."""
        events = events_for(self, Located(Path(dataset)), split, labelled=False)
        return predict(self.model, events)


def open_checkpoint(folder: Path) -> Opened:
    """Verify a checkpoint and make its model.

    Raises :class:`CheckpointError` for damage and for tensors that do not fit, and
    :class:`topdata.errors.RecipeError` for an encoder or a task that is not installed.
    """
    stored = read(folder)
    facts = stored.facts
    label = None
    if facts.label is not None:
        label = Label(facts.label.text, tuple(facts.label.classes))
    encoder = Encoder(name=facts.encoder.name, options=dict(facts.encoder.options))
    tasks = {name: Task(options=dict(options)) for name, options in facts.tasks.items()}
    model = make_model(encoder, tasks, label)
    weights, seen = split_seen(stored)
    load_into(model, weights, where=folder)
    model.eval()
    content = facts.run.get("config")
    if not isinstance(content, dict):
        raise CheckpointError(f"{folder}: config.json says not how it was trained (run.config)")
    config = make_config(dict(content), str(folder))
    return Opened(folder, facts, stored.digest, model, config, label, seen)


def split_seen(stored: Stored) -> tuple[dict[str, Tensor], Tensor | None]:
    """Return the weights of a checkpoint, and the sketch of the events that they saw.

    None where it is not known. Raises :class:`CheckpointError` for what is no sketch.
    """
    weights = dict(stored.tensors)
    seen = weights.pop(SEEN, None)
    if seen is not None and not is_sketch(seen):
        raise CheckpointError(f"{stored.folder}: {SEEN} is no sketch of events; take another copy")
    return weights, seen


def events_for(opened: Opened, dataset: Located, split: str | None, *, labelled: bool) -> Events:
    """Return the events of a split that a checkpoint reads, with its label and classes if wanted.

    Raises :class:`topdata.errors.SchemaError` for a dataset of another view.
    """
    data = opened.config.data
    manifest = topdata.info(dataset.folder)
    require_readable(manifest, dataset.folder, parton_level=data.parton_level)
    require_view(opened.facts, manifest, dataset.folder)
    label = opened.label if labelled else None
    events, _ = load_events(
        dataset.folder,
        split=split,
        label=label.text if label else "process",
        classes=label.classes if label else None,
        parton_level=data.parton_level,
    )
    return events
