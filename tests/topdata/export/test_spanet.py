"""SPANet files, read as docs/Dataset.md and docs/EventInfo.md of SPANet describe them."""

import hashlib
import json

import h5py
import numpy as np
import pytest
import yaml

import topdata
from topdata.export import export

JETS, LEPTONS = 6, 2  # few, so that some are dropped


@pytest.fixture(scope="module")
def folder(demo_dataset, tmp_path_factory):
    output = tmp_path_factory.mktemp("spanet") / "out"
    report = export(
        demo_dataset, "spanet", output, tops=3, leptonic=1, max_jets=JETS, max_leptons=LEPTONS
    )
    return output, report


@pytest.fixture(scope="module")
def data(folder):
    """All datasets of the training file."""
    arrays = {}
    with h5py.File(folder[0] / "train.h5") as file:
        file.visititems(
            lambda name, item: arrays.update({name: item[:]}) if hasattr(item, "shape") else None
        )
    return arrays


@pytest.fixture(scope="module")
def keys(data):
    return list(zip(data["METADATA/source"].tolist(), data["METADATA/event"].tolist(), strict=True))


TARGETS = {"ht1": ("b", "q1", "q2"), "ht2": ("b", "q1", "q2"), "lt": ("b", "l")}


def test_the_layout_is_that_of_the_document(data, demo_dataset):
    n = topdata.info(demo_dataset).split_counts()["train"]
    sizes = {"Jets": JETS, "Leptons": LEPTONS}
    for name, values in data.items():
        group, member, leaf = [*name.split("/"), ""][:3]
        if group == "INPUTS":
            assert values.shape == ((n, sizes[member]) if member in sizes else (n,)), name
            assert values.dtype == (bool if leaf == "MASK" else np.float32), name
            assert np.isfinite(values).all(), name
        elif group in ("TARGETS", "CLASSIFICATIONS"):
            assert values.shape == (n,)
            assert values.dtype == np.int64
    assert {name for name in data if name.startswith("TARGETS")} == {
        f"TARGETS/{top}/{product}" for top, products in TARGETS.items() for product in products
    }


def test_the_event_file_names_what_is_in_the_data(folder, data):
    info = yaml.safe_load((folder[0] / "event.yaml").read_text())
    for kind in ("SEQUENTIAL", "GLOBAL"):
        for name, features in info["INPUTS"][kind].items():
            assert (f"INPUTS/{name}/MASK" in data) == (kind == "SEQUENTIAL")
            for feature, how in features.items():
                values = data[f"INPUTS/{name}/{feature}"]
                assert how in ("none", "normalize", "log_normalize")
                assert "log" not in how or values.min() >= 0
    assert list(info["INPUTS"]["SEQUENTIAL"]) == ["Jets", "Leptons"]  # the order of the indices
    assert info["EVENT"] == {top: list(products) for top, products in TARGETS.items()}
    assert info["PERMUTATIONS"] == {
        "EVENT": [["ht1", "ht2"]], "ht1": [["q1", "q2"]], "ht2": [["q1", "q2"]],
    }  # fmt: skip
    assert info["CLASSIFICATIONS"] == {"EVENT": ["process"]}


def test_masks_say_which_objects_are_real(data, slow, keys):
    for name, cap in (("Jets", JETS), ("Leptons", LEPTONS)):
        mask = data[f"INPUTS/{name}/MASK"]
        count = [len(slow.events[key][name.lower()]) for key in keys]
        assert np.array_equal(mask.sum(1), np.minimum(count, cap))
        assert not (mask[:, 1:] & ~mask[:, :-1]).any()  # no gaps
        for feature in ("pt", "eta", "phi", "sin_phi", "cos_phi"):
            assert not data[f"INPUTS/{name}/{feature}"][~mask].any()
        pt = data[f"INPUTS/{name}/pt"]
        assert (pt[mask] > 0).all()
        assert (np.diff(pt, axis=1) <= 0).all()


def test_inputs_are_those_of_the_dataset(data, slow, keys):
    bit = 1
    for i in range(0, len(keys), 7):
        event = slow.events[keys[i]]
        jets = event["jets"][:JETS]
        for feature in ("pt", "eta", "phi", "mass"):
            ours = data[f"INPUTS/Jets/{feature}"][i, : len(jets)]
            floor = 0 if feature == "mass" else -np.inf
            assert ours.tolist() == [max(jet[feature], floor) for jet in jets]
        assert data["INPUTS/Jets/btag"][i, : len(jets)].tolist() == [j["btag"] & bit for j in jets]
        leptons = event["leptons"][:LEPTONS]
        for feature, value in (
            ("pt", [o["pt"] for o in leptons]),
            ("charge", [o["charge"] for o in leptons]),
            ("electron", [abs(o["pdg_id"]) == 11 for o in leptons]),
            ("muon", [abs(o["pdg_id"]) == 13 for o in leptons]),
        ):
            assert data[f"INPUTS/Leptons/{feature}"][i, : len(leptons)].tolist() == value
        assert data["INPUTS/Met/met"][i] == np.float32(event["met"]["pt"])
        phi = event["met"]["phi"]
        assert data["INPUTS/Met/sin_phi"][i] == pytest.approx(np.sin(phi), abs=1e-6)
        assert data["CLASSIFICATIONS/EVENT/process"][i] == event["process"]


