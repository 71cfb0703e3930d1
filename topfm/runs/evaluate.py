"""How good a checkpoint is on a dataset, beside trees and the same network from scratch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

import topdata
from topdata.progress import Progress, Silent
from topfm.config import Finetune, Training
from topfm.data.events import Events
from topfm.data.sketch import event_hashes, known
from topfm.data.weights import weighted
from topfm.errors import CheckpointError
from topfm.evaluation import metrics, plots
from topfm.evaluation.baselines import boosted_trees
from topfm.evaluation.bootstrap import REPLICAS
from topfm.evaluation.calibration import reliability, scaled
from topfm.evaluation.classification import baseline_row, calibration, classification
from topfm.evaluation.metrics import Array
from topfm.evaluation.report import Data, Metrics, Report, Row
from topfm.located import Located
from topfm.runs.data import prepare
from topfm.runs.opened import Opened, events_for, open_checkpoint
from topfm.runs.predict import predict
from topfm.runs.reconstruct import reconstructions
from topfm.runs.train import pretrain

PICTURES = ("roc.png", "confusion.png", "calibration.png", "reconstruction.png", "truth.png")


def evaluate(
    checkpoint: Path, dataset: Located, *, split: str = "test", baselines: bool = False,
    pictures: Path | None = None, n_replicas: int = REPLICAS, seed: int = 0,
    progress: Progress | None = None,
) -> Report:  # fmt: skip
    """Evaluate a checkpoint on a split of a dataset.

    ``baselines`` trains, on the training events of this dataset with the settings and the number of
    labels of the checkpoint: boosted trees on the same inputs and on multiplicities, and the same
    network from scratch. ``pictures`` is a folder for plots. Errors are from ``n_replicas``
    bootstrap replicas.

    Raises :class:`CheckpointError` for a checkpoint that cannot be used, and the errors of
    :func:`topfm.data.events.load_events`.
    """
    progress = progress or Silent()
    if pictures is not None:
        plots.require_extra()
        pictures.mkdir(parents=True, exist_ok=True)
    opened = open_checkpoint(checkpoint)
    events = events_for(opened, dataset, split, labelled=opened.label is not None)
    report = Report(data=_data(opened, dataset, split, events))
    if "classify" in opened.model.tasks:
        report = _classified(report, opened, dataset, events, baselines, pictures, n_replicas,
                             seed, progress)  # fmt: skip
    elif baselines:
        raise CheckpointError(f"{checkpoint}: has no classify task to set beside baselines")
    if "masked" in opened.model.tasks:
        train = events_for(opened, dataset, opened.config.data.train, labelled=False)
        found = reconstructions(opened.model, events, train, seed=seed)
        report = report.model_copy(update={"reconstruction": tuple(found)})
        if pictures is not None:
            plots.reconstruction_bars(
                pictures / "reconstruction.png", {r.hidden: r.errors for r in found[:2]}
            )
            if found[2:]:
                plots.reconstruction_bars(
                    pictures / "truth.png", {r.hidden: r.errors for r in found[2:]}
                )
    return report


def _data(opened: Opened, dataset: Located, split: str, events: Events) -> Data:
    manifest = topdata.info(dataset.folder)
    label = opened.label
    classes = label.classes if label else tuple(manifest.classes)
    counts = torch.bincount(events.label, minlength=len(classes)).tolist()
    return Data(
        name=dataset.address or manifest.name,
        split=split,
        fingerprint=manifest.view_fingerprint,
        label=label.text if label else "",
        classes=classes if label else (),
        events=dict(zip(classes, counts, strict=True)) if label else {"all": len(events)},
        absent=metrics.absent(events.label.numpy(), classes) if label else (),
        sum_weight=float(events.weight.sum()),
        negative=int((events.weight < 0).sum()),
        left_out=manifest.split_counts().get(split, 0) - len(events),
        seen=None if opened.seen is None else known(opened.seen, event_hashes(events)),
    )


def _classified(
    report: Report, opened: Opened, dataset: Located, events: Events, baselines: bool,
    pictures: Path | None, n_replicas: int, seed: int, progress: Progress,
) -> Report:  # fmt: skip
    assert opened.label is not None
    probabilities = predict(opened.model, events, progress=progress).probabilities
    assert probabilities is not None
    labels, pb = events.label.numpy(), events.weight.numpy()
    groups: Array | None = None
    names: tuple[str, ...] = ()
    if opened.label.text != "process":
        names = tuple(topdata.info(dataset.folder).classes)
        groups = events.process.numpy()
    found = tuple(
        classification(
            probabilities, labels, weights, opened.label.classes, kind=kind, groups=groups,
            group_names=names, n_replicas=n_replicas, seed=seed,
        )
        for kind, weights in (("unit", np.ones(len(labels))), ("pb", pb))
    )  # fmt: skip
    temperature = float(opened.model.tasks["classify"].temperature)  # type: ignore[arg-type]
    raw = scaled(probabilities, 1 / temperature)
    mixture = _mixture(opened, events, report.data.split)
    calibrated = calibration(raw, labels, mixture, temperature, n_replicas=n_replicas, seed=seed)
    rows: tuple[Row, ...] = ()
    if baselines:
        own = baseline_row("checkpoint", probabilities, labels, pb, n_replicas=n_replicas,
                           seed=seed)  # fmt: skip
        others = (
            baseline_row(name, p, labels, pb, model=probabilities, n_replicas=n_replicas, seed=seed)
            for name, p in _baselines(opened, dataset, events, progress)
        )
        rows = (own, *others)
    if pictures is not None:
        _draw(pictures, probabilities, raw, labels, mixture, found[0], opened.label.classes)
    return report.model_copy(
        update={"metrics": found, "calibration": calibrated, "baselines": rows}
    )


def _mixture(opened: Opened, events: Events, split: str) -> Array:
    """Return weights [n] of the mixture of classes that the checkpoint learned: its calibration."""
    assert opened.label is not None
    config = opened.config.data
    own = weighted(events, opened.label, config, where=split, complete=False)
    return np.asarray(own.weight.numpy())


def _baselines(
    opened: Opened, dataset: Located, test: Events, progress: Progress
) -> Iterator[tuple[str, Array]]:
    """Yield the name and the probabilities of each baseline, trained on the same events."""
    config, label = opened.config, opened.label
    assert label is not None
    data = config.data.model_copy(update={"classes": label.classes})
    prepared = prepare(dataset, data, labelled=True, seed=config.training.seed)
    weights = None  # the same sum for each class, where trees cannot use the weights as they are
    if float(prepared.train.weight.min()) >= 0 and float(prepared.validation.weight.min()) >= 0:
        weights = prepared.train.weight.numpy(), prepared.validation.weight.numpy()
    for inputs in ("universal", "multiplicities"):
        yield (
            f"boosted trees, {inputs}",
            boosted_trees(
                prepared.train, prepared.validation, test, inputs, n_classes=len(label.classes),
                weights=weights, seed=config.training.seed, threads=torch.get_num_threads(),
            ),
        )  # fmt: skip
    training = config.training
    if opened.facts.ancestors:  # a rate that keeps what was learned is too low to learn with
        rate = Training().learning_rate
        training = training.model_copy(update={"learning_rate": rate})
    config = config.model_copy(update={"data": data, "finetune": Finetune(), "training": training})
    with tempfile.TemporaryDirectory() as folder:
        trained = pretrain(dataset, Path(folder) / "scratch", config, progress=progress)
        scratch = predict(open_checkpoint(trained.output).model, test).probabilities
    assert scratch is not None
    yield (
        f"same network from scratch, {training.epochs} epochs, rate {training.learning_rate:g}",
        scratch,
    )


def _draw(
    pictures: Path, probabilities: Array, raw: Array, labels: Array, mixture: Array,
    found: Metrics, classes: tuple[str, ...],
) -> None:  # fmt: skip
    ones = np.ones(len(labels))
    plots.roc_curves(pictures / "roc.png", probabilities, labels, ones, classes)
    plots.confusion_matrix(
        pictures / "confusion.png", np.array(found.confusion, dtype=float), classes
    )
    top = {"calibrated": probabilities, "as trained": raw}
    plots.reliability_diagram(
        pictures / "calibration.png",
        {
            name: reliability(p.max(axis=1), p.argmax(axis=1) == labels, mixture)
            for name, p in top.items()
        },
    )
