"""The folder of a set of plots: it appears whole or not at all."""

from __future__ import annotations

import json
import re
from pathlib import Path

from topdata.errors import OutputError
from topdata.manifest import FILE_NAME

_OURS = re.compile(r"index\.html|histograms\.json|comparison\.json|(png|pdf)/[\w.+-]+\.(png|pdf)")
_NUMBERS = ("histograms.json", "comparison.json")
KIND = "topdata plots"  # what "kind" is in the numbers of our folders


def require_free(output: Path, *, overwrite: bool) -> None:
    """Raise :class:`OutputError` unless the folder may be written.

    A folder with anything that no set of plots holds is never overwritten, and nothing is
    written into a dataset.
    """
    for folder in (output.resolve(), *output.resolve().parents):
        if (folder / FILE_NAME).exists():
            raise OutputError(f"{output}: is in the dataset {folder}, choose another output")
    if not (output.exists() or output.is_symlink()):
        return
    if not overwrite:
        raise OutputError(f"{output}: exists already, choose another name or add --overwrite")
    if output.is_symlink() or not any(_is_ours(output / name) for name in _NUMBERS):
        raise OutputError(f"{output}: no folder of plots, it will not be overwritten")
    for path in sorted(output.rglob("*")):
        name = path.relative_to(output).as_posix()
        if path.is_symlink() or not (path.is_dir() or _OURS.fullmatch(name)):
            raise OutputError(f"{path}: is no plot, move it away or choose another output")


def _is_ours(numbers: Path) -> bool:
    try:
        content = json.loads(numbers.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("kind") == KIND
