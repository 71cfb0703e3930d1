"""Truth of hand-written records, of every convention that a file may use."""

import numpy as np
import pytest

from topdata.events import GenRecord, ReadOptions
from topdata.readers.delphes import DelphesReader
from topdata.truth import no_truth, truth_of

HAND_WRITTEN = ("herwig_status.root", "pythia6_doc.root", "daughter_ranges.root")


def record_of(path):
    reader = DelphesReader(str(path), ReadOptions())
    (chunk,) = reader.chunks(0, reader.info.entries)
    return chunk.gen


def rows(jagged, event):
    part = slice(jagged.offsets[event], jagged.offsets[event + 1])
    count = part.stop - part.start
    return [{name: jagged[name][part][i] for name in jagged.columns} for i in range(count)]


def same(found, facts):
    return all(found[key] == pytest.approx(facts[key], rel=1e-6) for key in ("pt", "eta", "mass"))


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_hand_written_records(delphes, expected, name):
    truth = truth_of(record_of(delphes / name))
    for number, facts in enumerate(expected[name]["events"]):
        assert truth.n_tops[number] == facts["n_tops"]
        tops, ws, partons = (rows(getattr(truth, k), number) for k in ("tops", "ws", "partons"))
        assert len(tops) == len(ws) == facts["n_tops"]
        for row, (top, true) in enumerate(zip(tops, facts["tops"], strict=True)):
            assert top["pdg_id"] == true["pdg_id"]
            assert same(top, true["last"])
            assert top["decay"] == true["decay"]
            (w_row,) = [i for i, w in enumerate(ws) if w["top"] == row]
            assert same(ws[w_row], true["w"]["last"])
            assert ws[w_row]["pdg_id"] == true["w"]["pdg_id"]
            assert ws[w_row]["decay"] == true["decay"]
            mine = [p for p in partons if p["top"] == row]
            assert same(mine[0], true["b"]["first"])
            assert mine[0]["pdg_id"] == true["b"]["pdg_id"]
            assert (mine[0]["origin"], mine[0]["w"]) == (true["pdg_id"], -1)
            products = [*true["w_products"], *true.get("from_tau", [])]
            assert [p["pdg_id"] for p in mine[1:]] == [p["pdg_id"] for p in products]
            for parton, product in zip(mine[1:], products, strict=True):
                is_tau = abs(product["pdg_id"]) == 15
                assert same(parton, product["last" if is_tau else "first"])
                assert (parton["origin"], parton["w"]) == (true["w"]["pdg_id"], w_row)


def test_orders_are_by_falling_pt(demo):
    truth = truth_of(record_of(demo / "tttt.root"))
    for jagged in (truth.tops, truth.ws):
        falls = np.diff(jagged["pt"]) <= 0
        inside = jagged.event[1:] == jagged.event[:-1]
        assert falls[inside].all()


def particles(*rows, **columns):
    """Return a record of one event from (pid, status, m1, m2) rows."""
    table = np.array(rows, np.int64)
    n = len(table)
    data = {
        "pid": table[:, 0].astype(np.int32),
        "status": table[:, 1].astype(np.int32),
        "m1": table[:, 2].astype(np.int32),
        "m2": table[:, 3].astype(np.int32),
        "d1": np.full(n, -1, np.int32),
        "d2": np.full(n, -1, np.int32),
        "is_pileup": np.zeros(n, np.bool_),
        "pt": np.linspace(100, 50, n).astype(np.float32),
        "eta": np.zeros(n, np.float32),
        "phi": np.zeros(n, np.float32),
        "mass": np.zeros(n, np.float32),
        **columns,
    }
    return GenRecord(np.array([0, n], np.int64), data.__getitem__)


G1, G2 = (21, 21, -1, -1), (21, 21, -1, -1)


def test_top_without_a_w_in_the_record():
    """t -> b u d~ directly: the W is the sum of the pair."""
    record = particles(
        G1, G2, (6, 22, 0, 1), (5, 23, 2, -1), (2, 23, 2, -1), (-1, 23, 2, -1),
        pt=np.array([0, 0, 50, 30, 40, 40], np.float32),
        phi=np.array([0, 0, 0, 0, 0, np.pi], np.float32),
    )  # fmt: skip
    truth = truth_of(record)
    assert truth.tops["decay"].tolist() == [0]
    assert truth.ws["pdg_id"].tolist() == [24]
    assert truth.ws["top"].tolist() == [0]
    assert truth.ws["mass"][0] == pytest.approx(80)
    assert truth.ws["pt"][0] == pytest.approx(0, abs=1e-4)
    assert truth.partons["pdg_id"].tolist() == [5, 2, -1]
    assert truth.partons["w"].tolist() == [-1, 0, 0]


def test_undecayed_tops_are_tops():
    truth = truth_of(particles(G1, G2, (6, 1, 0, 1), (-6, 1, 0, 1)))
    assert truth.n_tops.tolist() == [2]
    assert truth.tops["decay"].tolist() == [-1, -1]
    assert len(truth.partons["pt"]) == 0


def test_a_higgs_gives_its_daughters_an_origin():
    truth = truth_of(
        particles(G1, G2, (25, 22, 0, 1), (25, 62, 2, -1), (22, 1, 3, -1), (22, 1, 3, -1))
    )
    assert truth.partons["pdg_id"].tolist() == [22, 22]
    assert truth.partons["origin"].tolist() == [25, 25]


