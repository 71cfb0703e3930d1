"""The loop on real events: what it keeps, when it ends, how it fails."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch

from topdata.progress import Silent
from topfm.config import Data, Encoder, Task, Training
from topfm.data.draw import Draw
from topfm.data.events import load_events
from topfm.data.order import epoch_order
from topfm.data.weights import weighted
from topfm.errors import DivergedError, StoppedError, TrainingError
from topfm.model import make_model
from topfm.training.loop import Trainer

N, BATCH = 44, 16  # 12 events are left out of each epoch


@pytest.fixture(scope="module")
def data(demo_dataset):
    train, label = load_events(demo_dataset, split="train", limit=N)
    validation, _ = load_events(demo_dataset, split="validation", classes=label.classes, limit=40)
    return (
        weighted(train, label, Data()),
        weighted(validation, label, Data(), complete=False),
        label,
    )


class Notes(Silent):
    def __init__(self):
        self.epochs, self.done = [], 0

    def advance(self, done, events=0):
        self.done += done

    def note(self, event, **facts):
        if event == "epoch":
            self.epochs.append(facts)


@pytest.fixture
def trainer(data):
    def make(*, train=None, tasks=("classify",), **more):
        events, validation, label = data
        names = ("work", "identity", "progress")
        given = {name: more.pop(name) for name in names if name in more}
        torch.manual_seed(2)
        model = make_model(Encoder(name="l2-transformer"), {t: Task() for t in tasks}, label)
        model.normaliser.fit(events)
        settings = {"epochs": 2, "batch_size": BATCH, "schedule": "constant", **more}
        return Trainer(model, train or events, validation, Training(**settings), **given)

    return make


def state(trainer):
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def same(one, other):
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_loss_falls_and_the_log_adds_up(trainer):
    notes = Notes()
    t = trainer(tasks=("classify", "masked"), epochs=4, learning_rate=5e-3, progress=notes)
    place = t.run()
    assert place.log == notes.epochs
    assert notes.done == 4 * t.steps * BATCH == 4 * 2 * 16
    assert [r["step"] for r in place.log] == [2, 4, 6, 8]
    for split in ("train", "validation"):
        losses = [r[split]["loss"] for r in place.log]
        assert losses[-1] < losses[0]
        for record in place.log:
            parts = {k: v for k, v in record[split].items() if k != "loss"}
            assert set(parts) == {"classify.cross_entropy", "masked.values", "masked.types"}
            assert sum(parts.values()) == pytest.approx(record[split]["loss"])
    assert not t.model.training
    assert t.device == "cpu" or next(t.model.parameters()).device.type == "cpu"


def test_the_best_epoch_is_kept(trainer, data):
    t = trainer(epochs=6, learning_rate=0.03)
    place = t.run()
    losses = [r["validation"]["loss"] for r in place.log]
    assert place.best_epoch == losses.index(min(losses)) < 5, "a bad example"
    assert [r["best"] for r in place.log] == [
        x == min(losses[: n + 1]) for n, x in enumerate(losses)
    ]
    validation = data[1]
    with torch.no_grad():
        (term,) = t.model(validation, {"classify": Draw(0, events=len(validation))}).values()
    assert float(term.total / term.norm) == pytest.approx(min(losses), rel=1e-5)


def test_the_average_is_what_is_validated_and_kept(trainer):
    one, two = trainer(epochs=1), trainer(epochs=1, average=0.999)
    one.run()
    live = two.average._live
    two.run()
    assert not same(state(one), state(two))
    for name, parameter in live.items():
        assert torch.equal(parameter, two.average.values[name])


def test_it_ends_without_progress(trainer):
    place = trainer(epochs=50, patience=3, learning_rate=1e-30).run()
    assert place.epoch == 4
    assert place.best_epoch == 0


def poisoned(events, seed):
    """Return events of which one, first seen in the second epoch, has an infinite weight."""
    used = N - N % BATCH
    first, second = (epoch_order(N, seed, epoch)[:used].tolist() for epoch in (0, 1))
    row = next(row for row in second[BATCH:] if row not in first)
    weight = events.weight.clone()
    weight[row] = float("inf")
    return replace(events, weight=weight)


def test_a_loss_that_is_no_number_keeps_the_best_weights(trainer, data):
    t = trainer(train=poisoned(data[0], 3), seed=3, epochs=5)
    with pytest.raises(DivergedError) as caught:
        t.run()
    text = str(caught.value)
    assert "classify.cross_entropy" in text
    assert "step 4 (epoch 2, batch 2)" in text
    assert "\n" not in text
    assert t.place.best_epoch == 0
    before = trainer(train=poisoned(data[0], 3), seed=3, epochs=1)
    before.run()
    assert same(state(before), state(t))


def test_a_rate_that_is_too_large(trainer):
    t = trainer(learning_rate=1e30, warmup=0.0, clip=None)
    with pytest.raises(DivergedError, match=r"step 2 \(epoch 1, batch 2\)"):
        t.run()
    assert t.place.best_epoch == -1


def test_a_last_step_that_goes_astray_is_found_by_validation(trainer):
    t = trainer(learning_rate=1e30, warmup=0.0, clip=None, batch_size=N, epochs=1)
    with pytest.raises(DivergedError, match="validation events is not a number after epoch 1"):
        t.run()
    assert t.place.best_epoch == -1


def test_events_without_any_object(trainer, data):
    train = data[0]
    nothing = replace(
        train, variables=torch.zeros_like(train.variables), type=torch.zeros_like(train.type),
        counts=torch.zeros_like(train.counts),
    )  # fmt: skip
    t = trainer(train=nothing, tasks=("classify", "masked"), epochs=1)
    t.run()
    assert all(tensor.isfinite().all() for tensor in state(t).values())


def test_one_event_and_a_batch_larger_than_all(trainer, data):
    place = trainer(train=data[0].rows(torch.arange(1)), epochs=2).run()
    assert len(place.log) == 2
    assert trainer(batch_size=1000).steps == 1


class Interrupting(Silent):
    """Sends a signal to this process after some batches."""

    def __init__(self, at, number=signal.SIGINT):
        self._at, self._number, self._seen = at, number, 0

    def advance(self, done, events=0):
        self._seen += 1
        if self._seen == self._at:
            os.kill(os.getpid(), self._number)


@pytest.mark.parametrize("at", [2, 3, 5])
def test_a_signal_stops_after_the_step(trainer, tmp_path, at):
    """The first call tells what was done before: 2 is after step 1."""
    settings = {"tasks": ("classify", "masked"), "average": 0.9, "learning_rate": 1e-2}
    whole = trainer(**settings)
    whole.run()
    before = signal.getsignal(signal.SIGINT)
    t = trainer(**settings, work=tmp_path, identity="a", progress=Interrupting(at))
    if at == 5:  # in the last step of all: nothing is left to be stopped
        t.run()
    else:
        with pytest.raises(StoppedError, match="stopped in epoch"):
            t.run()
    assert signal.getsignal(signal.SIGINT) is before
    again = trainer(**settings, work=tmp_path, identity="a")
    assert again.place.epoch * 2 + again.place.index == min(at, 4)
    again.run()
    assert same(state(whole), state(again))
    for one, other in zip(whole.place.log, again.place.log, strict=True):
        keys = one.keys() - {"events_per_second"}
        assert {k: one[k] for k in keys} == {k: other[k] for k in keys}


@pytest.fixture
def as_at_the_start():
    """Handle Ctrl-C as Python does; packages of other tests put handlers of their own."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_signal_does_not_wait(trainer, tmp_path, as_at_the_start):
    class Twice(Interrupting):
        def advance(self, done, events=0):
            super().advance(done)
            if self._seen == self._at:
                os.kill(os.getpid(), self._number)

    t = trainer(work=tmp_path, progress=Twice(2))
    with pytest.raises(KeyboardInterrupt):
        t.run()
    assert not list(tmp_path.iterdir())


def test_a_state_of_another_training_is_refused(trainer, tmp_path):
    t = trainer(work=tmp_path, identity="a", epochs=1)
    t.run()
    with pytest.raises(TrainingError, match="--restart"):
        trainer(work=tmp_path, identity="b", epochs=1)
    finished = trainer(work=tmp_path, identity="a", epochs=1)
    assert finished.place.epoch == 1
    finished.run()
    assert same(state(t), state(finished))
    assert json.dumps(finished.place.log)


def test_a_rate_that_was_halved_stays_halved(trainer, tmp_path):
    settings = {
        "epochs": 4, "schedule": "plateau", "plateau_patience": 0, "warmup": 0.0,
        "learning_rate": 1e-30,
    }  # fmt: skip
    whole = trainer(**settings).run()
    rates = [record["learning_rate"] for record in whole.log]
    assert rates == pytest.approx([1e-30, 1e-30, 5e-31, 2.5e-31], rel=1e-9, abs=0)
    with pytest.raises(StoppedError):
        trainer(**settings, work=tmp_path, progress=Interrupting(6)).run()
    again = trainer(**settings, work=tmp_path).run()
    assert [record["learning_rate"] for record in again.log] == rates
