"""``config.json``: what a checkpoint is, what it reads, how it was made and what it saw."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from topdata.errors import one_line
from topdata.manifest import FILE_NAME, Manifest, Source
from topdata.schema.fingerprint import digest
from topdata.strict import Strict
from topfm.checkpoint.format import FORMAT
from topfm.errors import CheckpointError


def _portable(text: str) -> str:
    """Refuse what means something on one machine only."""
    if re.match(r"(file:)?([/~\\]|[A-Za-z]:[/\\])", text):
        raise ValueError(f"{text!r} is a path on one machine: give an address or a name")
    return text


def _file_name(text: str) -> str:
    if "/" in text or "\\" in text:
        raise ValueError(f"{text!r} is a path: give the file's name")
    return text


Address = Annotated[str, AfterValidator(_portable)]  # of a hub, or the name of a folder
FileName = Annotated[str, AfterValidator(_file_name)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Options = dict[str, JsonValue]  # plain types; no NaN, which is no JSON


class Column(Strict):
    """A number that a network reads or predicts, before it is standardised."""

    name: str
    unit: str  # of the variable that is transformed
    transform: str  # a formula in its variable


class Inputs(Strict):
    """What an encoder reads, in order, and the view of the dataset that gives it."""

    columns: list[Column]  # of each slot
    counts: list[Column]  # of the event
    view: dict[str, JsonValue]  # slots, features, codes: topdata.schema.fingerprint.view_spec


class Part(Strict):
    """An encoder or a set of interactions: its registered name, and what makes it again."""

    name: str
    options: Options = Field(default_factory=dict)


class LabelFact(Strict):
    """What is told apart: a column or an expression, and its classes in order."""

    text: str
    classes: list[str]


class Normalisation(Strict):
    """How means and scales were found; they are tensors among the weights, of ``inputs``."""

    targets: list[Column]  # what is predicted
    kinds: list[str]  # of particles, each with means and scales of its targets
    constant: list[str]  # never vary: scale 1, and no target
    fitted_on: int  # events


class SourceSeen(Strict):
    """A source file, and how many of its events were trained on."""

    sha256: Digest
    file: FileName
    process: str
    generator: str
    lhe_sha256: Digest | None = None  # of the paired LHE file: another shower is no new event
    events: int


class ProcessSeen(Strict):
    """A process, and how many of its events were trained on."""

    name: str
    cross_section: float  # pb
    events: int


class DataSeen(Strict):
    """The events that weights were trained on."""

    dataset: Address
    revision: str | None = None  # commit on a hub
    fingerprint: Digest  # sha256 of topdata.json: which dataset, not only which schema
    split: str
    events: int
    sources: list[SourceSeen]
    processes: list[ProcessSeen]


class Ancestor(Strict):
    """A checkpoint whose weights went into this one."""

    address: Address
    revision: str | None = None
    digest: Digest  # sha256 of its SHA256SUMS
    data: DataSeen


class Facts(Strict):
    """All of ``config.json``."""

    format: int = FORMAT
    versions: dict[str, str]
    schema_version: str
    dataset_fingerprint: Digest
    view_fingerprint: Digest
    inputs: Inputs
    encoder: Part
    interactions: Part | None = None
    tasks: dict[str, Options]
    label: LabelFact | None = None
    normalisation: Normalisation
    run: Options  # every hyper-parameter and seed
    data: DataSeen
    ancestors: list[Ancestor] = Field(default_factory=list)  # the parent first
    epochs: int
    steps: int
    best_epoch: int | None = None
    results: Options = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_view(self) -> Facts:
        if digest(self.inputs.view) != self.view_fingerprint:
            raise ValueError("view_fingerprint is not the one of inputs.view")
        return self

    @property
    def btag_bit(self) -> int:
        """The b-tag working point of the view."""
        bit = self.inputs.view.get("btag_bit")
        return bit if isinstance(bit, int) else 0

    @property
    def parent(self) -> Ancestor | None:
        """The checkpoint that training started from."""
        return self.ancestors[0] if self.ancestors else None

    @property
    def seen(self) -> list[DataSeen]:
        """Everything that the weights saw: own data first, then that of each ancestor."""
        return [self.data, *(ancestor.data for ancestor in self.ancestors)]

    def as_ancestors(self, address: str, revision: str | None, digest: str) -> list[Ancestor]:
        """Return ``ancestors`` of a checkpoint that starts from this one, published there."""
        own = Ancestor(address=address, revision=revision, digest=digest, data=self.data)
        return [own, *self.ancestors]

    def binding(self) -> dict[str, Any]:
        """Return what stands in the weights too, so that they cannot pass for others."""
        names = {
            "format", "schema_version", "dataset_fingerprint", "view_fingerprint", "encoder",
            "interactions", "tasks",
        }  # fmt: skip
        return self.model_dump(mode="json", include=names)

    def to_json(self) -> str:
        """Return the text of ``config.json``: sorted, one text for one value."""
        content = self.model_dump(mode="json")
        return json.dumps(content, sort_keys=True, indent=1, allow_nan=False) + "\n"


def config_text(facts: Facts, where: Path) -> str:
    """Return the text of ``config.json``, once it is known that it can be read again.

    Raises :class:`CheckpointError` for facts that were changed into what a checkpoint cannot hold,
    such as a result that is not a number: there ``None`` stands for what is not defined.
    """
    try:
        text = facts.to_json()
    except ValueError as error:
        raise CheckpointError(f"{where}: facts that are no JSON ({one_line(error)})") from error
    parse_facts(text, where)
    return text


def parse_facts(text: str, where: Path) -> Facts:
    """Read the text of ``config.json``.

    Raises :class:`CheckpointError` for a newer format, and for an unknown, missing or wrong key.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{where}: damaged, no JSON ({one_line(error)})") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{where}: damaged, not a table of facts")
    version = content.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise CheckpointError(
            f"{where}: checkpoint format {version}, newer than {FORMAT} of this package: run "
            "`pip install --upgrade topdata`"
        )
    if version != FORMAT:
        raise CheckpointError(f"{where}: no checkpoint of topfm (format {version!r})")
    try:
        return Facts.model_validate(content)
    except ValidationError as error:
        raise CheckpointError(f"{where}: {first_fault(error)}") from error


