"""How builds scale: worker processes, Dask, ten thousand files, memory.

    python benchmarks/scale.py FILES... [--rounds 3] -o docs/results/scale.md

``FILES`` are large Delphes files of different content (``make_large.py``). All figures of a table
come from one run and are meant as ratios. Every build starts in an empty folder with an empty cache
of hashes; what is timed is the whole build in a fresh process, start-up included, unless said.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TRIM = "MALLOC_TRIM_THRESHOLD_"
BUILD = """
import json, sys, time
from pathlib import Path
from topdata.build import build
from topdata.build.cluster import Dask
from topdata.build.engines import InProcess, Workers
from topdata.recipe import make_recipe
from topdata.progress import Silent

class Stages(Silent):
    def __init__(self): self.times = []
    def start(self, stage, total, unit="bytes"): self.times.append((stage, time.monotonic()))

if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    engine = Dask(told["dask"]) if told.get("dask") else (
        Workers(told["workers"]) if told["workers"] else InProcess())
    processes = [{"name": "p", "files": told["files"], "cross_section": 1.0}]
    stages = Stages()
    recipe = make_recipe({"name": "d", "processes": processes}, "scale")
    manifest = build(recipe, Path(told["output"]),
                     engine=engine, threads=1, progress=stages)
    stages.times.append(("end", time.monotonic()))
    seconds = {a[0]: b[1] - a[1] for a, b in zip(stages.times, stages.times[1:])}
    print(json.dumps({"events": manifest.total.written, **seconds}))
"""

PLAN = """
import json, resource, sys, time
from pathlib import Path
from topdata.build.plan import plan
from topdata.recipe import make_recipe
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
root = Path(sys.argv[1])
processes = [{"name": d.name, "files": [f"{d.name}/*.root"], "cross_section": 1.0}
             for d in sorted(root.iterdir())]
