"""EveNet files, read as the document "Data Preparation & Updated Input Reference" describes them."""

import json
import zipfile

import numpy as np
import pytest
import yaml

import topdata
from topdata.errors import RecipeError
from topdata.export import export

JETS, LEPTONS, PER_FILE = 6, 3, 1000
NAMES = ["energy", "pt", "eta", "phi", "isBTag", "isLepton", "charge"]


@pytest.fixture(scope="module")
def folder(demo_dataset, tmp_path_factory):
    output = tmp_path_factory.mktemp("evenet") / "out"
    options = {"max_jets": JETS, "max_leptons": LEPTONS, "events_per_file": PER_FILE}
    return output, export(demo_dataset, "evenet", output, split="train", **options)


@pytest.fixture(scope="module")
def data(folder):
    """The arrays of all files, one behind the other."""
    parts = [dict(np.load(folder[0] / file.path, allow_pickle=False)) for file in folder[1].files]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.fixture(scope="module")
def keys(data):
    return list(zip(data["EXTRA/source"].tolist(), data["EXTRA/event"].tolist(), strict=True))


@pytest.fixture(scope="module")
def info(folder):
    return yaml.safe_load((folder[0] / "event_info.yaml").read_text())


def test_files_hold_so_many_events_each(folder, demo_dataset):
    sizes = [file.events for file in folder[1].files]
    assert sizes == [PER_FILE, PER_FILE, topdata.info(demo_dataset).split_counts()["train"] - 2000]
    for file in folder[1].files:
        assert len(np.load(folder[0] / file.path)["x"]) == file.events


def test_names_shapes_and_types(data, info, demo_dataset):
    n = topdata.info(demo_dataset).split_counts()["train"]
    rows = sum(len(tops) for tops in info["EVENT"].values())
    segments = max(len(tops) for tops in info["EVENT"].values()) + 1
    expected = {
        "num_vectors": ((n,), "i"), "num_sequential_vectors": ((n,), "i"),
        "x": ((n, 18, 7), "f"), "x_mask": ((n, 18), "b"),
        "conditions": ((n, 10), "f"), "conditions_mask": ((n, 1), "b"),
        "classification": ((n,), "i"), "event_weight": ((n,), "f"),
        "subprocess_id": ((n,), "i"), "process_names": ((n,), "U"),
        "assignments-indices": ((n, rows, 3), "i"), "assignments-mask": ((n, rows), "b"),
        "assignments-indices-mask": ((n, rows, 3), "b"),
        "segmentation-class": ((n, segments, 3), "b"),
        "segmentation-data": ((n, segments, 18), "b"),
        "segmentation-momentum": ((n, segments, 4), "f"),
        "segmentation-full-class": ((n, segments, 3), "b"),
        "x_invisible": ((n, 2, 3), "f"), "x_invisible_mask": ((n, 2), "b"),
        "num_invisible_raw": ((n,), "i"), "num_invisible_valid": ((n,), "i"),
        "EXTRA/event": ((n,), "i"), "EXTRA/source": ((n,), "i"),
    }  # fmt: skip
    assert {name: (v.shape, v.dtype.kind) for name, v in data.items()} == expected
    for name, values in data.items():
        assert values.dtype.kind == "U" or np.isfinite(values).all(), name


def test_the_event_info_gives_the_order_of_the_tensors(info, demo_dataset):
    assert list(info["INPUTS"]["SEQUENTIAL"]["Source"]) == NAMES
    assert len(info["INPUTS"]["GLOBAL"]["Conditions"]) == 10
    classes = topdata.info(demo_dataset).classes
    assert info["CLASSLABEL"]["EVENT"]["signal"] == [classes]
    assert set(info["PERMUTATIONS"]) == set(info["EVENT"])


def test_objects_are_those_of_the_dataset(data, slow, keys):
    for i in range(0, len(keys), 5):
        event = slow.events[keys[i]]
        jets, leptons = event["jets"][:JETS], event["leptons"][:LEPTONS]
        size = len(jets) + len(leptons)
        x = data["x"][i]
        assert data["x_mask"][i].tolist() == [True] * size + [False] * (18 - size)
        assert data["num_sequential_vectors"][i] == size
        assert data["num_vectors"][i] == size + 1
        assert not x[size:].any()
        for column, name in ((1, "pt"), (2, "eta"), (3, "phi")):
            assert x[:size, column].tolist() == [o[name] for o in jets + leptons]
        assert x[:size, 4].tolist() == [j["btag"] & 1 for j in jets] + [0] * len(leptons)
        assert x[:size, 5].tolist() == [0] * len(jets) + [1] * len(leptons)
        assert x[:size, 6].tolist() == [0] * len(jets) + [o["charge"] for o in leptons]
        mass = np.array([o["mass"] for o in jets + leptons])
        momentum = x[:size, 1].astype(float) * np.cosh(x[:size, 2].astype(float))
        assert x[:size, 0] == pytest.approx(np.sqrt(momentum**2 + mass**2), rel=1e-6)
        assert data["classification"][i] == event["process"]


