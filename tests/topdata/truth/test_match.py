"""Matching: laws that must hold for any event, and the links of the simulation."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topdata.events import GenRecord, Jagged, ReadOptions
from topdata.kinematics import delta_r2
from topdata.objects import select_objects
from topdata.readers.delphes import DelphesReader
from topdata.recipe import Matching, Objects
from topdata.truth import Truth, match, truth_of

RADIUS = 0.4
places = st.lists(
    st.tuples(
        st.integers(-6, 6).map(lambda k: k * 0.13), st.integers(-6, 6).map(lambda k: k * 0.11)
    ),
    max_size=5,
)


def jagged(points, **columns):
    eta, phi = (np.array([p[i] for p in points], np.float32) for i in (0, 1))
    n = len(points)
    return Jagged(
        np.array([0, n], np.int64),
        {"eta": eta, "phi": phi, **{k: np.full(n, v) for k, v in columns.items()}},
    )


def matched(jets, quarks, method):
    partons = jagged(quarks, pdg_id=np.int32(1), target=True, gen=np.int64(0))
    truth = Truth(np.zeros(1, np.int8), partons, partons, partons)
    leptons = jagged([], pdg_id=np.int32(11), gen=np.int64(-1), pt=np.float32(1))
    result, _ = match(truth, jagged(jets), leptons, None, Matching(method=method, radius=RADIUS))
    return result.tolist()


def distance(jets, quarks, j, q):
    a, b = jagged(jets), jagged(quarks)
    return float(delta_r2(a["eta"][[j]], a["phi"][[j]], b["eta"][[q]], b["phi"][[q]])[0])


def brute_force(jets, quarks):
    """Return (number of pairs, sum of distances) of the best one-to-one choice."""
    best = (0, 0.0)
    width = max(len(jets), len(quarks))
    for choice in permutations(range(width), len(jets)):
        pairs = [(j, q) for j, q in enumerate(choice) if q < len(quarks)]
        d2 = [d for j, q in pairs if (d := distance(jets, quarks, j, q)) < RADIUS**2]
        best = max(best, (len(d2), -sum(d2)))
    return best


@settings(max_examples=150, deadline=None)
@given(places, places)
def test_assignment_is_the_best_of_all_choices(jets, quarks):
    rows = matched(jets, quarks, "assignment")
    pairs = [(j, q) for j, q in enumerate(rows) if q >= 0]
    assert len({q for _, q in pairs}) == len(pairs)
    d2 = [distance(jets, quarks, j, q) for j, q in pairs]
    assert all(d < RADIUS**2 for d in d2)
    count, total = brute_force(jets, quarks)
    assert len(pairs) == count
    assert sum(d2) == pytest.approx(-total, abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(places, places)
def test_unique_keeps_what_has_no_rival(jets, quarks):
    rows = matched(jets, quarks, "unique")
    near = [
        [distance(jets, quarks, j, q) < RADIUS**2 for q in range(len(quarks))]
        for j in range(len(jets))
    ]
    for j, row in enumerate(rows):
        partners = [q for q, is_near in enumerate(near[j]) if is_near]
        alone = len(partners) == 1 and sum(line[partners[0]] for line in near) == 1
        assert row == (partners[0] if alone else -1)


@settings(max_examples=150, deadline=None)
@given(places, places)
def test_closest_takes_pairs_in_order(jets, quarks):
    rows = matched(jets, quarks, "closest")
    pairs = sorted(
        (distance(jets, quarks, j, q), q, j) for j in range(len(jets)) for q in range(len(quarks))
    )
    expected, used = [-1] * len(jets), set()
    for d2, q, j in pairs:
        if d2 < RADIUS**2 and expected[j] < 0 and q not in used:
            expected[j] = q
            used.add(q)
    assert rows == expected


def test_only_quarks_gluons_and_hadronic_taus_are_targets(demo):
    reader = DelphesReader(str(demo / "tttt.root"), ReadOptions())
    (chunk,) = reader.chunks(0, 500)
    truth = truth_of(chunk.gen)
    chunk = select_objects(chunk, Objects())
    jets, leptons = match(truth, chunk.jets, chunk.leptons, chunk.gen, Matching())
    targets = truth.partons.offsets[chunk.jets.event[jets >= 0]] + jets[jets >= 0]
    assert set(np.abs(truth.partons["pdg_id"][targets])) <= {1, 2, 3, 4, 5, 15, 21}
    assert (jets >= 0).mean() > 0.6
    true = truth.partons.offsets[chunk.leptons.event[leptons >= 0]] + leptons[leptons >= 0]
    assert np.array_equal(truth.partons["pdg_id"][true], chunk.leptons["pdg_id"][leptons >= 0])


def test_leptons_without_a_link_are_matched_by_direction(demo):
    """The links and the directions name the same true leptons, nearly always."""
    reader = DelphesReader(str(demo / "tttt.root"), ReadOptions())
    (chunk,) = reader.chunks(0, 500)
    truth = truth_of(chunk.gen)
    chunk = select_objects(chunk, Objects())
    _, by_link = match(truth, chunk.jets, chunk.leptons, chunk.gen, Matching())
    chunk.leptons.columns["gen"][:] = -1
    _, by_direction = match(truth, chunk.jets, chunk.leptons, chunk.gen, Matching())
    assert (by_link >= 0).sum() > 100
    assert (by_link == by_direction).mean() > 0.98


def test_one_true_lepton_has_one_reconstructed():
    partons = jagged([(0, 0)], pdg_id=np.int32(11), target=False, gen=np.int64(0))
    truth = Truth(np.zeros(1, np.int8), partons, partons, partons)
    leptons = jagged([(0, 0.01), (0, 0.02)], pdg_id=np.int32(11), gen=np.int64(0))
    leptons.columns["pt"] = np.array([10.0, 20.0], np.float32)

    record = GenRecord(
        np.array([0, 1], np.int64), lambda name: np.array([11 if name == "pid" else -1], np.int32)
    )
    _, rows = match(truth, jagged([]), leptons, record, Matching())
    assert rows.tolist() == [-1, 0]