recipe = make_recipe({"name": "d", "processes": processes}, "scale")
started = time.monotonic()
planned = plan(recipe, root)
print(json.dumps({"seconds": time.monotonic() - started, "files": len(planned.sources),
                  "jobs": len(planned.jobs), "before": base / 1024,
                  "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


class Memory:
    """Watches the largest resident size that any descendant of a process reaches, in MB."""

    def __init__(self, pid: int) -> None:
        self.main, self.worker = 0.0, 0.0
        self._pid, self._stop = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.main = max(self.main, _high_water(self._pid))
            for child in _children(self._pid):
                self.worker = max(self.worker, _high_water(child))

    def done(self) -> None:
        self._stop.set()
        self._thread.join()


def _high_water(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    own = [int(child) for child in text.split()]
    return own + [grandchild for child in own for grandchild in _children(child)]


def timed_build(files: list[str], root: Path, **how: object) -> dict[str, float]:
    """Build in a fresh process and an empty folder; return seconds, MB and events."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    script = root / "build.py"
    script.write_text(BUILD)
    told = {"files": files, "output": str(root / "out"), "workers": 0, **how}
    environment = {**os.environ, "TOPDATA_CACHE": str(root / "cache")}
    environment.pop(TRIM, None)
    started = time.monotonic()
    running = subprocess.Popen(
        [sys.executable, script, json.dumps(told)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    memory = Memory(running.pid)
    out, _ = running.communicate()
    seconds = time.monotonic() - started
    memory.done()
    assert running.returncode == 0
    shutil.rmtree(root)
    return {"seconds": seconds, "main": memory.main, "worker": memory.worker, **json.loads(out)}


def workers_table(files: list[str], root: Path, rounds: int) -> list[str]:
    counts = [1, 2, 3, 4]
    times: dict[int, list[dict[str, float]]] = {n: [] for n in counts}
    for _ in range(rounds):
        for n in counts:
            times[n].append(timed_build(files, root, workers=n))
    lines = [
        "| workers | whole build, s | speed-up (each round) | of the jobs alone | events/s "
        "| writing, s |",
        "|---|---|---|---|---|---|",
    ]
    for n in counts:
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(times[1], times[n], strict=True)]
        middle = statistics.median(one["seconds"] for one in times[n])
        writing = statistics.median(one["writing"] for one in times[n])
        jobs = [a["reading"] / b["reading"] for a, b in zip(times[1], times[n], strict=True)]
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(
            f"| {n} | {middle:.1f} | **{statistics.median(ratios):.2f}** ({shown}) | "
            f"{statistics.median(jobs):.2f} | "
            f"{times[n][0]['events'] / middle:,.0f} | {writing:.1f} |"
        )
    return lines


def dask_table(files: list[str], root: Path, rounds: int) -> list[str]:
    """The stage ``reading`` is compared: the cluster runs already, and workers have started too.

    Dask starts its workers with ``MALLOC_TRIM_THRESHOLD_=65536`` unless the variable is set, which
    makes them give memory back all the time; both ways are shown.
    """
    names = ["2 worker processes", "Dask, 128 MB kept by malloc", "Dask as it starts workers"]
    times: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        times[names[0]].append(timed_build(files, root, workers=2))
        times[names[1]].append(_on_dask(files, root, {TRIM: str(128 << 20)}))
        times[names[2]].append(_on_dask(files, root, {}))
    lines = [
        "| | stage `reading`, s | over processes (each round) | whole build, s |",
        "|---|---|---|---|",
    ]
    for name in names:
        ratios = [a["reading"] / b["reading"] for a, b in
                  zip(times[name], times[names[0]], strict=True)]  # fmt: skip
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        lines.append(
            f"| {name} | {statistics.median(one['reading'] for one in times[name]):.1f} | "
            f"**{statistics.median(ratios):.2f}** ({shown}) | "
            f"{statistics.median(one['seconds'] for one in times[name]):.1f} |"
        )
    return lines


def _on_dask(files: list[str], root: Path, environment: dict[str, str]) -> dict[str, float]:
    from distributed import LocalCluster

    os.environ.pop(TRIM, None)  # a nanny leaves it behind
    os.environ.update(environment)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0",
        silence_logs=50,
    ) as cluster:  # fmt: skip
        timed_build(files[:2], root, dask=cluster.scheduler_address)  # imports in its workers
        found = timed_build(files, root, dask=cluster.scheduler_address)
    os.environ.pop(TRIM, None)
    return found


def plan_table(file: str, root: Path) -> list[str]:
    """Ten thousand files of which one a process is real; every tenth is larger than a job."""
    shutil.rmtree(root, ignore_errors=True)
    for process in range(5):
        (root / f"p{process}").mkdir(parents=True)
        for number in range(2000):
            path = root / f"p{process}" / f"events_{number:05d}.root"
            if number == 0:
                shutil.copy(file, path)
                os.utime(path, (process, process))
                continue
            with open(path, "wb") as stream:
                stream.truncate(300 << 20 if number % 10 == 0 else 50 << 20)
    script = root.parent / "plan.py"
    script.write_text(PLAN)
    # a process starts with the peak of its parent: a small one in between
    command = [sys.executable, "-S", "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"]
    found = json.loads(subprocess.check_output([*command, sys.executable, script, root], text=True))
    shutil.rmtree(root)
    return [
        "| files | jobs | s | MB before | MB at peak |",
        "|---|---|---|---|---|",
        f"| {found['files']} | {found['jobs']} | **{found['seconds']:.2f}** | "
        f"{found['before']:.0f} | **{found['peak']:.0f}** |",
    ]


def memory_table(files: list[str], root: Path) -> list[str]:
    lines = ["| input, MB | events | worker at peak, MB | main process, MB |", "|---|---|---|---|"]
    for n in (2, len(files) // 2, len(files)):
        one = timed_build(files[:n], root, workers=2)
        size = sum(Path(file).stat().st_size for file in files[:n]) / 1e6
        lines.append(f"| {size:.0f} | {one['events']} | {one['worker']:.0f} | {one['main']:.0f} |")
    return lines


def copied(file: Path, number: int, folder: Path) -> str:
    """Copy a file with ``number`` bytes more, so that it counts as another one; it gets cached."""
    target = folder / f"copy{number}" / file.name
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(file, target)
    with open(target, "ab") as stream:
        stream.write(bytes(number))
        os.fsync(stream.fileno())  # no write-back beside what is timed
    return str(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--copies", type=int, default=1, help="use every file so many times")
    parser.add_argument("--small", help="a small real file for the plan (default: the first)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "work"
        files = [copied(Path(file), n, Path(folder)) for n in range(options.copies)
                 for file in options.files]  # fmt: skip
        size = sum(Path(file).stat().st_size for file in files) / 1e9
        parts = [
            "# How builds scale",
            "",
            f"`python benchmarks/scale.py FILES --rounds {options.rounds}`; {len(files)} Delphes "
            f"files, {size:.2f} GB, full generator records; {os.cpu_count()} cores, shared with "
            "others; 1 thread a worker.",
            "",
            "## Worker processes",
            "",
            *workers_table(files, root, options.rounds),
            "",
            "## Dask beside processes, the same jobs",
            "",
            *dask_table(files, root, options.rounds),
            "",
            "## Planning",
            "",
            *plan_table(options.small or files[0], root),
            "",
            "## Memory",
            "",
            *memory_table(files, root),
        ]
    text = "\n".join(parts) + "\n"
    print(text)
    if options.output:
        options.output.write_text(text)


if __name__ == "__main__":
    main()
