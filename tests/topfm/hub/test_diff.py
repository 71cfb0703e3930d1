"""What differs between two checkpoints, of folders and of addresses."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch

from topfm.checkpoint.compare import compare
from topfm.checkpoint.format import write_sums
from topfm.checkpoint.verify import verify
from topfm.hub.checkpoints import publish

from .conftest import NAME

WEIGHTS = "model.safetensors"


def test_a_checkpoint_and_itself(tiny, topfm):
    found = compare(verify(tiny), verify(tiny))
    assert not any(found.facts.values())
    assert all(tensor.same for tensor in found.tensors)
    assert len(found.tensors) == len(verify(tiny).tensors) - 1  # without what it has seen
    assert topfm("diff", tiny, tiny).out.startswith("the same checkpoint")


def test_parent_and_child(place, tiny, tuned, topfm):
    publish(tiny, NAME, tag="v1")
    found = json.loads(topfm("diff", f"{NAME}@v1", tuned, "--json").out)
    facts = {section: {c["key"]: c for c in found["facts"][section]} for section in found["facts"]}
    label = facts["config"]["label.text"]
    assert (label["first"], label["second"]) == ("n_tops", "process")
    assert "results.validation.loss" in facts["metrics"]
    assert any(key.startswith("processes.") for key in facts["data"])
    assert facts["schema"] == {}
    assert verify(tiny).digest[:16] in facts["lineage"]["ancestors"]["second"][0]
    assert [c["key"] for c in found["reshaped"]] == [
        "tasks.classify.outer.bias", "tasks.classify.outer.weight",
    ]  # fmt: skip
    text = topfm("diff", f"{NAME}@v1", tuned).out
    assert "label.text" in text
    assert "tasks.classify.outer.weight" in text


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_norms(tiny, copy, dtype):
    tensors = load_file(tiny / WEIGHTS)
    name = max(tensors, key=lambda name: tensors[name].size)
    first = verify(copy)
    tensors[name] = tensors[name] * np.float32(1.5)
    tensors["more"] = np.ones(3, dtype)
    rewrite(copy, tensors)
    found = compare(verify(tiny), verify(copy))
    norm = float(np.linalg.norm(load_file(tiny / WEIGHTS)[name].astype(float)))
    (changed,) = [tensor for tensor in found.tensors if not tensor.same]
    assert changed.name == name
    assert changed.first == pytest.approx(norm)
    assert changed.second == pytest.approx(1.5 * norm, rel=1e-6)
    assert changed.difference == pytest.approx(0.5, rel=1e-6)
    assert (found.only_first, found.only_second) == ([], ["more"])
    assert first.tensors.keys() == verify(tiny).tensors.keys()


def test_of_what_is_no_number_no_norm_is_told(tiny, copy):
    tensors = load_file(tiny / WEIGHTS)
    name = max(tensors, key=lambda name: tensors[name].size)
    tensors[name] = np.full_like(tensors[name], np.nan)
    rewrite(copy, tensors)
    found = {t.name: t for t in compare(verify(tiny), verify(copy)).tensors}
    assert (found[name].second, found[name].difference, found[name].same) == (None, None, False)


def rewrite(folder, tensors):
    with safe_open(folder / WEIGHTS, framework="numpy") as stored:
        metadata = stored.metadata()
    save_file(tensors, folder / WEIGHTS, metadata=metadata)
    write_sums(folder)


def test_bfloat16_is_compared_too(copy):
    for name, factor in (("one", 1.0), ("two", 2.0)):
        folder = shutil.copytree(copy, copy.parent / name)
        with safe_open(copy / WEIGHTS, framework="numpy") as stored:
            metadata = stored.metadata()
        tensor = torch.full((4,), factor, dtype=torch.bfloat16)
        save_torch({"a": tensor}, folder / WEIGHTS, metadata)
        write_sums(folder)
    (found,) = compare(verify(copy.parent / "one"), verify(copy.parent / "two")).tensors
    assert (found.first, found.second, found.difference) == (2.0, 4.0, 1.0)


def test_inputs_in_another_order(tiny):
    first = verify(tiny)
    columns = list(reversed(first.facts.inputs.columns))
    inputs = first.facts.inputs.model_copy(update={"columns": columns})
    second = replace(first, facts=first.facts.model_copy(update={"inputs": inputs}))
    (change,) = compare(first, second).facts["schema"]
    assert change.key == "inputs.columns, order"
