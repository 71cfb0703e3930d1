"""Pre-training and fine-tuning: events and a configuration in, a checkpoint out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from topdata.progress import Progress
from topfm import registry
from topfm.checkpoint.facts import Facts
from topfm.checkpoint.format import LOG, SEEN
from topfm.checkpoint.inputs import require_view
from topfm.checkpoint.load import LoadReport, Stored, load_into, read
from topfm.checkpoint.save import require_free, save
from topfm.config import FINETUNE_RATE, Encoder, RunConfig
from topfm.data.events import Events, Label
from topfm.data.order import mixed
from topfm.data.sketch import event_hashes, known, sketch
from topfm.errors import DivergedError
from topfm.evaluation.calibration import fit_temperature
from topfm.located import Located
from topfm.model import Model, make_model
from topfm.runs.data import prepare
from topfm.runs.facts import Run, facts_of
from topfm.runs.opened import split_seen
from topfm.runs.predict import predict
from topfm.runs.work import Work, open_work
from topfm.training.loop import Trainer

_WEIGHTS = 0x3E1  # seeds the first weights


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training."""

    output: Path
    facts: Facts
    digest: str
    report: LoadReport | None  # what became of the parent's tensors


def pretrain(
    dataset: Located, output: Path, config: RunConfig, *, overwrite: bool = False,
    restart: bool = False, progress: Progress | None = None,
) -> Trained:  # fmt: skip
    """Train an encoder and its tasks from nothing and write a checkpoint.

    An interrupted training goes on when it is called again; ``restart`` forgets it. Raises
    :class:`topdata.errors.OutputError` if the output exists, the errors of
    :func:`topfm.runs.data.prepare`, :class:`topdata.errors.RecipeError` for names and options that
    do not exist, and those of :class:`topfm.training.loop.Trainer`.
    """
    require_free(output, overwrite=overwrite)
    prepared = prepare(dataset, config.data, labelled=labelled(config), seed=config.training.seed)
    torch.manual_seed(mixed(config.training.seed, _WEIGHTS))
    model = make_model(config.encoder, config.tasks, prepared.label)
    model.normaliser.fit(prepared.train)
    run = Run(config, prepared, sketch(event_hashes(prepared.train)))
    return _train(model, run, output, overwrite, restart, progress)


def finetune(
    parent: Located, dataset: Located, output: Path, config: RunConfig, *, overwrite: bool = False,
    restart: bool = False, progress: Progress | None = None,
) -> Trained:  # fmt: skip
    """Train on from a checkpoint: its encoder and normalisation, and heads that still fit.

    A head is kept if it has the same name, options and, where it needs one, label; all others are
    new, and what is left of the parent's is dropped, by name. ``config.encoder`` is that of the
    parent. Raises as :func:`pretrain` does, :class:`topfm.errors.CheckpointError` for a parent that
    cannot be used and :class:`topdata.errors.SchemaError` for data that it does not read.
    """
    require_free(output, overwrite=overwrite)
    stored = read(parent.folder)
    encoder = Encoder(name=stored.facts.encoder.name, options=dict(stored.facts.encoder.options))
    training = config.training
    if "learning_rate" not in training.model_fields_set:
        training = training.model_copy(update={"learning_rate": FINETUNE_RATE})
    config = config.model_copy(update={"encoder": encoder, "training": training})
    prepared = prepare(dataset, config.data, labelled=labelled(config), seed=config.training.seed)
    require_view(stored.facts, prepared.manifest, dataset.folder)
    torch.manual_seed(mixed(config.training.seed, _WEIGHTS))
    model = make_model(config.encoder, config.tasks, prepared.label)
    weights, seen = split_seen(stored)
    report = _load(model, weights, stored, prepared.label)
    if seen is not None and progress is not None:
        share = known(seen, event_hashes(prepared.validation))
        if share > 0:
            progress.note("seen", share=share, split=config.data.validation)
    address = parent.address or parent.folder.resolve().name
    ancestors = stored.facts.as_ancestors(address, parent.revision, stored.digest)
    _adapt(model, config)
    if seen is not None:  # what is not known of a parent stays so in its children
        seen = sketch(seen, event_hashes(prepared.train))
    run = Run(config, prepared, seen, ancestors)
    return _train(model, run, output, overwrite, restart, progress, report)


