"""Datasets of generator events: level, weights, truth, and what must not be mixed."""

import awkward as ak
import numpy as np
import pytest

import topdata
from topdata.build import build
from topdata.errors import IncompleteError, RecipeError
from topdata.recipe import make_recipe


@pytest.fixture(scope="module")
def lhe(pytestconfig):
    return pytestconfig.rootpath / "tests" / "data" / "lhe"


def made(tmp_path, *files, **options):
    skip_bad = options.pop("skip_bad", False)
    process = {"name": "p", "files": [str(file) for file in files]}
    recipe = make_recipe({"name": "d", "processes": [process], **options}, "test")
    return build(recipe, tmp_path / "out", skip_bad=skip_bad), topdata.load(tmp_path / "out")


def test_the_level_is_said_everywhere(lhe, tmp_path):
    manifest, events = made(tmp_path, lhe / "ttW.lhe.gz")
    assert manifest.level == "parton"
    assert manifest.undecayed == [6, 24]
    assert "**Parton level**" in (tmp_path / "out" / "README.md").read_text()
    assert manifest.processes[0].cross_section == pytest.approx(0.350301)
    assert ak.sum(events.weight) == pytest.approx(0.350301, rel=1e-9)
    assert ak.all(events.n_tops == 2)
    assert ak.all(ak.sum(events.truth.ws.top == -1, axis=1) == 1)
    assert ak.all(ak.num(events.jets) == 0)
    assert ak.all(events.met.pt == 0)


def test_decayed_tops_give_jets_that_are_their_partons(lhe, tmp_path):
    manifest, events = made(tmp_path, lhe / "ttdecay.lhe.gz")
    assert manifest.undecayed == []
    assert ak.all(ak.num(events.jets) == 4)
    assert ak.all(events.jets.parton >= 0)
    partons = events.truth.partons[events.jets.parton]
    assert np.array_equal(
        ak.to_numpy(ak.flatten(partons.pt)), ak.to_numpy(ak.flatten(events.jets.pt))
    )
    assert ak.all(ak.sum(events.jets.btag, axis=1) == 2)
    assert ak.all((abs(partons.pdg_id) == 5) == (events.jets.btag == 1))
    assert ak.all(ak.num(events.leptons) == 1)
    assert ak.all(events.leptons.parton >= 0)
    neutrino = events.truth.partons[abs(events.truth.partons.pdg_id) % 2 == 0]
    neutrino = neutrino[abs(neutrino.pdg_id) > 10]
    assert ak.to_numpy(events.met.pt) == pytest.approx(
        ak.to_numpy(ak.flatten(neutrino.pt)), rel=1e-4
    )
    assert sorted(set(ak.flatten(events.truth.tops.decay).tolist())) == [0, 11, 13]


def test_weight_variations_are_kept_with_their_names(lhe, tmp_path):
    manifest, events = made(tmp_path, lhe / "mg5_ttbar_nlo.lhe.gz")
    assert len(manifest.sources[0].weight_names) == 27
    assert ak.all(ak.num(events.weights) == 27)
    assert manifest.processes[0].negative_weights == 17
    assert ak.sum(events.weight) == pytest.approx(677.60512, rel=1e-9)


def test_partons_and_reconstructed_jets_do_not_mix(lhe, demo, tmp_path):
    processes = [
        {"name": "a", "files": [str(lhe / "tt.lhe.gz")]},
        {"name": "b", "files": [str(demo / "tt.root")], "cross_section": 1},
    ]
    with pytest.raises(RecipeError, match=r"is of reconstructed level and .* of parton level"):
        build(make_recipe({"name": "d", "processes": processes}, "t"), tmp_path / "out")


def test_a_file_without_its_end_is_refused_or_kept(lhe, tmp_path):
    import gzip

    text = gzip.decompress((lhe / "tt.lhe.gz").read_bytes())
    (tmp_path / "cut.lhe").write_bytes(text[: text.rfind(b"<event>") + 100])
    with pytest.raises(IncompleteError, match=r"cut.lhe: entry 299: the event has no end, at byte"):
        made(tmp_path, tmp_path / "cut.lhe")
    manifest, events = made(tmp_path, tmp_path / "cut.lhe", skip_bad=True)
    assert manifest.total.model_dump() == {
        "read": 300, "written": 299, "cut": 0, "quarantined": 1,
    }  # fmt: skip
    assert len(events) == 299
    assert "no </LesHouchesEvents> at the end" in manifest.quarantine[-1].reason


def test_models_refuse_partons_unless_told(lhe, tmp_path, capsys):
    from topfm.cli import main

    made(tmp_path, lhe / "tt.lhe.gz")
    with pytest.raises(SystemExit) as stop:
        main(["inputs", str(tmp_path / "out")])
    assert stop.value.code == 2
    assert "parton level, undecayed [6]" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["inputs", str(tmp_path / "out"), "--parton-level"])
    assert not stop.value.code
