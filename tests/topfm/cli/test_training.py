"""``topfm pretrain`` and ``topfm finetune`` as a person types them."""

import json
import re
import shlex
import subprocess
import sys

import pytest
import typer

from topfm.checkpoint.verify import verify
from topfm.cli import app, main


def leaves(group, *above):
    """Return commands by their words; a group has none of its own."""
    found = {}
    for name, command in group.commands.items():
        inner = hasattr(command, "commands")
        found |= leaves(command, *above, name) if inner else {" ".join((*above, name)): command}
    return found


COMMANDS = leaves(typer.main.get_command(app))
FEW = ("--epochs", 1, "--labels", 48, "--batch-size", 24)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_of_real_options(topfm, name):
    ran = topfm(*name.split(), "--help")
    assert ran.code == 0
    (example,) = re.findall(r"Example: `(topfm .*)`", COMMANDS[name].help)
    words = shlex.split(example)
    depth = 1 + len(name.split())
    assert " ".join(words[:depth]) == f"topfm {name}"
    arguments = words[depth:]
    COMMANDS[name].make_context(name, arguments)  # refuses an option that is not there
    assert "Example: topfm" in " ".join(re.sub(r"[│\s]+", " ", ran.out).split())


def test_every_option_is_explained():
    for name, command in COMMANDS.items():
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name}: {parameter.name}"


def test_help_needs_no_torch():
    code = (
        "import sys; from topfm.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'accelerate', 'peft', 'sklearn', 'lightgbm', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
    )
    assert ran.stderr.strip() == "[]"
    assert all(name.split()[0] in ran.stdout for name in COMMANDS)


def test_pretrain_and_finetune(topfm, demo_dataset, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    ran = topfm("pretrain", demo_dataset, "-o", one, "-t", "masked", "-t", "classify", *FEW)
    assert ran.code == 0, ran.err
    assert ran.err == ""
    epoch, last = ran.out.splitlines()
    assert re.match(r"epoch   1  train \d\.\d{4}  validation \d\.\d{4}\*  \(masked\.values", epoch)
    assert last.startswith(f"checkpoint {one}: l2-transformer, masked, classify, ")
    assert last.endswith("48 events, best epoch 1 of 1")
    ran = topfm("finetune", one, demo_dataset, "-o", two, "--label", "process", *FEW, "--json")
    assert ran.code == 0, ran.err
    content = json.loads(ran.out)
    assert content["digest"] == verify(two).digest
    assert content["best_epoch"] == 1
    assert all(name.startswith("tasks.classify.") for name in content["new"])
    three = tmp_path / "three"
    ran = topfm("finetune", one, demo_dataset, "-o", three, "--lora", 2, *FEW)
    assert ran.code == 0, ran.err
    assert "tensors loaded, none new, tasks.masked dropped" in ran.out
    assert verify(three).facts.run["config"]["finetune"]["lora"] == 2


def test_a_configuration_and_curves(topfm, demo_dataset, tmp_path):
    (tmp_path / "run.yaml").write_text("training: {epochs: 9, seed: 5}\ndata: {labels: 40}\n")
    ran = topfm(
        "pretrain", demo_dataset, "-o", tmp_path / "out", "-c", tmp_path / "run.yaml", *FEW[:2],
        "-s", "encoder.options.dropout=0.1", "--tensorboard", tmp_path / "board",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    config = verify(tmp_path / "out").facts.run["config"]
    assert config["training"]["epochs"] == 1
    assert (config["training"]["seed"], config["data"]["labels"]) == (5, 40)
    assert [path.name[:6] for path in (tmp_path / "board").iterdir()] == ["events"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-t", "clasify"), "did you mean 'classify'?"),
        (("-e", "l2-transformr"), "did you mean 'l2-transformer'?"),
        (("--label", "n_topss"), "did you mean 'n_tops'?"),
        (("--label", "n_jets >"), "ends too early"),
        (("--precision", "half"), "training.precision"),
        (("-s", "training.epohcs=3"), "did you mean 'epochs'?"),
        (("-s", "encoder.options.heads=7"), "heads"),
        (("-s", "encoder.options.size=tiny"), "'tiny'"),
        (("-s", "tasks.classify.options.smoothing=2"), "smoothing"),
        (("-c", "nowhere.yaml"), "nowhere.yaml: no such file"),
        (("--seed", "-1"), "training.seed"),
    ],
    ids=str,
)
def test_faults_are_one_line(topfm, demo_dataset, tmp_path, arguments, told):
    ran = topfm("pretrain", demo_dataset, "-o", tmp_path / "out", *FEW, *arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("topfm: ")
    assert ran.err.count("\n") == 1
    assert told in ran.err
    assert not list(tmp_path.iterdir())


def test_no_dataset_and_no_checkpoint(topfm, demo_dataset, tmp_path):
    for arguments in (
        ("pretrain", tmp_path / "no", "-o", tmp_path / "out"),
        ("pretrain", tmp_path, "-o", tmp_path / "out"),
        ("finetune", tmp_path / "no", demo_dataset, "-o", tmp_path / "out"),
        ("finetune", demo_dataset, demo_dataset, "-o", tmp_path / "out"),
    ):
        ran = topfm(*arguments, *FEW)
        assert ran.code == 2
        assert ran.err.startswith("topfm: ")
        assert ran.err.count("\n") == 1
        assert not list(tmp_path.iterdir())


def test_unknown_commands_and_options(topfm):
    assert topfm("pretrian").code == 2
    assert topfm("pretrain", "x", "-o", "y", "--epohcs", 3).code == 2
    with pytest.raises(SystemExit):
        main([])
