"""What was pulled is kept, by commit: a commit never changes, so a second pull asks nobody.

::

    ~/.cache/topdata/datasets/huggingface.co/org--name/<commit>/       the files, read-only
                                                       <commit>.json   where they came from

``TOPDATA_CACHE`` names another place for ``~/.cache/topdata``. The hub is part of the path, so
that no other hub can pass something off under a known commit.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from topdata.cache import cache_folder
from topdata.errors import HubError
from topdata.hub.address import Address, is_commit
from topdata.hub.contents import File
from topdata.whole import write_whole


@dataclass(frozen=True, slots=True)
class Record:
    """Where a pulled folder came from, and what it holds."""

    hub: str
    repo: str
    asked: str  # the tag or branch that was asked for, "" for the newest on main
    commit: str
    files: tuple[File, ...]


class Cache:
    """The cached commits of one repository."""

    def __init__(self, address: Address, kind: str) -> None:
        hub = "local" if address.local else address.hub.partition("://")[2]
        name = address.repo.replace("/", "--")
        self.root = cache_folder(f"{kind}s") / hub.replace(":", "-").replace("/", "-") / name

    def folder(self, commit: str) -> Path:
        """Return where a commit belongs."""
        if not is_commit(commit):
            raise HubError(f"{commit[:80]!r} is no commit")
        return self.root / commit

    def record(self, commit: str) -> Record | None:
        """Return the record of a commit that is there with all its files, of the right size."""
        record = self._read(self._note(commit))
        if record is None or record.commit != commit:
            return None
        return record if all(self._has(commit, file) for file in record.files) else None

    def write(self, record: Record) -> None:
        """Note where a commit comes from; the folder follows."""
        note = self._note(record.commit)
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, json.dumps(asdict(record), indent=1).encode())

    def known(self) -> dict[str, Path]:
        """Return sha256 and path of every cached file, for commits that share it."""
        found = {}
        for note in self._notes():
            if record := self._read(note):
                folder = self.folder(record.commit)
                found.update({f.sha256: folder / f.path for f in record.files if f.sha256})
        return {sha256: path for sha256, path in found.items() if path.is_file()}

    def last(self, asked: str) -> str | None:
        """Return the commit that a tag or branch meant when it was last pulled."""
        notes = sorted(self._notes(), key=lambda note: note.stat().st_mtime, reverse=True)
        records = (record for note in notes if (record := self._read(note)))
        return next((record.commit for record in records if record.asked == asked), None)

    def _note(self, commit: str) -> Path:
        return self.root / f"{commit}.json"

    def _notes(self) -> list[Path]:
        return sorted(self.root.glob("[0-9a-f]*.json"))

    def _has(self, commit: str, file: File) -> bool:
        try:
            return (self.folder(commit) / file.path).stat().st_size == file.size
        except OSError:
            return False

    @staticmethod
    def _read(note: Path) -> Record | None:
        """Return a record; None where there is none, or one of another version."""
        try:
            content = json.loads(note.read_text(encoding="utf-8"))
            return Record(**{**content, "files": tuple(File(**f) for f in content["files"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None
