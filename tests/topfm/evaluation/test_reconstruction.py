"""Errors of reconstruction on events whose errors are put there."""

import numpy as np
import pytest

from topdata.errors import InputError
from topdata.schema import slots
from topdata.schema.codes import ObjectType
from topfm.data.events import load_events, present
from topfm.evaluation.reconstruction import (
    OBJECTS,
    TOPS,
    Ranked,
    object_means,
    reconstruction_errors,
    type_accuracy,
)

PT, ETA, PHI = (slots.FEATURE_NAMES.index(name) for name in ("pt", "eta", "phi"))


@pytest.fixture(scope="module")
def events(demo_dataset):
    return load_events(demo_dataset, split="train")[0]


@pytest.fixture(scope="module")
def arrays(events):
    return events.variables.numpy(), present(events.type).numpy()


def by_name(rows):
    return {(row.object, row.variable): row for row in rows}


def test_the_leading_jet_is_found_among_both_groups(arrays):
    true, there = arrays
    pt = np.where(there[:, :12], true[:, :12, PT], 0)
    leading = np.sort(pt, axis=1)[:, ::-1]
    means = object_means(true, there)
    assert means["jet 1"][PT] == pytest.approx(leading[:, 0].mean())
    assert means["jet 2"][PT] == pytest.approx(leading[leading[:, 1] > 0, 1].mean())
    assert 0 < (pt.argmax(axis=1) < 4).mean() < 1
    lepton = there[:, 12]
    assert means["lepton 1"] == pytest.approx(true[lepton, 12].mean(axis=0), rel=1e-4)


def test_errors_are_those_that_were_put_there(arrays):
    true, there = arrays
    hidden = np.random.default_rng(1).random(true.shape) < 0.3
    predicted = np.full_like(true, 1e9)  # what was not hidden must not count
    noise = np.where(np.arange(len(true)) % 2 == 0, 3.0, -3.0)[:, None]
    predicted[hidden] = (true + noise[..., None])[hidden]
    rows = by_name(reconstruction_errors(predicted, true, hidden, there, object_means(true, there)))
    assert len(rows) == len(OBJECTS) * 7
    for (_, variable), row in rows.items():
        assert row.entries > 0
        assert row.mae == pytest.approx(3.0, rel=1e-4)
        assert row.rmse.value == pytest.approx(3.0, rel=1e-4)
        assert row.unit == dict(slots.FEATURES)[variable]
    first = there[:, 12] & hidden[:, 12, PT]
    assert rows["lepton 1", "pt"].entries == first.sum()
    spread = true[first, 12, PT].astype(float)
    assert rows["lepton 1", "pt"].mean_rmse == pytest.approx(
        np.sqrt(np.mean((spread - true[there[:, 12], 12, PT].mean()) ** 2)), rel=1e-4
    )


def test_phi_is_wrapped():
    true = np.zeros((2, 1, 7))
    true[..., PT] = 1
    true[:, 0, PHI] = 3.1, -3.1
    predicted = true.copy()
    predicted[..., PHI] *= -1
    predicted[..., ETA] += 6
    one = {"a": Ranked((0,), 0)}
    rows = by_name(
        reconstruction_errors(
            predicted, true, np.ones((2, 1, 7), bool), np.ones((2, 1), bool),
            {"a": np.zeros(7)}, one,
        )
    )  # fmt: skip
    assert rows["a", "phi"].mae == pytest.approx(2 * np.pi - 6.2, rel=1e-5)
    assert rows["a", "eta"].mae == 6
    assert rows["a", "pt"].mean_mae == 1


def test_statistical_error_of_rmse():
    random = np.random.default_rng(2)
    one = {"a": Ranked((0,), 0)}
    there = np.ones((400, 1), bool)
    found = []
    for _ in range(300):
        true = np.abs(random.normal(size=(400, 1, 7))) + 1
        predicted = true + random.normal(size=true.shape)
        rows = reconstruction_errors(
            predicted, true, np.ones(true.shape, bool), there, {"a": np.zeros(7)}, one
        )
        found.append((rows[0].rmse.value, rows[0].rmse.error))
    values, errors = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.15)


def test_tops_and_nothing_hidden(events):
    tops = events.tops.numpy()
    there = tops[..., PT] > 0
    hidden = np.broadcast_to(there[..., None], tops.shape)
    means = object_means(tops, there, TOPS)
    rows = by_name(reconstruction_errors(tops + 1, tops, hidden, there, means, TOPS))
    assert rows["top 1", "pt"].entries == there[:, 0].sum()
    assert rows["top 2", "pt"].entries == there[:, 1].sum() < there[:, 0].sum()
    rows = reconstruction_errors(tops, tops, np.zeros_like(hidden), there, means, TOPS)
    assert all(
        row.entries == 0 and row.mae is row.rmse.value is row.mean_mae is None for row in rows
    )


def test_a_prediction_that_is_not_finite(arrays):
    true, there = arrays
    means = object_means(true, there)
    hidden = np.random.default_rng(1).random(true.shape) < 0.3
    bad = np.where(hidden & there[..., None], true, np.nan)  # where nobody looks
    reconstruction_errors(bad, true, hidden, there, means)
    bad[5:][(hidden & there[..., None])[5:]] = np.nan
    with pytest.raises(InputError, match="event 5 has a prediction that is not finite"):
        reconstruction_errors(bad, true, hidden, there, means)


def test_type_accuracy(events):
    true = events.type.numpy()
    hidden = np.random.default_rng(3).random(true.shape) < 0.3
    right, commonest = type_accuracy(true, true, hidden)
    assert right == 1
    assert commonest == pytest.approx((true[hidden] == int(ObjectType.NONE)).mean())
    wrong = np.where(np.arange(len(true))[:, None] % 4 == 0, true + 1, true)
    assert type_accuracy(wrong, true, hidden)[0] == pytest.approx(0.75, abs=0.02)
    assert np.isnan(type_accuracy(true, true, np.zeros_like(hidden))).all()
