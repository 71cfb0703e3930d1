"""Boosted trees on the same events: what a network has to be better than.

LightGBM (Ke et al., NeurIPS 2017) on everything that a network reads, and on multiplicities alone:
numbers of jets, b-jets, leptons and photons tell most of the number of tops already.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from topdata.errors import InputError, RecipeError, TopdataError, nearest
from topdata.schema.slots import FEATURE_NAMES
from topfm.evaluation.metrics import Array

if TYPE_CHECKING:
    from topfm.data.events import Events

INPUTS = ("universal", "multiplicities")
_VARIABLES = [FEATURE_NAMES.index(name) for name in ("pt", "eta", "phi", "energy")]
_ROUNDS = 2000  # early stopping decides
_PATIENCE = 50
_PARAMETERS: dict[str, Any] = {
    "objective": "multiclass",
    "metric": "multi_logloss",
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,  # else timing decides, and with it the order of sums
    "verbosity": -1,
}


def tree_inputs(events: Events, inputs: str) -> Array:
    """Return what the trees read, float32 [n, F].

    ``universal``: pt, eta, phi, energy (NaN where empty, the value that trees know as missing) and
    type of each slot, and the counts, F = 99; ``multiplicities``: the counts, F = 4. px, py and pz
    say nothing more. Raises :class:`RecipeError` for another name.
    """
    counts = events.counts.numpy()
    if inputs == "multiplicities":
        return np.asarray(counts)
    if inputs != "universal":
        raise RecipeError(f"no inputs {inputs!r} for trees{nearest(inputs, INPUTS)}")
    type_ = events.type.numpy().astype(np.float32)
    variables = events.variables.numpy()[..., _VARIABLES]
    variables = np.where(type_[..., None] > 0, variables, np.float32("nan"))
    return np.concatenate([variables.reshape(len(type_), -1), type_, counts], axis=1)


def boosted_trees(
    train: Events,
    validation: Events,
    test: Events,
    inputs: str = "universal",
    *,
    n_classes: int,
    weights: tuple[Array, Array] | None = None,
    seed: int = 0,
    threads: int = 1,
) -> Array:
    """Train trees until validation no longer improves; return probabilities of test, [n, C].

    ``weights`` are those of train and validation, [n]; by default each class has the same sum. A
    seed and a number of threads give the same probabilities every time.

    Raises :class:`TopdataError` where LightGBM is not installed, :class:`InputError` for negative
    weights, which trees cannot use, and for a class of validation that is missing in train.
    """
    if find_spec("lightgbm") is None:
        raise TopdataError("baselines need lightgbm: pip install 'topdata[fm]'")
    import lightgbm

    weights = weights or (balanced(train.label.numpy()), balanced(validation.label.numpy()))
    if min(float(w.min()) for w in weights) < 0:
        raise InputError("baselines: trees cannot use negative weights; train them with weight 1")
    parameters = {**_PARAMETERS, "num_class": n_classes, "seed": seed, "num_threads": threads}
    sets = [
        lightgbm.Dataset(tree_inputs(events, inputs), label=events.label.numpy(), weight=weight)
        for events, weight in zip((train, validation), weights, strict=True)
    ]
    booster = lightgbm.train(
        parameters,
        sets[0],
        num_boost_round=_ROUNDS,
        valid_sets=[sets[1].set_reference(sets[0])],
        callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
    )
    return np.asarray(booster.predict(tree_inputs(test, inputs), num_threads=threads))


def balanced(labels: Array) -> Array:
    """Return weights [n] of mean 1 that sum to the same in every class that is there."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(len(labels) / len(counts) / counts[inverse])