def labelled(config: RunConfig) -> bool:
    """Whether some task needs a label."""
    return any(registry.find(registry.TASKS, name).needs_label for name in config.tasks)


def _load(
    model: Model, weights: Mapping[str, Tensor], stored: Stored, label: Label | None
) -> LoadReport:
    """Load what fits by name; the rest is declared new or dropped."""
    facts = stored.facts
    same_label = facts.label is not None and label is not None and (
        (facts.label.text, tuple(facts.label.classes)) == (label.text, label.classes)
    )  # fmt: skip
    kept = [
        name
        for name in model.tasks
        if facts.tasks.get(name) == model.task(name).options()
        and (same_label or not model.task(name).needs_label)
    ]
    return load_into(
        model,
        weights,
        new=[f"tasks.{name}." for name in model.tasks if name not in kept],
        dropped=[f"tasks.{name}." for name in facts.tasks if name not in kept],
        where=stored.folder,
    )


def _adapt(model: Model, config: RunConfig) -> None:
    """Let learn what ``config.finetune`` says; low-rank updates are put into ``encoder``."""
    if config.finetune.freeze:
        model.encoder.requires_grad_(False)
    rank = config.finetune.lora
    if rank is not None:
        from peft import LoraConfig, get_peft_model

        linear = [n for n, m in model.encoder.named_modules() if isinstance(m, nn.Linear)]
        adapters = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=linear)
        model.encoder = get_peft_model(cast(Any, model.encoder), adapters)


def _train(
    model: Model, run: Run, output: Path, overwrite: bool, restart: bool,
    progress: Progress | None, report: LoadReport | None = None,
) -> Trained:  # fmt: skip
    with open_work(output, restart=restart) as work:
        trainer = Trainer(
            model, run.prepared.train, run.prepared.validation, run.config.training,
            run.config.finetune, work=work.folder, identity=run.identity, progress=progress,
        )  # fmt: skip
        try:
            trainer.run()
        except DivergedError as error:
            if trainer.place.best_epoch < 0:
                if trainer.rank == 0:
                    work.forget()
                raise
            _finish(model, trainer, run, output, overwrite, work)
            raise DivergedError(
                f"{error}; the weights of epoch {trainer.place.best_epoch + 1} are in {output}"
            ) from None
        facts, digest = _finish(model, trainer, run, output, overwrite, work)
    return Trained(output, facts, digest, report)


def _finish(
    model: Model, trainer: Trainer, run: Run, output: Path, overwrite: bool, work: Work
) -> tuple[Facts, str]:
    """Merge, calibrate and write; the working folder has then served."""
    if run.config.finetune.lora is not None:
        model.encoder = cast(Any, model.encoder).merge_and_unload()
    model.requires_grad_(True)
    results = _calibrate(model, run.prepared.validation)
    facts = facts_of(model, trainer, run, results)
    digest = ""
    if trainer.rank == 0:
        log = "".join(json.dumps(record) + "\n" for record in trainer.place.log)
        tensors = dict(model.state_dict())
        if run.seen is not None:
            tensors[SEEN] = run.seen
        digest = save(output, tensors, facts, texts={LOG: log.encode()}, overwrite=overwrite)
        work.forget()
    trainer.accelerator.wait_for_everyone()
    return facts, digest


def _calibrate(model: Model, validation: Events) -> dict[str, Any]:
    """Fit the temperature of ``classify`` on validation events."""
    if "classify" not in model.tasks:
        return {}
    head = cast(Any, model.tasks["classify"])
    head.temperature.fill_(1.0)
    probabilities = predict(model, validation).probabilities
    assert probabilities is not None
    temperature = fit_temperature(
        probabilities, validation.label.numpy(), validation.weight.numpy()
    )
    head.temperature.fill_(temperature)
    return {"temperature": temperature}
