"""LHE files to columns, beside pylhe: events/s in one process and one thread, and peak memory.

Two files are made by repeating the events of given ones: with weight variations and without::

    python benchmarks/lhe.py tests/data/lhe/mg5_ttbar.lhe.gz tests/data/lhe/tt.lhe.gz --rounds 3

``topdata`` reads to event chunks (particles, objects, weights), ``pylhe`` to its awkward array,
``gzip`` unpacks the same file and does nothing with it: the limit of any reader.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


def topdata(path: str) -> int:
    from topdata.events import EventChunk, ReadOptions
    from topdata.readers.lhe import LheReader

    chunks = LheReader(path, ReadOptions()).chunks(0, sys.maxsize)
    return sum(len(chunk) for chunk in chunks if isinstance(chunk, EventChunk))


def pylhe(path: str) -> int:
    import pylhe

    return len(pylhe.to_awkward(pylhe.LHEFile.fromfile(path).events))


def unpack(path: str) -> int:
    with gzip.open(path, "rb") as stream:
        return sum(block.count(b"<event>") for block in iter(lambda: stream.read(1 << 22), b""))


CONTENDERS: dict[str, Callable[[str], int]] = {
    "pylhe.to_awkward": pylhe,
    "topdata": topdata,
    "gzip, unpacking only": unpack,
}


def repeated(source: Path, target: Path, events: int) -> None:
    """Write about ``events`` events by repeating those of ``source``."""
    text = gzip.decompress(source.read_bytes())
    start, end = text.find(b"<event>"), text.rfind(b"</event>") + len(b"</event>\n")
    times = max(1, events // text.count(b"<event>"))
    with gzip.open(target, "wb", compresslevel=6) as stream:
        stream.write(text[:start])
        for _ in range(times):
            stream.write(text[start:end])
        stream.write(b"</LesHouchesEvents>\n")


def measure(name: str, path: str) -> None:
    """Run one contender in this process and print its figures as JSON."""
    for module in ("pylhe", "awkward", "topdata.readers.lhe"):  # nobody is charged for imports
        importlib.import_module(module)
    started = time.perf_counter()
    events = CONTENDERS[name](path)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"events": events, "seconds": seconds, "peak_mb": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.one, str(options.files[0]))
        return
    print("| file | contender | events/s, median (range) | ratio to pylhe | peak memory, MB |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for source in options.files:
            target = Path(folder) / source.name
            repeated(source, target, options.events)
            _compare(target, options.rounds)


def _compare(path: Path, rounds: int) -> None:
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            command = [sys.executable, __file__, str(path), "--one", name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs[name].append(json.loads(done.stdout.splitlines()[-1]))
    counts = {int(run["events"]) for some in runs.values() for run in some}
    assert len(counts) == 1, counts  # everybody saw every event
    base = runs["pylhe.to_awkward"]
    for name, some in runs.items():
        rates = [run["events"] / run["seconds"] for run in some]
        ratio = statistics.median(
            b["seconds"] / r["seconds"] for b, r in zip(base, some, strict=True)
        )
        peak = max(run["peak_mb"] for run in some)
        print(
            f"| {path.name}, {counts.copy().pop()} events, {path.stat().st_size / 1e6:.0f} MB "
            f"| {name} | {statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f}) "
            f"| {ratio:.1f} | {peak:.0f} |"
        )


if __name__ == "__main__":
    main()
