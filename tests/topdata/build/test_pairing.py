"""Delphes files beside the LHE files that they were made from."""

import gzip
import shutil

import awkward as ak
import numpy as np
import pytest

import topdata
from topdata.build import build
from topdata.build.split import assign
from topdata.errors import InputError, RecipeError
from topdata.recipe import make_recipe


@pytest.fixture
def data(pytestconfig):
    return pytestconfig.rootpath / "tests" / "data"


def paired(tmp_path, delphes, lhe, name="out", **options):
    process = {"name": "tt", "delphes": [str(x) for x in delphes], "lhe": [str(x) for x in lhe]}
    manifest = build(
        make_recipe({"name": "d", "processes": [process | options]}, "test"), tmp_path / name
    )
    return manifest, topdata.load(tmp_path / name)


def test_a_pair_is_found_to_be_one(data, tmp_path):
    manifest, events = paired(tmp_path, [data / "record/tt.root"], [data / "lhe/tt.lhe.gz"])
    assert ak.to_list(events.lhe_event) == ak.to_list(events.event)
    assert sorted(ak.to_list(events.event)) == list(range(12))
    assert ak.all(ak.num(events.truth.me) == 4)
    tops = events.truth.me[abs(events.truth.me.pdg_id) == 6]
    assert ak.all(ak.num(tops) == 2)
    # the matrix element balances; the last copies, after initial-state radiation, do not
    px = ak.sum(tops.pt * np.cos(tops.phi), axis=1)
    assert ak.to_numpy(px) == pytest.approx(0, abs=1e-3)
    assert ak.max(abs(events.truth.tops.pt - tops.pt[:, ::1])) > 5
    source = manifest.sources[0]
    assert source.lhe == "tt.lhe.gz"
    assert "288 events of the LHE file are not here" in source.notes
    assert manifest.processes[0].cross_section == pytest.approx(504.911, rel=1e-4)


def test_splits_follow_the_hard_event(data, tmp_path):
    manifest, _ = paired(tmp_path, [data / "record/tt.root"], [data / "lhe/tt.lhe.gz"])
    source = manifest.sources[0]
    fractions = {"train": 0.8, "validation": 0.1, "test": 0.1}
    names = np.array(list(fractions))[assign(source.lhe_sha256, np.arange(12), fractions)]
    for split in manifest.split_counts():
        events = topdata.load(tmp_path / "out", split=split)
        assert ak.to_list(events.event) == np.flatnonzero(names == split).tolist()


def test_another_file_is_found_out_at_its_first_event(data, tmp_path):
    with pytest.raises(InputError, match=r"entry 0 is not event 0: no -?6 with pz = .* GeV"):
        paired(tmp_path, [data / "demo/tt.root"], [data / "lhe/tt.lhe.gz"])


def test_a_shorter_lhe_file_leaves_the_rest_unpaired(data, tmp_path):
    text = gzip.decompress((data / "lhe/tt.lhe.gz").read_bytes())
    end = text.find(b"</event>", text.find(b"</event>") + 1) + len(b"</event>\n")
    (tmp_path / "two.lhe").write_bytes(text[:end] + b"</LesHouchesEvents>\n")
    manifest, events = paired(tmp_path, [data / "record/tt.root"], [tmp_path / "two.lhe"])
    assert sorted(ak.to_list(events.lhe_event)) == [-1] * 10 + [0, 1]
    assert "10 events have no partner in the LHE file" in manifest.sources[0].notes
    assert ak.sum(ak.num(events.truth.me)) == 8


def test_weights_of_the_lhe_file_come_along(data, tmp_path):
    text = gzip.decompress((data / "lhe/tt.lhe.gz").read_bytes())
    variations = (
        b"<rwgt>\n<wgt id='up'> 600. </wgt>\n<wgt id='down'> 400. </wgt>\n</rwgt>\n</event>"
    )
    (tmp_path / "w.lhe").write_bytes(text.replace(b"</event>", variations))
    manifest, events = paired(tmp_path, [data / "record/tt.root"], [tmp_path / "w.lhe"])
    assert manifest.sources[0].weight_names == ["up", "down"]
    assert ak.to_list(events.weights) == [[600.0, 400.0]] * 12


def test_lists_of_other_lengths(data, tmp_path):
    with pytest.raises(RecipeError, match="1 Delphes files and 2 LHE files cannot be paired"):
        paired(
            tmp_path, [data / "record/tt.root"], [data / "lhe/tt.lhe.gz", data / "lhe/ttW.lhe.gz"]
        )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"delphes": ["a"]}, "`delphes` needs `lhe`"),
        ({"files": ["a"], "delphes": ["b"], "lhe": ["c"]}, "give either `files`"),
        ({"files": ["a"], "lhe": ["c"]}, "`lhe` pairs with `delphes`"),
        ({}, "give either `files`"),
    ],
)
def test_keys_that_do_not_go_together(keys, message):
    with pytest.raises(RecipeError, match=message):
        make_recipe({"name": "d", "processes": [{"name": "p", **keys}]}, "r")


def test_an_unpaired_build_says_so_in_every_event(demo, tmp_path):
    shutil.copy(demo / "ttt.root", tmp_path / "a.root")
    process = {"name": "p", "files": [str(tmp_path / "a.root")], "cross_section": 1}
    build(make_recipe({"name": "d", "processes": [process]}, "t"), tmp_path / "out")
    events = topdata.load(tmp_path / "out")
    assert set(ak.to_list(events.lhe_event)) == {-1}
    assert ak.sum(ak.num(events.truth.me)) == ak.sum(ak.num(events.weights)) == 0


def test_unpaired_events_have_no_variations(data, tmp_path):
    """Empty, not NaN: NaN says that an event of the LHE file lacks one."""
    content = gzip.decompress((data / "lhe/tt.lhe.gz").read_bytes()).decode()
    events = content.split("<event>")
    weights = "<rwgt><wgt id='1'>2.0</wgt><wgt id='2'>3.0</wgt></rwgt>\n</event>"
    with_weights = [event.replace("</event>", weights) for event in events[1:6]]
    end = "\n</LesHouchesEvents>\n"
    head = events[0].replace("</header>", "</header>")
    short = tmp_path / "short.lhe"
    short.write_text("<event>".join([head, *with_weights]).rstrip() + end)
    _, loaded = paired(tmp_path, [data / "record/tt.root"], [short])
    lengths = ak.to_list(ak.num(loaded.weights))
    for event, paired_with, n in zip(loaded.event, loaded.lhe_event, lengths, strict=True):
        assert n == (2 if paired_with >= 0 else 0), event
    assert not ak.any(np.isnan(ak.flatten(loaded.weights)))


def test_phi_of_incoming_partons(data, tmp_path):
    """Along the beam atan2 gives -pi, which the record writes as pi."""
    _, events = paired(tmp_path, [data / "record/tt.root"], [data / "lhe/tt.lhe.gz"])
    assert ak.all(events.truth.me.phi > -np.float32(np.pi))
