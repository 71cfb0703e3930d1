"""Foundation models for top-quark physics, bound to topdata datasets."""

from __future__ import annotations

__version__ = "0.1.0"
