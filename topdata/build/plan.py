"""What a build will do: its sources, and jobs of one entry range each.

A job has an identity made of everything that shapes its result: its source (path, size and time
of change), its entries, the recipe's rules for events, the schema and the version of this code.
Finished jobs are found again by it.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import topdata
from topdata.build.digest import Digests, file_digest, stamp
from topdata.errors import InputError, RecipeError, nearest
from topdata.events import Branches, ReadOptions, SourceInfo
from topdata.pairing import Partner
from topdata.recipe import Process, Recipe
from topdata.registry import reader_for
from topdata.schema.fingerprint import dataset_fingerprint, digest

JOB_ENTRIES = 50_000
_SAME_PROCESS = 1.1  # cross-section estimates of one process differ less


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One input file, opened."""

    index: int
    process: str
    path: str
    size: int
    stamp: str  # changes when the file does
    info: SourceInfo
    lhe: str = ""  # the file that it is paired with
    damage: str = ""  # why it cannot be used at all


@dataclass(frozen=True, slots=True)
class Job:
    """A range of entries of one source."""

    source: int
    path: str
    lhe: str
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
    digests: Digests

    @property
    def level(self) -> str:
        """What stands in the lists: reconstructed objects or partons."""
        return next((s.info.level for s in self.sources if not s.damage), "reconstructed")

    @property
    def entries(self) -> int:
        """Number of events to read."""
        return sum(job.stop - job.start for job in self.jobs)


def read_options(recipe: Recipe, threads: int = 1) -> ReadOptions:
    """Return how the recipe wants its sources read."""
    return ReadOptions(
        branches=Branches(**recipe.branches.model_dump()),
        truth=recipe.truth,
        threads=threads,
        invisible=frozenset(abs(code) for code in recipe.invisible),
    )


def plan(
    recipe: Recipe, base: Path, *, skip_bad: bool, progress: Callable[[str], None] = lambda _: None
) -> Plan:
    """Find and open every source of a recipe; file names are relative to ``base``.

    Raises :class:`RecipeError` for a pattern that matches nothing, a file named twice or a
    missing cross-section, :class:`InputError` for a source that cannot be opened, unless
    ``skip_bad`` accepts its loss.
    """
    sources: list[PlannedSource] = []
    for process in recipe.processes:
        for path, lhe in _pairs(process, base):
            progress(path)
            source = _source(len(sources), process.name, path, recipe, skip_bad=skip_bad)
            sources.append(_paired(source, lhe, recipe) if lhe else source)
    known = _require_distinct(sources)
    stamps = {source.path: source.stamp for source in sources}
    stamps |= {source.lhe: stamp(source.lhe)[1] for source in sources if source.lhe}
    digests = Digests(stamps, known)
    _require_one_level(sources)
    cross_sections = {
        process.name: _cross_section(process, [s for s in sources if s.process == process.name])
        for process in recipe.processes
    }
    return Plan(recipe, sources, list(_jobs(recipe, sources)), cross_sections, digests)


def _pairs(process: Process, base: Path) -> list[tuple[str, str]]:
    """Return every file of a process with the LHE file that it is paired with, if any."""
    if process.files:
        return [(path, "") for path in _paths(process, process.files, base)]
    delphes, lhe = (_paths(process, names, base) for names in (process.delphes, process.lhe))
    if len(delphes) != len(lhe):
        raise RecipeError(
            f"process {process.name!r}: {len(delphes)} Delphes files and {len(lhe)} LHE files "
            "cannot be paired one to one"
        )
    return list(zip(delphes, lhe, strict=True))


def _paired(source: PlannedSource, lhe: str, recipe: Recipe) -> PlannedSource:
    """Add what the LHE file knows: cross-section and names of the weights."""
    partner = Partner(lhe, read_options(recipe)).info
    sigma = source.info.cross_section
    own = (sigma, source.info.cross_section_error)
    cross_section, error = own if sigma else (partner.cross_section, partner.cross_section_error)
    more = partner.entries - source.info.entries
    notes = source.info.notes + (
        (f"{more} events of the LHE file are not here",) if more > 0 else ()
    )
    info = replace(
        source.info, cross_section=cross_section, cross_section_error=error, notes=notes,
        weight_names=partner.weight_names, process=partner.process,
    )  # fmt: skip
    return replace(source, lhe=lhe, info=info)


