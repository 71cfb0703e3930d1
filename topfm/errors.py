"""The errors of topfm that a user can cause or meet, beside those of :mod:`topdata.errors`."""

from __future__ import annotations

from topdata.errors import TopdataError


class CheckpointError(TopdataError):
    """A checkpoint is damaged, of another kind than needed, or does not fit a model."""


class TrainingError(TopdataError):
    """Training cannot start or go on."""
