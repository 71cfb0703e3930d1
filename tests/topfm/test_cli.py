"""The command topfm."""

import json

import pytest

from topdata.schema import view_fingerprint
from topfm.cli import main


def run(capsys, *arguments):
    try:
        main([str(a) for a in arguments])
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_inputs_of_a_dataset(capsys, demo_dataset):
    code, out, _ = run(capsys, "inputs", demo_dataset)
    assert code == 0
    assert view_fingerprint(0) in out
    assert "events fit" in out


def test_inputs_as_json(capsys):
    code, out, _ = run(capsys, "inputs", "--json")
    content = json.loads(out)
    assert code == 0
    assert content["view_fingerprint"] == view_fingerprint(0)
    assert content["features"][0] == ["pt", "GeV"]


def test_another_view_is_refused(capsys, demo_dataset, tmp_path):
    content = json.loads((demo_dataset / "topdata.json").read_text())
    content["view_fingerprint"] = "0" * 64
    (tmp_path / "topdata.json").write_text(json.dumps(content))
    code, _, err = run(capsys, "inputs", tmp_path)
    assert code == 2
    assert "its view is not the one of this version" in err


@pytest.mark.parametrize("arguments", [("--version",), ("--help",)])
def test_version_and_help(capsys, arguments):
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert "topfm" in out or "Foundation models" in out