def _paths(process: Process, patterns: list[str], base: Path) -> list[str]:
    found: list[str] = []
    for pattern in patterns:
        if "://" in pattern:
            found.append(pattern)
            continue
        path = base / Path(pattern).expanduser()
        if path.exists():
            found.append(str(path))
            continue
        inside = str(Path(pattern).expanduser())
        matches = sorted(glob.glob(inside, root_dir=base, recursive=True))
        if not matches:
            raise RecipeError(
                f"process {process.name!r}: no file matches {pattern!r} in {base}{_similar(path)}"
            )
        found.extend(str(base / match) for match in matches)
    if folder := next((f for f in found if "://" not in f and Path(f).is_dir()), None):
        raise RecipeError(f"process {process.name!r}: {folder} is a folder, name its files: "
                          f"{folder}/*.root")  # fmt: skip
    for path_ in found:
        if found.count(path_) > 1:
            raise RecipeError(f"process {process.name!r}: {path_} is named twice")
    return found


def _similar(path: Path) -> str:
    """Name the file that was probably meant, if there is one."""
    try:
        there = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return ""
    text = nearest(path.name, there)
    return text if "did you mean" in text else ""


def _source(
    index: int, process: str, path: str, recipe: Recipe, *, skip_bad: bool
) -> PlannedSource:
    size, mark = stamp(path)
    try:
        reader = reader_for(path)(path, read_options(recipe))
        try:
            info = reader.info
        finally:
            reader.close()
    except InputError as error:
        if not skip_bad:
            raise
        nothing = SourceInfo("unreadable", 0, {}, False)
        return PlannedSource(index, process, path, size, mark, nothing, damage=str(error))
    return PlannedSource(index, process, path, size, mark, info)


def _require_distinct(sources: list[PlannedSource]) -> dict[str, str]:
    """Raise if two sources hold the same bytes; return the hashes that the answer needed.

    Only files of one size can be equal, so hardly any is read for this.
    """
    by_size: dict[int, list[PlannedSource]] = {}
    for source in sources:
        by_size.setdefault(source.size, []).append(source)
    known: dict[str, str] = {}
    for same_size in by_size.values():
        seen: dict[str, str] = {}
        for source in same_size if len(same_size) > 1 else []:
            known[source.path] = file_digest(source.path)
            first = seen.setdefault(known[source.path], source.path)
            if first != source.path:
                raise RecipeError(f"{source.path}: the same events as {first}, name the file once")
    return known


def _require_one_level(sources: list[PlannedSource]) -> None:
    """Refuse a dataset in which partons would pass for reconstructed jets."""
    usable = [source for source in sources if not source.damage]
    for source in usable:
        if source.info.level != usable[0].info.level:
            raise RecipeError(
                f"{source.path} is of {source.info.level} level and {usable[0].path} of "
                f"{usable[0].info.level} level: build two datasets"
            )


def _cross_section(process: Process, sources: list[PlannedSource]) -> tuple[float, str]:
    if process.cross_section is not None:
        return process.cross_section, "recipe"
    entries, total = 0, 0.0
    given: dict[str, float] = {}
    for source in sources:
        if source.info.cross_section is None:
            if source.damage:
                continue
            raise RecipeError(
                f"process {process.name!r}: {source.path} holds no usable cross-section, "
                "add `cross_section:` in pb"
            )
        given[source.path] = source.info.cross_section
        entries += source.info.entries
        total += source.info.cross_section * source.info.entries
    low, high = (pick(given, key=given.__getitem__, default="") for pick in (min, max))
    if given and given[high] > _SAME_PROCESS * given[low]:
        raise RecipeError(
            f"process {process.name!r}: {low} has {given[low]:.4g} pb and {high} {given[high]:.4g} "
            "pb: different processes, or add `cross_section:` in pb"
        )
    if not entries:
        raise RecipeError(f"process {process.name!r}: no cross-section, add `cross_section:` in pb")
    return total / entries, "file"


def _code_digest() -> str:
    """Return a digest of this package's source: a part made by other code is made again."""
    digest_ = hashlib.sha256(topdata.__version__.encode())
    for path in sorted(Path(str(files("topdata"))).rglob("*.py")):
        digest_.update(path.read_bytes())
    return digest_.hexdigest()


def _jobs(recipe: Recipe, sources: list[PlannedSource]) -> Iterator[Job]:
    shared = {
        "recipe": recipe.per_process(),
        "schema": dataset_fingerprint(),
        "code": _code_digest(),
    }
    for source in sources:
        step = JOB_ENTRIES if source.info.seekable else max(source.info.entries, 1)
        for start in range(0, source.info.entries, step):
            stop = min(start + step, source.info.entries)
            origin = {"source": source.stamp, "lhe": stamp(source.lhe)[1] if source.lhe else ""}
            identity = digest({**shared, **origin, "start": start, "stop": stop})
            yield Job(source.index, source.path, source.lhe, start, stop, identity[:32])
