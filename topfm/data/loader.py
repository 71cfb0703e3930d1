"""Batches of a training: rows of events in memory, made one step ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from torch import Tensor

from topfm.data.events import Events


def prefetched(events: Events, batches: Iterable[Tensor], device: str) -> Iterator[Events]:
    """Yield the events of each batch on a device, while the next one is gathered."""
    if device == "cpu":  # gathering is 1% of a step there, and the cores are busy with the step
        for rows in batches:
            yield events.rows(rows)
        return
    with ThreadPoolExecutor(1) as pool:
        ahead = None
        for rows in batches:
            following = pool.submit(_gathered, events, rows, device)
            if ahead is not None:
                yield ahead.result()
            ahead = following
        if ahead is not None:
            yield ahead.result()


def _gathered(events: Events, rows: Tensor, device: str) -> Events:
    return events.rows(rows).to(device)
