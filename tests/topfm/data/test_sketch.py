"""Events that were seen are known again, whatever file they come from."""

import numpy as np
import pytest
import torch

from topdata.build import build
from topdata.recipe import make_recipe
from topfm.data import sketch as module
from topfm.data.events import load_events
from topfm.data.sketch import KEPT, event_hashes, known, sketch


@pytest.fixture(scope="module")
def splits(demo_dataset):
    return {s: load_events(demo_dataset, split=s)[0] for s in ("train", "test")}


def test_other_splits_are_not_known(splits):
    kept = sketch(event_hashes(splits["train"]))
    assert known(kept, event_hashes(splits["train"])) == 1
    assert known(kept, event_hashes(splits["test"])) == 0


def test_hashes_are_different_and_spread(splits):
    hashes = event_hashes(splits["train"])
    assert len(torch.unique(hashes)) == len(hashes)
    assert (hashes >= 0).all()
    mean = float((hashes.double() / 2**63).mean())
    assert mean == pytest.approx(0.5, abs=5 / np.sqrt(12 * len(hashes)))


def test_events_of_another_build_are_known(splits, pytestconfig, tmp_path):
    """Other objects, other cuts, other splits, another process beside: the events are the same."""
    recipe = make_recipe(
        {
            "name": "again",
            "processes": [
                {"name": "x", "files": [str(pytestconfig.rootpath / "tests/data/demo/tttt.root")],
                 "cross_section": 1.0}
            ],
            "objects": {"jets": {"min_pt": 30}, "photons": {"min_pt": 40}},
            "splits": {"train": 0.1, "validation": 0.0, "test": 0.9},
        },
        "test",
    )  # fmt: skip
    build(recipe, tmp_path / "again")
    again, _ = load_events(tmp_path / "again", label="process")
    both = sketch(*(event_hashes(events) for events in splits.values()))
    assert known(both, event_hashes(again)) > 0.7  # of all: 10% are in the split left out here


def test_a_full_sketch_estimates(splits, monkeypatch):
    hashes = event_hashes(splits["train"])
    monkeypatch.setattr(module, "KEPT", 400)
    kept = sketch(hashes[: len(hashes) // 2])
    assert len(kept) == 400
    share = known(kept, hashes)
    assert share == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(800))
    assert KEPT * 8 < 2**20


def test_sketches_of_generations_merge(splits):
    hashes = event_hashes(splits["train"])
    merged = sketch(sketch(hashes[:1000]), sketch(hashes[1000:]))
    assert torch.equal(merged, sketch(hashes))


def test_nothing_to_compare_is_no_number():
    assert np.isnan(known(torch.arange(3), torch.zeros(0, dtype=torch.int64)))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(3, dtype=torch.int64),  # not rising
        torch.tensor([3, 2], dtype=torch.int64),
        torch.tensor([-1, 2], dtype=torch.int64),
        torch.zeros(2, 2, dtype=torch.int64),
        torch.zeros((), dtype=torch.int64),
        torch.arange(4, dtype=torch.int32),
        torch.arange(KEPT + 1),
    ],
    ids=str,
)
def test_what_is_no_sketch(tensor):
    assert not module.is_sketch(tensor)


def test_what_is_a_sketch(splits):
    assert module.is_sketch(sketch(event_hashes(splits["train"])))
    assert module.is_sketch(torch.zeros(0, dtype=torch.int64))
