"""Old schemas: what was released never changes, is read for ever, and is brought up to date."""

import copy
import hashlib
import json
import shutil
from importlib.resources import files

import awkward as ak
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import topdata as td
from topdata.errors import RecipeError, SchemaError
from topdata.manifest import read_manifest
from topdata.schema import fingerprint, released
from topdata.schema.version import SCHEMA_VERSION
from topdata.transform import migrate
from topdata.transform.migration import obstacles_from, upgraded

# sha256 of every released text, for ever
RELEASED = {"1.0": "a47d078ffc3790ebbbc9f1eaaa9c67ea0e9047cf21134d7ee4d95afbae021734"}


@pytest.fixture
def frozen(pytestconfig):
    return pytestconfig.rootpath / "tests" / "data" / "schema-1.0" / "dataset"


def test_released_schemas_never_change():
    assert released.versions() == list(RELEASED)
    for version, digest in RELEASED.items():
        text = (files("topdata") / f"schema/versions/{version}.json").read_bytes()
        assert hashlib.sha256(text).hexdigest() == digest
        content = released.released(version)
        described = {key: content[key] for key in ("version", "codes")}
        fields = _without_docs(content["fields"])
        assert content["dataset_fingerprint"] == fingerprint.digest({**described, "fields": fields})


def _without_docs(rows):
    return [
        {
            **{k: v for k, v in row.items() if k not in ("doc", "fields")},
            **({"fields": _without_docs(row["fields"])} if "fields" in row else {}),
        }
        for row in rows
    ]


def test_a_dataset_of_schema_1_0_is_read(frozen, tmp_path):
    """By this version as it is, or after ``topdata migrate``."""
    dataset = frozen
    if SCHEMA_VERSION != "1.0":
        dataset = tmp_path / "migrated"
        migrate(frozen, dataset)
    manifest = td.info(dataset)
    assert manifest.classes == ["tt", "ttdm"]
    assert (manifest.total.read, manifest.total.closes) == (512, True)
    events = td.load(dataset)
    assert len(events) == manifest.total.written == 288
    tops = events.truth.tops
    assert set(ak.to_list(ak.num(tops))) == {2}
    assert ak.mean(tops.mass) == pytest.approx(172.01, abs=0.01)
    paired = events[events.lhe_event >= 0]
    assert len(paired) == manifest.processes[0].ledger.written
    assert ak.all(ak.num(paired.truth.me) == 4)
    assert float(ak.sum(events.jets.pt)) == pytest.approx(PT_SUM, rel=1e-6)
    batch = next(td.batches(dataset, batch_size=64))
    assert batch["objects"].shape == (64, 19, 7)


PT_SUM = 194864.75


# --- a version before 1.0 that never was: 1.0 without two fields ----------------------------


