"""The Delphes reader on files with one peculiarity each."""

import shutil

import numpy as np
import pytest
import uproot

from topdata.errors import InputError
from topdata.events import Branches, Damage, EventChunk, ReadOptions
from topdata.readers.delphes import DelphesReader
from topdata.truth import truth_of


def read(path, options=None, start=0, stop=None):
    reader = DelphesReader(str(path), options or ReadOptions())
    items = list(reader.chunks(start, reader.info.entries if stop is None else stop))
    info = reader.info
    reader.close()
    return info, items


def only_chunk(path, **options):
    _, items = read(path, ReadOptions(**options))
    assert len(items) == 1
    assert isinstance(items[0], EventChunk)
    return items[0]


def test_every_value_of_a_full_file(demo):
    chunk = only_chunk(demo / "tt.root")
    tree = uproot.open(demo / "tt.root")["Delphes"]
    for column, leaf in (("pt", "PT"), ("eta", "Eta"), ("phi", "Phi"), ("mass", "Mass")):
        expected = tree[f"Jet/Jet.{leaf}"].array().layout.content.data
        assert np.array_equal(chunk.jets[column], expected)
    assert np.array_equal(chunk.jets["btag"], tree["Jet/Jet.BTag"].array().layout.content.data)
    assert np.array_equal(
        chunk.met["pt"], tree["MissingET/MissingET.MET"].array().layout.content.data
    )
    assert np.array_equal(chunk.gen_weight, tree["Event/Event.Weight"].array().layout.content.data)
    muons = np.abs(chunk.leptons["pdg_id"]) == 13
    assert np.array_equal(
        np.sort(chunk.leptons["pt"][muons]),
        np.sort(tree["Muon/Muon.PT"].array().layout.content.data),
    )
    assert set(chunk.leptons["pdg_id"][chunk.leptons["charge"] > 0]) == {-11, -13}


def test_charged_leptons_refer_to_particles_of_their_kind(demo):
    chunk = only_chunk(demo / "tt.root")
    found = chunk.leptons["gen"]
    assert (found >= 0).all()
    assert np.array_equal(chunk.gen.column("pid")[found], chunk.leptons["pdg_id"])
    assert np.allclose(chunk.gen.column("eta")[found], chunk.leptons["eta"], atol=0.1)
    assert np.array_equal(chunk.gen.event_of(found), chunk.leptons.event)


@pytest.mark.parametrize(
    "name", ["duplicate_branches", "process_bits", "two_cycles", "two_working_points"]
)
def test_peculiar_files_read_like_others(delphes, expected, name):
    chunk = only_chunk(delphes / f"{name}.root")
    facts = expected[f"{name}.root"]
    assert len(chunk) == facts["n_events"]
    assert chunk.jets.counts.tolist() == facts["counts"]["Jet"]
    assert np.diff(chunk.gen.offsets).tolist() == facts["counts"]["Particle"]
    assert truth_of(chunk.gen).n_tops.tolist() == facts["n_tops"]


@pytest.mark.parametrize("name", ["process_bits", "dangling_refs"])
def test_references_resolve_by_their_low_24_bits(delphes, expected, name):
    chunk = only_chunk(delphes / f"{name}.root")
    found = chunk.leptons["gen"]
    local = np.where(found >= 0, found - chunk.gen.offsets[chunk.leptons.event], -1)
    for event, facts in enumerate(expected[f"{name}.root"]["referred"]):
        got = local[chunk.leptons.offsets[event] : chunk.leptons.offsets[event + 1]]
        assert got.tolist() == facts["Electron"] + facts["Muon"]


def test_a_null_reference_is_not_dangling(delphes):
    chunk = only_chunk(delphes / "dangling_refs.root")
    assert sorted(chunk.leptons["gen"][chunk.leptons["gen"] < 0].tolist()) == [-2, -2, -1]


def test_tags_are_bit_masks(delphes, expected):
    chunk = only_chunk(delphes / "two_working_points.root")
    facts = expected["two_working_points.root"]
    assert chunk.jets["btag"].tolist() == [tag for event in facts["BTag"] for tag in event]
    assert chunk.jets["tautag"].tolist() == [tag for event in facts["TauTag"] for tag in event]


def test_the_highest_cycle_is_read(delphes):
    info, _ = read(delphes / "two_cycles.root")
    assert info.entries == 5
    assert "2 cycles of the tree: the highest is read" in info.notes


def test_missing_collection_is_empty_and_noted(delphes):
    info, (chunk,) = read(delphes / "no_jets.root")
    assert "no jets collection: empty" in info.notes
    assert chunk.jets.counts.tolist() == [0, 0, 0]
    assert chunk.leptons.counts.sum() > 0


def test_a_named_collection_must_be_there(delphes):
    with pytest.raises(InputError, match="no collection 'Jets'; did you mean 'Jet'"):
        DelphesReader(str(delphes / "two_cycles.root"), ReadOptions(Branches(jets="Jets")))


def test_another_collection_can_be_named(delphes, pytestconfig):
    path = pytestconfig.rootpath / "tests" / "data" / "record" / "tt.root"
    _, (chunk,) = read(path, ReadOptions(Branches(jets="GenJet")))
    tree = uproot.open(path)["Delphes"]
    assert np.array_equal(chunk.jets["pt"], tree["GenJet/GenJet.PT"].array().layout.content.data)


