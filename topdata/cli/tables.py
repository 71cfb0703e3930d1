"""Tables that several commands print."""

from __future__ import annotations

from rich.table import Table

from topdata.manifest import Manifest


def yields(manifest: Manifest) -> Table:
    """Return one line a process: normalisation, ledger and splits."""
    splits = manifest.split_counts()
    table = Table(title="Yields", title_justify="left")
    table.add_column("process")
    for name in ("cross-section/pb", "read", "cut", "bad", "written", "efficiency", "selected/pb"):
        table.add_column(name, justify="right")
    for split in splits:
        table.add_column(split, justify="right")
    for p in manifest.processes:
        table.add_row(
            p.name,
            f"{p.cross_section:.6g}",
            f"{p.ledger.read}",
            f"{p.ledger.cut}",
            f"{p.ledger.quarantined}",
            f"{p.ledger.written}",
            f"{p.efficiency:.4f}",
            f"{p.sum_weight:.6g}",
            *(f"{p.splits[split]}" for split in splits),
        )
    return table


def cut_flow(manifest: Manifest) -> Table:
    """Return raw counts after each cut, with the cross-section in pb that is left."""
    table = Table(title="Cut flow: events (pb)", title_justify="left")
    table.add_column("cut")
    for p in manifest.processes:
        table.add_column(p.name, justify="right")
    for position, cut in enumerate(manifest.processes[0].cut_flow):
        cells = []
        for p in manifest.processes:
            line = p.cut_flow[position]
            scale = p.cross_section / p.sum_gen_weight if p.sum_gen_weight else 0.0
            cells.append(f"{line.events} ({line.sum_gen_weight * scale:.4g})")
        table.add_row(cut.cut, *cells)
    return table
