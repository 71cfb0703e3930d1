"""Training speed: steps of `topfm` beside a plain PyTorch loop of the same network, and a bound.

    python benchmarks/train.py DATASET [--rounds 5] [--steps 2] [--batch 512]

Every registered encoder takes steps of `topfm.training.loop.Trainer` on the task ``classify``, from
events in memory. The plain loop has the same network written by hand, starting from the same
weights (its logits are compared), and reads tensors that are standardised already. Both take
``--steps`` steps in turn in every round, one process, the same threads; a ratio is that within a
round. The bound is the time of the step's matrix products alone: each distinct product of forward
and backward pass timed in the same round as one `torch.mm` of its sizes, attention at their mean
rate, everything else for nothing.
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import os
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from matrix_bound import Bound, analysed, timed
from plain_torch import PLAIN, PlainLoop, plain_of
from torch.profiler import profile

from topdata.errors import RecipeError
from topfm import registry
from topfm.config import Data, Encoder, Task, Training
from topfm.data.batch import EventBatch, batch_of
from topfm.data.events import Events, Label, load_events
from topfm.data.loader import prefetched
from topfm.data.order import batches_of, epoch_order
from topfm.data.weights import weighted
from topfm.model import Model, make_model
from topfm.runs.predict import predict
from topfm.training.loop import Trainer

SEED = 0
KINDS = {  # of work, by what the names of operators hold
    "products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"),
    "attention": ("scaled_dot_product",),
    "GELU": ("gelu",),
    "norms": ("layer_norm",),
    "optimiser": ("adam", "Adam", "_foreach", "linalg_vector_norm"),
    "rows": ("aten::index", "aten::index_select"),
}
CHOICES: dict[str, tuple[Any, ...]] = {"size": ("small", "large"), "heads": (1, 3, 4, 5)}


class OwnLoop:
    """Steps as `Trainer` takes them within an epoch."""

    def __init__(self, model: Model, events: Events, batch: int) -> None:
        training = Training(batch_size=batch, epochs=1000, seed=SEED)
        self.trainer = Trainer(model, events, events, training)
        self.trainer._wrapped.train()
        self.at, self.batches = 0, self._batches()

    def _batches(self) -> Iterator[Events]:
        trainer = self.trainer
        for epoch in itertools.count():
            order = epoch_order(len(trainer.train_events), SEED, epoch)
            rows = batches_of(order, trainer.batch, drop_last=True)
            yield from prefetched(trainer.train_events, rows, trainer.device)

    def steps(self, n: int) -> None:
        self.trainer._wrapped.train()
        for _ in range(n):
            events = next(self.batches)
            self.trainer.schedule.set(self.at)
            self.trainer._step(events, self.at, False)
            self.trainer.progress.advance(len(events), events=len(events))
            self.at += 1


@dataclass
class Case:
    """One row of the table: seconds in each round."""

    name: str
    own: list[float] = field(default_factory=list)  # a step
    both: list[float] = field(default_factory=list)  # a step of classify and masked
    plain: list[float] = field(default_factory=list)
    loading: list[float] = field(default_factory=list)
    inference: list[float] = field(default_factory=list)  # an event
    bound: list[float] = field(default_factory=list)
    flops: float = 0.0  # a step
    counted: float = 0.0
    parameters: int = 0
    shares: dict[str, float] = field(default_factory=dict)  # of kinds of work, in percent


def made(name: str, options: dict[str, Any], tasks: list[str], data: tuple[Events, Label]) -> Model:
    torch.manual_seed(SEED)
    model = make_model(Encoder(name=name, options=options), {t: Task() for t in tasks}, data[1])
    model.normaliser.fit(data[0])
    return model


def measured(
    name: str, options: dict[str, Any], data: tuple[Events, Label], told: argparse.Namespace
) -> Case:
    """Let all contenders of a row take turns."""
    events, batch, steps = data[0], told.batch, told.steps
    model = made(name, options, ["classify"], data)
    few = events.rows(torch.arange(batch))
    case = Case(" ".join([name, *(str(value) for value in options.values())]))
    case.parameters = sum(p.numel() for p in model.parameters())
    products, attention, case.counted = analysed(model, few)
    bound = Bound(products, attention)
    case.flops = bound.flops
    plain = PlainLoop(plain_of(model, name, few), model, events, batch) if name in PLAIN else None
    own = OwnLoop(model, events, batch)
    both = None
    if options in ({}, {"size": "small", "heads": 3}, {"size": "small", "heads": 4}):
        both = OwnLoop(made(name, options, ["classify", "masked"], data), events, batch)
    some = events.rows(torch.arange(min(len(events), 1024)))
    for index in range(told.rounds + 1):
        turns: list[tuple[list[float], Callable[[], object], int]] = [
            (case.own, lambda: own.steps(steps), steps)
        ]
        if plain:
            turns.append((case.plain, lambda: plain.steps(steps), steps))
        if index % 2:
            turns.reverse()  # whoever is first gains nothing by it
        if both:
            turns.append((case.both, lambda: both.steps(1), 1))
        turns += [
            (case.loading, lambda: loaded(events, batch, model), 1),
            (case.inference, lambda: predict(model, some), len(some)),
        ]
        for seconds, work, n in turns:
            seconds.append(timed(work) / n)
        case.bound.append(bound.seconds())
    for seconds in (case.own, case.plain, case.both, case.loading, case.inference, case.bound):
        del seconds[:1]  # the first round warms up
    with profile() as profiled:
        own.steps(2)
    case.shares = shared(profiled)
    return case


def loaded(events: Events, batch: int, model: Model) -> EventBatch:
    """Do all that a step does before its network."""
    return batch_of(events.rows(torch.randint(len(events), (batch,))), model.normaliser)


def shared(profiled: profile) -> dict[str, float]:
    """Return the share of each kind of work in the time of all operators."""
    found: Counter[str] = Counter()
    for entry in profiled.key_averages():
        found[next((k for k, words in KINDS.items() if any(w in entry.key for w in words)),
                   "rest")] += entry.self_cpu_time_total  # fmt: skip
    return {kind: 100 * found[kind] / found.total() for kind in (*KINDS, "rest")}


def _spread(values: list[float], form: str) -> str:
    if not values:
        return "-"
    return (f"**{statistics.median(values):{form}}** "
            f"({min(values):{form}} to {max(values):{form}})")  # fmt: skip


def _over(a: list[float], b: list[float]) -> list[float]:
    return [x / y for x, y in zip(a, b, strict=True)] if a and b else []


def speed_table(cases: list[Case], batch: int) -> list[str]:
    lines = [
        "| encoder | parameters | training, events/s | over the plain loop | loading, % of a step "
        "| classify + masked, events/s | inference, events/s |",
        "|---|---|---|---|---|---|---|",
    ]
    for case in cases:
        loading = [100 * share for share in _over(case.loading, case.own)]
        both = f"{batch / statistics.median(case.both):,.0f}" if case.both else "-"
        rates = [batch / seconds for seconds in case.own]
        lines.append(
            f"| {case.name} | {case.parameters:,} | {_spread(rates, ',.0f')} "
            f"| {_spread(_over(case.plain, case.own), '.2f')} | {statistics.median(loading):.1f} "
            f"| {both} | {1 / statistics.median(case.inference):,.0f} |"
        )
    return lines


def bound_table(cases: list[Case], batch: int) -> list[str]:
    lines = [
        "| encoder | MFLOP/event | torch's count over it | GFLOP/s of a step | GFLOP/s of `mm` "
        "| share of the bound |",
        "|---|---|---|---|---|---|",
    ]
    for case in cases:
        rate, most = (case.flops / statistics.median(s) / 1e9 for s in (case.own, case.bound))
        lines.append(
            f"| {case.name} | {case.flops / batch / 1e6:.1f} | {case.counted / case.flops:.3f} "
            f"| {rate:.1f} | {most:.1f} | {_spread(_over(case.bound, case.own), '.2f')} |"
        )
    return lines


def profile_table(cases: list[Case]) -> list[str]:
    kinds = list(cases[0].shares)
    lines = [f"| encoder | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for case in cases:
        lines.append(f"| {case.name} | {' | '.join(f'{case.shares[k]:.1f}' for k in kinds)} |")
    return lines


def variants(name: str) -> list[dict[str, Any]]:
    """Return every choice of size and heads that an encoder has."""
    has = inspect.signature(registry.find(registry.ENCODERS, name)).parameters
    lists = [[(key, value) for value in values] for key, values in CHOICES.items() if key in has]
    choices = [dict(choice) for choice in itertools.product(*lists)]
    return [options for options in choices if _is_possible(name, options)]


def _is_possible(name: str, options: dict[str, Any]) -> bool:
    try:
        registry.make(registry.ENCODERS, name, **options)
    except RecipeError:  # a size it has not, a width that does not divide by the heads
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2, help="of each loop in a round")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--events", type=int, default=20_000, help="kept in memory")
    parser.add_argument("--only", help="encoders whose name and options hold this text")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/train.md"))
    told = parser.parse_args()
    events, label = load_events(told.dataset, split="train", limit=told.events, seed=SEED)
    events = weighted(events, label, Data())
    cases = []
    for name in registry.registered(registry.ENCODERS):
        for options in variants(name):
            if (told.only or "") in " ".join([name, *map(str, options.values())]):
                cases.append(measured(name, options, (events, label), told))
    threads = torch.get_num_threads()
    parts = [
        "# How fast models train",
        "",
        f"`python benchmarks/train.py DATASET --rounds {told.rounds} --steps {told.steps} --batch "
        f"{told.batch}`; {len(events)} events in memory, float32, torch {torch.__version__}, "
        f"{threads} thread{'s' * (threads > 1)} of {os.cpu_count()} cores. Medians (and ranges) of "
        "rounds; ratios are within a round.",
        "",
        "## Steps",
        "",
        *speed_table(cases, told.batch),
        "",
        "## The bound",
        "",
        "A linear layer of m rows from k to n numbers is 2mkn FLOPs, and as much for the gradient "
        "of its weights and for that of its input. A transformer of width D and depth L over S "
        "slots has LS(16D² + 4SD) forward, three times that in a step, beside embedding and head. "
        "The bound is the time of the products alone, each timed as one `torch.mm` of its sizes.",
        "",
        *bound_table(cases, told.batch),
        "",
        "## Where the time goes",
        "",
        "Per cent of the time of all operators in a step (`torch.profiler`):",
        "",
        *profile_table(cases),
    ]
    text = "\n".join(parts) + "\n"
    print(text)
    told.output.write_text(text)


if __name__ == "__main__":
    main()
