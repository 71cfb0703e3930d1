"""The commands, as a person or a script uses them."""

import json

import pytest

from topdata.schema import dataset_fingerprint


def test_help_of_every_command_has_an_example(topdata):
    commands = {"build", "inspect", "pull", "push", "schema"}
    listed = topdata("--help").out
    for command in commands:
        assert command in listed
        shown = topdata(command, "--help")
        assert shown.code == 0
        assert "Example" in shown.out


def test_version(topdata):
    assert topdata("--version").out.startswith("topdata 0.")


def test_completion_can_be_shown(topdata, monkeypatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    shown = topdata("--show-completion", "bash")
    assert shown.code == 0
    assert "complete" in shown.out


def test_schema_as_text_and_json(topdata):
    assert "truth.partons.origin" in topdata("schema").out
    content = json.loads(topdata("schema", "--json").out)
    assert content["dataset_fingerprint"] == dataset_fingerprint()
    assert [f["name"] for f in content["fields"]][:3] == ["event", "source", "process"]


def test_inspect_a_file_as_json(topdata, demo):
    content = json.loads(topdata("inspect", demo / "tttt.root", "--json").out)
    assert content["kind"] == "file"
    assert content["entries"] == 500
    assert content["truth"] is True
    assert content["weights"]["negative_fraction"] == 0
    assert content["mean_counts"]["jets"] > 8
    assert content["collections"]["Jet"] == "Jet"


def test_inspect_a_file_without_events(topdata, delphes):
    shown = topdata("inspect", delphes / "empty_tree.root")
    assert shown.code == 0, shown.err
    assert "events" in shown.out


def test_inspect_says_what_is_missing(topdata, delphes):
    assert "no jets collection: empty" in topdata("inspect", delphes / "no_jets.root").out


def test_inspect_a_dataset(topdata, demo_dataset):
    shown = topdata("inspect", demo_dataset)
    assert "dataset 'demo-tops', schema 1.0" in shown.out
    assert "n_jets >= 2" in shown.out
    content = json.loads(topdata("inspect", demo_dataset, "--json").out)
    assert content["kind"] == "dataset"
    assert content["classes"][4] == "tttt"


@pytest.mark.parametrize("name", ["nothing.root", "."])
def test_inspect_of_nothing_is_one_line(topdata, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shown = topdata("inspect", name)
    assert shown.code == 2
    assert shown.err.count("\n") == 1


def test_build_as_json(topdata, demo, tmp_path):
    shown = topdata(
        "build", demo / "ttt.root", "-o", tmp_path / "out", "--process", "ttt", "--cross-section",
        "1", "--universal", "--no-truth", "--select", "n_jets > 5", "--select", "met > 20", "--json",
    )  # fmt: skip
    assert shown.code == 0, shown.err
    content = json.loads(shown.out)
    assert [c["cut"] for c in content["processes"][0]["cut_flow"]] == [
        "all",
        "n_jets > 5",
        "met > 20",
    ]
    assert any(f["path"].startswith("universal/") for f in content["files"])
    assert shown.err == ""  # no progress bar where there is no terminal


def test_an_unknown_option_is_a_users_mistake(topdata):
    assert topdata("build", "--speed", "x").code == 2


def test_an_interruption_is_one_line(topdata, demo, tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("topdata.build.job.convert", interrupted)
    shown = topdata(
        "build", demo / "ttt.root", "-o", tmp_path / "out", "--process", "p", "--cross-section", "1"
    )
    assert shown.code == 130
    assert shown.err == "topdata: interrupted; the same command goes on from here\n"


def test_the_progress_bar_of_a_terminal(demo, tmp_path, monkeypatch):
    """Drive the bar as a terminal would, and see every event pass."""
    import io

    from rich.console import Console

    from topdata import terminal as progress
    from topdata.build import build
    from topdata.recipe import make_recipe

    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120)
    monkeypatch.setattr(progress, "Console", lambda **_: console)
    recipe = make_recipe(
        {
            "name": "d",
            "processes": [{"name": "p", "files": [str(demo / "ttt.root")], "cross_section": 1}],
        },
        "t",
    )
    with progress.Bar() as bar:
        build(recipe, tmp_path / "out", progress=bar)
    assert "writing" in text.getvalue()
    assert "300 events, " in text.getvalue()
