"""What an event counts in a training."""

from dataclasses import replace

import pytest
import torch

from topdata.errors import InputError
from topfm.config import Data
from topfm.data.events import Label, load_events
from topfm.data.weights import weighted


@pytest.fixture(scope="module")
def data(demo_dataset):
    return load_events(demo_dataset, label="process")


def sums(events, label):
    return torch.zeros(len(label.classes), dtype=torch.float64).index_add_(
        0, events.label, events.weight.double()
    )


@pytest.mark.parametrize("kind", ["balanced", "physical"])
def test_every_class_has_the_same_sum(data, kind):
    events, label = data
    made = weighted(events, label, Data(weights=kind))
    assert sums(made, label) == pytest.approx(len(events) / len(label.classes), rel=1e-9)
    assert made.weight.mean() == pytest.approx(1, rel=1e-9)
    assert torch.equal(made.variables, events.variables)


def test_unit_weights(data):
    events, label = data
    assert set(weighted(events, label, Data(weights="unit")).weight.tolist()) == {1.0}


def test_physical_weights_keep_sign_and_proportion(data):
    events, label = data
    signs = torch.where(torch.arange(len(events)) % 5 == 0, -1.0, 1.0)
    events = replace(events, weight=(events.weight.abs() + 1e-6) * signs)
    made = weighted(events, label, Data(weights="physical"))
    assert torch.equal(made.weight.sign(), signs)
    for c in range(len(label.classes)):
        ratio = (made.weight / events.weight)[events.label == c]
        assert float(ratio.max()) == pytest.approx(float(ratio.min()), rel=1e-9)


def test_a_huge_weight_is_capped_at_its_multiple_of_the_mean_size(data):
    events, label = data
    weight = torch.ones(len(events), dtype=torch.float64)
    first = int((events.label == 2).nonzero()[0])
    weight[first] = -1e6
    made = weighted(replace(events, weight=weight), label, Data(weights="balanced"))
    assert made.weight[first] > 0
    n = int((events.label == 2).sum())
    mean = (n - 1 + 1e6) / n
    with pytest.raises(InputError, match="its weights sum to"):
        weighted(replace(events, weight=weight), label, Data(weights="physical"))
    weight[first] = 1e6
    made = weighted(replace(events, weight=weight), label, Data(weights="physical", weight_cap=2))
    others = made.weight[(events.label == 2) & (weight == 1)]
    assert made.weight[first] / others[0] == pytest.approx(2 * mean, rel=1e-9)


def test_a_class_without_events_is_one_line(data):
    events, label = data
    more = Label(label.text, (*label.classes, "zz"))
    with pytest.raises(InputError, match=r"class 'zz' of process has no event in the split 'here'"):
        weighted(events, more, Data(), where="here")
    for kind in ("balanced", "physical", "unit"):
        made = weighted(events, more, Data(weights=kind), complete=False)
        assert made.weight.isfinite().all()
        assert made.weight.mean() == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_a_class_that_sums_to_nothing_is_one_line(data, weight):
    events, label = data
    events = replace(events, weight=torch.where(events.label == 1, weight, 1.0).double())
    with pytest.raises(InputError, match=r"class 'tchan'.*train with balanced weights") as caught:
        weighted(events, label, Data(weights="physical"))
    assert "\n" not in str(caught.value)
    weighted(events, label, Data(weights="balanced"))
