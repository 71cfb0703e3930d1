"""Clean datasets, the command, and what a report holds."""

import json
import re

import pyarrow as pa
import pytest

from topdata.build import shard
from topdata.errors import InputError
from topdata.validate import RULES, files, validate
from topdata.validate.rules import dataset_rule
from topdata.validate.signatures import COLUMNS, Signatures, differing

from .planting import TRAIN


@pytest.mark.parametrize("base", ["plain", "universal", "partons", "paired"])
def test_a_clean_dataset_has_no_findings(base, clean):
    assert clean[base].counts == {}
    assert clean[base].findings == []
    assert clean[base].rules == list(RULES)
    assert clean[base].events > 10


def test_the_demo_dataset_is_valid(demo_dataset, topdata):
    done = topdata("validate", demo_dataset)
    assert done.code == 0
    assert re.search(rf"{len(RULES)} rules hold for 3312 events \(\d", done.out)
    assert done.err == ""


def test_hidden_files_may_lie_beside(planted):
    copy = planted("plain")
    (copy.folder / ".cache").mkdir()
    for name in (".gitattributes", ".cache/x", "SHA256SUMS"):
        (copy.folder / name).write_text("x")
    assert validate(copy.folder).ok


def test_findings_end_in_one_line_and_exit_code_2(planted, topdata):
    copy = planted("plain")
    rows = copy.table(TRAIN).num_rows
    copy.replace(TRAIN, "n_tops", [3] * rows)
    done = topdata("validate", copy.folder)
    assert done.code == 2
    assert done.err.strip() == (
        f"topdata: {copy.folder}: 1 of {len(RULES)} rules are broken, {rows} findings"
    )
    assert f"{TRAIN}, row 4: n_tops 3, 2 in truth.tops" in done.out
    assert "row 5:" not in done.out
    assert f"... {rows} in all" in done.out


def test_json_of_a_broken_dataset(planted, topdata):
    copy = planted("plain")
    copy.replace(TRAIN, "n_tops", [3] * copy.table(TRAIN).num_rows)
    done = topdata("validate", copy.folder, "--json")
    report = json.loads(done.out)
    assert done.code == 2
    assert report["ok"] is False
    assert report["counts"] == {"truth.count": copy.table(TRAIN).num_rows}
    assert report["findings"][0] == {
        "rule": "truth.count",
        "path": TRAIN,
        "row": 0,
        "message": "n_tops 3, 2 in truth.tops",
    }
    assert len(report["findings"]) == 5


def test_json_of_a_valid_dataset(bases, topdata):
    done = topdata("validate", bases["plain"], "--json")
    report = json.loads(done.out)
    assert done.code == 0
    assert (report["ok"], report["counts"], report["findings"]) == (True, {}, [])
    assert report["rules"] == list(RULES)


def test_other_shards_are_checked_beside_a_damaged_one(planted):
    copy = planted("plain")
    copy.edit("data/test-wjj-00000.parquet", 3, lambda event: event.update(n_tops=1))
    path = copy.folder / TRAIN
    path.write_bytes(path.read_bytes()[:-100])
    report = validate(copy.folder)
    assert set(report.counts) == {"files.checksum", "shard.readable", "truth.count"}
    place = next(f for f in report.findings if f.rule == "truth.count")
    assert (place.path, place.row) == ("data/test-wjj-00000.parquet", 3)


def test_a_damaged_file_is_no_traceback(planted, topdata):
    copy = planted("plain")
    (copy.folder / TRAIN).write_bytes(b"PAR1 nothing at all")
    done = topdata("validate", copy.folder)
    assert done.code == 2
    assert f"{TRAIN}: the footer cannot be read" in done.out


def test_a_folder_that_is_no_dataset(tmp_path, topdata):
    with pytest.raises(InputError, match="not a topdata dataset"):
        validate(tmp_path)
    done = topdata("validate", tmp_path)
    assert (done.code, done.out) == (2, "")


def test_a_dataset_is_needed(topdata):
    done = topdata("validate")
    assert done.code == 2
    assert "name a dataset, or add --list" in done.err


def test_every_rule_is_listed_with_a_sentence(topdata):
    listed = json.loads(topdata("validate", "--list", "--json").out)
    assert set(listed) == set(RULES)
    assert all(len(rule["text"]) > 20 and rule["severity"] == "error" for rule in listed.values())
    text = topdata("validate", "--list").out
    assert all(name in text for name in RULES)


def test_a_newer_schema_names_the_remedy(planted):
    copy = planted("plain")
    with copy.manifest() as manifest:
        manifest["schema_version"] = "9.0"
    (finding,) = validate(copy.folder).findings
    assert finding.rule == "manifest.readable"
    assert "pip install --upgrade topdata" in finding.message


def test_row_groups_have_a_limit(bases, monkeypatch):
    assert files.ROW_GROUP == shard.ROW_GROUP
    monkeypatch.setattr(files, "ROW_GROUP", 100)
    report = validate(bases["plain"])
    assert set(report.counts) == {"shard.row-groups"}


def test_rows_are_numbered_through_row_groups(planted):
    copy = planted("plain")
    table = copy.table(TRAIN)
    row = table.num_rows - 1
    copy.edit(TRAIN, row, lambda event: event["jets"][0].update(flavor=99))
    small = copy.table(TRAIN)
    pa.parquet.write_table(small, copy.folder / TRAIN, row_group_size=64, write_page_index=True)
    copy.describe(TRAIN)
    (finding,) = validate(copy.folder).findings
    assert (finding.rule, finding.path, finding.row) == ("jets.flavor", TRAIN, row)


def test_two_rules_cannot_have_one_name():
    with pytest.raises(ValueError, match="two rules are named"):
        dataset_rule("jets.mass")(lambda dataset: iter(()))


def test_the_last_bit_of_a_momentum_may_differ(bases, planted):
    """cos and sin of another machine: px in the universal configuration may be one ulp off."""
    copy = planted("universal")
    path = "universal/train-00000.parquet"

    def nudge(event):
        event["objects"][4][3] *= 1 + 1e-7

    copy.edit(path, 0, nudge)
    assert validate(copy.folder).ok


def test_signatures_of_nothing_are_equal():
    keys, digests, sums = Signatures().joined()
    assert len(keys) == 0
    assert differing((digests, sums), (digests, sums)).shape == (0, len(COLUMNS))
