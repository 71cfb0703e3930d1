"""The console, and the tables that several commands print."""

from __future__ import annotations

import sys

from rich import box
from rich.console import Console
from rich.table import Table

from topdata.manifest import Manifest

_PIPE_WIDTH = 120  # where there is no terminal to measure
_FILES = 20  # rows of a table of files


def console() -> Console:
    """Return a console for standard output: no markup in names, nothing cut short in a pipe."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, markup=False, emoji=False, highlight=False)


def yields(manifest: Manifest) -> Table:
    """Return one line a process: normalisation and ledger."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("process", no_wrap=True)
    for name in ("σ, pb", "read", "cut", "bad", "written", "efficiency", "selected, pb"):
        table.add_column(name, justify="right", no_wrap=True)
    for p in manifest.processes:
        table.add_row(
            p.name,
            f"{p.cross_section:.5g}",
            f"{p.ledger.read}",
            f"{p.ledger.cut}",
            f"{p.ledger.quarantined}",
            f"{p.ledger.written}",
            f"{p.efficiency:.4f}",
            f"{p.sum_weight:.6g}",
        )
    return table


def cut_flow(manifest: Manifest) -> Table:
    """Return, for each process and cut, the events and the cross-section that are left."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("process", no_wrap=True)
    table.add_column("cut")
    table.add_column("events", justify="right")
    table.add_column("pb", justify="right")
    for p in manifest.processes:
        scale = p.cross_section / p.sum_gen_weight if p.sum_gen_weight else 0.0
        for position, line in enumerate(p.cut_flow):
            name = "" if position else p.name
            table.add_row(name, line.cut, f"{line.events}", f"{line.sum_gen_weight * scale:.6g}")
    return table


def ledgers(manifest: Manifest) -> Table:
    """Return where the events of each file went; the first files where there are many."""
    left = len(manifest.sources) - _FILES
    caption = f"and {left} more files, see topdata.json" if left > 0 else None
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=caption, caption_justify="left")
    table.add_column("file")
    for name in ("read", "written", "cut", "bad"):
        table.add_column(name, justify="right", no_wrap=True)
    for source in manifest.sources[:_FILES]:
        ledger = source.ledger
        counts = (ledger.read, ledger.written, ledger.cut, ledger.quarantined)
        table.add_row(source.file, *(f"{count}" for count in counts))
    return table


def splits(manifest: Manifest) -> str:
    """Return the sizes of the splits in one line."""
    return ", ".join(f"{split} {count}" for split, count in manifest.split_counts().items())
