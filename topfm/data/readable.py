"""Which datasets models of this version can read; knows no torch, so commands can ask first."""

from __future__ import annotations

from pathlib import Path

from topdata.errors import SchemaError
from topdata.manifest import Manifest
from topdata.schema.fingerprint import view_fingerprint


def require_readable(manifest: Manifest, where: Path | str, *, parton_level: bool = False) -> None:
    """Raise :class:`SchemaError` unless models of this version can read a dataset."""
    if manifest.level != "reconstructed" and not parton_level:
        left = f", undecayed {manifest.undecayed}" if manifest.undecayed else ""
        raise SchemaError(
            f"{where}: {manifest.level} level{left}, its jets are quarks and gluons: "
            "add --parton-level if that is what you want"
        )
    if manifest.view_fingerprint != view_fingerprint(manifest.btag_bit):
        raise SchemaError(f"{where}: its view is not the one of this version: build it again")
