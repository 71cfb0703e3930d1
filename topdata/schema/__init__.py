"""The contract: the event record, its codes, its version and its digests."""

from __future__ import annotations

from topdata.schema.codes import NO_TRUTH, Decay, Match, ObjectType
from topdata.schema.fields import EVENT, Field, walk
from topdata.schema.fingerprint import dataset_fingerprint, view_fingerprint
from topdata.schema.version import SCHEMA_VERSION

__all__ = [
    "EVENT",
    "NO_TRUTH",
    "SCHEMA_VERSION",
    "Decay",
    "Field",
    "Match",
    "ObjectType",
    "dataset_fingerprint",
    "view_fingerprint",
    "walk",
]
