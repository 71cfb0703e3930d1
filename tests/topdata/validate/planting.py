"""Plants one defect in a copy of a dataset, and keeps the manifest's hashes true beside it."""

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

TRAIN = "data/train-tt-00000.parquet"


class Planted:
    """A copy of a dataset that may be edited."""

    def __init__(self, original: Path, folder: Path) -> None:
        shutil.copytree(original, folder)
        self.folder = folder

    def table(self, path: str) -> pa.Table:
        table = pq.read_table(self.folder / path)
        for number, column in enumerate(table.columns):
            chunk = column.combine_chunks()
            if isinstance(chunk, pa.ExtensionArray):
                name = table.column_names[number]
                table = table.set_column(number, name, chunk.storage)
        return table

    def write(self, path: str, table: pa.Table, *, index: bool = True) -> None:
        pq.write_table(
            table, self.folder / path, write_page_index=index, row_group_size=50_000,
            compression="zstd",
        )  # fmt: skip
        self.describe(path, rows=table.num_rows)

    def describe(self, path: str, **more: int) -> None:
        """Give the manifest the size and hash that a file has now."""
        content = (self.folder / path).read_bytes()
        with self.manifest() as manifest:
            entry = next(file for file in manifest["files"] if file["path"] == path)
            entry |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), **more}

    def manifest(self) -> "Edited":
        return Edited(self.folder / "topdata.json")

    def find(self, path: str, where) -> int:
        """Return the first row that fits, of the first 100."""
        rows = self.table(path)[:100].to_pylist()
        return next(number for number, event in enumerate(rows) if where(event))

    def edit(self, path: str, row: int, edit) -> None:
        """Edit one event as plain types."""
        table = self.table(path)
        event = table.slice(row, 1).to_pylist()[0]
        edit(event)
        new = pa.Table.from_pylist([event], schema=table.schema)
        self.write(path, pa.concat_tables([table[:row], new, table[row + 1 :]]).combine_chunks())

    def replace(self, path: str, name: str, values) -> None:
        """Replace a column."""
        table = self.table(path)
        number = table.column_names.index(name)
        column = pa.array(values, table.schema.field(name).type)
        self.write(path, table.set_column(number, table.schema.field(name), column))


class Edited:
    """The manifest as plain types, written back at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> dict:
        self.content = json.loads(self.path.read_text())
        return self.content

    def __exit__(self, *_: object) -> None:
        self.path.write_text(json.dumps(self.content))


@dataclass
class Defect:
    """What to plant, and which rule must find it where."""

    name: str
    rule: str
    plant: object  # Planted -> (path, row), each may be None
    base: str = "plain"
    also: frozenset = field(default_factory=frozenset)  # rules that see it too

    def __repr__(self) -> str:
        return self.name


def of_event(name, rule, edit, *, where=lambda event: True, path=TRAIN, base="plain", also=()):
    """Return a defect in the first event that fits."""

    def plant(planted):
        row = planted.find(path, where)
        planted.edit(path, row, edit)
        return path, row

    return Defect(name, rule, plant, base, frozenset(also))


def of_manifest(name, rule, edit, *, base="plain", also=(), path=None):
    """Return a defect of the manifest."""

    def plant(planted):
        with planted.manifest() as manifest:
            edit(manifest)
        return path, None

    return Defect(name, rule, plant, base, frozenset(also))
