"""What can go wrong with models, beside the errors of :mod:`topdata.errors`.

::

    TopdataError
    |-- CheckpointError     a checkpoint is damaged, or is not what is needed
    `-- TrainingError       a training cannot go on; what was reached is kept
        |-- DivergedError   its loss is no number
        `-- StoppedError    somebody stopped it

Every message is one line that a command prints as it is; the exit code is 2.
"""

from __future__ import annotations

from topdata.errors import TopdataError


class CheckpointError(TopdataError):
    """A checkpoint is damaged, holds what it must not, or does not fit."""


class TrainingError(TopdataError):
    """A training cannot go on: loss that is no number, no memory, an interruption."""


class DivergedError(TrainingError):
    """A loss is no number; the best weights so far are kept."""


class StoppedError(TrainingError):
    """Somebody stopped a training; its state is saved."""