@pytest.fixture
def older(demo_dataset, tmp_path, monkeypatch):
    """The demo dataset as schema 0.9 would have it: no ``lhe_event``, no ``jets.tautag``."""
    description = copy.deepcopy(released.released("1.0"))
    description["version"] = "0.9"
    jets = next(row for row in description["fields"] if row["name"] == "jets")
    jets["fields"] = [row for row in jets["fields"] if row["name"] != "tautag"]
    description["fields"] = [r for r in description["fields"] if r["name"] != "lhe_event"]
    monkeypatch.setattr("topdata.transform.migration.released", lambda version: description)
    folder = tmp_path / "older"
    shutil.copytree(demo_dataset, folder)
    content = json.loads((folder / "topdata.json").read_text())
    content["schema_version"] = "0.9"
    content["dataset_fingerprint"] = "0" * 64
    for file in content["files"]:
        if file["path"].startswith("data/"):
            path = folder / file["path"]
            table = _without(pq.read_table(path))
            pq.write_table(table, path)
            file["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
            file["size"] = path.stat().st_size
    (folder / "topdata.json").write_text(json.dumps(content))
    return folder


def _without(table):
    jets = table.column("jets").combine_chunks()
    items = jets.flatten()
    names = [f.name for f in items.type if f.name != "tautag"]
    kept = pa.StructArray.from_arrays([items.field(n) for n in names], names)
    jets = pa.ListArray.from_arrays(jets.offsets, kept)
    return table.set_column(table.column_names.index("jets"), "jets", jets).drop(["lhe_event"])


def _defaults(monkeypatch, **values):
    """Give fields of the current record a default, as a later minor version would."""
    from dataclasses import replace

    from topdata.schema import fields

    def rebuild(members, prefix=""):
        return tuple(
            replace(
                f,
                default=values.get(f"{prefix}{f.name}".replace(".", "_")),
                fields=rebuild(f.fields, f"{prefix}{f.name}."),
            )
            for f in members
        )

    event = rebuild(fields.EVENT)
    monkeypatch.setattr("topdata.transform.migration.EVENT", event)
    monkeypatch.setattr("topdata.transform.migration.describe", lambda: fingerprint.describe(event))


def test_new_fields_get_their_default(older, demo_dataset, tmp_path, monkeypatch):
    with pytest.raises(SchemaError, match="topdata migrate"):
        read_manifest(older)
    _defaults(monkeypatch, lhe_event=-1, jets_tautag=0)
    manifest = migrate(older, tmp_path / "new")
    assert manifest.schema_version == SCHEMA_VERSION
    assert manifest.history[-1].detail == {"from": "0.9", "to": SCHEMA_VERSION}
    ours, theirs = td.load(tmp_path / "new"), td.load(demo_dataset)
    assert ak.all(ours.lhe_event == -1)
    assert ak.all(ours.jets.tautag == 0)
    for name in ("pt", "btag", "parton"):
        assert ak.to_list(ours.jets[name]) == ak.to_list(theirs.jets[name])
    for name in set(theirs.fields) - {"jets", "lhe_event"}:
        assert ak.to_list(ours[name]) == ak.to_list(theirs[name]), name
    universal = {f.path for f in manifest.files if f.path.startswith("universal/")}
    assert universal == {
        f.path for f in td.info(demo_dataset).files if f.path.startswith("universal/")
    }


def test_every_obstacle_is_named(older, tmp_path):
    with pytest.raises(SchemaError) as caught:
        migrate(older, tmp_path / "new")
    assert "lhe_event is new and has no default" in str(caught.value)
    assert "jets.tautag is new and has no default" in str(caught.value)
    assert "build it again" in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_obstacles():
    theirs = copy.deepcopy(released.released(SCHEMA_VERSION))
    assert list(obstacles_from(theirs)) == []
    rows = {row["name"]: row for row in theirs["fields"]}
    rows["met"]["fields"][0]["unit"] = "MeV"
    rows["event"]["dtype"] = "int32"
    rows["weights"].pop("list")
    theirs["fields"].append({"name": "mood", "dtype": "int8", "unit": ""})
    theirs["codes"]["Decay"]["HADRONIC"] = 5
    assert list(obstacles_from(theirs)) == [
        "event: dtype was 'int32' and is 'int64'",
        "weights: list was None and is True",
        "met.pt: unit was 'MeV' and is 'GeV'",
        "mood is no longer there",
        "code Decay.HADRONIC was 5 and is 0",
    ]


def test_a_table_of_the_current_schema_stays(frozen):
    table = pq.read_table(frozen / "data" / "train-ttdm-00000.parquet")
    assert upgraded(table.slice(7, 20)).equals(table.slice(7, 20))


def test_an_unknown_version_is_said(tmp_path, frozen):
    shutil.copytree(frozen, tmp_path / "d")
    content = json.loads((tmp_path / "d" / "topdata.json").read_text())
    content["schema_version"], content["dataset_fingerprint"] = "0.1", "0"
    (tmp_path / "d" / "topdata.json").write_text(json.dumps(content))
    with pytest.raises(SchemaError, match=r"schema 0\.1 is not known here"):
        migrate(tmp_path / "d", tmp_path / "new")


def test_the_current_schema_needs_no_migration(frozen, tmp_path):
    with pytest.raises(RecipeError, match="nothing to do"):
        migrate(frozen, tmp_path / "new")
