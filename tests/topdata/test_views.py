"""The universal view against a plain loop over events, and its laws."""

import math

import numpy as np
import pyarrow.parquet as pq
import pytest

from topdata.schema import slots
from topdata.schema.codes import Match, ObjectType
from topdata.views import universal

LEPTON_TYPES = {11: 3, -11: 4, 13: 5, -13: 6}


@pytest.fixture(scope="module")
def table(demo_dataset):
    return pq.read_table(demo_dataset / "data" / "train-tttt-00000.parquet")


def slow_view(event, btag_bit=0):
    """Return {slot: (type, row, pt, eta, phi, mass)} of one event, by the rules of the design."""
    filled, b, rest = {}, 0, 0
    truncated = {}
    for row, jet in enumerate(event["jets"]):
        tagged = (jet["btag"] >> btag_bit) & 1
        if tagged and b < 4:
            slot, b = b, b + 1
        elif rest < 8:
            slot, rest = 4 + rest, rest + 1
        else:
            truncated["jets", row] = True
            continue
        filled[slot] = (2 if tagged else 1, row, jet["pt"], jet["eta"], jet["phi"], jet["mass"])
    for row, lepton in enumerate(event["leptons"][:4]):
        kind = LEPTON_TYPES[lepton["pdg_id"]]
        filled[12 + row] = (kind, row, *(lepton[k] for k in ("pt", "eta", "phi", "mass")))
    for row, photon in enumerate(event["photons"][:2]):
        filled[16 + row] = (7, row, photon["pt"], photon["eta"], photon["phi"], 0.0)
    filled[18] = (8, -1, event["met"]["pt"], 0.0, event["met"]["phi"], 0.0)
    return filled


@pytest.mark.parametrize("btag_bit", [0, 1])
def test_agrees_with_a_plain_loop(table, btag_bit):
    view = universal(table, btag_bit=btag_bit)
    for number, event in enumerate(table.to_pylist()):
        filled = slow_view(event, btag_bit)
        for slot in range(slots.N_SLOTS):
            if slot not in filled:
                assert view.type[number, slot] == ObjectType.NONE
                assert view.row[number, slot] == -1
                assert not view.objects[number, slot].any()
                continue
            kind, row, pt, eta, phi, mass = filled[slot]
            assert (view.type[number, slot], view.row[number, slot]) == (kind, row)
            px, py, pz = pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)
            energy = math.sqrt(pt**2 + pz**2 + mass**2)
            expected = [pt, eta, phi, px, py, pz, energy]
            assert view.objects[number, slot] == pytest.approx(expected, rel=1e-5, abs=1e-4)
        assert view.n_jets[number] == len(event["jets"])
        assert view.n_btags[number] == sum((j["btag"] >> btag_bit) & 1 for j in event["jets"])
        assert view.n_leptons[number] == len(event["leptons"])
        assert view.n_photons[number] == len(event["photons"])


def test_truncated_jets_are_counted_and_marked(table):
    view = universal(table)
    assert (view.n_jets > (view.type[:, :12] > 0).sum(axis=1)).any()
    assert (view.parton_slot == Match.TRUNCATED).any()


def test_slots_of_partons_point_back(table):
    view = universal(table)
    events = table.to_pylist()
    for number, event in enumerate(events):
        mine = view.parton_slot[view.parton_offsets[number] : view.parton_offsets[number + 1]]
        assert len(mine) == len(event["truth"]["partons"])
        for parton, slot in enumerate(mine):
            rows = [r for r, j in enumerate(event["jets"]) if j["parton"] == parton]
            rows += [r for r, x in enumerate(event["leptons"]) if x["parton"] == parton]
            if slot >= 0:
                assert view.row[number, slot] in rows
            else:
                assert bool(rows) == (slot == Match.TRUNCATED)


def test_slots_of_tops_are_those_of_their_daughters(table):
    view = universal(table)
    for number, event in enumerate(table.to_pylist()):
        mine = view.parton_slot[view.parton_offsets[number] : view.parton_offsets[number + 1]]
        for top in range(len(event["truth"]["tops"])):
            for column, name in enumerate(slots.TOP_DAUGHTERS):
                candidates = [Match.NONE]
                for parton, slot in zip(event["truth"]["partons"], mine, strict=True):
                    of_w, even = parton["w"] >= 0, parton["pdg_id"] % 2 == 0
                    kind = "b" if not of_w else "up" if even else "down"
                    if parton["top"] == top and kind == name:
                        candidates.append(slot)
                assert view.top_slots[number, top, column] in candidates
                if any(slot >= 0 for slot in candidates):
                    assert view.top_slots[number, top, column] >= 0
        assert (view.top_slots[number, len(event["truth"]["tops"]) :] == Match.NONE).all()


def test_tops_and_ws_fill_their_slots(table):
    view = universal(table)
    for number, event in enumerate(table.slice(0, 50).to_pylist()):
        for name, found in (("tops", view.tops), ("ws", view.ws)):
            for row in range(slots.MAX_TOPS):
                true = event["truth"][name][row : row + 1]
                if true:
                    assert found[number, row, 0] == pytest.approx(true[0]["pt"])
                    p = found[number, row].astype(np.float64)
                    mass2 = p[6] ** 2 - p[3] ** 2 - p[4] ** 2 - p[5] ** 2
                    assert math.sqrt(mass2) == pytest.approx(true[0]["mass"], rel=0.02)
                else:
                    assert not found[number, row].any()


def test_slices_and_batches_see_their_own_events(table):
    whole = universal(table)
    part = universal(table.slice(37, 20))
    batch = universal(table.combine_chunks().to_batches()[0].slice(37, 20))
    for name, values in part.arrays().items():
        assert np.array_equal(values, whole.arrays()[name][37:57]), name
        assert np.array_equal(values, batch.arrays()[name]), name


def test_no_events():
    from topdata.schema.arrow import arrow_schema

    view = universal(arrow_schema().empty_table())
    assert view.objects.shape == (0, 19, 7)
