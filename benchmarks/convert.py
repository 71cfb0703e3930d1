"""Conversion speed and memory beside merely reading the same branches, and beside coffea.

Each contender runs in its own process on the same file, in turn, several rounds; the table gives
the median and the range over rounds, and ratios to plain reading within the same round::

    python benchmarks/make_large.py record/*.root --repeat 200 -o large.root   # needs ROOT
    python benchmarks/convert.py large.root --rounds 5

``topdata`` is the whole build: imports, hashing, reading, truth, matching, shards, card. ``uproot``
reads branches by `iterate` in steps of 1000 events, one thread, and does nothing with them: those
that the build reads, and all that a truth search without laziness would. ``coffea`` materialises
the same leaves through its Delphes schema.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LEAVES = {
    "Jet": "PT Eta Phi Mass BTag TauTag Flavor Charge",
    "Electron": "PT Eta Phi Charge IsolationVar Particle",
    "Muon": "PT Eta Phi Charge IsolationVar Particle",
    "Photon": "PT Eta Phi IsolationVar",
    "MissingET": "MET Phi",
    "Event": "Weight",
}
# What the build reads of every record, and what a truth search that is not lazy reads.
LEAN = {"Particle": "PID M1 PT Eta Phi Mass fUniqueID"}
FULL = {"Particle": "PID Status IsPU M1 M2 D1 D2 PT Eta Phi Mass fUniqueID"}
STEP = 1000


def build(path: str, truth: bool, threads: int) -> int:
    from topdata.build import build as run
    from topdata.recipe import make_recipe

    recipe = make_recipe(
        {
            "name": "benchmark",
            "truth": truth,
            "processes": [{"name": "all", "files": [path], "cross_section": 1.0}],
        },
        "benchmark",
    )
    with tempfile.TemporaryDirectory() as folder:
        return run(recipe, Path(folder) / "out", threads=threads).total.written


def read(path: str, record: dict[str, str]) -> int:
    import uproot

    wanted = LEAVES | record
    names = [f"{name}/{name}.{leaf}" for name, leaves in wanted.items() for leaf in leaves.split()]
    events = 0
    for arrays in uproot.open(path)["Delphes"].iterate(
        names, step_size=STEP, library="ak", how=dict
    ):
        events += len(arrays[names[0]])
    return events


def coffea(path: str, truth: bool) -> int:
    import awkward as ak
    import uproot
    from coffea.nanoevents import DelphesSchema, NanoEventsFactory

    wanted = LEAVES | (LEAN if truth else {})
    total = uproot.open(path)["Delphes"].num_entries
    for start in range(0, total, STEP):
        events = NanoEventsFactory.from_root(
            {path: "Delphes"},
            entry_start=start,
            entry_stop=min(start + STEP, total),
            schemaclass=DelphesSchema,
        ).events()
        for name, leaves in wanted.items():
            for leaf in leaves.split():
                if leaf in events[name].fields:
                    ak.materialize(events[name][leaf])
    return int(total)


CONTENDERS: dict[str, Callable[[str, bool], int]] = {
    "uproot, reading the same leaves": lambda path, truth: read(path, LEAN if truth else {}),
    "uproot, reading all leaves of truth": lambda path, truth: read(path, FULL if truth else {}),
    "topdata, 1 thread": lambda path, truth: build(path, truth, 1),
    "topdata, 2 threads": lambda path, truth: build(path, truth, 2),
    "coffea, materialising": coffea,
}


def measure(name: str, path: str, truth: bool) -> None:
    """Run one contender in this process and print its figures as JSON."""
    started = time.perf_counter()
    events = CONTENDERS[name](path, truth)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"events": events, "seconds": seconds, "peak_mb": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-truth", action="store_true", help="leave the generator record out")
    parser.add_argument("--without", action="append", default=[], help="leave a contender out")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.one, options.file, not options.no_truth)
        return
    names = [name for name in CONTENDERS if not name.startswith(tuple(options.without) or ("-",))]
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            rounds[name].append(_run(name, options))
    counts = {name: {int(r["events"]) for r in runs} for name, runs in rounds.items()}
    assert len(set.union(*counts.values())) == 1, counts  # everybody saw every event
    print(f"{counts[names[0]].pop()} events, {os.path.getsize(options.file) / 1e6:.0f} MB, "
          f"{options.rounds} rounds, truth {'off' if options.no_truth else 'on'}\n")  # fmt: skip
    print("| contender | events/s, median (range) | ratio to reading | peak memory, MB |")
    print("|---|---|---|---|")
    for name in names:
        rates = [r["events"] / r["seconds"] for r in rounds[name]]
        ratios = [
            base["seconds"] / own["seconds"]
            for base, own in zip(rounds[names[0]], rounds[name], strict=True)
        ]
        peak = max(r["peak_mb"] for r in rounds[name])
        print(
            f"| {name} | {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) "
            f"| {statistics.median(ratios):.2f} | {peak:.0f} |"
        )


def _run(name: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, options.file, "--one", name]
    if options.no_truth:
        command.append("--no-truth")
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
