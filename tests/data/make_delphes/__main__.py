"""Make the small Delphes ROOT files in ``tests/data/delphes``, and check each with uproot.

Usage::

    pip install ROOT uproot numpy
    python tests/data/make_delphes SIMULATION OUTPUT

SIMULATION is any Delphes 3.5 file of t tbar events with the leaves of Jet, Electron, Muon, Photon,
MissingET, ScalarHT, Event and a generator record (a thinned one keeps the fixtures small); a few
of its events, changed in one respect each, give most of the files. The generator records of
``herwig_status``, ``pythia6_doc`` and ``daughter_ranges`` are written by hand, with the truth
known from the writing. OUTPUT is a folder: it receives the ``.root`` files and
``expected.json``, which states what a reader must find in them. With the same input and versions
the files come out byte for byte the same.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import checks
import simulated
from fixture import BRANCHES, SIMULATED, Check, Fixture
from herwig import herwig_dilepton, herwig_gluon, herwig_resonance
from pythia import pythia6, ranges_dilepton, ranges_semileptonic
from record import Record
from writer import declare_classes, write

CROSS_SECTION = 832.0  # pb, of t tbar at 13 TeV


def fixtures(simulation: Path) -> list[Fixture]:
    """Return all fixtures."""
    # The seeds are the first from 0 with objects in acceptance, well apart, and tops of unlike pT.
    return [
        *simulated.fixtures(simulation),
        by_hand(
            "herwig_status",
            [(herwig_dilepton, 3, 1.5), (herwig_gluon, 2, -0.5), (herwig_resonance, 195, 1.0)],
            branches=tuple(BRANCHES),
            check=checks.statuses(1, 2, 11),
        ),
        by_hand("pythia6_doc", [(pythia6, 0, 1.0)], check=checks.statuses(1, 2, 3)),
        by_hand("daughter_ranges", [(ranges_semileptonic, 1, 1.0), (ranges_dilepton, 0, 1.0)]),
    ]


def by_hand(
    stem: str,
    plan: Sequence[tuple[Callable[[int], Record], int, float]],
    branches: Sequence[str] = SIMULATED,
    check: Check | None = None,
) -> Fixture:
    """Return the fixture of some records (function, seed, weight), with the truth of each event."""
    events, truths = [], []
    for number, (build, seed, weight) in enumerate(plan):
        record = build(seed)
        assert record.well_separated(), (stem, number)
        events.append(record.event(number, weight, CROSS_SECTION))
        truths.append(record.expected(events[-1]))
    return Fixture(
        stem, [events], {"n_events": len(events), "events": truths}, branches, check=check
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("simulation", type=Path, help="Delphes file of simulated t tbar events")
    parser.add_argument("output", type=Path, help="folder for the fixtures")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    declare_classes()
    expected = {}
    for fixture in fixtures(arguments.simulation):
        path = arguments.output / f"{fixture.stem}.root"
        write(path, fixture)
        checks.check(path, fixture)
        expected[path.name] = fixture.expected
        print(f"{path.stat().st_size:8d}  {path.name}")
    text = json.dumps(expected, indent=1, allow_nan=False)
    (arguments.output / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
