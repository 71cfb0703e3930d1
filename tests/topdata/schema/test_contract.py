"""The declared record and everything that is generated from it."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files

import pyarrow as pa
import pytest

from topdata.errors import SchemaError
from topdata.schema import arrow, fields, fingerprint, slots
from topdata.schema.compare import differences
from topdata.schema.version import SCHEMA_VERSION, parse, require_readable


def test_shipped_text_is_the_current_schema():
    shipped = json.loads((files("topdata") / f"schema/versions/{SCHEMA_VERSION}.json").read_text())
    assert shipped["fields"] == fingerprint.describe(docs=True)
    assert shipped["codes"] == fingerprint.codes()
    assert shipped["view"] == fingerprint.view_spec()
    assert shipped["dataset_fingerprint"] == fingerprint.dataset_fingerprint()


def test_arrow_and_datasets_agree():
    generated = arrow.features(["a", "b"]).arrow_schema
    assert [f.name for f in generated] == [f.name for f in arrow.arrow_schema()]
    for ours, theirs in zip(arrow.arrow_schema(), generated, strict=True):
        assert ours.type == theirs.type, ours.name


def test_table_names_every_field():
    table = arrow.markdown_table()
    for path, field in fields.walk():
        assert f"| `{path}` |" in table
        assert field.doc in table


def test_every_dimensionful_number_has_a_unit():
    for path, field in fields.walk():
        name = path.rpartition(".")[2]
        if name in ("pt", "mass"):
            assert field.unit == "GeV"
        if name == "phi":
            assert field.unit == "rad"


def _changed(path: str, **changes: object) -> tuple[fields.Field, ...]:
    """Return the record with one field changed."""

    def rebuild(members, prefix=""):
        return tuple(
            replace(
                f,
                **(changes if prefix + f.name == path else {}),
                fields=rebuild(f.fields, f"{prefix}{f.name}."),
            )
            for f in members
        )

    return rebuild(fields.EVENT)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("jets.pt", {"unit": "MeV"}),
        ("jets.pt", {"dtype": "float64"}),
        ("truth.tops.decay", {"name": "mode"}),
        ("photons", {"many": False}),
    ],
)
def test_fingerprint_sees_every_change_of_meaning(path, change):
    before = fingerprint.digest(fingerprint.describe())
    assert fingerprint.digest(fingerprint.describe(_changed(path, **change))) != before


def test_fingerprint_ignores_wording():
    reworded = _changed("jets.pt", doc="momentum across the beam")
    assert fingerprint.describe(reworded) == fingerprint.describe()


def test_view_fingerprint_depends_on_the_working_point_and_nothing_in_the_storage():
    assert fingerprint.view_fingerprint(0) != fingerprint.view_fingerprint(1)
    assert "met" not in fingerprint.view_spec()


def test_slots_are_contiguous():
    assert slots.N_SLOTS == 19
    assert [g.start for g in slots.GROUPS] == [0, *(g.stop for g in slots.GROUPS[:-1])]


def test_differences_name_each_field():
    theirs = fingerprint.describe(_changed("jets.pt", unit="MeV"))
    theirs = [row for row in theirs if row["name"] != "photons"]
    found = list(differences(fingerprint.describe(), theirs))
    assert "jets.fields.pt.unit: 'MeV', expected 'GeV'" in found
    assert "photons: missing" in found
    assert len(found) == 2


def test_differences_see_order_and_new_fields():
    ours = [{"name": "a"}, {"name": "b"}]
    assert list(differences(ours, ours[::-1])) == ["fields: other order"]
    assert list(differences(ours, [*ours, {"name": "c"}])) == ["c: unknown"]
    assert list(differences(ours, ours)) == []


def test_versions():
    assert parse("1.10") == (1, 10)
    require_readable(SCHEMA_VERSION, "here")
    with pytest.raises(SchemaError, match="newer than"):
        require_readable("2.0", "there")
    with pytest.raises(SchemaError, match="topdata migrate there"):
        require_readable("0.9", "there")
    with pytest.raises(SchemaError, match="expected MAJOR"):
        require_readable("one", "there")


def test_build_and_unpack_are_inverse():
    columns = {"pt": [1.0, 2.0, 3.0], "eta": [0.0] * 3, "phi": [0.1] * 3, "isolation": [0.0] * 3}
    made = arrow.build(fields.PHOTONS, ([0, 2, 2, 3], columns))
    assert made.type == arrow.arrow_type(fields.PHOTONS)
    assert [len(event) for event in made.to_pylist()] == [2, 0, 1]
    offsets, members = arrow.unpack(made.slice(1))
    assert offsets.tolist() == [0, 0, 1]
    assert members["pt"].tolist() == [3.0]
    offsets, members = arrow.unpack(pa.chunked_array([made, made]))
    assert members["pt"].tolist() == [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]


def test_the_contract_loads_nothing_heavy():
    code = (
        "import sys, topdata, topdata.schema.fields, topdata.schema.fingerprint;"
        "print([m for m in ('numpy','pyarrow','datasets','awkward','uproot','torch','pydantic')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
