"""An export from dataset to output folder: streamed, described, and there whole or not at all."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from topdata import __version__
from topdata.entrypoints import registered
from topdata.errors import OutputError, RecipeError, nearest
from topdata.export.events import Events
from topdata.export.source import Source
from topdata.export.target import Target, Written
from topdata.progress import Progress
from topdata.whole import new_folder

EXPORTERS = "topdata.exporters"
PROVENANCE = "provenance.json"


@dataclass(frozen=True, slots=True)
class Report:
    """What was written. ``counts`` are of the target: what was kept and what dropped."""

    output: str
    target: str
    files: list[Written]
    other_files: list[str]
    counts: dict[str, int]
    provenance: dict[str, Any]

    @property
    def events(self) -> int:
        """Number of events written."""
        return sum(file.events for file in self.files)

    def plain(self) -> dict[str, Any]:
        """Return plain types for JSON."""
        return asdict(self) | {"events": self.events}


def targets() -> list[str]:
    """Return the names of the exporters that are installed."""
    return list(registered(EXPORTERS))


def export(
    dataset: str | Path,
    target: str,
    output: str | Path,
    *,
    split: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Report:
    """Write a dataset in the format of another program into a new folder.

    Without ``split`` each split becomes files of its own. ``options`` are those of the target, see
    its ``options`` class, such as ``max_jets``; None stands for the default.

    Raises :class:`InputError` for a folder that is no dataset, :class:`RecipeError` for an unknown
    target, split or option, :class:`OutputError` if the output exists or cannot be written.
    """
    kind = _target(target)
    source = Source.open(Path(dataset))
    chosen = _options(kind, target, {k: v for k, v in options.items() if v is not None})
    splits = [split] if split else list(source.manifest.split_counts())
    totals = {name: source.events_in(name) for name in splits}
    given = chosen.model_dump(exclude_unset=True)
    provenance = {
        "topdata": __version__,
        "command": _command(dataset, target, output, split, given),
        "dataset": source.manifest.name,
        "level": source.manifest.level,
        "btag_bit": source.manifest.btag_bit,
        "schema_version": source.manifest.schema_version,
        "dataset_fingerprint": source.manifest.dataset_fingerprint,
        "manifest_sha256": source.manifest_sha256,
        "options": chosen.model_dump(),
    }
    output = Path(output)
    with new_folder(output, lambda: _require_free(output)) as folder:
        writer = kind(folder, source, chosen, provenance)
        files: list[Written] = []
        for name, total in totals.items():
            files += writer.write(name, _told(source.blocks(name), name, total, progress))
        writer.finish()
        _describe(folder, writer, files, provenance)
        known = {file.path for file in files}
        paths = (p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file())
        others = [path for path in paths if path not in known]
    return Report(str(output), target, files, others, dict(writer.counts), provenance)


def _target(name: str) -> type[Target]:
    points = registered(EXPORTERS)
    if name not in points:
        raise RecipeError(f"no export to {name!r}{nearest(name, points)}")
    return cast("type[Target]", points[name].load())


def _options(kind: type[Target], target: str, given: Mapping[str, Any]) -> Any:
    """Check the options of a target; a fault is one line that names the option."""
    known = kind.options.model_fields
    for name in given:
        if name not in known:
            flag = f"--{name.replace('_', '-')}"
            has = ", ".join(f"--{n.replace('_', '-')}" for n in known) or "none"
            raise RecipeError(f"{flag}: not an option of {target}; it has {has}")
    try:
        return kind.options.model_validate(given)
    except ValidationError as error:
        fault = error.errors()[0]
        flag = "".join(
            f"--{name} ".replace("_", "-") + f"{fault['input']}: " for name in fault["loc"]
        )
        raise RecipeError(f"{flag}{fault['msg'].removeprefix('Value error, ')}") from error


def _command(
    dataset: str | Path, target: str, output: str | Path, split: str | None, given: dict[str, Any]
) -> str:
    words = ["topdata", "export", str(dataset), "--to", target, "-o", str(output)]
    for name, value in {"split": split, **given}.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _told(
    blocks: Iterable[Events], split: str, total: int, progress: Progress | None
) -> Iterator[Events]:
    if progress:
        progress.start(f"exporting {split}", total, "events")
    for events in blocks:
        yield events
        if progress:
            progress.advance(len(events), len(events))


def _describe(
    folder: Path, target: Target, files: list[Written], provenance: dict[str, Any]
) -> None:
    lines = [
        f"# {provenance['dataset']} for {target.title}",
        "",
        f"Written by topdata {provenance['topdata']} from the dataset `{provenance['dataset']}` "
        f"({provenance['level']} objects):",
        "",
        f"    {provenance['command']}",
        "",
        f"dataset fingerprint `{provenance['dataset_fingerprint']}`, sha256 of its topdata.json "
        f"`{provenance['manifest_sha256']}`.",
        "",
        "Events are mixed over the processes, in an order that depends on the dataset alone.",
        "",
        "| file | split | events | sum of weights, pb |",
        "|---|---|---|---|",
        *(f"| `{f.path}` | {f.split} | {f.events} | {f.sum_weight:.9g} |" for f in files),
        "",
        "## Contents",
        "",
        target.conventions().strip(),
        "",
        "## Kept and dropped",
        "",
        *(f"- {name.replace('_', ' ')}: {count}" for name, count in target.counts.items()),
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    content = {**provenance, "files": [asdict(f) for f in files], "counts": dict(target.counts)}
    (folder / PROVENANCE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _require_free(output: Path) -> None:
    if output.exists() or output.is_symlink():
        raise OutputError(f"{output}: exists already, choose another name")
