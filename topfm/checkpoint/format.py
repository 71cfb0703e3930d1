"""What a checkpoint is on disk: one flat folder of a few kinds of files, none of them code.

::

    model.safetensors   weights and normalisation, one metadata key: what they are made for
    config.json         everything else that is known: topfm.checkpoint.facts
    SHA256SUMS          of all other files, as ``sha256sum -c`` reads it
    README.md  training-log.jsonl  *.png  model.lgb.txt  ...

The sha256 of SHA256SUMS names the whole.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from topdata.errors import one_line
from topdata.schema.fingerprint import canonical_json
from topfm.errors import CheckpointError

FORMAT = 1
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
SUMS = "SHA256SUMS"
CARD = "README.md"
LOG = "training-log.jsonl"
EVALUATION = "evaluation.json"
SEEN = "seen.events"  # a tensor beside the weights: the sketch of topfm.data.sketch
TREES = "model.lgb.txt"  # LightGBM's own text
ATTRIBUTES = ".gitattributes"  # a hub adds it by itself, so no checksum covers it
ALLOWED = (WEIGHTS, TREES, SUMS, ATTRIBUTES, "*.json", "*.jsonl", "*.md", "*.png")
TEXT_LIMIT = 16 << 20  # bytes, of config and checksums
METADATA = "topfm"  # the one key: safetensors writes two or more in random order

_NAMED = {WEIGHTS, TREES, SUMS, ATTRIBUTES}
_KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.(json|jsonl|md|png)", re.ASCII)
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n")


def is_allowed(name: str) -> bool:
    """Tell whether a checkpoint may hold a file of this name; a name with a slash never."""
    return name in _NAMED or (len(name) <= 255 and _KIND.fullmatch(name) is not None)


def require_allowed(name: str, where: Path) -> None:
    """Raise :class:`CheckpointError` for a name that a checkpoint may not hold."""
    if not is_allowed(name):
        raise CheckpointError(
            f"{where}: {name!r} is no file of a checkpoint ({', '.join(ALLOWED)}): refused"
        )


def require_texts(names: Iterable[str], where: Path) -> None:
    """Raise :class:`CheckpointError` for names that nobody may give a content of their own."""
    for name in names:
        require_allowed(name, where)
        if name in (WEIGHTS, CONFIG, SUMS):
            raise CheckpointError(f"{where}: {name} is written by itself, not as a text")


def entries(folder: Path) -> list[str]:
    """Return the names in a folder, sorted.

    Raises :class:`CheckpointError` for anything but plain files of allowed names.
    """
    try:
        paths = sorted(folder.iterdir())
        for path in paths:
            require_allowed(path.name, folder)
            if not stat.S_ISREG(path.lstat().st_mode):
                raise CheckpointError(f"{path}: is no plain file (a link, a folder): refused")
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(f"{folder}: no such folder") from None
    except OSError as error:
        raise CheckpointError(f"{folder}: cannot be read ({error.strerror})") from error
    return [path.name for path in paths]


def read_text(path: Path) -> str:
    """Read a small file; a checkpoint of a stranger may hold a large one."""
    with open(path, "rb") as stream:
        content = stream.read(TEXT_LIMIT + 1)
    if len(content) > TEXT_LIMIT:
        raise CheckpointError(f"{path}: larger than {TEXT_LIMIT >> 20} MB: refused")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: damaged, no UTF-8 ({one_line(error)})") from error


def sums_text(digests: Mapping[str, str]) -> str:
    """Return the text of SHA256SUMS for sha256 (hex) by name."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def parse_sums(text: str, where: Path) -> dict[str, str]:
    """Return sha256 (hex) by name.

    Raises :class:`CheckpointError` unless the text is what :func:`sums_text` writes, for names that
    a checkpoint may hold: then a digest has one text, and no name leads out of the folder.
    """
    digests: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        match = _LINE.fullmatch(line)
        if not match:
            raise CheckpointError(f"{where}: line {number} is no checksum and name: damaged")
        require_allowed(match[2], where)
        digests[match[2]] = match[1]
    if sums_text(digests) != text or SUMS in digests:
        raise CheckpointError(f"{where}: names are not sorted, or come twice: damaged")
    return digests


def file_digest(path: Path) -> str:
    """Return the sha256 (hex) of a file, read in blocks."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_sums(folder: Path) -> str:
    """Write SHA256SUMS of all files of a folder and return the digest (hex) of the whole."""
    names = [name for name in entries(folder) if name not in (SUMS, ATTRIBUTES)]
    sums = sums_text({name: file_digest(folder / name) for name in names})
    (folder / SUMS).write_text(sums, encoding="utf-8", newline="\n")
    return checkpoint_digest(sums)


def checkpoint_digest(sums: str) -> str:
    """Return the digest (hex) of a whole checkpoint: sha256 of its SHA256SUMS."""
    return hashlib.sha256(sums.encode()).hexdigest()


def metadata_text(binding: Mapping[str, Any]) -> str:
    """Return the value of the metadata key: canonical JSON."""
    return canonical_json(dict(binding))
