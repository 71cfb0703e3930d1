"""Masked reconstruction beside the mean and beside a plain autoencoder of equal size.

``python benchmarks/masked.py DATASET -o docs/results/masked.md``

All are asked the same: hidden entries of the two leading jets of the test events, 30% of variables
at random, and whole objects. The autoencoder has the same encoder and head; it is trained to give
back what it sees, and reads the mean of the training events where an entry is hidden.
"""

from __future__ import annotations

import argparse
import platform
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import torch

from topdata.schema.codes import ObjectType
from topfm.config import Data, Training
from topfm.data.events import load_events
from topfm.data.weights import weighted
from topfm.interfaces import Question
from topfm.model import Model
from topfm.registry import ENCODERS, make
from topfm.runs.reconstruct import reconstructions
from topfm.tasks.masked import Masked
from topfm.training.loop import Trainer

ENCODER_OPTIONS = {"l1-mlp": {}, "l1-transformer": {}}
JETS = ("jet 1", "jet 2")


class Autoencoder(Masked):
    """Gives back what it is shown; hidden entries hold the training mean."""

    def ask(self, batch, draw):
        everything = batch.there.unsqueeze(-1).expand_as(batch.hidden)
        nothing = torch.zeros_like(batch.there)
        return Question(batch, None, everything, nothing)

    def question(self, batch, values, types, whole):
        hidden = super().question(batch, values, types, whole)
        shown = hidden.batch  # columns are standardised, so 0 is the mean
        kind = shown.type.masked_fill(types | whole, int(ObjectType.JET))
        there = batch.there
        shown = replace(shown, type=kind, there=there, hidden=torch.zeros_like(shown.hidden),
                        counts=batch.counts)  # fmt: skip
        return Question(shown, None, hidden.values, hidden.types)


def trained(task_class, encoder, train, validation, epochs, seed, batch):
    torch.manual_seed(seed)
    made = make(ENCODERS, encoder, **ENCODER_OPTIONS.get(encoder, {}))
    task = task_class(made.width, None, truth=False)
    model = Model(made, {"masked": task}, {"masked": 1.0})
    model.normaliser.fit(train)
    training = Training(
        epochs=epochs, batch_size=batch, learning_rate=2e-3, average=0.999, seed=seed
    )
    began = time.monotonic()
    Trainer(model, train, validation, training).run()
    return model, time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--encoders", nargs="+", default=["l1-mlp", "l1-transformer"])
    parser.add_argument("--epochs", nargs="+", type=int, default=[60, 8])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()

    loaded = {}
    for split in ("train", "validation", "test"):
        events, label = load_events(
            arguments.dataset, split=split, label="process", limit=arguments.limit
        )
        loaded[split] = weighted(events, label, Data(weights="unit"))
    rows, notes = {}, []
    for encoder, epochs in zip(arguments.encoders, arguments.epochs, strict=True):
        for name, task_class in (("masked", Masked), ("autoencoder", Autoencoder)):
            for seed in range(arguments.seeds):
                model, seconds = trained(
                    task_class, encoder, loaded["train"], loaded["validation"], epochs, seed,
                    arguments.batch,
                )  # fmt: skip
                size = sum(p.numel() for p in model.parameters())
                print(f"{encoder} {name} {seed}: {seconds:.0f} s, {size} parameters", flush=True)
                notes.append((encoder, name, epochs, size, seconds))
                for found in reconstructions(model, loaded["test"], loaded["train"]):
                    for e in found.errors:
                        if e.object in JETS:
                            row = rows.setdefault((found.hidden, e.object, e.variable), {})
                            row |= {"entries": e.entries, "unit": e.unit, "mean": e.mean_rmse}
                            row.setdefault((encoder, name), []).append(e.rmse.value)
    text = report(rows, notes, arguments)
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


def report(rows, notes, arguments) -> str:
    columns = [(e, n) for e in arguments.encoders for n in ("masked", "autoencoder")]
    lines = [
        "# Masked reconstruction", "",
        f"RMSE on hidden entries of test events (phi wrapped), mean and standard deviation over "
        f"{arguments.seeds} seeds. Simulated events for trying the software, not physics results.",
        "",
        f"Command: `python benchmarks/masked.py DATASET --encoders {' '.join(arguments.encoders)} "
        f"--epochs {' '.join(map(str, arguments.epochs))} --seeds {arguments.seeds}`; "
        f"{platform.machine()}, {torch.get_num_threads()} threads.", "",
    ]  # fmt: skip
    for encoder, name in columns:
        mine = [n for n in notes if n[:2] == (encoder, name)]
        lines.append(
            f"- {encoder}, {name}: {mine[0][3]:,} parameters, {mine[0][2]} epochs, "
            f"{mean(n[4] for n in mine):.0f} s a training"
        )
    head = ["hidden", "object", "variable", "entries", "mean of training",
            *(f"{e} {n}" for e, n in columns)]  # fmt: skip
    lines += ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    better, total = dict.fromkeys(arguments.encoders, 0), 0
    for (hidden, obj, variable), row in rows.items():
        cells = [f"{row['mean']:.4g}"]
        for column in columns:
            values = row[column]
            spread = stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{mean(values):.4g} ± {spread:.2g}")
        total += 1
        for encoder in arguments.encoders:
            own = mean(row[encoder, "masked"])
            better[encoder] += own < row["mean"] and own < mean(row[encoder, "autoencoder"])
        unit = f", {row['unit']}" if row["unit"] else ""
        lines.append(
            f"| {hidden} | {obj} | {variable}{unit} | {row['entries']} | {' | '.join(cells)} |"
        )
    lines += [""] + [
        f"{encoder}: better than the mean and than its autoencoder in {n} of {total} rows."
        for encoder, n in better.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
