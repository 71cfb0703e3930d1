"""Datasets on a hub: what belongs to one, and that it is what its manifest says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from topdata.errors import InputError
from topdata.hub.contents import File, described
from topdata.hub.pulling import Pulled
from topdata.hub.pulling import pull as pull_any
from topdata.hub.pushing import Pushed
from topdata.hub.pushing import push as push_any
from topdata.manifest import FILE_NAME, damaged_files, read_manifest
from topdata.progress import Progress

CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A repository that holds a built dataset; see :class:`topdata.hub.interface.Kind`."""

    name: str = "dataset"
    index: str = FILE_NAME
    allowed: tuple[str, ...] = ("*.parquet", "*.md", "*.json")
    index_limit: int = 1 << 28
    tag: str = "topdata"

    def listed(self, folder: Path) -> list[File]:
        """Return the files that the manifest lists, the card and the manifest itself."""
        manifest = read_manifest(folder)
        data = [File(file.path, file.size, file.sha256) for file in manifest.files]
        return [*data, File(CARD), File(FILE_NAME)]

    def checked(self, folder: Path) -> list[File]:
        """Return all files with their sha256. Raises :class:`InputError` for damage."""
        manifest = read_manifest(folder)
        for file, wrong in damaged_files(folder, manifest):
            raise InputError(
                f"{folder / file.path}: {wrong}; a damaged dataset is not pushed: build it again"
            )
        if not (folder / CARD).is_file():
            raise InputError(f"{folder / CARD}: missing; without its card a dataset is not pushed")
        files = self.listed(folder)
        _require_no_others(folder, {file.path for file in files})
        return [file if file.sha256 else described(folder, file.path) for file in files]

    def require_whole(self, folder: Path) -> None:
        """Do nothing: shards are hashed as they arrive, and are too large to be at every use."""

    def version(self, folder: Path) -> str:
        """Return the version of the schema."""
        return read_manifest(folder).schema_version


DATASET = Dataset()


def _require_no_others(folder: Path, ours: set[str]) -> None:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if not path.is_dir() and not hidden and name.as_posix() not in ours:
            raise InputError(
                f"{path}: is no file of the dataset; move it away, only what the manifest lists is "
                "pushed"
            )


def push(
    folder: str | Path, address: str, *, tag: str | None = None, message: str = "",
    private: bool | None = None, force: bool = False, progress: Progress | None = None,
) -> Pushed:  # fmt: skip
    """Publish a dataset folder; see :func:`topdata.hub.pushing.push`."""
    return push_any(
        Path(folder), address, DATASET, tag=tag, message=message, private=private, force=force,
        progress=progress,
    )  # fmt: skip


def pull(
    address: str, output: str | Path | None = None, *, progress: Progress | None = None
) -> Pulled:
    """Bring a dataset to this machine; see :func:`topdata.hub.pulling.pull`."""
    return pull_any(address, DATASET, output=Path(output) if output else None, progress=progress)


def resolve(address: str | Path, *, progress: Progress | None = None) -> Path:
    """Return the local folder of an address: verified and cached, or a folder as it is."""
    return pull_any(str(address), DATASET, progress=progress).path
