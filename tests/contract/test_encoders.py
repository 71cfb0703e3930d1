"""Laws that every registered encoder keeps, on real events."""

from dataclasses import fields, replace

import pytest
import torch
from safetensors.torch import load, save

from topfm import registry
from topfm.data.batch import HIDDEN_TYPE, batch_of, hide
from topfm.data.events import load_events
from topfm.data.normalise import Normaliser
from topfm.tasks.masked import Masked

NAMES = list(registry.registered(registry.ENCODERS))
OF_SLOTS = ("columns", "type", "there", "hidden", "variables")


@pytest.fixture(scope="module")
def batch(demo_dataset):
    events, _ = load_events(demo_dataset, limit=48)
    normaliser = Normaliser().double()
    normaliser.fit(events)
    return batch_of(events, normaliser)


@pytest.fixture(scope="module")
def asked(batch):
    """A batch with further slots that ask something, and what they ask, for a width."""

    def of(width):
        torch.manual_seed(3)
        task = Masked(width, None).double()
        flags = torch.rand(48, 19, 7) < 0.2
        whole = torch.rand(48, 19) < 0.1
        question = task.question(batch, flags, flags[..., 0] & batch.there, whole)
        return question.batch, question.query.detach()

    return of


@pytest.fixture(params=NAMES)
def encoder(request):
    torch.manual_seed(1)
    return registry.make(registry.ENCODERS, request.param).double().eval()


def single(batch):
    return replace(
        batch,
        **{
            f.name: getattr(batch, f.name).float()
            for f in fields(batch)
            if getattr(batch, f.name).is_floating_point()
        },
    )


def permuted(batch, order):
    return replace(batch, **{name: getattr(batch, name)[:, order] for name in OF_SLOTS})


def test_shapes(batch, encoder):
    encoded = encoder(batch)
    assert encoded.objects.shape == (48, 19, encoder.width)
    assert encoded.event.shape == (48, encoder.width)
    assert torch.isfinite(encoded.event).all()
    assert torch.isfinite(encoded.objects[batch.there]).all()


def test_the_content_of_empty_slots_does_not_matter(batch, encoder):
    empty = ~batch.there
    noise = torch.randn_like(batch.columns)
    noisy = replace(
        batch,
        columns=torch.where(empty.unsqueeze(-1), noise, batch.columns),
        type=torch.where(empty, HIDDEN_TYPE, batch.type),
        hidden=batch.hidden | empty.unsqueeze(-1),
        variables=torch.where(empty.unsqueeze(-1), 100 * noise[..., :7].abs(), batch.variables),
    )
    with torch.no_grad():
        plain, other = encoder(batch), encoder(noisy)
    assert torch.allclose(plain.event, other.event, atol=1e-12)
    assert torch.allclose(plain.objects[batch.there], other.objects[batch.there], atol=1e-12)


def test_more_padding_does_not_matter(batch, encoder):
    more = {
        name: torch.cat([part := getattr(batch, name), torch.zeros_like(part[:, :5])], 1)
        for name in OF_SLOTS
    }
    with torch.no_grad():
        plain, padded = encoder(batch), encoder(replace(batch, **more))
    assert padded.objects.shape[1] == 24
    assert torch.allclose(plain.event, padded.event, atol=1e-12)
    assert torch.allclose(
        plain.objects[batch.there], padded.objects[:, :19][batch.there], atol=1e-12
    )


def test_an_event_does_not_depend_on_the_others_of_its_batch(batch, encoder):
    rows = replace(batch, **{f.name: getattr(batch, f.name)[5:7] for f in fields(batch)})
    with torch.no_grad():
        whole, part = encoder(batch), encoder(rows)
    assert torch.allclose(whole.event[5:7], part.event, atol=1e-12)


