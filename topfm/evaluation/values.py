"""Numbers as a report keeps them: rounded, with an error, and null where there is none."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict

from topfm.evaluation.bootstrap import Measured

_DIGITS = 6  # of which errors make two or three worth reading


def _plain(value: float | None) -> float | None:
    """Return a number that JSON has: None where there is none."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")


Number = Annotated[float | None, BeforeValidator(_plain)]


class Plain(BaseModel):
    """A record that becomes JSON and back."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Value(Plain):
    """A number and its statistical error; None where there is none, as for an absent class."""

    value: Number
    error: Number = None

    def __str__(self) -> str:
        """Return ``0.9031 ± 0.0017``, or a dash."""
        if self.value is None:
            return "–"
        if not self.error:
            return f"{self.value:.4g}"
        places = max(1 - math.floor(math.log10(self.error)), 0)
        return f"{self.value:.{places}f} ± {self.error:.{places}f}"


def values_of(measured: Measured) -> list[Value]:
    """Return a list of values from a measured vector [k]."""
    pairs = zip(np.ravel(measured.value), np.ravel(measured.error), strict=True)
    return [Value(value=value, error=error) for value, error in pairs]


def value_of(measured: Measured) -> Value:
    """Return the value of a measured number."""
    return Value(value=float(measured.value), error=float(measured.error))
