"""From a dataset to batches: labels, order, normalisation, columns and back."""

import numpy as np
import pytest
import torch

import topdata
from topdata.errors import InputError, RecipeError
from topdata.schema.codes import ObjectType
from topfm.data.batch import HIDDEN_TYPE, batch_of, hide
from topfm.data.columns import COLUMNS, VARIABLES, columns_of, of_variables, variables_of
from topfm.data.events import load_events, present
from topfm.data.normalise import Normaliser
from topfm.data.order import batches_of, epoch_order


@pytest.fixture(scope="module")
def train(demo_dataset):
    return load_events(demo_dataset, split="train")


def test_events_are_those_of_the_dataset(demo_dataset, train):
    events, label = train
    assert label.classes == ("0", "1", "2", "3", "4")
    assert len(events) == topdata.info(demo_dataset).split_counts()["train"]
    raw = list(topdata.batches(demo_dataset, split="train"))
    for name, tensor in (("objects", events.variables), ("type", events.type), ("ws", events.ws)):
        assert np.array_equal(np.concatenate([b[name] for b in raw]), tensor.numpy())
    n_tops = np.concatenate([b["n_tops"] for b in raw])
    assert np.array_equal(n_tops, events.label.numpy())


def test_labels(demo_dataset):
    events, label = load_events(demo_dataset, label="process", processes=["tttt", "wjj"])
    assert label.classes == ("wjj", "tttt")
    assert torch.bincount(events.label).tolist() == [637, 500]
    events, label = load_events(demo_dataset, label="n_btags >= 2 and ht > 300")
    assert label.classes == ("false", "true")
    truth = topdata.load(demo_dataset)
    assert 0 < int(events.label.sum()) < len(truth)
    events, label = load_events(demo_dataset, label="min(n_jets, 11)")
    assert label.classes == tuple(str(n) for n in range(2, 12))
    events, label = load_events(demo_dataset, label="n_tops", classes=["4", "2"])
    assert label.classes == ("4", "2")
    assert set(events.process.tolist()) == {2, 4, 5}


def test_labels_that_cannot_be(demo_dataset):
    for text, match in (
        ("n_topss", "did you mean 'n_tops'"),
        ("ht", "no whole numbers"),
        ("n_jets >", "ends too early"),
    ):
        with pytest.raises(RecipeError, match=match):
            load_events(demo_dataset, label=text)
    with pytest.raises(RecipeError, match="did you mean 'tttt'"):
        load_events(demo_dataset, processes=["ttttt"])
    with pytest.raises(InputError, match="no event has one of the labels"):
        load_events(demo_dataset, classes=["7"])


def test_a_limit_draws_with_the_seed(demo_dataset):
    a, b, c = (
        load_events(demo_dataset, limit=100, seed=seed)[0].event.tolist() for seed in (1, 1, 2)
    )
    assert a == b != c
    assert len(a) == 100


def test_columns_and_back(train):
    events, _ = train
    objects = events.variables[present(events.type)].double()
    columns = columns_of(objects)
    assert columns.shape[-1] == len(COLUMNS)
    assert torch.isfinite(columns).all()
    back = variables_of(columns)
    there = objects[:, 0] > 1e-2
    assert torch.allclose(back[there], objects[there], rtol=1e-5, atol=1e-5)


def test_flags_spread_over_columns():
    flags = torch.eye(len(VARIABLES), dtype=torch.bool)
    spread = of_variables(flags)
    assert spread.sum().item() == len(COLUMNS)
    assert spread[VARIABLES.index("phi")].nonzero().flatten().tolist() == [2, 3]


def test_normalised_over_present_objects_only(train):
    events, _ = train
    normaliser = Normaliser()
    normaliser.fit(events)
    batch = batch_of(events, normaliser)
    values = batch.columns[batch.there]
    assert values.mean(0) == pytest.approx(0, abs=1e-3)
    assert values.std(0) == pytest.approx(1, abs=1e-2)
    assert (batch.columns[~batch.there] == 0).all()
    assert torch.isfinite(batch.columns).all()
    targets = normaliser.targets(events.tops[events.tops[..., 0] > 0], "top")
    assert targets.mean(0) == pytest.approx(0, abs=1e-3)
    tops = normaliser.restored(targets, "top")
    assert torch.allclose(tops, events.tops[events.tops[..., 0] > 0], rtol=1e-3, atol=1e-2)


def test_a_constant_column_gets_scale_one(train):
    events, _ = train
    met = events.rows(torch.arange(50))
    only_met = met.type == int(ObjectType.MET)
    type_ = torch.where(only_met, met.type, 0)
    from dataclasses import replace

    normaliser = Normaliser()
    normaliser.fit(replace(met, type=type_))
    assert normaliser.column_scale[COLUMNS.index("eta")] == 1
    assert normaliser.column_scale[COLUMNS.index("log_pt")] != 1


def test_what_is_hidden_is_gone(train):
    events, _ = train
    normaliser = Normaliser()
    normaliser.fit(events)
    batch = batch_of(events.rows(torch.arange(64)), normaliser)
    assert not batch.hidden.any()
    generator = torch.Generator().manual_seed(1)
    hidden = torch.rand(64, 19, 7, generator=generator) < 0.3
    type_hidden = torch.rand(64, 19, generator=generator) < 0.3
    masked = hide(batch, hidden, type_hidden)
    assert (masked.columns[of_variables(hidden)] == 0).all()
    kept = ~of_variables(hidden)
    assert torch.equal(masked.columns[kept], batch.columns[kept])
    assert (masked.type[type_hidden] == HIDDEN_TYPE).all()
    assert max(ObjectType) < HIDDEN_TYPE


def test_order_is_the_seeds():
    assert torch.equal(epoch_order(1000, 3, 5), epoch_order(1000, 3, 5))
    assert not torch.equal(epoch_order(1000, 3, 5), epoch_order(1000, 3, 6))
    assert not torch.equal(epoch_order(1000, 3, 5), epoch_order(1000, 4, 5))
    assert epoch_order(1000, 3, 5).sort().values.tolist() == list(range(1000))


def test_ranks_share_the_batches_of_one():
    order = epoch_order(103, 1, 0)
    whole = list(batches_of(order, 16))
    assert torch.cat(whole).tolist() == order.tolist()
    shares = [list(batches_of(order, 16, rank=rank, ranks=2)) for rank in range(2)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert sorted(torch.cat(parts).tolist()) == sorted(batch.tolist())
    assert [b.tolist() for b in batches_of(order, 16, start=4)] == [b.tolist() for b in whole[4:]]
    assert len(list(batches_of(order, 16, drop_last=True))) == 6
