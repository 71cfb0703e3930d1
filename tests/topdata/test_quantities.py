"""Every named quantity against a plain loop."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from topdata.quantities import NAMES, evaluate


def slow(event, btag_bit):
    jets, leptons = event["jets"], event["leptons"]
    pts = [j["pt"] for j in jets]
    lepton_pts = [x["pt"] for x in leptons]
    charges = [x["charge"] for x in leptons]
    return {
        "n_jets": len(jets),
        "n_btags": sum((j["btag"] >> btag_bit) & 1 for j in jets),
        "n_tautags": sum(j["tautag"] & 1 for j in jets),
        "n_leptons": len(leptons),
        "n_electrons": sum(abs(x["pdg_id"]) == 11 for x in leptons),
        "n_muons": sum(abs(x["pdg_id"]) == 13 for x in leptons),
        "n_photons": len(event["photons"]),
        "same_sign": charges.count(1) >= 2 or charges.count(-1) >= 2,
        "ht": sum(pts),
        "st": sum(pts) + sum(lepton_pts) + event["met"]["pt"],
        "met": event["met"]["pt"],
        "jet1_pt": [*pts, 0][0],
        "jet2_pt": [*pts, 0, 0][1],
        "lepton1_pt": [*lepton_pts, 0][0],
        "lepton2_pt": [*lepton_pts, 0, 0][1],
        "n_tops": event["n_tops"],
        "gen_weight": event["gen_weight"],
    }


@pytest.mark.parametrize("btag_bit", [0, 1])
def test_agrees_with_a_plain_loop(demo_dataset, btag_bit):
    table = pq.read_table(demo_dataset / "data" / "train-tttt-00000.parquet")
    values = evaluate(table, NAMES, btag_bit=btag_bit)
    events = table.to_pylist()
    assert set(values) == set(slow(events[0], 0))
    for number, event in enumerate(events):
        for name, expected in slow(event, btag_bit).items():
            assert values[name][number] == pytest.approx(expected, rel=1e-6), name
    assert values["same_sign"].any()


def test_slices_see_their_own_events(demo_dataset):
    table = pq.read_table(demo_dataset / "data" / "train-tttt-00000.parquet")
    whole, part = evaluate(table, NAMES), evaluate(table.slice(11, 9), NAMES)
    for name in NAMES:
        assert np.allclose(part[name], whole[name][11:20])


def test_one_absurd_jet_stays_in_its_event(demo_dataset):
    import pyarrow as pa

    from topdata.schema.arrow import arrow_schema, build
    from topdata.schema.fields import JETS

    pt = np.array([50, 60, 1e30, 50, 60, 70], np.float32)
    columns = {f.name: np.zeros(6, f.dtype) for f in JETS.fields} | {"pt": pt}
    table = pa.table({"jets": build(JETS, (np.array([0, 2, 3, 6]), columns))})
    assert arrow_schema().field("jets").type == table.schema.field("jets").type
    assert evaluate(table, ["ht"])["ht"][[0, 2]].tolist() == [110, 180]
