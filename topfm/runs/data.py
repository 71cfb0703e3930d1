"""Events of a training, weighted, and what is remembered of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

import topdata
from topdata.manifest import Manifest
from topfm.checkpoint.facts import DataSeen, data_seen
from topfm.config import Data
from topfm.data.events import Events, Label, load_events
from topfm.data.weights import weighted
from topfm.located import Located


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a training reads."""

    train: Events
    validation: Events
    label: Label | None  # None where nothing is classified
    seen: DataSeen
    manifest: Manifest


def prepare(dataset: Located, config: Data, *, labelled: bool, seed: int) -> Prepared:
    """Load and weigh the events of a training.

    ``config.labels`` limits the training events, and those of validation to as many: who has few
    labels has few to choose an epoch with. Without a label classes are processes, for weights only.

    Raises the errors of :func:`topfm.data.events.load_events` and
    :func:`topfm.data.weights.weighted`.
    """
    text = config.label if labelled else "process"
    classes: Sequence[str] | None = config.classes if labelled else None
    loaded = []
    for split in (config.train, config.validation):
        events, label = load_events(
            dataset.folder, split=split, label=text, classes=classes, processes=config.processes,
            limit=config.labels, seed=seed, parton_level=config.parton_level,
        )  # fmt: skip
        classes = label.classes
        loaded.append(events)
    train = weighted(loaded[0], label, config)
    validation = weighted(loaded[1], label, config, where=config.validation, complete=False)
    manifest = topdata.info(dataset.folder)
    rows, counts = torch.unique(train.source, return_counts=True)
    seen = data_seen(
        manifest, dataset.folder, split=config.train, address=dataset.address,
        revision=dataset.revision, sources=dict(zip(rows.tolist(), counts.tolist(), strict=True)),
    )  # fmt: skip
    return Prepared(train, validation, label if labelled else None, seen, manifest)
