"""Toy classifiers whose figures are known."""

import numpy as np
import pytest


class Toy:
    """Events of five classes, their probabilities, positive and signed weights."""

    def __init__(self, n=3000, classes=5, seed=1, shift=1.5, digits=None):
        random = np.random.default_rng(seed)
        self.labels = random.integers(0, classes, n)
        logits = random.normal(size=(n, classes))
        logits[np.arange(n), self.labels] += shift
        self.logits = logits if digits is None else np.round(logits, digits)
        powers = np.exp(self.logits)
        self.p = powers / powers.sum(axis=1, keepdims=True)
        self.ones = np.ones(n)
        self.weights = random.uniform(0.1, 3.0, n)
        self.signed = np.where(random.random(n) < 0.1, -1.0, 1.0) * self.weights


@pytest.fixture(scope="session")
def toy():
    return Toy()


@pytest.fixture(scope="session")
def tied():
    """Scores of few values."""
    return Toy(digits=0)


@pytest.fixture(scope="session")
def make_toy():
    return Toy
