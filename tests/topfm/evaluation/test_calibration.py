"""Temperature scaling and reliability on classifiers of known calibration."""

import numpy as np
import pytest

from topdata.errors import InputError
from topfm.evaluation import metrics as m
from topfm.evaluation.calibration import (
    LIMITS,
    expected_calibration_error,
    fit_temperature,
    reliability,
    scaled,
)


@pytest.fixture(scope="module")
def calibrated():
    """Probabilities of which labels are drawn: perfect calibration."""
    random = np.random.default_rng(5)
    powers = np.exp(random.normal(size=(20_000, 4)))
    p = powers / powers.sum(axis=1, keepdims=True)
    labels = (random.random((len(p), 1)) > np.cumsum(p, axis=1)).sum(axis=1)
    return p, np.minimum(labels, 3)


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_temperature_is_recovered(calibrated, true):
    p, labels = calibrated
    over = scaled(p, 1 / true)  # logits times T
    weights = np.random.default_rng(6).uniform(0.5, 1.5, len(p))
    assert fit_temperature(over, labels, weights) == pytest.approx(true, rel=0.05)
    assert scaled(over, true) == pytest.approx(p, abs=1e-9)


def test_the_temperature_is_the_minimum(toy):
    t = fit_temperature(toy.p, toy.labels, toy.weights)
    losses = [
        m.log_loss(scaled(toy.p, x), toy.labels)(toy.weights) for x in (t, 0.98 * t, 1.02 * t)
    ]
    assert losses[0] == min(losses)
    assert t != pytest.approx(fit_temperature(toy.p, toy.labels, toy.ones), rel=1e-4)


def test_scaling_keeps_the_order_and_survives_zeros(toy):
    after = scaled(toy.p, 3.0)
    assert after.sum(axis=1) == pytest.approx(1)
    assert np.array_equal(after.argmax(axis=1), toy.p.argmax(axis=1))
    sure = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    assert scaled(sure, 2.0) == pytest.approx(sure)


def test_no_minimum_within_limits():
    sure = np.array([[0.6, 0.4], [0.4, 0.6]])
    assert fit_temperature(sure, np.array([0, 1]), np.ones(2)) == pytest.approx(LIMITS[0], rel=0.01)
    with pytest.raises(InputError, match="do not sum above 0"):
        fit_temperature(sure, np.array([0, 1]), np.array([1.0, -1.0]))


def test_calibration_error(calibrated):
    p, labels = calibrated
    ones = np.ones(len(p))
    good = expected_calibration_error(p, labels)(ones)
    bad = expected_calibration_error(scaled(p, 0.4), labels)(ones)
    assert good < 0.015
    assert bad > 10 * good
    always = np.tile([0.75, 0.25], (4, 1))
    wrong_half = np.array([0, 0, 1, 1])
    assert expected_calibration_error(always, wrong_half)(np.ones(4)) == pytest.approx(0.25)
    weights = np.array([[1.0, 1, 1, 1], [1.5, 1.5, 0.5, 0.5]])
    assert expected_calibration_error(always, wrong_half)(weights) == pytest.approx([0.25, 0])


def test_reliability_bins():
    predicted = np.array([0.0, 0.05, 0.55, 0.55, 1.0])
    outcome = np.array([False, True, True, False, True])
    found = reliability(predicted, outcome, np.array([1.0, 3.0, 1.0, 1.0, 2.0]), bins=2)
    assert found.predicted == pytest.approx([0.15 / 4, 3.1 / 4])
    assert found.observed == pytest.approx([0.75, 0.75])
    assert found.share == pytest.approx([0.5, 0.5])
    # effective entries 16/10 and 16/6
    assert found.error == pytest.approx(np.sqrt(0.75 * 0.25 / np.array([1.6, 16 / 6])))
    empty = reliability(predicted[:2], outcome[:2], np.ones(2), bins=2)
    assert np.isnan(empty.predicted[1])
    assert empty.share[1] == 0


def test_reliability_of_a_calibrated_classifier(calibrated):
    p, labels = calibrated
    found = reliability(p[:, 1], labels == 1, np.ones(len(p)))
    kept = np.isfinite(found.predicted) & (found.error > 0)
    pulls = (found.observed - found.predicted)[kept] / found.error[kept]
    assert kept.sum() >= 10
    assert np.abs(pulls).max() < 4
    assert pulls.std() == pytest.approx(1, abs=0.6)
