"""What became of the events of one job: small, plain, and kept as JSON beside its part."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from topdata.events import Array, SourceInfo


@dataclass(slots=True)
class Tally:
    """What became of the events of some chunks, and what their source says of itself."""

    info: SourceInfo = field(default_factory=lambda: SourceInfo("unreadable", 0, {}, False))
    sha256: str = ""  # of the source; the job of its first entries computes it
    lhe_sha256: str = ""  # of the file that it is paired with
    damage: str = ""  # why the source cannot be used at all
    read: int = 0
    written: int = 0
    sum_gen_weight: float = 0.0
    negative: int = 0
    # usable events, then those left after each cut: (events, sum of gen_weight)
    flow: list[tuple[int, float]] = field(default_factory=list)
    unusable: list[tuple[int, int, str]] = field(default_factory=list)  # start, stop, why
    dangling: int = 0
    unpaired: int = 0  # events that the paired LHE file does not reach
    undecayed: list[int] = field(default_factory=list)  # |PDG codes|, at parton level

    @property
    def usable(self) -> int:
        """Number of events that could be read and hold finite numbers."""
        return self.flow[0][0] if self.flow else 0

    @property
    def lost(self) -> int:
        """Number of events that could not be used."""
        return sum(stop - start for start, stop, _ in self.unusable)

    def passed(self, step: int, gen_weight: Array) -> None:
        """Count the events that are left after a step of the selection; 0 is before any cut."""
        if step == len(self.flow):
            self.flow.append((0, 0.0))
        events, weight = self.flow[step]
        self.flow[step] = (events + len(gen_weight), weight + float(gen_weight.sum()))

    def to_json(self) -> str:
        """Return the tally as JSON; floats keep every digit."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Tally:
        """Return the tally that :meth:`to_json` wrote."""
        content = json.loads(text)
        for name in ("flow", "unusable"):
            content[name] = [tuple(value) for value in content[name]]
        info = content["info"]
        for name in ("weight_names", "notes"):
            info[name] = tuple(info[name])
        return cls(**{**content, "info": SourceInfo(**info)})