def test_radiation_of_a_boson_is_no_decay():
    truth = truth_of(
        particles(
            G1, G2, (23, 22, 0, 1), (23, 44, 2, -1), (22, 1, 2, -1), (11, 1, 3, -1), (-11, 1, 3, -1)
        )
    )
    assert sorted(truth.partons["pdg_id"].tolist()) == [-11, 11]


def test_an_outgoing_quark_like_the_incoming_one_is_no_copy():
    """u g -> u Z: the outgoing u has a mother u, and is a hard parton all the same."""
    truth = truth_of(
        particles(
            (2, 21, -1, -1), G2, (2, 23, 0, 1), (23, 22, 0, 1), (5, 23, 3, -1), (-5, 23, 3, -1)
        )
    )
    assert truth.partons["pdg_id"].tolist() == [2, 5, -5]
    assert truth.partons["origin"].tolist() == [0, 23, 23]


def test_chains_of_new_particles():
    """g g -> X X', X -> t Y, Y stable: Y has the origin X, the top is found."""
    x, y = 1000006, 1000022
    truth = truth_of(
        particles(
            G1, G2, (x, 22, 0, 1), (-x, 22, 0, 1), (6, 22, 2, -1), (y, 1, 2, -1), (y, 1, 3, -1),
            (-6, 22, 3, -1),
        )
    )  # fmt: skip
    assert truth.n_tops.tolist() == [2]
    assert truth.partons["pdg_id"].tolist() == [y, y]
    assert truth.partons["origin"].tolist() == [x, -x]


def test_pile_up_has_no_truth():
    pile_up = np.array([False] * 3 + [True])
    truth = truth_of(particles(G1, G2, (6, 1, 0, 1), (6, 1, -1, -1), is_pileup=pile_up))
    assert truth.n_tops.tolist() == [1]


def test_a_higgs_to_z_gamma_keeps_the_photon():
    record = particles(
        G1, G2, (25, 62, 0, 1), (23, 22, 2, -1), (22, 1, 2, -1), (11, 1, 3, -1), (-11, 1, 3, -1)
    )
    truth = truth_of(record)
    found = dict(
        zip(truth.partons["pdg_id"].tolist(), truth.partons["origin"].tolist(), strict=True)
    )
    assert found == {22: 25, 11: 23, -11: 23}


def test_a_documented_higgs_to_gluons_is_found_above_its_copy():
    """Pythia 6 hangs the gluons and the copy on the documentation line."""
    record = particles(G1, G2, (25, 3, 0, 1), (21, 3, 2, -1), (21, 3, 2, -1), (25, 2, 2, -1))
    truth = truth_of(record)
    assert truth.partons["pdg_id"].tolist() == [21, 21]
    assert truth.partons["origin"].tolist() == [25, 25]


def test_the_w_of_a_tau_is_no_w():
    """Pythia 6 writes tau -> nu W -> nu hadrons with a W of about 1 GeV."""
    record = particles(
        G1, G2, (24, 3, 0, 1), (-15, 2, 2, -1), (16, 1, 2, -1), (-16, 1, 3, -1), (24, 2, 3, -1),
        (211, 1, 6, -1), (111, 2, 6, -1),
    )  # fmt: skip
    truth = truth_of(record)
    assert truth.ws["decay"].tolist() == [15]
    assert truth.partons["pdg_id"].tolist() == [16, -15]


def test_new_particles_linked_by_daughters_only():
    x = 5000001
    record = particles(
        G1, G2, (x, 22, 0, 1), (x, 62, -1, -1), (5000521, 1, -1, -1), (-5000521, 1, -1, -1),
        d1=np.array([2, 2, 3, 4, -1, -1], np.int32), d2=np.array([2, 2, 3, 5, -1, -1], np.int32),
    )  # fmt: skip
    truth = truth_of(record)
    assert truth.partons["pdg_id"].tolist() == [5000521, -5000521]
    assert truth.partons["origin"].tolist() == [x, x]


def test_damaged_links_end_and_lose_nothing_else():
    """Cycles, links out of range and self-links neither hang nor fail."""
    record = particles(
        G1, G2, (6, 22, 3, 1), (6, 44, 2, -1), (24, 22, 99, 5000), (-6, 22, 0, 1), (-24, 22, 5, 5),
        (11, 1, 6, -1), (-12, 1, 6, -1), (5, 1, 9, -1),
    )  # fmt: skip
    truth = truth_of(record)
    assert -6 in truth.tops["pdg_id"]
    assert 11 in truth.ws["decay"]


def test_no_record_is_not_zero_tops():
    truth = no_truth(3)
    assert truth.n_tops.tolist() == [-1, -1, -1]
    assert len(truth.tops) == len(truth.ws) == len(truth.partons) == 3


def test_an_empty_record_has_zero_tops():
    columns = {"is_pileup": np.zeros(0, np.bool_), "pt": np.zeros(0, np.float32)}
    offsets = np.array([0, 0, 0], np.int64)
    record = GenRecord(offsets, lambda name: columns.get(name, np.zeros(0, np.int32)))
    assert truth_of(record).n_tops.tolist() == [0, 0]
