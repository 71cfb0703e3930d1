"""Learning rates, groups of parameters and the average of weights, against hand-made numbers."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from topfm.config import Encoder, Finetune, Task, Training
from topfm.data.events import Label
from topfm.model import make_model
from topfm.training.average import Average
from topfm.training.optim import Schedule, optimiser_of


@pytest.fixture
def model():
    tasks = {"classify": Task(), "masked": Task()}
    return make_model(Encoder(name="l2-transformer"), tasks, Label("n_tops", ("0", "1")))


def schedule_of(steps, **settings):
    training = Training(learning_rate=0.5, **settings)
    weight = nn.Parameter(torch.zeros(2, 2))
    optimiser = torch.optim.AdamW([{"params": [weight], "factor": 0.1}], lr=1.0)
    return Schedule(optimiser, training, steps), optimiser


def test_cosine_warms_up_and_ends_at_zero():
    schedule, optimiser = schedule_of(100, warmup=0.1)
    rates = [schedule.set(step) for step in range(100)]
    assert rates[:10] == pytest.approx([0.05 * (n + 1) for n in range(10)])
    assert rates[10] == pytest.approx(0.5)
    assert rates[55] == pytest.approx(0.25)
    assert rates[99] == pytest.approx(0.25 * (1 + math.cos(math.pi * 89 / 90)))
    assert 0 < rates[99] < 1e-3
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.1 * rates[99])


def test_a_rate_follows_from_the_step_alone():
    schedule, _ = schedule_of(100)
    once = schedule.set(42)
    schedule.set(7)
    assert schedule.set(42) == once


def test_constant():
    schedule, _ = schedule_of(100, schedule="constant", warmup=0.05)
    assert [schedule.set(s) for s in (0, 4, 5, 99)] == pytest.approx([0.1, 0.5, 0.5, 0.5])


def test_training_without_warm_up_begins_at_the_full_rate():
    schedule, _ = schedule_of(100, warmup=0.0)
    assert schedule.set(0) == pytest.approx(0.5)


def test_plateau_halves_after_epochs_without_progress():
    schedule, _ = schedule_of(1000, schedule="plateau", warmup=0.0, plateau_patience=1)
    rates = []
    for loss in (3.0, 2.0, 2.0, 2.5, 1.0, 1.0, 0.99999, 1.0, 1.0):
        schedule.epoch_done(loss)
        rates.append(schedule.set(500))
    assert rates == pytest.approx([0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125, 0.0625])
    cosine, _ = schedule_of(1000, warmup=0.0)
    for _ in range(9):
        cosine.epoch_done(1.0)
    assert cosine.state["halved"] == 1.0


def groups(model, training=None, finetune=None):
    """Return the factor and the decay of every parameter, by name."""
    optimiser = optimiser_of(model, training or Training(), finetune or Finetune())
    names = {id(p): name for name, p in model.named_parameters()}
    found = {
        names[id(p)]: (group["factor"], group["weight_decay"], group["lr"])
        for group in optimiser.param_groups
        for p in group["params"]
    }
    assert len(found) == sum(len(group["params"]) for group in optimiser.param_groups)
    return found


def test_vectors_are_not_decayed(model):
    found = groups(model, Training(weight_decay=0.3))
    for name, parameter in model.named_parameters():
        assert found[name][1] == (0.3 if parameter.ndim > 1 else 0.0), name
    assert found["encoder.norm.weight"][1] == 0.0
    assert found["encoder.event.token"][1] == 0.0


def test_blocks_further_down_learn_slower(model):
    training = Training(learning_rate=2.0)
    found = groups(model, training, Finetune(layer_decay=0.5, head_factor=3.0))
    expected = {
        "tasks.classify.outer.weight": 3.0,
        "tasks.masked.questions": 3.0,
        "encoder.norm.weight": 1.0,
        "encoder.blocks.3.inner.weight": 0.5,
        "encoder.blocks.3.norm_inner.bias": 0.5,
        "encoder.blocks.0.attention.qkv.weight": 0.5**4,
        "encoder.objects.kind.weight": 0.5**5,
        "encoder.event.token": 0.5**5,
    }
    assert {name: found[name][0] for name in expected} == pytest.approx(expected)
    assert all(rate == pytest.approx(2 * factor) for factor, _, rate in found.values())
    assert {factor for factor, _, _ in groups(model).values()} == {1.0}


def test_what_is_frozen_is_left_out(model):
    model.encoder.requires_grad_(False)
    assert all(name.startswith("tasks.") for name in groups(model))


def test_average_against_its_formula():
    model = nn.Linear(2, 1).double()
    average = Average(model, 0.6)
    expected = {name: p.detach().clone() for name, p in model.named_parameters()}
    for step in range(12):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(0.5 + step)
        average.update(step)
        decay = min(0.6, (1 + step) / (10 + step))
        for name, p in model.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * p.detach()
    live = {name: p.detach().clone() for name, p in model.named_parameters()}
    with average.in_place():
        for name, p in model.named_parameters():
            assert torch.allclose(p, expected[name], rtol=1e-12)
    for name, p in model.named_parameters():
        assert torch.equal(p, live[name])
        assert torch.allclose(average.values[name], expected[name], rtol=1e-12)


def test_the_model_gets_its_weights_back_after_an_error():
    model = nn.Linear(2, 1)
    average = Average(model, 0.5)
    with torch.no_grad():
        model.weight.fill_(3.0)
    with pytest.raises(RuntimeError, match="broke"), average.in_place():
        raise RuntimeError("broke")
    assert (model.weight == 3.0).all()


def test_average_of_what_learns_only():
    model = nn.Linear(2, 1)
    model.bias.requires_grad_(False)
    assert set(Average(model, 0.5).values) == {"weight"}
