"""How many tops: macro AUC of a classifier from scratch beside boosted trees, and the search.

``python benchmarks/ntops.py DATASET --signal OTHER -o docs/results/ntops.md``

DATASET is a build of the ``large`` samples without ttdm, OTHER one of ttdm. Training weights are 1
an event, scaled to the same sum for each n_tops. AUC is one against the rest, macro the plain mean.
Of each classifier stand figures as it was trained, and with its probabilities moved from the even
mixture of the training to that of the test events (times the share of each class, for all alike):
AUC against a mixed rest depends on that.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import torch

from topfm.config import make_config
from topfm.evaluation import metrics
from topfm.evaluation.baselines import boosted_trees
from topfm.evaluation.bootstrap import difference, measure
from topfm.evaluation.entropy import Sample, entropy, search
from topfm.located import Located
from topfm.runs.data import prepare
from topfm.runs.opened import events_for, open_checkpoint
from topfm.runs.predict import predict
from topfm.runs.train import pretrain

RECIPE = {"epochs": 14, "batch_size": 512, "learning_rate": 3e-3}
VARIANTS = {
    "plain transformer": {
        "encoder": {"options": {"heads": 5, "pair_width": 0}},
        "training": {"epochs": 8, "batch_size": 512, "learning_rate": 1e-3},
    },
    "l2-transformer": {"training": RECIPE},
    "l2-transformer, averaged": {"training": {**RECIPE, "average": 0.998}},
}


class Seen:
    """Prints an epoch as it ends."""

    def start(self, stage, total, unit="bytes"):
        pass

    def advance(self, done, events=0):
        pass

    def note(self, event, **facts):
        if event == "epoch":
            print(f"  epoch {facts['epoch']}: {facts['validation']['loss']:.4f}, "
                  f"{facts['events_per_second']:.0f} events/s", flush=True)  # fmt: skip


def trained(dataset, settings, seed, folder):
    """Return the probabilities of the test events, CPU and wall seconds, and the checkpoint."""
    config = make_config(
        {**settings, "training": {**settings.get("training", {}), "seed": seed}}, "benchmark"
    )
    cpu, wall = time.process_time(), time.monotonic()
    done = pretrain(dataset, folder, config, progress=Seen())
    spent = time.process_time() - cpu, time.monotonic() - wall
    opened = open_checkpoint(done.output)
    return opened, spent, done.facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--signal", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS))
    arguments = parser.parse_args()
    dataset = Located(arguments.dataset)
    best = None
    probabilities: dict[str, list[np.ndarray]] = {}
    spent: dict[str, list[tuple[float, float]]] = {}
    facts = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.variants:
            for seed in range(arguments.seeds):
                print(f"{name}, seed {seed}", flush=True)
                opened, seconds, facts[name] = trained(
                    dataset, VARIANTS[name], seed, Path(folder) / f"{len(facts)}-{name}-{seed}"
                )
                test = events_for(opened, dataset, "test", labelled=True)
                probabilities.setdefault(name, []).append(predict(opened.model, test).probabilities)
                spent.setdefault(name, []).append(seconds)
                best = opened
        config = make_config({}, "benchmark")
        prepared = prepare(dataset, config.data, labelled=True, seed=0)
        for inputs in ("universal", "multiplicities"):
            for seed in range(arguments.seeds):
                cpu, wall = time.process_time(), time.monotonic()
                p = boosted_trees(
                    prepared.train, prepared.validation, test, inputs, n_classes=5, seed=seed,
                    weights=(prepared.train.weight.numpy(), prepared.validation.weight.numpy()),
                    threads=torch.get_num_threads(),
                )  # fmt: skip
                name = f"LightGBM, {inputs}"
                probabilities.setdefault(name, []).append(p)
                spent.setdefault(name, []).append(
                    (time.process_time() - cpu, time.monotonic() - wall)
                )
        text = report(arguments, test, probabilities, spent, facts)
        if arguments.signal:
            text += searched(best, dataset, Located(arguments.signal))
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


def report(arguments, test, probabilities, spent, facts) -> str:
    labels, pb = test.label.numpy(), test.weight.numpy()
    ones = np.ones(len(labels))
    ours = arguments.variants[-1]
    lines = [
        "# How many tops",
        "",
        f"Macro AUC for n_tops = 0 to 4 on {len(labels)} test events, trained on "
        f"{facts[ours].data.events} of 77,500 events of nine Standard Model processes. The first "
        f"error is the standard deviation over {arguments.seeds} seeds, the second that of the "
        "test events (bootstrap). Simulated events for trying the software, not physics results.",
        "",
        f"Command: `python benchmarks/ntops.py DATASET --signal TTDM --seeds {arguments.seeds}`; "
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}.",
        "",
        "| classifier | parameters | epochs | CPU s | of the plain one | macro AUC | in the test "
        "mixture | macro AUC, pb | " + " | ".join(f"{n} tops" for n in range(5)) + " | log-loss |",
        "|---|" + "---:|" * 13,
    ]
    plain = mean(cpu for cpu, _ in spent[arguments.variants[0]])
    for name, found in probabilities.items():
        macro = [float(metrics.macro_auc(p, labels)(ones)) for p in found]
        share = np.bincount(labels, minlength=5) / len(labels)
        moved = [float(metrics.macro_auc(mixed(p, share), labels)(ones)) for p in found]
        in_pb = [float(metrics.macro_auc(p, labels)(pb)) for p in found]
        classes = np.mean([metrics.one_vs_rest(p, labels)(ones) for p in found], axis=0)
        loss = mean(float(metrics.log_loss(p, labels)(ones)) for p in found)
        statistical = float(measure(metrics.macro_auc(found[0], labels), ones).error)
        cpu = mean(c for c, _ in spent[name])
        own = facts.get(name)
        lines.append(
            f"| {name} | {own.run['parameters'] if own else ''} | {own.epochs if own else ''} | "
            f"{cpu:.0f} | {cpu / plain:.2f} | {mean(macro):.4f} ± {stdev(macro):.4f} ± "
            f"{statistical:.4f} | {mean(moved):.4f} ± {stdev(moved):.4f} | "
            f"{mean(in_pb):.4f} ± {stdev(in_pb):.4f} | "
            + " | ".join(f"{c:.4f}" for c in classes)
            + f" | {loss:.4f} |"
        )
    lines += ["", "Differences on the same events (first seeds):", ""]
    for name, found in probabilities.items():
        if name != ours:
            d = difference(
                metrics.macro_auc(probabilities[ours][0], labels),
                metrics.macro_auc(found[0], labels), ones,
            )  # fmt: skip
            lines.append(f"- {ours} − {name}: {float(d.value):+.4f} ± {float(d.error):.4f}")
    together = np.mean(probabilities[ours], axis=0)
    lines.append(
        f"- mean of the probabilities of the {arguments.seeds} seeds of {ours}: "
        f"{float(metrics.macro_auc(together, labels)(ones)):.4f}, in the test mixture "
        f"{float(metrics.macro_auc(mixed(together, share), labels)(ones)):.4f}"
    )
    return "\n".join(lines) + "\n"


def mixed(probabilities, share):
    """Return probabilities [n, C] for classes of these shares instead of even ones."""
    moved = probabilities * share
    return moved / moved.sum(axis=1, keepdims=True)


def searched(opened, background, signal) -> str:
    """Return the entropy search: test events of the background beside all of the signal."""
    samples = []
    for data, split in ((background, "test"), (signal, None)):
        events = events_for(opened, data, split, labelled=False)
        p = predict(opened.model, events).probabilities
        met = events.variables[:, 18, 0].numpy()
        samples.append(Sample(entropy(p), met, events.weight.numpy()))
    found = search(*samples)
    lines = ["", "## Entropy search", "",
             "Standard Model test events, weighted in pb, against top pairs with dark matter "
             "(ttdm), by the last classifier above; signal-like is higher entropy, higher MET.", "",
             "| | entropy | MET alone |", "|---|---:|---:|"]  # fmt: skip
    for title, a, b in (("AUC", found.entropy_auc, found.met_auc),
                        ("KS distance", found.entropy_ks, found.met_ks)):  # fmt: skip
        lines.append(f"| {title} | {float(a.value):.3f} ± {float(a.error):.3f} | "
                     f"{float(b.value):.3f} ± {float(b.error):.3f} |")  # fmt: skip
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
