"""Hubs: where versioned datasets (and, for topfm, checkpoints) are shared.

No module here knows what travels but ``dataset``, which says what a dataset is.
The names below are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topdata.hub.dataset import pull, push, resolve

__all__ = ["pull", "push", "resolve"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("topdata.hub.dataset"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
