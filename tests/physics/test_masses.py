"""What a physicist would check first, on the bundled events."""

import awkward as ak
import numpy as np
import pytest

import topdata

TOPS = {"wjj": 0, "tchan": 1, "tt": 2, "ttt": 3, "tttt": 4, "ttdm": 2}


@pytest.fixture(scope="module")
def events(demo_dataset):
    loaded = topdata.load(demo_dataset)
    names = np.array(topdata.info(demo_dataset).classes)
    return ak.with_field(loaded, names[ak.to_numpy(loaded.process)], "name")


@pytest.mark.parametrize(("name", "count"), TOPS.items())
def test_number_of_tops(events, name, count):
    mine = events[events.name == name]
    assert ak.all(mine.n_tops == count)
    assert ak.all(ak.num(mine.truth.tops) == count)


@pytest.mark.parametrize("name", TOPS)
def test_masses(events, name):
    truth = events[events.name == name].truth
    if TOPS[name]:
        expected = 172.0 if name == "ttdm" else 173.0
        assert np.median(ak.flatten(truth.tops.mass)) == pytest.approx(expected, abs=1)
    assert np.median(ak.flatten(truth.ws.mass)) == pytest.approx(80.4, abs=1)


def test_every_top_has_a_bottom_and_a_w(events):
    truth = events.truth
    for top in range(4):
        has = ak.num(truth.tops) > top
        bottoms = ak.sum((truth.partons.top == top) & (truth.partons.w < 0), axis=1)
        ws = ak.sum(truth.ws.top == top, axis=1)
        assert ak.all(bottoms[has] == 1)
        assert ak.all(ws[has] == 1)


def test_every_w_has_two_daughters(events):
    truth = events.truth
    for w in range(4):
        has = ak.num(truth.ws) > w
        mine = truth.partons[truth.partons.w == w]
        direct = mine[abs(mine.pdg_id) != 0]
        taus = ak.sum(abs(direct.pdg_id) == 15, axis=1)
        light_leptons = ak.sum((abs(direct.pdg_id) == 11) | (abs(direct.pdg_id) == 13), axis=1)
        from_tau = ak.where(taus > 0, light_leptons, 0)
        assert ak.all((ak.num(direct) - from_tau)[has] == 2)


def test_charges_are_conserved(events):
    truth = events.truth
    for row in range(ak.max(ak.num(truth.ws))):
        has = ak.num(truth.ws) > row
        w, top = truth.ws[has][:, row], truth.tops[has]
        from_top = w.top >= 0
        sign = ak.flatten(
            top[from_top][ak.local_index(top.pdg_id)[from_top] == w.top[from_top]].pdg_id
        )
        assert ak.all(np.sign(sign) == np.sign(w.pdg_id[from_top]))


def test_matched_top_mass_peaks_at_the_top(events):
    """Three matched jets of a hadronic top: the Gaussian core is near 173 GeV."""
    tt = events[(events.name == "tt") | (events.name == "tttt")]
    masses = three_jet_masses(tt)
    assert len(masses) > 200
    counts, edges = np.histogram(masses, bins=np.arange(100, 260, 12))
    peak = np.argmax(counts)
    assert abs((edges[peak] + edges[peak + 1]) / 2 - 173) < 0.08 * 173


def three_jet_masses(events):
    """Return the masses of the jets matched to b, q, q' of each fully matched hadronic top."""
    masses = []
    for event in events:
        jet_of = {jet["parton"]: jet for jet in event.jets.tolist() if jet["parton"] >= 0}
        partons = event.truth.partons.tolist()
        for row, top in enumerate(event.truth.tops.tolist()):
            mine = [i for i, p in enumerate(partons) if p["top"] == row]
            if top["decay"] != 0 or not all(i in jet_of for i in mine):
                continue
            p = np.zeros(4)
            for i in mine:
                jet = jet_of[i]
                px, py = jet["pt"] * np.cos(jet["phi"]), jet["pt"] * np.sin(jet["phi"])
                pz = jet["pt"] * np.sinh(jet["eta"])
                p += [np.sqrt(px**2 + py**2 + pz**2 + jet["mass"] ** 2), px, py, pz]
            masses.append(np.sqrt(p[0] ** 2 - p[1] ** 2 - p[2] ** 2 - p[3] ** 2))
    return np.array(masses)