def test_targets_are_the_matched_objects(data, slow, keys):
    truncated = 0
    for i, key in enumerate(keys):
        for top, products in TARGETS.items():
            kind = "hadronic" if top.startswith("h") else "leptonic"
            number = 1 if top == "ht2" else 0
            for product in products:
                row = slow.product(key, kind, number, product)
                cap = LEPTONS if product == "l" else JETS
                cut = row is not None and row >= cap
                truncated += cut
                wanted = -1 if row is None or cut else row + (JETS if product == "l" else 0)
                assert data[f"TARGETS/{top}/{product}"][i] == wanted
    assert truncated > 20


def test_truncated_objects_are_counted(folder, slow):
    expected = tops = 0
    for key in slow.events:
        tops += len(slow.tops(key))
        for kind, number in (("hadronic", 0), ("hadronic", 1), ("leptonic", 0)):
            for product in ("b", "q1", "q2") if kind == "hadronic" else ("b", "l"):
                row = slow.product(key, kind, number, product)
                cap = LEPTONS if product == "l" else JETS
                expected += row is not None and row >= cap
    assert folder[1].counts["matched_but_truncated"] == expected > 0
    assert folder[1].counts["tops"] == tops
    jets = sum(len(e["jets"]) for e in slow.events.values())
    dropped = sum(max(len(e["jets"]) - JETS, 0) for e in slow.events.values())
    assert folder[1].counts["jets"] == jets
    assert folder[1].counts["jets_dropped"] == dropped > 0


def test_indices_are_unique_and_never_point_at_padding(data):
    names = [f"TARGETS/{top}/{p}" for top, products in TARGETS.items() for p in products]
    index = np.stack([data[name] for name in names], axis=1)
    mask = np.concatenate([data["INPUTS/Jets/MASK"], data["INPUTS/Leptons/MASK"]], axis=1)
    event, place = np.nonzero(index >= 0)
    assert mask[event, index[event, place]].all()
    ordered = np.sort(index, axis=1)
    assert not ((np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] >= 0)).any()
    assert index.min() == -1


def _mass(data, rows, event):
    pt, eta, phi, m = (
        data[f"INPUTS/Jets/{name}"][event[:, None], rows].astype(float)
        for name in ("pt", "eta", "phi", "mass")
    )
    px, py, pz = (pt * np.cos(phi)).sum(1), (pt * np.sin(phi)).sum(1), (pt * np.sinh(eta)).sum(1)
    e = np.sqrt((pt * np.cosh(eta)) ** 2 + m**2).sum(1)
    return np.sqrt(e**2 - px**2 - py**2 - pz**2)


def test_the_jets_of_a_top_have_its_mass(data):
    rows = np.stack([data[f"TARGETS/ht1/{p}"] for p in ("b", "q1", "q2")], axis=1)
    event = np.flatnonzero((rows >= 0).all(1))
    assert len(event) > 100
    assert np.median(_mass(data, rows[event], event)) == pytest.approx(173, abs=12)
    assert np.median(_mass(data, rows[event, 1:], event)) == pytest.approx(80.4, abs=8)


def test_weights_add_up_to_the_manifest(folder, data, total_weight):
    output, report = folder
    total = 0.0
    for file in report.files:
        with h5py.File(output / file.path) as content:
            weight = content["WEIGHTS/weight"][:].sum(dtype=float)
        assert weight == pytest.approx(file.sum_weight, rel=1e-6)
        total += weight
    assert total == pytest.approx(total_weight, rel=1e-6)


def test_the_file_knows_where_it_comes_from(folder, demo_dataset):
    manifest = topdata.info(demo_dataset)
    with h5py.File(folder[0] / "validation.h5") as file:
        attributes = dict(file.attrs)
    assert attributes["topdata"] == topdata.__version__
    assert attributes["dataset_fingerprint"] == manifest.dataset_fingerprint
    written = (demo_dataset / "topdata.json").read_bytes()
    assert attributes["manifest_sha256"] == hashlib.sha256(written).hexdigest()
    assert attributes["split"] == "validation"
    assert json.loads(attributes["options"])["max_jets"] == JETS
    assert "topdata export" in attributes["command"]
    assert "--leptonic 1" in attributes["command"]


def test_by_default_there_are_as_many_hadronic_tops_as_tops(demo_dataset, tmp_path):
    report = export(demo_dataset, "spanet", tmp_path / "out", split="test")
    info = yaml.safe_load((tmp_path / "out" / "event.yaml").read_text())
    assert list(info["EVENT"]) == ["t1", "t2", "t3", "t4"]
    assert info["PERMUTATIONS"]["EVENT"] == [["t1", "t2", "t3", "t4"]]
    assert report.counts["tops_without_place"] > 0  # the leptonic ones


def test_processes_are_mixed(data):
    process = data["CLASSIFICATIONS/EVENT/process"]
    assert all(
        len(set(process[start : start + 200].tolist())) == 6 for start in range(0, 2400, 200)
    )
