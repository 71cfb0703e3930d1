"""``topdata compare``: nothing differs where nothing does, and what differs is found."""

import json
import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from topdata.build import build
from topdata.errors import RecipeError
from topdata.manifest import read_manifest
from topdata.plots import compare_datasets, comparison
from topdata.recipe import make_recipe


@pytest.fixture(scope="module")
def halves(demo_dataset, tmp_path_factory):
    """The demo dataset in two, each event in one half by a hash of its number."""
    folders = []
    for half in (0, 1):
        folder = tmp_path_factory.mktemp("halves") / f"half{half}"
        shutil.copytree(demo_dataset, folder)
        for path in (folder / "data").iterdir():
            table = pq.read_table(path)
            event = table.column("event").to_numpy().astype(np.uint64)
            mixed = (event * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(63)
            pq.write_table(table.filter(pa.array(mixed == half)), path)
        folders.append(folder)
    return folders


@pytest.fixture(scope="module")
def one(tmp_path_factory, demo):
    """Return a function that builds a dataset of one process."""

    def make(name, file):
        recipe = {
            "name": name,
            "processes": [{"name": name, "files": [str(demo / file)], "cross_section": 2.0}],
        }
        output = tmp_path_factory.mktemp(name) / name
        build(make_recipe(recipe, "test"), output)
        return output

    return make


@pytest.fixture(scope="module")
def tt(one):
    return one("tt", "tt.root")


@pytest.fixture(scope="module")
def wjj(one):
    return one("wjj", "wjj.root")


def p_values(found):
    return np.array([x.p for test in found.tests for x in (test.chi2, test.ks) if x])


def test_halves_of_one_dataset_do_not_differ(halves, tmp_path):
    found = compare_datasets(*halves, tmp_path / "c", figures=0)
    p = p_values(found)
    assert len(p) == found.n_tests > 250
    assert found.tests == sorted(found.tests, key=lambda t: t.p)
    assert 0.35 < np.mean(p < 0.5) < 0.65
    assert np.mean(p < 0.05) < 0.1
    assert found.corrected(p.min()) > 0.05
    assert found.below(0.05) == []
    assert {t.process for t in found.tests} == {"wjj", "tchan", "tt", "ttt", "tttt", "ttdm"}
    assert any("source files are in both" in note for note in found.notes)


def test_a_dataset_and_itself(demo_dataset, tmp_path):
    found = compare_datasets(demo_dataset, demo_dataset, tmp_path / "c", figures=0)
    assert p_values(found) == pytest.approx(1)
    assert all(y.a == y.b and y.pull in (0, None) for y in found.yields)
    assert sorted(os.listdir(tmp_path / "c")) == ["comparison.json", "index.html"]


def test_two_processes_differ(tt, wjj, tmp_path):
    found = compare_datasets(tt, wjj, tmp_path / "c", figures=3)
    by_name = {test.plot: test for test in found.tests}
    for name in ("n_jets", "n_btags", "ht", "jet1_pt", "jets_pt", "jets_mass"):
        assert by_name[name].chi2.p < 1e-10, name
    assert by_name["ht"].ks.p < 1e-10
    assert by_name["jets_phi"].p > 1e-3
    assert by_name["met_phi"].p > 1e-3
    assert "tt of A is compared with wjj of B" in found.notes
    assert len(list((tmp_path / "c" / "png").iterdir())) == 3


def test_distances_between_histograms_where_values_do_not_fit(tt, wjj, tmp_path, monkeypatch):
    whole = compare_datasets(tt, wjj, tmp_path / "whole", figures=0)
    monkeypatch.setattr(comparison, "_KEPT_VALUES", 1000)
    binned = compare_datasets(tt, wjj, tmp_path / "binned", figures=0)
    assert any("between histograms" in note for note in binned.notes)
    of_whole = {t.plot: t.ks for t in whole.tests if t.ks}
    of_binned = {t.plot: t.ks for t in binned.tests if t.ks}
    assert of_whole.keys() == of_binned.keys()
    for name, distance in of_binned.items():
        assert distance.distance <= of_whole[name].distance + 1e-6, name
    assert of_binned["ht"].p < 1e-10


def test_common_names_are_compared(demo_dataset, tt, tmp_path):
    found = compare_datasets(demo_dataset, tt, tmp_path / "c", figures=0)
    assert {test.process for test in found.tests} == {"tt"}
    assert found.notes[0] == "only in A, left out: wjj, tchan, ttt, tttt, ttdm"


def test_yields_with_their_errors(demo_dataset, tt, tmp_path):
    (one,) = compare_datasets(demo_dataset, tt, tmp_path / "c", figures=0).yields
    tt_of_demo = next(p for p in read_manifest(demo_dataset).processes if p.name == "tt")
    assert one.a == tt_of_demo.sum_weight
    passed, read = tt_of_demo.ledger.written, tt_of_demo.ledger.read
    binomial = 504.9 * np.sqrt(passed / read * (1 - passed / read) / read)
    assert one.error_a == pytest.approx(binomial, rel=1e-6)
    assert (one.b, one.error_b) == (pytest.approx(2.0), pytest.approx(0, abs=1e-6))


def test_levels_do_not_mix_unless_told(tt, partons, tmp_path):
    with pytest.raises(RecipeError, match="distributions of different levels differ"):
        compare_datasets(tt, partons, tmp_path / "c")
    found = compare_datasets(tt, partons, tmp_path / "c", any_level=True, figures=1)
    assert "A is reconstructed, B parton" in found.notes


def test_nothing_in_common(demo_dataset, one, tmp_path, partons):
    with pytest.raises(RecipeError, match="no process is in both"):
        compare_datasets(demo_dataset, one("other", "tt.root"), tmp_path / "c")
    with pytest.raises(RecipeError, match="no process 'tttt'"):
        compare_datasets(demo_dataset, partons, tmp_path / "c", processes=["tttt"], any_level=True)


def test_the_command(topdata, halves, tt, wjj, tmp_path):
    ran = topdata("compare", *halves, "-o", tmp_path / "same", "--figures", 1, "--fail-below", 0.01)
    assert ran.code == 0, ran.err
    assert "more in" in ran.out
    differs = topdata("compare", tt, wjj, "--figures", 0, "--fail-below", 0.01, "--json",
                      "-o", tmp_path / "differs")  # fmt: skip
    assert differs.code == 2
    assert differs.err.startswith("topdata: ")
    assert differs.err.count("\n") == 1
    assert "distributions differ" in differs.err
    printed = json.loads(differs.out)
    kept = json.loads((tmp_path / "differs" / "comparison.json").read_text())
    assert printed["tests"] == kept["tests"]
    assert kept["kind"] == "topdata plots"
    assert kept["a"]["processes"] == ["tt"]
    assert printed["tests"][0]["p_corrected"] < 1e-10
    page = (tmp_path / "differs" / "index.html").read_text()
    assert "<code>topdata compare tt wjj --normalise unit</code>" in page
    once_more = topdata("compare", tt, wjj, "--figures", 0, "-o", tmp_path / "differs")
    assert once_more.code == 2
    assert "exists already" in once_more.err


def test_the_default_folder_is_beside_a(tt, wjj, topdata):
    assert topdata("compare", tt, wjj, "--figures", 0).code == 0
    assert (tt.parent / "tt-vs-wjj-plots" / "index.html").is_file()


def test_two_runs_give_the_same_bytes(tt, wjj, tmp_path):
    for name in ("one", "two"):
        compare_datasets(tt, wjj, tmp_path / name, figures=2)
    files = list((tmp_path / "one").rglob("*.*"))
    assert len(files) == 4
    for path in files:
        other = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == other.read_bytes()
