"""What the transformers do beside the laws of tests/contract/test_encoders.py."""

import dataclasses
import math
from dataclasses import replace

import pytest
import torch

from topfm.data.batch import EventBatch, batch_of, hide
from topfm.data.events import load_events
from topfm.data.normalise import Normaliser
from topfm.encoders.transformer import L2Transformer
from topfm.layers import pair_columns


@pytest.fixture(scope="module")
def batch(demo_dataset):
    events, _ = load_events(demo_dataset, limit=200)  # more than one group of lengths
    normaliser = Normaliser().double()
    normaliser.fit(events)
    return batch_of(events, normaliser)


@pytest.fixture(params=[("small", 1), ("small", 5), ("large", None)], ids=str)
def encoder(request):
    torch.manual_seed(1)
    size, heads = request.param
    return L2Transformer(size, heads).double().eval()


def changed(batch, **values):
    return replace(batch, **values)


def test_sorted_by_length_or_not(batch, encoder):
    query = torch.randn(*batch.there.shape, encoder.width, dtype=torch.float64)
    with torch.no_grad():
        grouped, whole = encoder(batch, query), encoder._encode(batch, query)
    assert torch.allclose(grouped.event, whole.event, atol=1e-12)
    assert torch.allclose(grouped.objects[batch.there], whole.objects[batch.there], atol=1e-12)


def test_pairs_tell_nothing_of_what_is_hidden(batch, encoder):
    """Nothing moves the output when the truth behind hidden variables changes; it does if seen."""
    seen = torch.zeros_like(batch.hidden)
    angle = seen.clone()
    angle[:, :3, 2] = True
    turned = batch.variables + 0.7 * angle * batch.there.unsqueeze(-1)
    nothing = torch.zeros_like(batch.there)
    for hidden, moves in ((angle, False), (seen, True)):
        one = hide(batch, hidden, nothing)
        with torch.no_grad():
            same = torch.equal(encoder(one).event, encoder(changed(one, variables=turned)).event)
        assert same != moves


def test_moved_and_mirrored_events_have_the_same_pairs(batch):
    variables = batch.variables.clone()
    variables[..., 2] = -torch.remainder(variables[..., 2] + 1.3, 2 * torch.pi)
    variables[..., 1] = 0.4 - variables[..., 1]
    there = batch.there.unsqueeze(2) & batch.there.unsqueeze(1)
    plain, moved = pair_columns(batch.variables), pair_columns(variables)
    assert torch.allclose(plain[there], moved[there], atol=1e-4)


def test_two_jets_back_to_back():
    variables = torch.zeros(1, 2, 7, dtype=torch.float64)
    variables[0, :, 0] = torch.tensor([100.0, 50.0])
    variables[0, 1, 2] = torch.pi
    pair = pair_columns(variables)[0, 0, 1]
    expected = [math.log(math.pi), math.log(50 * math.pi) / 2 - 1.5, math.log(1 / 3) + 1,
                math.log(4 * 100 * 50) / 2 - 4.5]  # fmt: skip
    assert pair.tolist() == pytest.approx(expected)


def test_export_keeps_its_shapes_free_of_content(batch):
    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = L2Transformer().double().eval()

        def forward(self, columns, type_, there, hidden, counts, variables):
            return self.encoder(EventBatch(columns, type_, there, hidden, counts, variables)).event

    parts = [getattr(batch, f.name)[:4] for f in dataclasses.fields(batch)]
    plain = Plain()
    program = torch.export.export(plain, tuple(parts))
    assert torch.allclose(program.module()(*parts), plain(*parts), atol=1e-12)
