"""What a validation found: a few findings of each rule in full, the others counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from topdata.validate.dataset import Batch
from topdata.validate.rules import Fault, Rule, Wrong

SHOWN = 5  # findings of a rule that are kept in full


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule: in which file of the dataset, in which row of it, and what is wrong."""

    rule: str
    path: str
    row: int | None
    message: str


@dataclass(slots=True)
class Report:
    """The result of a validation."""

    dataset: str
    rules: list[str] = field(default_factory=list)  # those that were checked
    findings: list[Finding] = field(default_factory=list)  # at most ``shown`` of each rule
    counts: dict[str, int] = field(default_factory=dict)  # rule -> all findings
    events: int = 0
    seconds: float = 0.0
    shown: int = SHOWN

    @property
    def ok(self) -> bool:
        """Tell whether every rule holds."""
        return not self.counts

    @property
    def total(self) -> int:
        """Number of findings, those not kept included."""
        return sum(self.counts.values())

    def plain(self) -> dict[str, Any]:
        """Return plain types for JSON."""
        content = asdict(self)
        del content["shown"]
        return {"ok": self.ok, **content}

    def add(self, rule: Rule, fault: Fault) -> None:
        """Record one thing that is wrong."""
        count = self.counts[rule.name] = self.counts.get(rule.name, 0) + 1
        if count <= self.shown:
            self.findings.append(Finding(rule.name, fault.path, fault.row, fault.text))

    def add_events(self, rule: Rule, batch: Batch, wrong: Wrong) -> None:
        """Record what is wrong in a batch, in the order of its rows."""
        before = self.counts.get(rule.name, 0)
        if not len(wrong.events):
            return
        self.counts[rule.name] = before + len(wrong.events)
        order = np.argsort(wrong.events, kind="stable")[: max(0, self.shown - before)]
        for number in order.tolist():
            row = int(batch.row[wrong.events[number]])
            message = wrong.message(number)
            self.findings.append(Finding(rule.name, batch.shard.path, row, message))
