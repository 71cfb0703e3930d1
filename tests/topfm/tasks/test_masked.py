"""What ``masked`` asks, and of which events."""

from dataclasses import replace

import pytest
import torch

from topfm.config import Encoder, Task
from topfm.data.draw import Draw
from topfm.data.events import load_events
from topfm.model import make_model


@pytest.mark.parametrize("known", [0, 10, 24])
def test_events_without_truth_are_not_taught_that_there_is_no_top(known, demo_dataset):
    events, _ = load_events(demo_dataset, split="train", label="process", limit=24)
    model = make_model(Encoder(name="l1-mlp"), {"masked": Task()}, None)
    model.normaliser.fit(events)
    norms = {}
    for name, truth in (("all", torch.ones(24)), ("some", torch.arange(24) < known)):
        own = replace(events, truth=truth.bool())
        norms[name] = float(model(own, {"masked": Draw(3, events=24)})["masked.types"].norm)
    assert norms["all"] - norms["some"] == 8 * (24 - known)
