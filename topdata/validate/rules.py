"""What a rule is, and the table of all rules.

Four kinds: of the dataset (once, before any event is read), of a shard (its footer), of events (one
row group at a time, flat columns), of totals (once, when every event was seen). All yield what is
wrong; a rule that yields nothing holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topdata.kinematics import Array
    from topdata.validate.dataset import Batch, Dataset, Shard
    from topdata.validate.tally import Tally


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, with the file and the row in it where there are such."""

    text: str
    path: str = ""
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Wrong:
    """Things that are wrong in a batch: ``text`` is a format string over ``values``.

    ``events`` [n] are positions in the batch, each of ``values`` is an array [n].
    """

    events: Array
    text: str
    values: tuple[Array, ...] = ()

    def message(self, number: int) -> str:
        """Return the text of one of them."""
        return self.text.format(*(values[number] for values in self.values))


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. What breaks a ``gate`` is not shown to the rules after it, which need it to hold."""

    name: str
    kind: str  # dataset, shard, events or totals
    check: Callable[..., Iterator[Any]]
    gate: bool = False
    severity: str = "error"

    @property
    def text(self) -> str:
        """What holds, in one line."""
        return " ".join((self.check.__doc__ or "").split("\n\n")[0].split()).rstrip(".")


RULES: dict[str, Rule] = {}

DatasetCheck = Callable[["Dataset"], Iterator[Fault]]
ShardCheck = Callable[["Shard"], Iterator[Fault]]
EventCheck = Callable[["Batch"], Iterator[Wrong]]
TotalCheck = Callable[["Dataset", "Tally"], Iterator[Fault]]


def _add(rule: Rule) -> None:
    if rule.name in RULES:
        raise ValueError(f"two rules are named {rule.name}")
    RULES[rule.name] = rule


def dataset_rule(name: str) -> Callable[[DatasetCheck], DatasetCheck]:
    """Register a rule that sees the manifest and the files."""

    def register(check: DatasetCheck) -> DatasetCheck:
        _add(Rule(name, "dataset", check))
        return check

    return register


def shard_rule(name: str) -> Callable[[ShardCheck], ShardCheck]:
    """Register a rule that sees the footer of a parquet file."""

    def register(check: ShardCheck) -> ShardCheck:
        _add(Rule(name, "shard", check))
        return check

    return register


def event_rule(name: str, *, gate: bool = False) -> Callable[[EventCheck], EventCheck]:
    """Register a rule that sees a row group."""

    def register(check: EventCheck) -> EventCheck:
        _add(Rule(name, "events", check, gate))
        return check

    return register


def total_rule(name: str) -> Callable[[TotalCheck], TotalCheck]:
    """Register a rule that sees the sums over all events."""

    def register(check: TotalCheck) -> TotalCheck:
        _add(Rule(name, "totals", check))
        return check

    return register


def rules_of(kind: str) -> list[Rule]:
    """Return the rules of one kind, gates first, else in the order of their definition."""
    return sorted((rule for rule in RULES.values() if rule.kind == kind), key=lambda r: not r.gate)
