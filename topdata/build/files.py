"""The files that a recipe names."""

from __future__ import annotations

import glob
from collections import Counter
from pathlib import Path

from topdata.errors import RecipeError, nearest
from topdata.recipe import Process


def files_of(process: Process, base: Path) -> list[tuple[str, str]]:
    """Return every file of a process with the LHE file that it is paired with, if any.

    Names are relative to ``base``. Raises :class:`RecipeError` for a pattern that matches nothing,
    a folder, a file named twice, or lists that cannot be paired.
    """
    if process.files:
        return [(path, "") for path in _paths(process, process.files, base)]
    delphes, lhe = (_paths(process, names, base) for names in (process.delphes, process.lhe))
    if len(delphes) != len(lhe):
        raise RecipeError(
            f"process {process.name!r}: {len(delphes)} Delphes files and {len(lhe)} LHE files "
            "cannot be paired one to one"
        )
    return list(zip(delphes, lhe, strict=True))


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
    path_, times = next(iter(Counter(found).most_common(1)))
    if times > 1:
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
