"""Revisions: what a repository held at one time, in a file whose name vouches for it.

The id of a revision is the first 40 hexadecimal digits of the sha256 of its text: the length that
clients of the Hugging Face hub take for a commit, which they then never ask for twice. Hubs of
earlier versions have ids of all 64 digits; their first 40 name them as well.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from topdata.errors import HubError, one_line
from topdata.hub.contents import File, require_inside, require_size
from topdata.whole import write_whole

FORMAT = 1
DIGITS = 40


@dataclass(frozen=True, slots=True)
class Revision:
    """All that a revision says."""

    kind: str  # "dataset" or "model"
    parent: str | None
    message: str
    created: str  # UTC, ISO 8601
    files: tuple[File, ...]  # sorted by path


class Revisions:
    """The revisions of one repository."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, commit: str) -> str | None:
        """Return the id of a revision that is there, in the length of its hub."""
        if (self._root / f"{commit}.json").is_file():
            return commit
        older = [path.stem for path in self._root.glob(f"{commit}*.json")]
        return older[0] if len(commit) == DIGITS and len(older) == 1 else None

    def write(self, revision: Revision) -> str:
        """Write a revision and return its id. Nobody sees it before a mark points to it."""
        listed = sorted(revision.files, key=lambda file: file.path)
        content = {
            "format": FORMAT,
            "kind": revision.kind,
            "parent": revision.parent,
            "message": revision.message,
            "created": revision.created,
            "files": [{"path": f.path, "size": f.size, "sha256": f.sha256} for f in listed],
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        commit = hashlib.sha256(text).hexdigest()[:DIGITS]
        self._root.mkdir(parents=True, exist_ok=True)
        write_whole(self._root / f"{commit}.json", text)
        return commit

    def read(self, commit: str) -> Revision:
        """Return a revision. Raises :class:`HubError` for one that is damaged or forged."""
        note = self._root / f"{commit}.json"
        try:
            text = note.read_bytes()
            if hashlib.sha256(text).hexdigest()[: len(commit)] != commit:
                raise HubError(f"{note}: damaged, its sha256 is not its name")
            content = json.loads(text)
            form, files = content["format"], content["files"]
            revision = Revision(
                content["kind"], content.get("parent"), str(content.get("message", "")),
                str(content.get("created", "")),
                tuple(
                    File(f["path"], require_size(f["size"], f"{note}: {f['path']}"), f["sha256"])
                    for f in files
                ),
            )  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HubError(f"{note}: cannot be read ({one_line(error)})") from error
        if form != FORMAT:
            raise HubError(f"{note}: of format {form}: run `pip install --upgrade topdata`")
        for file in revision.files:
            require_inside(file.path, str(note))
            if not re.fullmatch("[0-9a-f]{64}", file.sha256):
                raise HubError(f"{note}: lists {file.path!r} without its sha256")
        return revision
