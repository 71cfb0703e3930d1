"""Foundation models for top-quark physics, bound to topdata datasets.

``topfm.load`` opens a checkpoint; it and torch are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topfm.loading import load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    if name == "load":
        return import_module("topfm.loading").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
