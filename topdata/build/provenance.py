"""Where events came from and where they went, in words that can be published.

File names keep only as many folders as tell them apart, and so say nothing of whoever built the
dataset.
"""

from __future__ import annotations

import math
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import topdata
from topdata.build.chain import Tally
from topdata.build.plan import Job, Plan, PlannedSource
from topdata.manifest import Ledger, Quarantine, Source

_PACKAGES = ("awkward", "datasets", "numpy", "pyarrow", "uproot")
_WEIGHTS_DIFFER = 0.01  # relative difference of the mean |weight| of two files worth a word
Work = list[tuple[Job, Tally]]


def public_names(paths: list[str]) -> dict[str, str]:
    """Return a name for each path: URLs as they are, of files as little as tells them apart."""
    names = {path: path for path in paths if "://" in path}
    parts = {path: Path(path).resolve().parts for path in paths if "://" not in path}
    for depth in range(1, 1 + max((len(p) for p in parts.values()), default=0)):
        short = {path: "/".join(p[-depth:]) for path, p in parts.items()}
        if len(set(short.values())) == len(set(parts.values())):
            return names | short
    return names


def ledger(tallies: list[Tally]) -> Ledger:
    """Sum some tallies; ``read`` and ``cut`` are counted apart, so a mistake would not close."""
    written = sum(tally.written for tally in tallies)
    return Ledger(
        read=sum(tally.read for tally in tallies),
        written=written,
        cut=sum(tally.usable for tally in tallies) - written,
        quarantined=sum(tally.lost for tally in tallies),
    )


def summed_flow(flows: list[list[tuple[int, float]]]) -> list[tuple[int, float]]:
    """Add cut flows step by step; those of sources without a usable event are empty."""
    steps = max((len(flow) for flow in flows), default=0)
    return [
        (sum(f[step][0] for f in flows if f), math.fsum(f[step][1] for f in flows if f))
        for step in range(steps)
    ]


def sources(planned: Plan, by_source: dict[int, Work]) -> list[Source]:
    """Return the manifest's source table."""
    names = public_names([source.path for source in planned.sources])
    first_weight: dict[str, tuple[str, float]] = {}
    entries = []
    for source in planned.sources:
        tallies = [tally for _, tally in by_source[source.index]]
        notes = list(source.info.notes)
        if dangling := sum(tally.dangling for tally in tallies):
            notes.append(f"{dangling} lepton references lead nowhere")
        if unpaired := sum(tally.unpaired for tally in tallies):
            notes.append(f"{unpaired} events have no partner in the LHE file")
        notes += _weight_notes(source, names, tallies, first_weight)
        entries.append(
            Source(
                process=source.process,
                file=names[source.path],
                sha256=planned.digests.of(source.path),
                size=source.size,
                format=source.info.format,
                generator=source.info.generator,
                generated=source.info.process,
                cross_section=source.info.cross_section,
                cross_section_error=source.info.cross_section_error,
                weight_names=list(source.info.weight_names),
                undecayed=sorted({code for tally in tallies for code in tally.undecayed}),
                truth=source.info.truth,
                entries=source.info.entries,
                lhe=Path(source.lhe).name if source.lhe else "",
                lhe_sha256=planned.digests.of(source.lhe) if source.lhe else "",
                sum_gen_weight=math.fsum(tally.sum_gen_weight for tally in tallies),
                negative_weights=sum(tally.negative for tally in tallies),
                flow=summed_flow([tally.flow for tally in tallies]),
                ledger=ledger(tallies),
                notes=[_without_folder(note, source.path) for note in notes],
            )
        )
    return entries


def _weight_notes(
    source: PlannedSource, names: dict[str, str], tallies: list[Tally],
    first: dict[str, tuple[str, float]],
) -> list[str]:  # fmt: skip
    """Say when a file's weights have another size than those of the process's first file."""
    usable = sum(tally.usable for tally in tallies)
    if not usable:
        return []
    mean = abs(float(np.sum([tally.sum_gen_weight for tally in tallies]))) / usable
    name, reference = first.setdefault(source.process, (names[source.path], mean))
    if abs(mean - reference) <= _WEIGHTS_DIFFER * reference:
        return []
    return [f"mean weight {mean:.4g}, but {reference:.4g} in {name}: is it the same process?"]


def quarantine(planned: Plan, by_source: dict[int, Work]) -> list[Quarantine]:
    """Return what was lost, one row for a source and reason."""
    lost: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for source in planned.sources:
        if source.damage:
            lost[source.index, _without_folder(source.damage, source.path)] = []
        for _, tally in by_source[source.index]:
            for start, stop, reason in tally.unusable:
                lost.setdefault((source.index, reason), []).append((start, stop))
    return [
        Quarantine(source=source, ranges=ranges, reason=reason)
        for (source, reason), ranges in lost.items()
    ]


def _without_folder(text: str, path: str) -> str:
    """Keep private folder names out of a published text."""
    text = text.removeprefix(f"{path}: ")
    if "://" in path:
        return text
    name = Path(path).name
    for spelled in (str(Path(path).resolve()), str(Path(path).absolute()), path):
        text = text.replace(spelled, name)
    return text


def published_recipe(planned: Plan) -> dict[str, Any]:
    """Return the recipe with every file that was read, named as in the source table."""
    names = public_names([source.path for source in planned.sources])
    content = planned.recipe.model_dump(mode="json", exclude_defaults=True)
    for process in content["processes"]:
        mine = [source for source in planned.sources if source.process == process["name"]]
        process["delphes" if "delphes" in process else "files"] = [names[s.path] for s in mine]
        if "lhe" in process:
            process["lhe"] = [Path(source.lhe).name for source in mine]
    return content


def versions() -> dict[str, str]:
    """Return the versions of everything that shapes the result."""
    return {
        "topdata": topdata.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }
