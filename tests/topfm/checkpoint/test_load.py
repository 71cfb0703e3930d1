"""Every tensor is loaded, new or dropped by name; data must be of the view that was trained on."""

import math
import re

import pytest
import torch

import topdata
from topdata.errors import SchemaError
from topdata.schema.fingerprint import digest, view_fingerprint
from topfm.checkpoint.inputs import inputs_of, require_view
from topfm.checkpoint.load import load_into, read
from topfm.data.columns import columns_of
from topfm.data.normalise import Normaliser
from topfm.encoders.transformer import L2Transformer
from topfm.errors import CheckpointError


def network(classes=5, task="classify"):
    torch.manual_seed(11)  # other weights than the saved ones
    return torch.nn.ModuleDict(
        {
            "normaliser": Normaliser(),
            "encoder": L2Transformer("small", 5),
            "tasks": torch.nn.ModuleDict({task: torch.nn.Linear(60, classes)}),
        }
    )


@pytest.fixture(scope="module")
def stored(saved):
    return read(saved)


def copy(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def refused(module, tensors, **options):
    before = copy(module)
    with pytest.raises(CheckpointError) as caught:
        load_into(module, tensors, **options)
    after = module.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_everything(stored, model):
    fresh = network()
    report = load_into(fresh, stored.tensors)
    assert report.loaded == tuple(sorted(model.state_dict()))
    assert report.new == report.dropped == ()
    for name, tensor in model.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], tensor), name
    assert int(fresh["normaliser"].fitted) == stored.facts.normalisation.fitted_on > 0


def test_another_head(stored, model):
    fresh = network(classes=3, task="process")
    before = copy(fresh)
    report = load_into(fresh, stored.tensors, new=("tasks.process.",), dropped=("tasks.classify.",))
    assert report.new == ("tasks.process.bias", "tasks.process.weight")
    assert report.dropped == ("tasks.classify.bias", "tasks.classify.weight")
    for name, tensor in fresh.state_dict().items():
        source = before if name in report.new else model.state_dict()
        assert torch.equal(tensor, source[name]), name


def test_a_head_of_another_shape(stored):
    fresh = network(classes=3)
    head = ("tasks.classify.",)
    message = refused(fresh, stored.tensors)
    assert (
        "'tasks.classify.bias' is float32 [5], the model's is float32 [3] (and 1 more)" in message
    )
    assert "has no place" in refused(fresh, stored.tensors, new=head)
    assert "declare it new" in refused(fresh, stored.tensors, dropped=head)
    report = load_into(fresh, stored.tensors, new=head, dropped=head)
    assert report.new == report.dropped == ("tasks.classify.bias", "tasks.classify.weight")


def test_a_missing_tensor(stored):
    tensors = {k: v for k, v in stored.tensors.items() if k != "encoder.norm.bias"}
    message = refused(network(), tensors, where="a/model")
    assert (
        message
        == "a/model: no tensor 'encoder.norm.bias', float32 [60] in the model: declare it new"
    )


def test_an_extra_tensor(stored):
    tensors = {**stored.tensors, "encoder.more": torch.ones(2, 1)}
    message = refused(network(), tensors)
    assert "tensor 'encoder.more', float32 [2, 1], has no place in the model" in message


@pytest.mark.parametrize(
    "other", [torch.ones(61), torch.ones(60, 1), torch.ones(60).double(), torch.ones(60).half()]
)
def test_a_misshapen_tensor(stored, other):
    message = refused(network(), {**stored.tensors, "encoder.norm.bias": other})
    kind = f"{str(other.dtype)[6:]} {list(other.shape)}"
    assert f"'encoder.norm.bias' is {kind}, the model's is float32 [60]" in message


@pytest.mark.parametrize("option", ["new", "dropped"])
@pytest.mark.parametrize("prefix", ["tasks.masked.", "", "lassify"])
def test_a_prefix_that_nothing_has(stored, option, prefix):
    message = refused(network(), stored.tensors, **{option: (prefix,)})
    assert f"as {prefix!r}" in message


def test_a_dataset_of_the_view(facts, demo_dataset):
    require_view(facts, topdata.info(demo_dataset), demo_dataset)


def test_another_working_point(facts, demo_dataset):
    manifest = topdata.info(demo_dataset)
    other = manifest.model_copy(update={"btag_bit": 2, "view_fingerprint": view_fingerprint(2)})
    with pytest.raises(SchemaError, match=r"not the view that .*: btag_bit: 2, expected 0: build"):
        require_view(facts, other, "data")


def test_every_field_that_differs_is_named(stored, demo_dataset):
    facts = stored.facts  # from the file, where keys are sorted
    view = facts.inputs.view
    features = [list(row) for row in view["features"]]
    features[0][1] = "MeV"
    groups = [list(row) for row in view["groups"]]
    groups[1][2] = 10
    older = {**view, "features": features, "groups": groups, "max_tops": 2}
    del older["top_daughters"]
    old = facts.model_copy(
        update={
            "view_fingerprint": digest(older),
            "inputs": facts.inputs.model_copy(update={"view": older}),
        }
    )
    with pytest.raises(SchemaError) as caught:
        require_view(old, topdata.info(demo_dataset), "data")
    for text in (
        "features.pt.unit: 'GeV', expected 'MeV'", "groups.jets.size: 8, expected 10",
        "max_tops: 4, expected 2", "top_daughters: unknown",
    ):  # fmt: skip
        assert text in str(caught.value)
    assert str(caught.value).count("; ") == 3


def test_a_view_that_nobody_knows(facts, demo_dataset):
    other = topdata.info(demo_dataset).model_copy(update={"view_fingerprint": "0" * 64})
    with pytest.raises(SchemaError, match="neither that of the checkpoint"):
        require_view(facts, other, "data")


def test_columns_of_another_version(facts, demo_dataset):
    columns = list(facts.inputs.columns)
    columns[0] = columns[0].model_copy(update={"transform": "log(pt)"})
    inputs = facts.inputs.model_copy(update={"columns": columns})
    other = facts.model_copy(update={"inputs": inputs})
    with pytest.raises(
        SchemaError,
        match=re.escape("columns.log_pt.transform: 'log(max(pt, 0.001))', expected 'log(pt)'"),
    ):
        require_view(other, topdata.info(demo_dataset), "data")


def test_the_formulas_are_what_is_done():
    values = {"pt": 30.0, "eta": 1.5, "phi": 0.4, "px": -9.0, "py": 4.0, "pz": 70.0, "energy": 0.0}
    expected = columns_of(torch.tensor(list(values.values()), dtype=torch.float64))
    formula = re.compile(r"(?:(\w+)\()?(?:max\()?(\w+)(?:, ([\d.]+)\))?(?: / (\d+))?\)?")
    for column, number in zip(inputs_of().columns, expected.tolist(), strict=True):
        function, variable, least, scale = formula.fullmatch(column.transform).groups()
        value = max(values[variable], float(least)) if least else values[variable]
        value /= float(scale or 1)
        value = getattr(math, function)(value) if function else value
        assert value == pytest.approx(number), column
    assert {c.name: c.unit for c in inputs_of().columns}["sin_phi"] == "rad"


def test_lineage(stored):
    facts = stored.facts
    child = facts.model_copy(
        update={"ancestors": facts.as_ancestors("org/base", "0" * 40, stored.digest)}
    )
    grandchild = child.model_copy(update={"ancestors": child.as_ancestors("child", None, "1" * 64)})
    assert facts.parent is None
    assert [a.address for a in grandchild.ancestors] == ["child", "org/base"]
    assert grandchild.parent.digest == "1" * 64
    assert len(grandchild.seen) == 3


def test_what_was_seen(facts, demo_dataset):
    manifest = topdata.info(demo_dataset)
    seen = facts.data
    assert seen.events == sum(p.splits["train"] for p in manifest.processes)
    assert {p.name: p.events for p in seen.processes} == {
        p.name: p.splits["train"] for p in manifest.processes
    }
    assert {s.sha256 for s in seen.sources} == {s.sha256 for s in manifest.sources}
    assert str(demo_dataset) not in facts.to_json()
