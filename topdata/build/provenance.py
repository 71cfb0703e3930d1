"""Where events came from and where they went, in words that can be published.

File names keep only as many folders as tell them apart, and so say nothing of whoever built the
dataset.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import topdata
from topdata.build.normalise import summed_flow
from topdata.build.plan import Job, PlannedSource
from topdata.build.tally import Tally
from topdata.events import SourceInfo
from topdata.manifest import Ledger, Quarantine, Source
from topdata.recipe import Recipe

_PACKAGES = ("awkward", "datasets", "numpy", "pyarrow", "uproot")
_WEIGHTS_DIFFER = 0.01  # relative difference of the mean |weight| of two files worth a word


@dataclass(slots=True)
class Converted:
    """A source whose jobs are done."""

    source: PlannedSource
    work: list[tuple[Job, Tally]] = field(default_factory=list)  # in the order of its entries

    @property
    def tallies(self) -> list[Tally]:
        """The tallies of its jobs."""
        return [tally for _, tally in self.work]

    @property
    def info(self) -> SourceInfo:
        """What the source says of itself; it is said by the job that read its first entries."""
        return self.tallies[0].info

    @property
    def damage(self) -> str:
        """Why the source cannot be used at all."""
        return next((tally.damage for tally in self.tallies if tally.damage), "")


def public_names(paths: Sequence[str]) -> dict[str, str]:
    """Return a name for each path: URLs as they are, of files as little as tells them apart."""
    names = {path: path for path in paths if "://" in path}
    parts = {path: Path(path).resolve().parts for path in paths if "://" not in path}
    for depth in range(1, 1 + max((len(p) for p in parts.values()), default=0)):
        short = {path: "/".join(p[-depth:]) for path, p in parts.items()}
        if len(set(short.values())) == len(set(parts.values())):
            return names | short
    return names


def _ledger(tallies: list[Tally]) -> Ledger:
    """Sum some tallies; ``read`` and ``cut`` are counted apart, so a mistake would not close."""
    written = sum(tally.written for tally in tallies)
    return Ledger(
        read=sum(tally.read for tally in tallies),
        written=written,
        cut=sum(tally.usable for tally in tallies) - written,
        quarantined=sum(tally.lost for tally in tallies),
    )


def source_row(done: Converted, name: str) -> Source:
    """Return a source's row of the manifest's table."""
    tallies, info = done.tallies, done.info
    notes = list(info.notes)
    if dangling := sum(tally.dangling for tally in tallies):
        notes.append(f"{dangling} lepton references lead nowhere")
    if unpaired := sum(tally.unpaired for tally in tallies):
        notes.append(f"{unpaired} events have no partner in the LHE file")
    flows = [tally.flow for tally in tallies]
    return Source(
        process=done.source.process,
        file=name,
        sha256=tallies[0].sha256,
        size=done.source.size,
        format=info.format,
        generator=info.generator,
        generated=info.process,
        cross_section=info.cross_section,
        cross_section_error=info.cross_section_error,
        weight_names=list(info.weight_names),
        undecayed=sorted({code for tally in tallies for code in tally.undecayed}),
        truth=info.truth,
        entries=info.entries,
        lhe=Path(done.source.lhe).name if done.source.lhe else "",
        lhe_sha256=tallies[0].lhe_sha256,
        sum_gen_weight=math.fsum(tally.sum_gen_weight for tally in tallies),
        negative_weights=sum(tally.negative for tally in tallies),
        flow=summed_flow(flows, max((len(flow) for flow in flows), default=0)),
        ledger=_ledger(tallies),
        notes=[_without_folder(note, done.source.path) for note in notes],
    )


def note_weights(sources: Sequence[Source]) -> None:
    """Say when a file's weights have another size than those of the process's first file."""
    first: dict[str, tuple[str, float]] = {}
    for source in sources:
        usable = source.flow[0][0] if source.flow else 0
        if not usable:
            continue
        mean = abs(source.sum_gen_weight) / usable
        name, reference = first.setdefault(source.process, (source.file, mean))
        note = f"mean weight {mean:.4g}, but {reference:.4g} in {name}: is it the same process?"
        if abs(mean - reference) > _WEIGHTS_DIFFER * reference and note not in source.notes:
            source.notes.append(note)


def quarantine(converted: Sequence[Converted]) -> list[Quarantine]:
    """Return what was lost, one row for a source and reason."""
    lost: dict[tuple[int, str], list[tuple[int, int]]] = {}
    for done in converted:
        source = done.source
        if done.damage:
            lost[source.index, _without_folder(done.damage, source.path)] = []
        for tally in done.tallies:
            for start, stop, reason in tally.unusable:
                lost.setdefault((source.index, reason), []).append((start, stop))
    return [
        Quarantine(source=source, ranges=_joined(ranges), reason=reason)
        for (source, reason), ranges in lost.items()
    ]


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that touch: where a source was cut into jobs is nobody's business."""
    joined: list[tuple[int, int]] = []
    for start, stop in ranges:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def _without_folder(text: str, path: str) -> str:
    """Keep private folder names out of a published text."""
    text = text.removeprefix(f"{path}: ")
    if "://" in path:
        return text
    name = Path(path).name
    for spelled in (str(Path(path).resolve()), str(Path(path).absolute()), path):
        text = text.replace(spelled, name)
    return text


def published_recipe(
    recipe: Recipe, sources: Sequence[PlannedSource], names: dict[str, str]
) -> dict[str, Any]:
    """Return the recipe with every file that was read, named as in the source table."""
    content = recipe.plain()
    for process in content["processes"]:
        mine = [source for source in sources if source.process == process["name"]]
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
