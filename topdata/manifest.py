"""``topdata.json``: what a dataset is, where it came from and where every event went."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from topdata.errors import InputError, one_line
from topdata.schema.version import require_readable

FILE_NAME = "topdata.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Ledger(_Part):
    """Where events went: ``read = written + cut + quarantined``."""

    read: int = 0
    written: int = 0
    cut: int = 0
    quarantined: int = 0

    @property
    def closes(self) -> bool:
        """Tell whether every event is accounted for."""
        return self.read == self.written + self.cut + self.quarantined

    def add(self, other: Ledger) -> None:
        """Add the counts of another ledger."""
        for name in ("read", "written", "cut", "quarantined"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Cut(_Part):
    """One line of a cut flow."""

    cut: str
    events: int
    sum_gen_weight: float


class Quarantine(_Part):
    """Events of one source that could not be used for one reason.

    ``ranges`` are [start, stop) in entries; none where the whole file cannot be read.
    """

    source: int
    ranges: list[tuple[int, int]]
    reason: str

    @property
    def events(self) -> int:
        """Number of events lost."""
        return sum(stop - start for start, stop in self.ranges)

    @property
    def where(self) -> str:
        """The entries in words, the last of a range included; at most a few."""
        if not self.ranges:
            return "the whole file"
        shown = [f"{a}" if b == a + 1 else f"{a} to {b - 1}" for a, b in self.ranges[:5]]
        more = len(self.ranges) - len(shown)
        return f"entries {', '.join(shown)}" + (f" and {more} more places" if more else "")


class Source(_Part):
    """One input file."""

    process: str
    file: str
    sha256: str
    size: int
    format: str
    generator: str
    generated: str  # the process in the generator's words
    cross_section: float | None  # pb, as the file gives it
    cross_section_error: float | None
    weight_names: list[str]
    undecayed: list[int]  # |PDG codes| of final resonances, at parton level
    truth: bool
    entries: int
    lhe: str  # name of the paired LHE file, if any
    lhe_sha256: str
    sum_gen_weight: float  # of all usable events, before any cut
    negative_weights: int
    # (events, sum of gen_weight): usable, then left after each cut of the process's cut flow
    flow: list[tuple[int, float]]
    ledger: Ledger
    notes: list[str]


class ProcessEntry(_Part):
    """One process with its normalisation."""

    name: str
    cross_section: float  # pb
    cross_section_from: str  # recipe or file
    sum_gen_weight: float  # of all usable events, before any cut
    negative_weights: int
    sum_weight: float  # pb, of the written events
    efficiency: float  # sum_weight / cross_section
    ledger: Ledger
    cut_flow: list[Cut]
    splits: dict[str, int]


class DataFile(_Part):
    """One file of the dataset."""

    path: str
    rows: int
    size: int  # bytes on disk
    memory: int  # bytes as Arrow
    sha256: str

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        parts = PurePosixPath(path).parts
        if not parts or ".." in parts or PurePosixPath(path).is_absolute() or "\\" in path:
            raise ValueError(f"{path!r} leads out of the dataset")
        return path


class Parent(_Part):
    """A dataset that this one was made from."""

    name: str
    manifest_sha256: str


class Step(_Part):
    """One command in the history of a dataset."""

    command: str  # build, extend, merge, skim, migrate
    detail: dict[str, Any]  # what it was told, e.g. the cut of a skim
    parents: list[Parent]
    versions: dict[str, str]


class Manifest(_Part):
    """The whole manifest."""

    schema_version: str
    dataset_fingerprint: str
    view_fingerprint: str
    name: str
    description: str
    level: str  # reconstructed or parton
    btag_bit: int
    classes: list[str]  # index = the value of the column `process`; append-only
    processes: list[ProcessEntry]
    sources: list[Source]
    quarantine: list[Quarantine]
    files: list[DataFile]
    recipe: dict[str, Any]
    history: list[Step] = Field(min_length=1)  # oldest first

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the software that wrote the dataset."""
        return self.history[-1].versions

    @property
    def undecayed(self) -> list[int]:
        """|PDG codes| of resonances that some source leaves undecayed."""
        return sorted({code for source in self.sources for code in source.undecayed})

    @property
    def total(self) -> Ledger:
        """The ledger of all processes."""
        total = Ledger()
        for process in self.processes:
            total.add(process.ledger)
        return total

    def split_counts(self) -> dict[str, int]:
        """Return written events by split, without empty splits."""
        counts: dict[str, int] = {}
        for process in self.processes:
            for split, count in process.splits.items():
                counts[split] = counts.get(split, 0) + count
        return {split: count for split, count in counts.items() if count}

    def to_json(self) -> str:
        """Return the text of ``topdata.json``."""
        return json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"


def read_manifest(dataset: Path, *, any_schema: bool = False) -> Manifest:
    """Read the manifest of a built dataset, of the current schema unless ``any_schema``.

    Raises :class:`InputError` if the folder is no dataset, :class:`SchemaError` if its schema
    is of another version.
    """
    path = dataset / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{dataset}: not a topdata dataset (no {FILE_NAME} in it)") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged manifest ({one_line(error)})") from error
    if not isinstance(content, dict) or "schema_version" not in content:
        raise InputError(f"{path}: damaged manifest (no schema version)")
    if not any_schema:
        require_readable(str(content["schema_version"]), str(dataset))
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: damaged manifest ({one_line(error)})") from error


def damaged_files(dataset: Path, manifest: Manifest) -> Iterator[tuple[DataFile, str]]:
    """Yield every file that is not what the manifest says, and what is wrong with it.

    Each file is read whole: its size and sha256 are compared.
    """
    for file in manifest.files:
        path = dataset / file.path
        try:
            with open(path, "rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
                size = stream.tell()
        except FileNotFoundError:
            yield file, "missing"
            continue
        except OSError as error:
            yield file, f"cannot be read ({one_line(error)})"
            continue
        if size != file.size:
            yield file, f"{size} bytes, the manifest says {file.size}"
        elif sha256 != file.sha256:
            yield file, f"sha256 {sha256[:16]}..., the manifest says {file.sha256[:16]}..."