def test_the_order_of_objects_matters_only_where_it_is_said(batch, encoder):
    order = torch.randperm(19, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        plain, other = encoder(batch), encoder(permuted(batch, order))
    same = torch.allclose(plain.event, other.event, atol=1e-12)
    assert same is not encoder.ordered
    if not encoder.ordered:
        there = batch.there[:, order]
        assert torch.allclose(plain.objects[:, order][there], other.objects[there], atol=1e-12)


def test_an_event_without_any_object(batch, encoder):
    nothing = replace(
        batch,
        columns=torch.zeros_like(batch.columns),
        type=torch.zeros_like(batch.type),
        there=torch.zeros_like(batch.there),
        variables=torch.zeros_like(batch.variables),
    )
    encoded = encoder(nothing)
    assert torch.isfinite(encoded.event).all()
    encoded.event.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())


def test_objects_without_length_or_energy_have_a_gradient(batch, encoder):
    """Equal objects and zeros are where logarithms, roots and angles break."""
    variables = batch.variables.clone()
    variables[:8] = 0.0
    variables[8:16, 1] = variables[8:16, 0]
    encoded = encoder(replace(batch, variables=variables))
    (encoded.event.sum() + encoded.objects[batch.there].sum()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())


def test_every_parameter_learns(batch, encoder):
    encoder.train()
    encoded = encoder(batch)
    (encoded.event.square().sum() + encoded.objects[batch.there].square().sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_made_again_and_loaded_it_says_the_same(batch, encoder):
    again = registry.make(registry.ENCODERS, encoder.name, **encoder.options()).double().eval()
    again.load_state_dict(load(save(encoder.state_dict())))
    with torch.no_grad():
        one, other = encoder(batch), again(batch)
    assert torch.equal(one.event, other.event)
    assert torch.equal(one.objects, other.objects)
    assert again.options() == encoder.options()


def test_an_option_that_cannot_be_is_one_line(encoder):
    with pytest.raises(registry.RecipeError, match="unknown option"):
        registry.make(registry.ENCODERS, encoder.name, no_such_option=1)
    for option in encoder.options():
        with pytest.raises(registry.RecipeError) as caught:
            registry.make(registry.ENCODERS, encoder.name, **{option: "no such value"})
        assert encoder.name in str(caught.value)


def test_questions_are_heard_and_answered_apart(batch, asked, encoder):
    shown, query = asked(encoder.width)
    assert shown.type.shape == (48, 27)
    with torch.no_grad():
        encoded = encoder(shown, query)
        other = encoder(shown, 2 * query)
    assert encoded.objects.shape == (48, 27, encoder.width)
    assert torch.isfinite(encoded.objects[shown.there]).all()
    tops = encoded.objects[:, 19:]
    assert not torch.allclose(tops[:, 0], tops[:, 1], atol=1e-6)
    assert not torch.allclose(encoded.objects[:, 19:], other.objects[:, 19:], atol=1e-6)


def test_what_is_hidden_is_not_read(batch, encoder):
    """Also not through ``variables``, which keep the values of what is hidden."""
    generator = torch.Generator().manual_seed(2)
    flags = torch.rand(48, 19, 7, generator=generator) < 0.3
    types = torch.rand(48, 19, generator=generator) < 0.3
    other = replace(batch, variables=torch.where(flags, 3.0, batch.variables))
    with torch.no_grad():
        one, two = encoder(hide(batch, flags, types)), encoder(hide(other, flags, types))
    assert torch.equal(one.event, two.event)
    assert torch.equal(one.objects[batch.there], two.objects[batch.there])


def test_one_batch_is_learned_by_heart(batch, encoder):
    torch.manual_seed(1)
    encoder = encoder.float().train()
    batch = single(batch)
    head = torch.nn.Linear(encoder.width, 2)
    labels = torch.randint(0, 2, (48,))
    optimiser = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=2e-3)
    for _ in range(80):
        loss = torch.nn.functional.cross_entropy(head(encoder(batch).event), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if loss < 0.1:
            break
    assert loss < 0.1


def test_half_precision(batch, asked, encoder):
    encoder = encoder.float()
    shown, query = asked(encoder.width)
    with torch.no_grad():
        whole = encoder(single(shown), query.float())
        with torch.autocast("cpu", torch.bfloat16):
            half = encoder(single(shown), query.float())
    assert torch.isfinite(half.event).all()
    close = (half.event.float() - whole.event).abs().mean() / whole.event.abs().mean()
    assert close < 0.05