def test_energies_are_not_below_momenta(data):
    x = data["x"].astype(float)[data["x_mask"]]
    assert ((x[:, 0] / (x[:, 1] * np.cosh(x[:, 2]))) > 1 - 1e-6).all()


def _vector(o):
    pt, eta, phi, m = o["pt"], o["eta"], o["phi"], o["mass"]
    return np.array(
        [pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), np.hypot(pt * np.cosh(eta), m)]
    )


def _mass(objects):
    v = sum((_vector(o) for o in objects), np.zeros(4))
    return np.sqrt(max(v[3] ** 2 - (v[:3] ** 2).sum(), 0))


def test_conditions_are_of_the_whole_event(data, slow, keys, info):
    names = list(info["INPUTS"]["GLOBAL"]["Conditions"])
    assert data["conditions_mask"].all()
    for i in range(0, len(keys), 9):
        event = slow.events[keys[i]]
        jets, leptons = event["jets"], event["leptons"]
        bjets = [jet for jet in jets if jet["btag"] & 1]
        expected = {
            "met": event["met"]["pt"], "met_phi": event["met"]["phi"], "nLepton": len(leptons),
            "nbJet": len(bjets), "nJet": len(jets), "HT": sum(j["pt"] for j in jets),
            "HT_lep": sum(o["pt"] for o in leptons), "M_all": _mass(jets + leptons),
            "M_leps": _mass(leptons), "M_bjets": _mass(bjets),
        }  # fmt: skip
        ours = dict(zip(names, data["conditions"][i].tolist(), strict=True))
        assert ours == pytest.approx(expected, rel=1e-4, abs=0.2)  # one object: a small mass


def test_assignments_fill_the_rows_of_the_own_subprocess(data, slow, keys, info):
    names = list(info["EVENT"])
    first = np.cumsum([0, *(len(tops) for tops in info["EVENT"].values())])
    truncated = 0
    for i, key in enumerate(keys):
        index = np.full(data["assignments-indices"].shape[1:], -1)
        mask = np.zeros(len(index), bool)
        event = slow.events[key]
        tops = sorted(slow.tops(key), key=lambda top: top["kind"])  # hadronic first, else as is
        number = {kind: sum(t["kind"] == kind for t in tops) for kind in ("hadronic", "leptonic")}
        if tops:
            name = f"had{number['hadronic']}_lep{number['leptonic']}"
            assert data["process_names"][i] == name
            assert data["subprocess_id"][i] == names.index(name)
            kept = min(len(event["jets"]), JETS)
            for place, top in enumerate(tops):
                products = info["EVENT"][name][f"t{place + 1}"]
                row = first[names.index(name)] + place
                for column, product in enumerate(products):
                    (found,) = top["rows"].get(product) or [-1]
                    cap, shift = (LEPTONS, kept) if product == "l" else (JETS, 0)
                    truncated += found >= cap
                    index[row, column] = found + shift if 0 <= found < cap else -1
                mask[row] = (index[row, : len(products)] >= 0).all()
        else:
            assert data["subprocess_id"][i] == -1
        assert np.array_equal(data["assignments-indices"][i], index)
        assert np.array_equal(data["assignments-mask"][i], mask)
    assert np.array_equal(data["assignments-indices-mask"], data["assignments-indices"] >= 0)
    assert truncated > 20


def test_assigned_objects_are_real_unique_and_of_the_right_kind(data, info):
    index = data["assignments-indices"].reshape(len(data["x"]), -1)
    event, place = np.nonzero(index >= 0)
    assert data["x_mask"][event, index[event, place]].all()
    ordered = np.sort(index, axis=1)
    assert not ((np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] >= 0)).any()
    products = [p + [None] * (3 - len(p)) for tops in info["EVENT"].values() for p in tops.values()]
    is_lepton = np.array([[p == "l" for p in of] for of in products]).ravel()
    assert np.array_equal(data["x"][event, index[event, place], 5] == 1, is_lepton[place])


