"""The loop: batches in an order that a seed decides, one step each, the best epoch kept.

Every step follows from the seed and its number alone, whatever was interrupted before it and
however many processes share a batch (sums of the loss go over all of them before a division).
"""

from __future__ import annotations

import math
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor

from topdata.progress import Progress, Silent
from topfm.config import Finetune, Training
from topfm.data.draw import Draw
from topfm.data.events import Events
from topfm.data.loader import prefetched
from topfm.data.order import batches_of, epoch_order, mixed
from topfm.errors import DivergedError, StoppedError, TrainingError
from topfm.interfaces import Term
from topfm.model import Model
from topfm.training.average import Average
from topfm.training.optim import Schedule, optimiser_of
from topfm.training.signals import Stop
from topfm.training.state import STATE, moments_of, read_state, set_moments, write_state

_VALIDATION = 0xA11DA7E  # draws of validation are the same in every epoch and every training
_DROPOUT = 0xD209


@dataclass
class Place:
    """Where a training is: what the state holds beside tensors."""

    epoch: int = 0
    index: int = 0  # next batch of the epoch
    sums: dict[str, list[float]] = field(default_factory=dict)  # part: [total, norm]
    log: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = -1
    best_loss: float = float("inf")
    seconds: float = 0.0


class Trainer:
    """Trains ``model`` on weighted events; ``work`` keeps the state, where there is one.

    Raises :class:`DivergedError` where a loss is no number (``model`` then holds the best weights
    so far, if ``place.best_epoch`` is not -1), :class:`StoppedError` after a signal (the state is
    saved), :class:`TrainingError` for a lack of memory or a state of another training.
    """

    def __init__(
        self, model: Model, train: Events, validation: Events, training: Training,
        finetune: Finetune | None = None, *, work: Path | None = None, identity: str = "",
        progress: Progress | None = None,
    ) -> None:  # fmt: skip
        if AcceleratorState._shared_state:  # precision is that of this training, not of the last
            AcceleratorState._reset_state()
        if training.precision == "fp16" and not torch.cuda.is_available():
            raise TrainingError("precision fp16 needs a GPU; on a CPU take bf16, or none")
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        self.accelerator = Accelerator(
            # processes on CPUs would each train alone unless told
            cpu=processes > 1 and not getattr(torch, "accelerator", torch.cuda).is_available(),
            mixed_precision=training.precision,
            kwargs_handlers=[
                DistributedDataParallelKwargs(
                    find_unused_parameters=processes > 1 and _leaves_out(model, train)
                )
            ],
        )
        self.device = str(self.accelerator.device)
        self.rank, self.ranks = self.accelerator.process_index, self.accelerator.num_processes
        self.model, self.training = model.to(self.device), training
        self.train_events, self.validation_events = train, validation
        self.batch = min(training.batch_size, len(train))
        self.steps = len(train) // self.batch
        finetune = finetune or Finetune()
        self.optimiser = optimiser_of(model, training, finetune)
        self.schedule = Schedule(self.optimiser, training, self.steps * training.epochs)
        self.average = Average(model, training.average) if training.average else None
        self.best: dict[str, Tensor] = {}
        self.place = Place()
        self.work, self.identity = work, identity
        self.progress = progress if progress and self.rank == 0 else Silent()
        if training.compile:
            model.encoder.compile()
        self._wrapped, self._stepper = self.accelerator.prepare(model, self.optimiser)
        self._resume()

    def run(self) -> Place:
        """Train to the end; the model then holds the weights of the best epoch."""
        training, place = self.training, self.place
        self.progress.start("training", training.epochs * self.steps * self.batch, unit="events")
        self.progress.advance((place.epoch * self.steps + place.index) * self.batch)
        try:
            with Stop() as stop, _memory(self.batch):
                while place.epoch < training.epochs and not self._enough():
                    self._epoch(stop)
        finally:
            self._finish()
        return place

    def _epoch(self, stop: Stop) -> None:
        place, began, first = self.place, time.monotonic(), self.place.index
        self._wrapped.train()
        order = epoch_order(len(self.train_events), self.training.seed, place.epoch)
        rows = batches_of(order, self.batch, start=first, rank=self.rank, ranks=self.ranks,
                          drop_last=True)  # fmt: skip
        for events in prefetched(self.train_events, rows, self.device):
            step = place.epoch * self.steps + place.index
            self.schedule.set(step)
            stopped = self._step(events, step, stop.asked)
            place.index += 1
            self.progress.advance(self.batch, events=self.batch)
            if stopped:
                self._save()
                raise StoppedError(
                    f"stopped in epoch {place.epoch + 1}; the same command goes on from there"
                )
            if place.index % self.training.save_steps == 0:
                self._save()
        seconds = time.monotonic() - began
        place.seconds += seconds
        self._epoch_done((self.steps - first) * self.batch / max(seconds, 1e-9))

    def _step(self, events: Events, step: int, stop: bool) -> bool:
        """Take one step. Returns whether any process was asked to stop."""
        seed = self.training.seed
        self._seed(mixed(seed, step, self.rank, _DROPOUT))
        terms = self._wrapped(events, self._draws(seed, step, events=self.batch))
        n, sums = len(terms), self._summed(terms, stop)
        loss = sum(
            (term.share * self.ranks / norm) * term.total
            for term, norm in zip(terms.values(), sums[n:-1], strict=True)
        )
        assert isinstance(loss, Tensor)
        self.accelerator.backward(loss)
        if self.training.clip:
            self.accelerator.clip_grad_norm_(self._wrapped.parameters(), self.training.clip)
        *values, stopped = sums.tolist()  # waits for the device, which has the backward pass to do
        if not math.isfinite(sum(values[:n])):
            self._diverged(step, dict(zip(terms, values[:n], strict=True)))
        self._stepper.step()
        self._stepper.zero_grad()
        if self.average:
            self.average.update(step)
        for name, total, norm in zip(terms, values[:n], values[n:], strict=True):
            part = self.place.sums.setdefault(name, [0.0, 0.0])
            part[0] += total
            part[1] += norm
        return bool(stopped)

    def _seed(self, seed: int) -> None:
        """Seed what dropout draws from."""
        if self.device == "cpu":  # of other devices nothing is drawn, and asking takes 0.3 ms
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _summed(self, terms: dict[str, Term], stop: bool) -> Tensor:
        """Return sums over all processes: n totals, n norms, and how many were asked to stop."""
        n, first = len(terms), next(iter(terms.values())).total
        sums = torch.stack(
            [term.total.detach().double() for term in terms.values()]
            + [term.norm.double() for term in terms.values()]
            + [first.new_full((), float(stop), dtype=torch.float64)]
        )
        if self.ranks > 1:
            sums = self.accelerator.reduce(sums, "sum")
        sums[n:-1].clamp_(min=1.0)
        return sums

    def _draws(self, *seeds: int, events: int) -> dict[str, Draw]:
        return {
            name: Draw(*seeds, zlib.crc32(name.encode()), events=events, rank=self.rank,
                       ranks=self.ranks)
            for name in self.model.tasks
        }  # fmt: skip

    def _diverged(self, step: int, totals: dict[str, float]) -> None:
        wrong = [name for name, total in totals.items() if not math.isfinite(total)]
        raise DivergedError(
            f"the loss ({', '.join(wrong)}) is not a number at step {step + 1} (epoch "
            f"{self.place.epoch + 1}, batch {self.place.index + 1}); lower training.learning_rate"
        )

    def _epoch_done(self, speed: float) -> None:
        place = self.place
        rate = self.schedule.set((place.epoch + 1) * self.steps - 1)
        train = {name: total / max(norm, 1.0) for name, (total, norm) in place.sums.items()}
        with self._averaged():
            parts = self._validate()
            loss = sum(self._shares[name] * value for name, value in parts.items())
            if not math.isfinite(loss):
                raise DivergedError(
                    f"the loss of the validation events is not a number after epoch "
                    f"{place.epoch + 1}; lower training.learning_rate"
                )
            if loss < place.best_loss:
                place.best_loss, place.best_epoch = loss, place.epoch
                self.best = {
                    name: tensor.detach().clone()
                    for name, tensor in self.model.state_dict().items()
                }
        record = {
            "epoch": place.epoch + 1,
            "step": (place.epoch + 1) * self.steps,
            "learning_rate": rate,
            "train": {**train, "loss": sum(self._shares[n] * v for n, v in train.items())},
            "validation": {**parts, "loss": loss},
            "best": place.best_epoch == place.epoch,
            "events_per_second": round(speed, 1),
        }
        place.log.append(record)
        self.progress.note("epoch", **record)
        self.schedule.epoch_done(loss)
        place.epoch, place.index, place.sums = place.epoch + 1, 0, {}
        self._save()

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """Return the parts of the loss over the validation events."""
        self._wrapped.eval()
        n, batch = len(self.validation_events), 2 * self.batch
        sums: dict[str, Tensor] = {}
        self._shares: dict[str, float] = {}
        rows = batches_of(torch.arange(n), batch, rank=self.rank, ranks=self.ranks)
        for index, events in enumerate(prefetched(self.validation_events, rows, self.device)):
            draws = self._draws(_VALIDATION, index, events=min(batch, n - index * batch))
            # without the wrapper: processes may have different numbers of events at the end
            terms = self.model(events, draws)
            for name, term in terms.items():
                self._shares[name] = term.share
                sums[name] = sums.get(name, 0.0) + torch.stack([term.total, term.norm]).double()
        values = torch.stack(list(sums.values()))
        if self.ranks > 1:
            values = self.accelerator.reduce(values, "sum")
        return {
            name: total / max(norm, 1.0)
            for name, (total, norm) in zip(sums, values.tolist(), strict=True)
        }

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        if self.average:
            with self.average.in_place():
                yield
        else:
            yield

    def _enough(self) -> bool:
        patience, place = self.training.patience, self.place
        return patience is not None and place.epoch - 1 - place.best_epoch >= patience

    def _finish(self) -> None:
        """Leave the model on the CPU with the best weights, as if there had been no training."""
        self.accelerator.unwrap_model(self._wrapped, keep_fp32_wrapper=False)
        if self.best:
            self.model.load_state_dict(self.best)
        self.model.to("cpu").eval()

    def _save(self) -> None:
        self.accelerator.wait_for_everyone()
        if self.work is None or self.rank:
            return
        scaler = self.accelerator.scaler
        write_state(
            self.work / STATE,
            {
                "model": self.model.state_dict(),
                "moments": moments_of(self.model, self.optimiser),
                "best": self.best,
                "average": self.average.values if self.average else {},
            },
            {
                "identity": self.identity,
                "threads": torch.get_num_threads(),
                "place": vars(self.place),
                "schedule": self.schedule.state,
                "scaler": scaler.state_dict() if scaler else None,
            },
        )

    def _resume(self) -> None:
        if self.work is None or not (self.work / STATE).exists():
            return
        groups, facts = read_state(self.work / STATE)
        if facts.get("identity") != self.identity:
            raise TrainingError(
                f"{self.work}: holds an unfinished training with other data or settings; finish it "
                "with its own command, or start again with --restart"
            )
        if facts["threads"] != torch.get_num_threads():
            self.progress.note("threads", before=facts["threads"], now=torch.get_num_threads())
        self.model.load_state_dict(groups["model"])
        set_moments(self.model, self.optimiser, groups.get("moments", {}))
        self.best = {
            name: tensor.to(self.device) for name, tensor in groups.get("best", {}).items()
        }
        if self.average:
            self.average.set(groups["average"])
        self.place = Place(**facts["place"])
        self.schedule.state = facts["schedule"]
        if self.accelerator.scaler and facts["scaler"]:
            self.accelerator.scaler.load_state_dict(facts["scaler"])


def _leaves_out(model: Model, events: Events) -> bool:
    """Whether no task asks for some part of the encoder, such as a decoder: processes must know."""
    draws = {name: Draw(0, events=1) for name in model.tasks}
    terms = model.eval()(events.rows(torch.arange(1)), draws)
    torch.autograd.backward([term.total for term in terms.values()])
    left_out = any(p.requires_grad and p.grad is None for p in model.parameters())
    model.zero_grad()
    return left_out


@contextmanager
def _memory(batch: int) -> Iterator[None]:
    """Turn a lack of memory into one line."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = str(error)
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in text:
            raise TrainingError(
                f"out of memory with {batch} events a batch: lower training.batch_size, and begin "
                "anew with --restart"
            ) from None
        raise
