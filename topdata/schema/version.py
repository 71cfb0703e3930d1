"""The version of the event record, apart from the version of the package.

MAJOR changes when a field changes its meaning, unit, type or order rule, or goes;
MINOR when a field is added. A released ``versions/X.Y.json`` never changes.
"""

from __future__ import annotations

from topdata.errors import SchemaError

SCHEMA_VERSION = "1.0"


def parse(version: str) -> tuple[int, int]:
    """Return (major, minor). Raises :class:`SchemaError` for anything else."""
    major, dot, minor = version.partition(".")
    if not (dot and major.isdigit() and minor.isdigit()):
        raise SchemaError(
            f"schema version {version!r}: expected MAJOR.MINOR, like {SCHEMA_VERSION}"
        )
    return int(major), int(minor)


def require_readable(version: str, where: str) -> None:
    """Raise :class:`SchemaError` unless data of ``version`` can be read by this package."""
    major, minor = parse(version)
    own_major, own_minor = parse(SCHEMA_VERSION)
    if (major, minor) == (own_major, own_minor):
        return
    if (major, minor) > (own_major, own_minor):
        raise SchemaError(
            f"{where}: written with schema {version}, newer than {SCHEMA_VERSION} of this package: "
            "run `pip install --upgrade topdata`"
        )
    raise SchemaError(
        f"{where}: written with schema {version}, this package has {SCHEMA_VERSION}: run "
        f"`topdata migrate {where} -o NEW`"
    )
