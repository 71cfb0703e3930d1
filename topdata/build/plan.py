"""What a build will do: sources with their hashes, and jobs of one entry range each.

A job has an identity made of everything that shapes its result: the content of its source, its
entries, the recipe's rules for events, the schema and the version of this code. Finished jobs
are found again by it.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import fsspec

import topdata
from topdata.errors import InputError, RecipeError, one_line
from topdata.events import Branches, ReadOptions, SourceInfo
from topdata.recipe import Process, Recipe
from topdata.registry import reader_for
from topdata.schema.fingerprint import dataset_fingerprint, digest

JOB_ENTRIES = 50_000
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One input file, opened and hashed."""

    index: int
    process: str
    path: str
    sha256: str
    size: int
    info: SourceInfo
    damage: str = ""  # why it cannot be used at all


@dataclass(frozen=True, slots=True)
class Job:
    """A range of entries of one source."""

    source: int
    path: str
    sha256: str
    start: int
    stop: int
    identity: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a build needs to know before it reads events."""

    recipe: Recipe
    sources: list[PlannedSource]
    jobs: list[Job]
    cross_sections: dict[str, tuple[float, str]]  # process -> (pb, where from)

    @property
    def entries(self) -> int:
        """Number of events to read."""
        return sum(job.stop - job.start for job in self.jobs)


def read_options(recipe: Recipe, threads: int = 1) -> ReadOptions:
    """Return how the recipe wants its sources read."""
    return ReadOptions(Branches(**recipe.branches.model_dump()), recipe.truth, threads)


def plan(
    recipe: Recipe, base: Path, *, skip_bad: bool, progress: Callable[[str], None] = lambda _: None
) -> Plan:
    """Find, open and hash every source of a recipe; file names are relative to ``base``.

    Raises :class:`RecipeError` for a pattern that matches nothing, a file named twice or a
    missing cross-section, :class:`InputError` for a source that cannot be opened, unless
    ``skip_bad`` accepts its loss.
    """
    sources: list[PlannedSource] = []
    seen: dict[str, str] = {}
    for process in recipe.processes:
        for path in _paths(process, base):
            progress(path)
            source = _source(len(sources), process.name, path, recipe, skip_bad=skip_bad)
            if source.sha256 in seen:
                raise RecipeError(
                    f"{path}: the same events as {seen[source.sha256]}, name the file once"
                )
            seen[source.sha256] = path
            sources.append(source)
    cross_sections = {
        process.name: _cross_section(process, [s for s in sources if s.process == process.name])
        for process in recipe.processes
    }
    return Plan(recipe, sources, list(_jobs(recipe, sources)), cross_sections)


def _paths(process: Process, base: Path) -> list[str]:
    found: list[str] = []
    for pattern in process.files:
        if "://" in pattern:
            found.append(pattern)
            continue
        path = base / Path(pattern).expanduser()
        if path.exists():
            matches = [str(path)]
        elif matches := sorted(glob.glob(str(path), recursive=True)):
            pass
        else:
            raise RecipeError(f"process {process.name!r}: no file matches {pattern!r} in {base}")
        found.extend(matches)
    if folder := next((f for f in found if "://" not in f and Path(f).is_dir()), None):
        raise RecipeError(f"process {process.name!r}: {folder} is a folder, name its files: "
                          f"{folder}/*.root")  # fmt: skip
    for path_ in found:
        if found.count(path_) > 1:
            raise RecipeError(f"process {process.name!r}: {path_} is named twice")
    return found


def _source(
    index: int, process: str, path: str, recipe: Recipe, *, skip_bad: bool
) -> PlannedSource:
    sha256, size = file_digest(path)
    try:
        reader = reader_for(path)(path, read_options(recipe))
        try:
            info = reader.info
        finally:
            reader.close()
    except InputError as error:
        if not skip_bad:
            raise
        return PlannedSource(
            index, process, path, sha256, size, SourceInfo("unreadable", 0, {}, False), str(error)
        )
    return PlannedSource(index, process, path, sha256, size, info)


def file_digest(path: str) -> tuple[str, int]:
    """Return (sha256, size in bytes) of a local or remote file."""
    digest_, size = hashlib.sha256(), 0
    try:
        with fsspec.open(path, "rb") as stream:
            while block := stream.read(_BLOCK):
                digest_.update(block)
                size += len(block)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"{path}: cannot be read ({one_line(error)})") from error
    return digest_.hexdigest(), size


def _cross_section(process: Process, sources: list[PlannedSource]) -> tuple[float, str]:
    if process.cross_section is not None:
        return process.cross_section, "recipe"
    entries, total = 0, 0.0
    for source in sources:
        if source.info.cross_section is None:
            if source.damage:
                continue
            raise RecipeError(
                f"process {process.name!r}: {source.path} holds no usable cross-section, "
                "add `cross_section:` in pb"
            )
        entries += source.info.entries
        total += source.info.cross_section * source.info.entries
    if not entries:
        raise RecipeError(f"process {process.name!r}: no cross-section, add `cross_section:` in pb")
    return total / entries, "file"


def _jobs(recipe: Recipe, sources: list[PlannedSource]) -> Iterator[Job]:
    shared = {
        "recipe": recipe.per_process(),
        "schema": dataset_fingerprint(),
        "code": topdata.__version__,
    }
    for source in sources:
        for start in range(0, source.info.entries, JOB_ENTRIES):
            stop = min(start + JOB_ENTRIES, source.info.entries)
            identity = digest({**shared, "source": source.sha256, "start": start, "stop": stop})
            yield Job(source.index, source.path, source.sha256, start, stop, identity[:32])
