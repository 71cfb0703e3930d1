"""What is asserted on a written file, read back with uproot."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import uproot  # type: ignore[import-not-found, import-untyped, unused-ignore]
from fixture import LOW_24_BITS, Check, Fixture, Object

MAX_BYTES = 200_000  # the files are in the repository


def check(path: Path, fixture: Fixture) -> None:
    """Compare every leaf of a file with what was to be written, then its peculiarity."""
    assert path.stat().st_size < MAX_BYTES
    file = uproot.open(path)
    if fixture.cycles:
        _check_leaves(file["Delphes"], fixture)
    else:
        assert file.classnames() == {"Events;1": "TTree"}
    if fixture.check:
        fixture.check(file, fixture.expected)


def _check_leaves(tree: Any, fixture: Fixture) -> None:
    events = fixture.events
    assert tree.num_entries == len(events)
    names = [branch.name for branch in tree.branches if not branch.name.endswith("_size")]
    assert names == [*fixture.branches, *["Particle"] * fixture.second_particle]
    for name in fixture.branches:
        assert tree[f"{name}/{name}.fUniqueID"].num_entries == len(events)
        assert tree[f"{name}_size"].array().tolist() == [len(e[name]) for e in events]
        for leaf in {leaf for event in events for row in event[name] for leaf in row}:
            read = tree[f"{name}/{name}.{leaf}"].array().tolist()
            for values, event in zip(read, events, strict=True):
                for value, row in zip(values, event[name], strict=True):
                    where = (fixture.stem, name, leaf, value, row[leaf])
                    assert _same(value, row[leaf], leaf), where


def _same(read: Any, written: Any, leaf: str) -> bool:
    if leaf == "Particle":
        return bool(read["ref"] == written & LOW_24_BITS)
    if isinstance(written, float):
        return np.array_equal(np.float32(read), np.float32(written), equal_nan=True)
    return bool(read == written)


def duplicate_branches(file: Any, expected: Object) -> None:
    """Some leaves of the second branch are listed but cannot be read by name."""
    tree = file["Delphes"]
    unreachable = []
    for key in tree.keys(recursive=True):
        try:
            tree[key]
        except uproot.KeyInFileError:
            unreachable.append(key)
    assert sorted(unreachable) == expected["unreachable"]


def process_bits(file: Any, _: Object) -> None:
    """Ids have a process number, are unsorted and restart; references have the low bits only."""
    tree = file["Delphes"]
    for ids in tree["Particle/Particle.fUniqueID"].array(library="np"):
        assert (ids >> 24 == 1).all()
        assert sorted(ids & LOW_24_BITS) == [*range(1, len(ids) + 1)]
        assert (np.diff(ids.astype(np.int64)) < 0).any()
    references = [
        row["ref"]
        for name in ("Electron", "Muon")
        for rows in tree[f"{name}/{name}.Particle"].array().tolist()
        for row in rows
    ]
    assert references
    assert all(0 < reference <= LOW_24_BITS for reference in references)


def two_cycles(file: Any, expected: Object) -> None:
    """Both cycles are in the file, the first with fewer events."""
    cycles = [key.partition(";")[2] for key in file if key.startswith("Delphes;")]
    found = {cycle: file[f"Delphes;{cycle}"].num_entries for cycle in cycles}
    assert found == expected["n_events_of_cycle"]


def two_working_points(file: Any, expected: Object) -> None:
    """Every combination of the two bits occurs."""
    for leaf in ("BTag", "TauTag"):
        tags = file[f"Delphes/Jet/Jet.{leaf}"].array().tolist()
        assert tags == expected[leaf]
        assert {tag for event in tags for tag in event} == {0, 1, 2, 3}


def dangling_refs(_: Any, expected: Object) -> None:
    """As many references dangle as is said; of the two in entry 2, that of the electron."""
    links = expected["referred"]
    dangling = [sum(i < 0 for indices in link.values() for i in indices) for link in links]
    assert dangling == expected["n_dangling"]
    assert all(i >= 0 for i in links[2]["Muon"])


def nan_kinematics(file: Any, expected: Object) -> None:
    """No other values of these leaves are not finite."""
    found = [
        {"entry": entry, "leaf": leaf, "index": i, "value": str(value)}
        for leaf in ("Jet.PT", "Electron.Eta", "Muon.Eta")
        for entry, values in enumerate(file[f"Delphes/{leaf.split('.')[0]}/{leaf}"].array())
        for i, value in enumerate(values.tolist())
        if not math.isfinite(value)
    ]
    assert found == expected["not_finite"]


def statuses(*allowed: int) -> Check:
    """Return a check that the generator record has these status codes and no others."""

    def check_statuses(file: Any, _: Object) -> None:
        found = file["Delphes/Particle/Particle.Status"].array().tolist()
        assert {status for event in found for status in event} == set(allowed)

    return check_statuses
