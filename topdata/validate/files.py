"""Rules of the files: what lies in the folder, and how the parquet files are made."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from topdata.build.shard import ROW_GROUP
from topdata.manifest import FILE_NAME, damaged_files
from topdata.schema.arrow import arrow_schema, universal_features
from topdata.validate.dataset import Dataset, Shard
from topdata.validate.manifests import README
from topdata.validate.rules import Fault, dataset_rule, shard_rule

_BESIDE = (
    FILE_NAME,
    README,
    "SHA256SUMS",
    "LICENSE",
)  # besides hidden files and those of the manifest


@dataset_rule("files.present")
def present(dataset: Dataset) -> Iterator[Fault]:
    """Every file of the manifest is there."""
    for file in dataset.manifest.files:
        if not (dataset.root / file.path).is_file():
            yield Fault("missing", file.path)


@dataset_rule("files.unexpected")
def unexpected(dataset: Dataset) -> Iterator[Fault]:
    """There is no other file; hidden ones, SHA256SUMS and LICENSE may be."""
    ours = {*_BESIDE, *(file.path for file in dataset.manifest.files)}
    for path in sorted(dataset.root.rglob("*")):
        name = path.relative_to(dataset.root)
        hidden = any(part.startswith(".") for part in name.parts)
        if not (hidden or path.is_dir() or name.as_posix() in ours):
            yield Fault("no file of the dataset", name.as_posix())


@dataset_rule("files.checksum")
def checksum(dataset: Dataset) -> Iterator[Fault]:
    """Every file has the size and the sha256 of the manifest."""
    for file, reason in damaged_files(dataset.root, dataset.manifest):
        if reason != "missing":
            yield Fault(reason, file.path)


@shard_rule("shard.readable")
def readable(shard: Shard) -> Iterator[Fault]:
    """Footer and row groups can be read."""
    for problem in shard.problems:
        yield Fault(problem, shard.path)


@shard_rule("shard.schema")
def schema(shard: Shard) -> Iterator[Fault]:
    """The columns are those of the schema, by name, order and type."""
    for fault in shard.differences:
        yield Fault(fault, shard.path)


def differences(shard: Shard) -> Iterator[str]:
    """Yield what differs between the columns of an open shard and the schema."""
    if shard.parquet is None:
        return
    if shard.is_universal:
        classes = [*dict.fromkeys(shard.dataset.manifest.classes)]
        expected = universal_features(classes).arrow_schema
    else:
        expected = arrow_schema()
    yield from _differences("", expected, shard.parquet.schema_arrow)


def _differences(where: str, expected: pa.Schema, found: pa.Schema) -> Iterator[str]:
    """Yield what differs, to the innermost field."""
    names, there = [f.name for f in expected], [f.name for f in found]
    if names != there:
        missing = [name for name in names if name not in there]
        more = [name for name in there if name not in names]
        what = [f"no {n!r}" for n in missing] + [f"a {n!r} too many" for n in more]
        yield f"{where or 'columns'}: {', '.join(what) or f'in the order {there}'}"
        return
    for name in names:
        yield from _type_differences(
            f"{where}{name}", expected.field(name).type, found.field(name).type
        )


def _type_differences(where: str, expected: pa.DataType, found: pa.DataType) -> Iterator[str]:
    if expected == found:
        return
    expected, found = _storage(expected), _storage(found)
    if pa.types.is_struct(expected) and pa.types.is_struct(found):
        yield from _differences(f"{where}.", pa.schema(list(expected)), pa.schema(list(found)))
    elif pa.types.is_list(expected) and pa.types.is_list(found):
        yield from _type_differences(where, expected.value_type, found.value_type)
    elif expected != found:
        yield f"{where} is {found}, not {expected}"


def _storage(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


@shard_rule("shard.metadata")
def metadata(shard: Shard) -> Iterator[Fault]:
    """Version, fingerprints, b-tag bit and level in a file's metadata are those of the manifest."""
    if shard.parquet is None:
        return
    found = shard.parquet.schema_arrow.metadata or {}
    manifest = shard.dataset.manifest
    for name in ("schema_version", "dataset_fingerprint", "view_fingerprint", "btag_bit", "level"):
        value = found.get(f"topdata.{name}".encode())
        expected = str(getattr(manifest, name))
        if value != expected.encode():
            said = "nothing" if value is None else repr(value.decode("utf-8", "replace"))
            yield Fault(f"{name}: {said}, the manifest says {expected!r}", shard.path)


@shard_rule("shard.rows")
def rows(shard: Shard) -> Iterator[Fault]:
    """A file has the rows that the manifest says."""
    if shard.parquet is not None and (found := shard.parquet.metadata.num_rows) != shard.file.rows:
        yield Fault(f"{found} rows, the manifest says {shard.file.rows}", shard.path)


@shard_rule("shard.row-groups")
def row_groups(shard: Shard) -> Iterator[Fault]:
    """Row groups hold at most 50,000 events, and every column has a page index."""
    if shard.parquet is None:
        return
    footer, first = shard.parquet.metadata, 0
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        if group.num_rows > ROW_GROUP:
            yield Fault(f"row group {number} has {group.num_rows} rows", shard.path, first)
        columns = [group.column(index) for index in range(group.num_columns)]
        bare = [column.path_in_schema for column in columns if not _indexed(column)]
        if bare:
            text = f"row group {number}: no page index of {', '.join(bare[:3])}"
            more = f" and {len(bare) - 3} more columns" if len(bare) > 3 else ""
            yield Fault(text + more, shard.path, first)
        first += group.num_rows


def _indexed(column: pq.ColumnChunkMetaData) -> bool:
    """Tell whether a column has a page index; a page without any number has no smallest one."""
    ordered = column.is_stats_set and column.statistics.has_min_max
    return bool(column.has_offset_index and (column.has_column_index or not ordered))
