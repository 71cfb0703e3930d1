"""HyPER files, read as new_dataset_readme.md of HyPER describes them."""

import h5py
import numpy as np
import pytest
import yaml

import topdata
from topdata.errors import RecipeError
from topdata.export import export

JETS, LEPTONS = 7, 2
FEATURES = ("e", "eta", "phi", "pt", "btag", "charge")


@pytest.fixture(scope="module")
def folder(demo_dataset, tmp_path_factory):
    output = tmp_path_factory.mktemp("hyper") / "out"
    options = {"tops": 2, "leptonic": 1, "max_jets": JETS, "max_leptons": LEPTONS}
    return output, export(demo_dataset, "hyper", output, **options)


@pytest.fixture(scope="module")
def data(folder):
    arrays = {}
    with h5py.File(folder[0] / "raw" / "train.h5") as file:
        file.visititems(
            lambda name, item: arrays.update({name: item[:]}) if hasattr(item, "shape") else None
        )
    return arrays


@pytest.fixture(scope="module")
def config(folder):
    return yaml.safe_load((folder[0] / "config.yaml").read_text())


@pytest.fixture(scope="module")
def keys(data):
    return list(zip(data["METADATA/source"].tolist(), data["METADATA/event"].tolist(), strict=True))


def test_the_layout_is_that_of_the_document(data, config, folder, demo_dataset):
    n = topdata.info(demo_dataset).split_counts()["train"]
    assert {path.name for path in (folder[0] / "raw").iterdir()} == {
        "train.h5", "validation.h5", "test.h5",
    }  # fmt: skip
    assert config["input"]["nodes"] == {"JET": 1, "LEPTON": 2, "MET": 3}
    for name, size in config["input"]["padding"].items():
        nodes, labels = data[f"INPUTS/{name}"], data[f"LABELS/{name}"]
        assert nodes.shape == labels.shape == (n, size)
        assert nodes.dtype.names == FEATURES == tuple(config["input"]["node_features"])
        assert {nodes.dtype[feature] for feature in FEATURES} == {np.dtype(np.float32)}
        assert labels.dtype == np.float32
    assert data["INPUTS/GLOBAL"].shape == (n, 1)
    assert data["INPUTS/GLOBAL"].dtype.names == tuple(config["input"]["global_features"])
    assert len(config["input"]["node_transforms"]) == len(FEATURES)
    assert len(config["input"]["global_transforms"]) == 2


def test_padding_is_nan_in_every_feature_and_label(data, slow, keys):
    for name, cap in (("JET", JETS), ("LEPTON", LEPTONS), ("MET", 1)):
        real = ~np.isnan(data[f"LABELS/{name}"])
        for feature in FEATURES:
            assert np.array_equal(~np.isnan(data[f"INPUTS/{name}"][feature]), real)
        of = {"JET": "jets", "LEPTON": "leptons"}.get(name)
        count = [len(slow.events[key][of]) if of else 1 for key in keys]
        assert np.array_equal(real.sum(1), np.minimum(count, cap))
        assert (data[f"LABELS/{name}"][real] >= 0).all()
        for feature in ("e", "pt"):  # HyPER takes their logarithm
            assert (data[f"INPUTS/{name}"][feature][real] > 0).all()


def test_nodes_are_the_objects_of_the_dataset(data, slow, keys):
    for i in range(0, len(keys), 7):
        event = slow.events[keys[i]]
        for name, objects in (
            ("JET", event["jets"][:JETS]),
            ("LEPTON", event["leptons"][:LEPTONS]),
        ):
            ours = data[f"INPUTS/{name}"][i, : len(objects)]
            for feature in ("pt", "eta", "phi"):
                assert ours[feature].tolist() == [o[feature] for o in objects]
            p = np.array([o["pt"] * np.cosh(o["eta"]) for o in objects])
            assert ours["e"] == pytest.approx(np.hypot(p, [o["mass"] for o in objects]), rel=1e-6)
            jets = name == "JET"
            assert ours["btag"].tolist() == [o["btag"] & 1 if jets else 0 for o in objects]
            assert ours["charge"].tolist() == [0 if jets else o["charge"] for o in objects]
        (met,) = data["INPUTS/MET"][i]
        pt, phi = (np.float32(event["met"][name]) for name in ("pt", "phi"))
        assert tuple(met) == (pt, 0, phi, pt, 0, 0)
        (counts,) = data["INPUTS/GLOBAL"][i]
        btags = sum(jet["btag"] & 1 for jet in event["jets"])
        assert tuple(counts) == (len(event["jets"]), btags)