def first_fault(error: ValidationError) -> str:
    """Return where the first fault of a pydantic error is, and what, in one line."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "config"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{one_line(ValueError(place))}: {fault['msg']}{more}"


def data_seen(
    manifest: Manifest,
    folder: Path,
    *,
    split: str,
    sources: Mapping[int, int],
    address: str | None = None,
    revision: str | None = None,
) -> DataSeen:
    """Describe training events of a dataset in a local folder.

    ``sources`` gives the number of events used of each row of the manifest's source table.
    Without an ``address`` the name of the dataset stands for it: a folder's path tells a stranger
    nothing, and much about its owner.
    """
    used = [(manifest.sources[row], n) for row, n in sorted(sources.items()) if n]
    of_process: dict[str, int] = {}
    for source, n in used:
        of_process[source.process] = of_process.get(source.process, 0) + n
    return DataSeen(
        dataset=manifest.name if address is None else address,
        revision=revision,
        fingerprint=hashlib.sha256((folder / FILE_NAME).read_bytes()).hexdigest(),
        split=split,
        events=sum(n for _, n in used),
        sources=[_source_seen(source, n) for source, n in used],
        processes=[
            ProcessSeen(name=p.name, cross_section=p.cross_section, events=of_process[p.name])
            for p in manifest.processes
            if p.name in of_process
        ],
    )


def _source_seen(source: Source, events: int) -> SourceSeen:
    return SourceSeen(
        sha256=source.sha256,
        file=Path(source.file).name,
        process=source.process,
        generator=source.generator,
        lhe_sha256=source.lhe_sha256 or None,
        events=events,
    )
