"""A dataset, and a slow reading of its truth that shares nothing with the exporters."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import topdata


class Slow:
    """The events of a dataset as plain lists, by (source, event)."""

    def __init__(self, dataset: Path) -> None:
        self.events: dict[tuple[int, int], dict[str, Any]] = {
            (e["source"], e["event"]): e for e in topdata.load(dataset).to_list()
        }

    @cache  # noqa: B019  lives as long as the tests
    def tops(self, key: tuple[int, int]) -> list[dict[str, Any]]:
        """The decayed tops: kind, rows of the objects of each product, the true momentum."""
        event = self.events[key]
        truth = event["truth"]
        found = []
        for number, top in enumerate(truth["tops"]):
            mine = [(i, p) for i, p in enumerate(truth["partons"]) if p["top"] == number]
            row = {}
            for i, p in mine:
                code = abs(p["pdg_id"])
                if code <= 5:
                    name = "b" if p["w"] < 0 else "q1" if code % 2 == 0 else "q2"
                    row[name] = [j for j, jet in enumerate(event["jets"]) if jet["parton"] == i]
                elif code in (11, 13):
                    row["l"] = [j for j, o in enumerate(event["leptons"]) if o["parton"] == i]
                elif p["w"] >= 0 and code in (12, 14, 16):
                    row["nu"] = [p]
            if top["decay"] < 0:
                continue
            kind = "hadronic" if top["decay"] == 0 else "leptonic"
            found.append({"kind": kind, "rows": row, "true": top})
        return found

    def product(self, key: tuple[int, int], kind: str, number: int, name: str) -> int | None:
        """Row of the object that is a product of the n-th top of a kind, None without one."""
        tops = [top for top in self.tops(key) if top["kind"] == kind]
        if number >= len(tops):
            return None
        rows = tops[number]["rows"].get(name, [])
        assert len(rows) <= 1
        return rows[0] if rows else None


@pytest.fixture(scope="module", autouse=True)
def several_blocks() -> Iterator[None]:
    """Let the few events of the tests come in several blocks, as many events do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("topdata.interleave.BLOCK", 300)
        yield


@pytest.fixture(scope="session")
def slow(demo_dataset: Path) -> Slow:
    """The demo dataset, read slowly."""
    return Slow(demo_dataset)


@pytest.fixture(scope="session")
def total_weight(demo_dataset: Path) -> float:
    """The sum of weights of the demo dataset, by its manifest, in pb."""
    return sum(process.sum_weight for process in topdata.info(demo_dataset).processes)
