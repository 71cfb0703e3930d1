"""What cards of datasets and of models are made with: templates and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path


def template(name: str) -> str:
    """Return the text of a card template, from the installed package or the source tree."""
    packaged = files("topdata") / "templates" / name
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    source = Path(str(files("topdata"))).parent / "cards" / "templates" / name
    return source.read_text(encoding="utf-8")


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [list(header), ["---"] * len(header), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
