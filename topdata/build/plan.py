"""What a build will do: its sources, and small jobs that any process can run.

Planning asks for the size and time of change of every file and opens one file of each process, so
that a mistake in the recipe shows at once and ten thousand files take no longer than ten. A large
file is cut into pieces by size; which entries a piece holds is known when it is opened.

A job has an identity made of everything that shapes its result: its source and the file that it
is paired with (path, size and time of change), its piece, the recipe's rules for events, the
schema and the version of this code. Finished jobs are found again by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import topdata
from topdata.build.digest import stamp
from topdata.build.files import files_of
from topdata.errors import InputError, RecipeError
from topdata.events import Branches, ReadOptions, SourceInfo
from topdata.pairing import Partner
from topdata.recipe import Process, Recipe, Rules
from topdata.registry import reader_for
from topdata.schema.fingerprint import dataset_fingerprint, digest

JOB_BYTES = 256 << 20
_REMOTE_THREADS = 16


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One input file, not yet opened."""

    index: int  # row of the manifest's source table
    process: str
    path: str
    size: int
    stamp: str  # changes when the file does
    lhe: str = ""  # the file that it is paired with
    lhe_stamp: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of one source: entries ``n * piece // pieces`` to ``n * (piece + 1) // pieces``."""

    source: PlannedSource
    piece: int
    pieces: int
    identity: str

    @property
    def size(self) -> int:
        """Bytes of input, about."""
        return self.source.size // self.pieces

    def entries(self, n: int) -> tuple[int, int]:
        """Return the range of entries of a source with ``n`` entries."""
        return n * self.piece // self.pieces, n * (self.piece + 1) // self.pieces


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a build needs to know before it reads events."""

    recipe: Recipe
    sources: list[PlannedSource]
    jobs: list[Job]

    @property
    def size(self) -> int:
        """Bytes of input."""
        return sum(source.size for source in self.sources)


def read_options(rules: Rules, threads: int = 1) -> ReadOptions:
    """Return how the recipe wants its sources read."""
    return ReadOptions(
        branches=Branches(**rules.branches.model_dump()),
        truth=rules.truth,
        threads=threads,
        invisible=frozenset(abs(code) for code in rules.invisible),
    )


def plan(recipe: Recipe, base: Path, *, skip_bad: bool = False) -> Plan:
    """Find every source of a recipe; file names are relative to ``base``.

    Raises :class:`RecipeError` for a pattern that matches nothing or a file named twice,
    :class:`InputError` for a file that does not exist, and either where the first file of a
    process shows that the recipe cannot work, unless ``skip_bad`` accepts its loss.
    """
    named = [(process, files_of(process, base)) for process in recipe.processes]
    stamps = _stamps([path for _, pairs in named for pair in pairs for path in pair if path])
    sources = [
        PlannedSource(0, process.name, path, *stamps[path], lhe, stamps[lhe][1] if lhe else "")
        for process, pairs in named
        for path, lhe in pairs
    ]
    _require_distinct(sources)
    _try_out(recipe, sources, skip_bad=skip_bad)
    return planned(recipe, sources)


def planned(recipe: Recipe, sources: list[PlannedSource], first: int = 0) -> Plan:
    """Return the plan of some sources, numbered from ``first`` on."""
    shared = digest(
        {
            "recipe": recipe.rules().model_dump(mode="json"),
            "schema": dataset_fingerprint(),
            "code": _code_digest(),
        }
    )
    numbered = [
        PlannedSource(index, s.process, s.path, s.size, s.stamp, s.lhe, s.lhe_stamp)
        for index, s in enumerate(sources, start=first)
    ]
    return Plan(recipe, numbered, [job for source in numbered for job in _jobs(source, shared)])


def _stamps(paths: list[str]) -> dict[str, tuple[int, str]]:
    """Return size and stamp of every file, of remote ones many at a time."""
    with ThreadPoolExecutor(_REMOTE_THREADS) as pool:
        remote = {path: pool.submit(stamp, path) for path in paths if "://" in path}
        found = {path: stamp(path) for path in paths if path not in remote}
        return found | {path: coming.result() for path, coming in remote.items()}


def _require_distinct(sources: list[PlannedSource]) -> None:
    """Refuse one file under two names (links); copies are found by their hash later."""
    seen: dict[str, str] = {}
    for source in sources:
        first = seen.setdefault(source.stamp, source.path)
        if first != source.path:
            raise RecipeError(f"{source.path}: the same events as {first}, name the file once")


def _try_out(recipe: Recipe, sources: list[PlannedSource], *, skip_bad: bool) -> None:
    """Open the first file of each process: most mistakes show in it."""
    options = read_options(recipe)
    levels: dict[str, str] = {}
    for process in recipe.processes:
        source = next(source for source in sources if source.process == process.name)
        try:
            info = source_info(source, options)
        except InputError:
            if not skip_bad:
                raise
            continue
        require_cross_section(process, source.path, info.cross_section)
        levels[source.path] = info.level
    require_one_level(levels)


def source_info(source: PlannedSource, options: ReadOptions) -> SourceInfo:
    """Open a source, and the file that it is paired with, and return what they say."""
    reader = reader_for(source.path)(source.path, options)
    try:
        info = reader.info
    finally:
        reader.close()
    return Partner(source.lhe, options).completed(info) if source.lhe else info


def require_cross_section(process: Process, path: str, cross_section: float | None) -> None:
    """Raise :class:`RecipeError` if neither recipe nor file gives a cross-section."""
    if process.cross_section is None and cross_section is None:
        raise RecipeError(
            f"process {process.name!r}: {path} holds no usable cross-section, "
            "add `cross_section:` in pb"
        )


def require_one_level(levels: dict[str, str]) -> str:
    """Return the level of the files, by path; partons must not pass for reconstructed jets."""
    first = next(iter(levels), "")
    for path, level in levels.items():
        if level != levels[first]:
            raise RecipeError(
                f"{path} is of {level} level and {first} of {levels[first]} level: build two "
                "datasets"
            )
    return levels.get(first, "reconstructed")


def _code_digest() -> str:
    """Return a digest of this package's source: a part made by other code is made again."""
    digest_ = hashlib.sha256(topdata.__version__.encode())
    for path in sorted(Path(str(files("topdata"))).rglob("*.py")):
        digest_.update(path.read_bytes())
    return digest_.hexdigest()


def _jobs(source: PlannedSource, shared: str) -> Iterator[Job]:
    pieces = _pieces(source)
    for piece in range(pieces):
        text = f"{shared}|{source.stamp}|{source.lhe_stamp}|{piece}/{pieces}"
        yield Job(source, piece, pieces, hashlib.sha256(text.encode()).hexdigest()[:32])


def _pieces(source: PlannedSource) -> int:
    """Return into how many jobs a file is cut; most are not even looked at for this."""
    if source.size <= JOB_BYTES:
        return 1
    try:
        seekable = reader_for(source.path).seekable
    except InputError:
        return 1  # the job will say what is wrong
    return -(-source.size // JOB_BYTES) if seekable else 1