def test_segments_are_the_tops_and_the_last_one_is_null(data, slow, keys):
    tag = data["segmentation-class"].argmax(-1)
    assert (data["segmentation-class"].sum(-1) == 1).all()
    assert (data["segmentation-full-class"].sum(-1) == 1).all()
    assert not tag[:, -1].any()
    assert not data["segmentation-data"][tag == 0].any()
    assert not data["segmentation-momentum"][tag == 0].any()
    for i in range(0, len(keys), 5):
        tops = sorted(slow.tops(keys[i]), key=lambda top: top["kind"])
        kinds = [1 if top["kind"] == "hadronic" else 2 for top in tops]
        assert tag[i].tolist() == kinds + [0] * (tag.shape[1] - len(kinds))
        for segment, top in enumerate(tops):
            px, py, pz, e = _vector(top["true"])
            ours = data["segmentation-momentum"][i, segment]
            assert ours == pytest.approx([e, px, py, pz], rel=1e-5, abs=1e-3)
    event, segment = np.nonzero(tag > 0)
    size = data["segmentation-data"][event, segment].sum(-1)
    full = data["segmentation-full-class"].argmax(-1)[event, segment]
    needed = np.where(tag[event, segment] == 1, 3, 2)
    assert np.array_equal(full, np.where(size == needed, tag[event, segment], 0))
    p = data["segmentation-momentum"][event, segment].astype(float)
    mass = np.sqrt(np.maximum(p[:, 0] ** 2 - (p[:, 1:] ** 2).sum(1), 0))
    assert np.median(mass) == pytest.approx(173, abs=1.5)


def test_segments_of_hadronic_tops_have_the_mass_of_a_top(data):
    event, segment = np.nonzero(data["segmentation-full-class"][..., 1])
    chosen = data["segmentation-data"][event, segment][..., None]
    x = np.where(chosen, data["x"][event], 0).astype(float)
    e, pt, eta, phi = (x[..., column] for column in range(4))
    v = [e, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]
    e, px, py, pz = (component.sum(1) for component in v)
    mass = np.sqrt(e**2 - px**2 - py**2 - pz**2)
    assert len(mass) > 300
    assert np.median(mass) == pytest.approx(173, abs=12)


def test_invisible_particles_are_neutrinos_of_leptonic_tops(data, slow, keys):
    for i in range(0, len(keys), 3):
        tops = [top for top in slow.tops(keys[i]) if top["kind"] == "leptonic"]
        assert data["num_invisible_raw"][i] == len(tops)
        for place, top in enumerate(tops[:2]):
            (nu,) = top["rows"]["nu"]
            assert data["x_invisible"][i, place].tolist() == [nu[k] for k in ("pt", "eta", "phi")]
            (row,) = top["rows"].get("l") or [-1]
            assert data["x_invisible_mask"][i, place] == (0 <= row < LEPTONS)
        assert not data["x_invisible"][i, len(tops) :].any()
        assert not data["x_invisible_mask"][i, len(tops) :].any()
    assert np.array_equal(data["num_invisible_valid"], data["x_invisible_mask"].sum(1))
    assert data["x_invisible_mask"].any()


def test_weights_add_up(data, folder):
    total = data["event_weight"].sum(dtype=float)
    assert total == pytest.approx(sum(f.sum_weight for f in folder[1].files), rel=1e-6)


def test_weights_of_all_splits_add_up_to_the_manifest(demo_dataset, tmp_path, total_weight):
    report = export(demo_dataset, "evenet", tmp_path / "out")
    assert {file.split for file in report.files} == {"train", "validation", "test"}
    files = [np.load(tmp_path / "out" / file.path)["event_weight"] for file in report.files]
    total = sum(values.sum(dtype=float) for values in files)
    assert total == pytest.approx(total_weight, rel=1e-6)


def test_the_archive_carries_a_note(folder, demo_dataset):
    with zipfile.ZipFile(folder[0] / "train-00001.npz") as archive:
        note = json.loads(archive.comment)
    assert note["dataset_fingerprint"] == topdata.info(demo_dataset).dataset_fingerprint
    assert note["split"] == "train"


def test_too_many_rows_are_refused(demo_dataset, tmp_path):
    with pytest.raises(RecipeError, match="18 rows together"):
        export(demo_dataset, "evenet", tmp_path / "out", max_jets=16)
