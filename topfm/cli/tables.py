"""How results stand on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from topfm.evaluation.entropy import Search

_PIPE_WIDTH = 160  # where there is no terminal to measure


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables to standard output, nothing cut short in a pipe."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    for table in tables:
        console.print(table)


def search_table(found: Search, n_background: int, n_signal: int) -> Table:
    """Return the figures of a search."""
    from topfm.evaluation.values import value_of

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left",
                  title=f"{n_background} background and {n_signal} signal events")  # fmt: skip
    for name in ("", "entropy", "MET alone"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("AUC", str(value_of(found.entropy_auc)), str(value_of(found.met_auc)))
    table.add_row("KS distance", str(value_of(found.entropy_ks)), str(value_of(found.met_ks)))
    table.add_row("AUC, entropy − MET", str(value_of(found.gain)), "")
    return table
