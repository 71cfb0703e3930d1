"""The README's tour, run as written."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest

from topfm.cli import main as topfm_main


def console_blocks(text):
    for block in re.findall(r"```console\n(.*?)```", text, re.S):
        command, _, output = block.partition("\n")
        yield command.removeprefix("$ "), output


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.fixture
def in_clone(pytestconfig, tmp_path, monkeypatch):
    """Stand in a folder that looks like a clone, so that outputs do not land in it."""
    for name in ("tests", "cards"):
        (tmp_path / name).symlink_to(pytestconfig.rootpath / name)
    monkeypatch.chdir(tmp_path)
    return (pytestconfig.rootpath / "README.md").read_text()


def test_every_command_prints_what_the_readme_shows(in_clone, topdata):
    ran = 0
    for command, output in console_blocks(in_clone):
        name, *arguments = shlex.split(command)
        assert name == "topdata"
        result = topdata(*arguments)
        assert result.code == 0, result.err
        assert lines(result.out) == lines(output)
        ran += 1
    assert ran == 2


def test_the_python_session_shows_real_output(in_clone, topdata):
    (build,) = re.findall(r"topdata (build cards/recipes/demo\.yaml -o demo-dataset)", in_clone)
    assert topdata(*build.split()).code == 0
    blocks = re.findall(r"```python\n(>>>.*?)```", in_clone, re.S)
    assert len(blocks) == 2
    said = "\n".join(re.findall(r"^>>> (.*)$", "\n".join(blocks), re.M))
    shown = [x for block in blocks for x in block.splitlines() if x and not x.startswith(">>> ")]
    python = [sys.executable, "-q", "-i", "-c", ""]
    ran = subprocess.run(python, input=said, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == shown


def test_the_tour_of_checking_and_sharing(in_clone, topdata, demo_dataset, tmp_path):
    (block,) = re.findall(r"```bash\n(topdata validate.*?)```", in_clone, re.S)
    shutil.copytree(demo_dataset, tmp_path / "demo-dataset")
    commands = [shlex.split(line, comments=True) for line in lines(block)]
    commands.remove(["mkdir", "-p", "hub"])
    (tmp_path / "hub").mkdir()
    assert [words[1] for words in commands] == [
        "validate", "plot", "skim", "compare", "export", "push", "pull",
    ]  # fmt: skip
    for name, *arguments in commands:
        assert name == "topdata"
        ran = topdata(*arguments)
        assert ran.code == 0, ran.err
    assert (tmp_path / "demo-dataset-plots" / "index.html").exists()
    assert (tmp_path / "again" / "topdata.json").read_bytes() == (
        demo_dataset / "topdata.json"
    ).read_bytes()


def test_links_lead_somewhere(pytestconfig):
    for name in ("README.md", "CONTRIBUTING.md", "docs/design.md"):
        path = pytestconfig.rootpath / name
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{name}: {target}"


def test_the_tour_of_models(in_clone, demo_dataset, tmp_path):
    """Every command as written; trainings with one epoch more at the end, which wins."""
    (block,) = re.findall(r"```bash\n(topfm pretrain.*?)```", in_clone, re.S)
    (code,) = re.findall(r"```python\n(import topfm\n.*?)```", in_clone, re.S)
    shutil.copytree(demo_dataset, tmp_path / "demo-dataset")
    commands = [shlex.split(line) for line in lines(block)]
    assert [name for name, *_ in commands] == ["topfm"] * 5
    for _, verb, *arguments in commands:
        if verb in ("pretrain", "finetune"):
            arguments += ["--epochs", "1", "--labels", "200"]
        with pytest.raises(SystemExit) as stop:
            topfm_main([verb, *arguments])
        assert not stop.value.code, verb
    assert {path.name for path in (tmp_path / "figures").iterdir()} >= {"roc.png"}
    found = {}
    exec(compile(code, "README.md", "exec"), found)
    assert found["found"].probabilities.shape[1] == 6
