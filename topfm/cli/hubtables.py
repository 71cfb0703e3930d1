"""What is on a hub, and what differs between two checkpoints, on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich import box
from rich.table import Table

from topfm.checkpoint.compare import Change, Comparison, TensorChange
from topfm.hub.checkpoints import Entry

_ROWS = 30  # of one table of differences


def entries_table(entries: Iterable[Entry]) -> Table:
    """Return one line a tag of each repository, the newest commit of main first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("repository", "kind", "revision", "commit"):
        table.add_column(name, no_wrap=True, overflow="fold")
    for entry in entries:
        table.add_row(entry.repo, entry.kind, "main", entry.commit)
        for tag, commit in sorted(entry.tags.items()):
            table.add_row("", "", tag, commit)
    return table


def comparison_tables(found: Comparison, first: str, second: str) -> Iterator[Table]:
    """Yield what differs, a table for each section in which something does."""
    for section, changes in found.facts.items():
        if changes:
            yield _changes_table(section, changes, first, second)
    changed = [tensor for tensor in found.tensors if not tensor.same]
    yield _weights_table(found, changed, first, second)
    others = [
        *found.reshaped,
        *(Change(name, "there", None) for name in found.only_first),
        *(Change(name, None, "there") for name in found.only_second),
    ]
    if others:
        yield _changes_table("tensors of one, or of another shape", others, first, second)


def _changes_table(title: str, changes: list[Change], first: str, second: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for name in ("", first, second):
        table.add_column(name, overflow="fold")
    for change in changes[:_ROWS]:
        table.add_row(change.key, _text(change.first), _text(change.second))
    if len(changes) > _ROWS:
        table.add_row(f"and {len(changes) - _ROWS} more (--json)", "", "")
    return table


def _weights_table(
    found: Comparison, changed: list[TensorChange], first: str, second: str
) -> Table:
    title = f"weights: {len(changed)} of {len(found.tensors)} shared tensors differ"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for name in ("tensor", f"norm in {first}", f"norm in {second}", "relative difference"):
        table.add_column(name, justify="left" if name == "tensor" else "right", overflow="fold")
    for tensor in changed:
        table.add_row(tensor.name, *map(_number, (tensor.first, tensor.second, tensor.difference)))
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _text(value: object) -> str:
    return "–" if value is None else str(value)