def test_labels_are_the_partons_of_the_table(data, slow, keys):
    full = 0
    for i, key in enumerate(keys):
        event = slow.events[key]
        expected = {
            "JET": [0.0] * min(len(event["jets"]), JETS),
            "LEPTON": [0.0] * min(len(event["leptons"]), LEPTONS),
            "MET": [0.0],
        }
        found = 0
        for kind, first, products in (
            ("hadronic", 1, ("b", "q1", "q2")),
            ("leptonic", 4, ("b", "l")),
        ):
            for label, product in enumerate(products, first):
                row = slow.product(key, kind, 0, product)
                labels = expected["LEPTON" if product == "l" else "JET"]
                if row is not None and row < len(labels):
                    labels[row] = float(label)
                    found += 1
        if any(top["kind"] == "leptonic" for top in slow.tops(key)):
            expected["MET"] = [6.0]
        for name, labels in expected.items():
            ours = data[f"LABELS/{name}"][i]
            assert ours[~np.isnan(ours)].tolist() == labels
        assert data["METADATA/FullyMatched"][i] == (found == 5)
        full += found == 5
    assert full > 50


def test_the_configuration_names_nodes_that_exist(data, config):
    target = config["target"]
    assert target["hyperedge"] == {"t1": ["1-1", "1-2", "1-3"], "t2": ["1-4", "2-5", "3-6"]}
    assert target["edge"] == {"w1": ["1-2", "1-3"], "w2": ["2-5", "3-6"]}
    kinds = {number: name for name, number in config["input"]["nodes"].items()}
    for nodes in target["hyperedge"].values():
        for node in nodes:
            kind, label = map(int, node.split("-"))
            labels = data[f"LABELS/{kinds[kind]}"]
            assert (labels == label).any()
            assert ((labels == label).sum(1) <= 1).all()


def test_the_hyperedge_of_a_hadronic_top_has_its_mass(data):
    labels, nodes = data["LABELS/JET"], data["INPUTS/JET"]
    chosen = (labels >= 1) & (labels <= 3)
    event = np.flatnonzero(chosen.sum(1) == 3)
    x = {name: np.where(chosen, nodes[name], 0)[event].astype(float) for name in FEATURES}
    px, py = (x["pt"] * np.cos(x["phi"])).sum(1), (x["pt"] * np.sin(x["phi"])).sum(1)
    pz = (x["pt"] * np.sinh(x["eta"])).sum(1)
    mass = np.sqrt(x["e"].sum(1) ** 2 - px**2 - py**2 - pz**2)
    assert len(mass) > 100
    assert np.median(mass) == pytest.approx(173, abs=12)


def test_hadronic_tops_need_jets_only(demo_dataset, tmp_path):
    export(demo_dataset, "hyper", tmp_path / "out", tops=2, split="test")
    config = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert config["input"]["nodes"] == {"JET": 1}
    assert config["target"]["hyperedge"]["t2"] == ["1-4", "1-5", "1-6"]
    with h5py.File(tmp_path / "out" / "raw" / "test.h5") as file:
        assert set(file["INPUTS"]) == {"JET", "GLOBAL"}


def test_there_is_one_met_node_so_one_leptonic_top(demo_dataset, tmp_path):
    with pytest.raises(RecipeError, match="room for 1"):
        export(demo_dataset, "hyper", tmp_path / "out", leptonic=2)


def test_weights_add_up(folder, total_weight):
    total = 0.0
    for file in folder[1].files:
        with h5py.File(folder[0] / file.path) as content:
            total += content["METADATA/weight"][:].sum()
    assert total == pytest.approx(total_weight, rel=1e-9)
