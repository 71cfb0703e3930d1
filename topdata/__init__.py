"""Simulated top-quark events as versioned Hugging Face datasets.

The names below are loaded when they are first used, so that ``import topdata`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topdata.loader import batches, info, load

__version__ = "0.1.0"
__all__ = ["__version__", "batches", "info", "load"]


def __getattr__(name: str) -> Any:
    if name in ("batches", "info", "load"):
        return getattr(import_module("topdata.loader"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
