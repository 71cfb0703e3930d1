"""Random numbers and batches that depend on a seed and on nothing else."""

from dataclasses import fields

import pytest
import torch

from topfm.data.draw import Draw
from topfm.data.events import load_events
from topfm.data.loader import prefetched
from topfm.data.order import batches_of, epoch_order, mixed


def test_seeds_decide():
    a, b, c, d = (Draw(*s, events=9).uniform(2, 3) for s in ((1, 2), (1, 2), (2, 1), (1, 3)))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert not torch.equal(a, d)
    assert a.shape == (9, 2, 3)
    assert 0 <= a.min() < a.max() < 1


def test_draws_follow_one_another():
    draw = Draw(1, events=9)
    assert not torch.equal(draw.uniform(2), draw.uniform(2))


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_processes_draw_together_what_one_would(ranks):
    whole = Draw(7, events=10)
    parts = [Draw(7, events=10, rank=rank, ranks=ranks) for rank in range(ranks)]
    for shape in ((1,), (4, 2)):
        drawn = whole.uniform(*shape)
        for rank, part in enumerate(parts):
            assert torch.equal(part.uniform(*shape), drawn[rank::ranks])


def test_seeds_are_mixed_without_collisions():
    near = {mixed(a, b, c) for a in range(20) for b in range(20) for c in range(20)}
    assert len(near) == 8000
    assert len({mixed(), mixed(0), mixed(0, 0)}) == 3
    assert all(0 <= seed < 2**63 for seed in near)


def test_batches_made_ahead_are_the_same(demo_dataset):
    events, _ = load_events(demo_dataset, split="validation", limit=70)
    rows = list(batches_of(epoch_order(70, 1, 0), 16))
    plain = list(prefetched(events, rows, "cpu"))
    ahead = list(prefetched(events, rows, "cpu:0"))  # the way of other devices
    assert [len(batch) for batch in plain] == [16, 16, 16, 16, 6]
    for one, other, index in zip(plain, ahead, rows, strict=True):
        for field in fields(one):
            value = getattr(one, field.name)
            assert torch.equal(value, getattr(events, field.name)[index])
            assert torch.equal(value, getattr(other, field.name))
    assert list(prefetched(events, [], "cpu:0")) == []
