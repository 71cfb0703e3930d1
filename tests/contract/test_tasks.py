"""Laws that every registered task keeps, on real events and with real encoders."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load, save

from topfm import registry
from topfm.config import Encoder, Task
from topfm.data.batch import HIDDEN_TYPE, batch_of
from topfm.data.columns import VARIABLES, of_variables
from topfm.data.draw import Draw
from topfm.data.events import load_events, present
from topfm.model import make_model

NAMES = list(registry.registered(registry.TASKS))
ENCODERS = list(registry.registered(registry.ENCODERS))
N = 40


@pytest.fixture(scope="module")
def data(demo_dataset):
    events, label = load_events(demo_dataset, split="train", limit=N)
    assert (present(events.type).sum(1) < 19).all()
    weight = torch.linspace(-0.5, 2.5, N, dtype=torch.float64)  # signs matter too
    return replace(events, weight=weight), label


@pytest.fixture(scope="module")
def made(data):
    """Models of one task each, float64, made once."""
    events, label = data
    known = {}

    def make(task, encoder="l2-transformer", **options):
        key = (task, encoder, *options.items())
        if key not in known:
            torch.manual_seed(1)
            model = make_model(Encoder(name=encoder), {task: Task(options=options)}, label)
            model.normaliser.fit(events)
            known[key] = model.double().eval()
        return known[key]

    return make


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def draw(seed=1, events=N, rank=0, ranks=1):
    return Draw(seed, events=events, rank=rank, ranks=ranks)


def noisy(events):
    """The same events, with nonsense in slots that are empty."""
    empty = ~present(events.type)
    return replace(events, variables=torch.where(empty.unsqueeze(-1), 77.0, events.variables))


def values_of(terms):
    return {name: (float(t.total), float(t.norm), t.share) for name, t in terms.items()}


@torch.no_grad()
def test_padding_does_not_move_the_loss(data, made, name):
    events, _ = data
    model = made(name)
    one, other = (values_of(model(e, {name: draw()})) for e in (events, noisy(events)))
    assert one.keys() == other.keys()
    for part in one:
        assert one[part] == pytest.approx(other[part], rel=1e-12)
        assert one[part][1] > 0


@torch.no_grad()
def test_the_draws_decide(data, made, name):
    events, _ = data
    model = made(name)
    one, same, other = (values_of(model(events, {name: draw(s)})) for s in (1, 1, 2))
    assert one == same
    if name != "classify":
        assert one != other


@torch.no_grad()
@pytest.mark.parametrize("ranks", [2, 3])
def test_shares_of_a_batch_sum_to_the_whole(data, made, name, ranks):
    events, _ = data
    model = made(name)
    whole = values_of(model(events, {name: draw()}))
    shares = [
        values_of(model(events.rows(torch.arange(r, N, ranks)), {name: draw(rank=r, ranks=ranks)}))
        for r in range(ranks)
    ]
    for part, (total, norm, share) in whole.items():
        assert sum(s[part][0] for s in shares) == pytest.approx(total, rel=1e-10)
        assert sum(s[part][1] for s in shares) == norm
        assert all(s[part][2] == share for s in shares)


@torch.no_grad()
def test_a_process_without_events_adds_nothing(data, made, name):
    """The last batch of validation may be shorter than there are processes."""
    events, _ = data
    terms = made(name)(events.rows(torch.arange(0)), {name: draw(events=1, rank=1, ranks=2)})
    assert all((total, norm) == (0, 0) for total, norm, _ in values_of(terms).values())


@torch.no_grad()
def test_weights_scale_the_loss_and_not_the_norm(data, made, name):
    events, _ = data
    model = made(name)
    one = values_of(model(events, {name: draw()}))
    two = values_of(model(replace(events, weight=2 * events.weight), {name: draw()}))
    for part, (total, norm, _) in one.items():
        assert two[part][:2] == pytest.approx((2 * total, norm))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_parameter_of_the_head_learns(data, made, name, encoder):
    events, _ = data
    model = made(name, encoder)
    model.zero_grad()
    terms = model(events, {name: draw()})
    sum(term.share * term.total / term.norm for term in terms.values()).backward()
    for key, parameter in model.tasks[name].named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().sum() > 0, key
    assert not any(term.norm.requires_grad for term in terms.values())
    assert any(p.grad is not None and p.grad.any() for p in model.encoder.parameters())


@torch.no_grad()
def test_made_again_from_its_options(data, made, name):
    events, label = data
    model = made(name)
    task = model.task(name)
    again = registry.make(registry.TASKS, name, model.encoder.width, label, **task.options())
    again = again.double().eval()
    again.load_state_dict(load(save(task.state_dict())))
    assert again.options() == task.options()
    one = values_of(model(events, {name: draw()}))
    model.tasks[name] = again
    assert values_of(model(events, {name: draw()})) == one


def test_options_that_cannot_be(name):
    with pytest.raises(registry.RecipeError, match="unknown option"):
        registry.make(registry.TASKS, name, 8, None, no_such_option=1)


def test_what_needs_a_label_says_so():
    with pytest.raises(registry.RecipeError, match="no two classes"):
        registry.make(registry.TASKS, "classify", 8, None)


# --- masked: what is hidden is hidden -------------------------------------------------------------


@pytest.fixture(params=[0.0, 0.5, 1.0], ids=lambda p: f"objectwise={p}")
def masked(request, made):
    return made("masked", objectwise=request.param, fraction=0.4)


def asked(model, events, seed=1):
    return model.task("masked").ask(batch_of(events, model.normaliser), draw(seed))


def test_what_is_hidden_is_not_shown(data, masked):
    events, _ = data
    question = asked(masked, events)
    shown = question.batch
    assert question.values.any()
    assert not question.values[:, :19][~present(events.type)].any()
    assert (shown.columns[of_variables(question.values)] == 0).all()
    assert shown.hidden[question.values].all()
    assert (shown.type[question.types] == HIDDEN_TYPE).all()
    assert shown.there[question.types].all()
    # slots of true particles are questions alone
    true = shown.columns[:, 19:], shown.variables[:, 19:], ~shown.hidden[:, 19:]
    assert not any(part.any() for part in true)
    assert (shown.type[:, 19:] == HIDDEN_TYPE).all()
    # nothing but what is asked is taken away
    plain = batch_of(events, masked.normaliser)
    kept = ~of_variables(shown.hidden)[:, :19]
    assert torch.equal(shown.columns[:, :19][kept], plain.columns[kept])


def test_the_share_that_is_hidden(data, made):
    events, _ = data
    there = present(events.type)
    single = asked(made("masked", objectwise=0.0, fraction=0.4), events).values[:, :19][there]
    assert single.double().mean() == pytest.approx(0.4, abs=0.04)
    whole = asked(made("masked", objectwise=1.0, fraction=0.4), events)
    assert (whole.types[:, :19].double().mean()) == pytest.approx(0.4, abs=0.06)
    assert whole.types[:, :19][~there].any(), "empty slots are asked about too"


@torch.no_grad()
@pytest.mark.parametrize("whole", [False, True], ids=["variables", "whole slots"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_hidden_value_does_not_change_what_is_encoded(data, made, encoder, whole):
    """Objects, their types, whether they exist, and all that is known of true Ws and tops."""
    events, _ = data
    model = made("masked", encoder)
    there = present(events.type)
    generator = torch.Generator().manual_seed(4)
    values = torch.rand(N, 19, 7, generator=generator) < 0.4
    types = torch.rand(N, 19, generator=generator) < 0.4
    other = replace(events, ws=events.ws + 100, tops=events.tops * 0)
    if whole:
        values, types, slots = torch.zeros_like(values), torch.zeros_like(types), types
        other = replace(
            other,
            type=torch.where(slots, torch.where(there, 0, 5), events.type).to(torch.int8),
            variables=torch.where(slots.unsqueeze(-1), 55.0, events.variables),
            counts=torch.where(slots.any(1, keepdim=True), 9.0, events.counts),
        )
    else:
        types, slots = types & there, torch.zeros_like(types)
        other = replace(
            other,
            type=torch.where(types, 11 - events.type, events.type).to(torch.int8),
            variables=torch.where(values, 55.0, events.variables),
        )
    assert not torch.equal(other.type, events.type)
    encoded = []
    for e in (events, other):
        question = model.task("masked").question(
            batch_of(e, model.normaliser), values, types, slots
        )
        encoded.append((question.batch.there, model.encoder(question.batch, question.query)))
    (shown, one), (again, two) = encoded
    assert torch.equal(shown, again)
    assert torch.equal(one.event, two.event)
    assert torch.equal(one.objects[shown], two.objects[shown])


@torch.no_grad()
def test_answers_are_measured_against_the_truth(data, made, monkeypatch):
    """Perfect answers have no loss, others one; of true particles only those that exist count."""
    events, _ = data
    model = made("masked")
    task, question = model.task("masked"), asked(model, events)
    targets, kinds = task.targets(events, model.normaliser)
    assert (kinds[:, 19:23] != 0).sum() == (events.ws[..., 0] > 0).sum() > 0
    exists = present(kinds).unsqueeze(-1)
    types = 50.0 * torch.nn.functional.one_hot(kinds, 12).double()

    def terms(answers, logits):
        monkeypatch.setattr(task, "answers", lambda encoded: (answers, logits))
        return task.terms(None, question, replace(events, weight=events.weight.abs()),
                          model.normaliser)  # fmt: skip

    right = terms(torch.where(exists, targets, 1e3), types)
    assert float(right["values"].total) == 0
    assert float(right["types"].total) == pytest.approx(0, abs=1e-6)
    wrong = terms(targets + exists * 2, -types)
    assert float(wrong["values"].total / wrong["values"].norm) == pytest.approx(4, rel=0.5)
    assert float(wrong["types"].total / wrong["types"].norm) > 10


@torch.no_grad()
def test_answers_in_gev_and_radians(data, made):
    events, _ = data
    model = made("masked")
    task = model.task("masked")
    targets, kinds = task.targets(events, model.normaliser)
    truth = torch.cat([events.variables, events.ws, events.tops], 1).double()
    there = present(kinds)
    restored = task.restored(targets, model.normaliser)
    assert torch.allclose(restored[there], truth[there], rtol=1e-5, atol=1e-3)
    assert len(VARIABLES) == restored.shape[-1]
