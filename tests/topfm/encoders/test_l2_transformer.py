"""Laws that every encoder keeps, on real events."""

from dataclasses import replace

import pytest
import torch

from topfm.data.batch import batch_of
from topfm.data.events import load_events
from topfm.data.normalise import Normaliser
from topfm.encoders.l2_transformer import L2Transformer


@pytest.fixture(scope="module")
def batch(demo_dataset):
    events, _ = load_events(demo_dataset, limit=64)
    normaliser = Normaliser().double()
    normaliser.fit(events)
    return batch_of(events, normaliser)


@pytest.fixture(params=[("small", 1), ("small", 5), ("large", 5)], ids=str)
def encoder(request):
    torch.manual_seed(1)
    size, heads = request.param
    return L2Transformer(size, heads).double().eval()


def changed(batch, **values):
    return replace(batch, **values)


def test_shapes(batch, encoder):
    encoded = encoder(batch)
    assert encoded.objects.shape == (64, 19, encoder.width)
    assert encoded.event.shape == (64, encoder.width)
    assert torch.isfinite(encoded.event).all()


def test_padding_does_not_matter(batch, encoder):
    with torch.no_grad():
        plain = encoder(batch)
        noise = torch.randn_like(batch.columns)
        empty = ~batch.there.unsqueeze(-1)
        noisy = encoder(changed(batch, columns=torch.where(empty, noise, batch.columns)))
    assert torch.allclose(plain.event, noisy.event, atol=1e-12)
    assert torch.allclose(plain.objects[batch.there], noisy.objects[batch.there], atol=1e-12)


def test_the_order_of_objects_does_not_matter(batch, encoder):
    order = torch.randperm(19)
    names = ("columns", "type", "there", "hidden", "variables")
    with torch.no_grad():
        plain = encoder(batch)
        other = encoder(changed(batch, **{n: getattr(batch, n)[:, order] for n in names}))
    assert torch.allclose(plain.event, other.event, atol=1e-12)
    assert torch.allclose(plain.objects[:, order], other.objects, atol=1e-12)


def test_an_event_without_any_object(batch, encoder):
    nothing = changed(batch, there=torch.zeros_like(batch.there))
    assert torch.isfinite(encoder(nothing).event).all()


def test_every_parameter_learns(batch, encoder):
    encoder.train()
    encoded = encoder(batch)
    (encoded.event.square().sum() + encoded.objects[batch.there].square().sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_made_again_from_its_config(batch, encoder):
    again = L2Transformer(**encoder.config()).double().eval()
    again.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        assert torch.equal(again(batch).event, encoder(batch).event)