def test_a_named_collection_must_be_of_its_class(delphes):
    with pytest.raises(InputError, match="'Muon' holds Muon, not Jet"):
        DelphesReader(str(delphes / "two_cycles.root"), ReadOptions(Branches(jets="Muon")))


def test_absent_leaves_are_noted_before_anything_is_read(delphes, monkeypatch):
    """As in Delphes 3.3, where some leaves of later versions are not there."""
    reader = DelphesReader(str(delphes / "two_cycles.root"), ReadOptions())
    del reader._tree._leaves["Jet", "TauTag"]
    assert "no leaf Jet.TauTag: zero" in reader.info.notes
    (chunk,) = reader.chunks(0, 5)
    assert not chunk.jets["tautag"].any()


def test_tags_keep_seven_bits():
    from topdata.readers.delphes.collections import _bits

    assert _bits(np.array([0, 1, 127, 128, 129, 0xFFFFFFFF], np.uint32)).tolist() == [
        0, 1, 127, 0, 1, 127,
    ]  # fmt: skip


def test_the_constant_one_of_an_lhef_event_is_no_cross_section(demo, monkeypatch):
    reader = DelphesReader(str(demo / "tt.root"), ReadOptions())
    assert reader.info.cross_section is not None
    reader._tree.collections["Event"] = "LHEFEvent"
    assert reader.info.cross_section is None


def test_empty_tree(delphes):
    info, items = read(delphes / "empty_tree.root")
    assert info.entries == 0
    assert items == []


def test_a_tree_of_another_name(delphes):
    with pytest.raises(InputError, match=r"no tree 'Delphes' \(trees in the file: Events;1\)"):
        DelphesReader(str(delphes / "no_delphes_tree.root"), ReadOptions())


def test_truth_off_reads_no_record(demo):
    assert only_chunk(demo / "tt.root", truth=False).gen is None


def test_threads_change_nothing(demo):
    one, two = (only_chunk(demo / "ttt.root", threads=n) for n in (1, 2))
    assert np.array_equal(one.jets["pt"], two.jets["pt"])
    assert np.array_equal(one.gen.column("pt"), two.gen.column("pt"))


def test_cross_section_of_the_last_entries(demo, tmp_path):
    info, _ = read(demo / "tt.root")
    assert info.cross_section == pytest.approx(504.9, abs=0.1)


def _spoil(path, branch, basket):
    """Overwrite the compressed bytes of one basket."""
    key = uproot.open(path)["Delphes"][branch].basket_key(basket)
    with open(path, "r+b") as stream:
        stream.seek(key.data_cursor.index + 20)
        stream.write(b"\xff" * 40)


def test_a_damaged_basket_loses_its_events_only(demo, tmp_path):
    path = tmp_path / "damaged.root"
    shutil.copy(demo / "tttt.root", path)
    leaf = uproot.open(path)["Delphes"]["Particle/Particle.PT"]
    assert leaf.num_baskets > 2
    first, last = (int(edge) for edge in leaf.entry_offsets[1:3])
    _spoil(path, "Particle/Particle.PT", 1)
    info, items = read(path)
    lost = [item for item in items if isinstance(item, Damage)]
    kept = np.concatenate([item.event for item in items if isinstance(item, EventChunk)])
    assert [(item.start, item.stop) for item in lost] == [(first, last)]
    assert "Particle.PT is damaged" in lost[0].reason
    assert sorted([*kept.tolist(), *range(first, last)]) == list(range(info.entries))


def test_damage_in_pile_up_flags_loses_its_events_only(demo, tmp_path):
    path = tmp_path / "damaged.root"
    shutil.copy(demo / "tttt.root", path)
    edges = uproot.open(path)["Delphes"]["Particle/Particle.IsPU"].entry_offsets
    assert len(edges) > 2
    _spoil(path, "Particle/Particle.IsPU", 0)
    _, items = read(path)
    lost = [(item.start, item.stop) for item in items if isinstance(item, Damage)]
    assert lost == [(0, int(edges[1]))]


def test_damage_in_a_rarely_read_leaf_marks_its_events(demo, tmp_path):
    """Status codes are read when truth needs them, as it does for stable new particles."""
    path = tmp_path / "damaged.root"
    shutil.copy(demo / "ttdm.root", path)
    edges = uproot.open(path)["Delphes"]["Particle/Particle.Status"].entry_offsets
    _spoil(path, "Particle/Particle.Status", 0)
    reader = DelphesReader(str(path), ReadOptions())
    (chunk,) = reader.chunks(0, 500)
    truth_of(chunk.gen)  # columns are read on request: the file must be open
    reader.close()
    assert sorted(chunk.gen.damaged) == list(range(int(edges[1])))
    assert "Particle.Status is damaged" in chunk.gen.damaged[0]


def test_damage_in_an_unread_leaf_is_no_damage(demo, tmp_path):
    path = tmp_path / "damaged.root"
    shutil.copy(demo / "tttt.root", path)
    _spoil(path, "Jet/Jet.T", 0)
    _, items = read(path)
    assert all(isinstance(item, EventChunk) for item in items)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_one_line(demo, tmp_path, keep):
    content = (demo / "ttt.root").read_bytes()
    path = tmp_path / "cut.root"
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError) as caught:
        DelphesReader(str(path), ReadOptions())
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
