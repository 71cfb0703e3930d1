"""A training that is killed, stopped or disturbed ends at the bits of one left in peace."""

import json
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from topfm.checkpoint.verify import verify

KILLED = Path(__file__).with_name("killed.py")
FRUGAL = Path(__file__).with_name("frugal.py")
SETTINGS = (
    "-t", "classify", "-t", "masked", "--epochs", 3, "--labels", 96, "--batch-size", 16,
    "-s", "encoder.options.dropout=0.1", "-s", "training.average=0.9",
    "-s", "training.save_steps=2", "-s", "training.schedule=plateau",
    "-s", "training.plateau_patience=0",
)  # fmt: skip


@pytest.fixture(scope="module")
def command(demo_dataset):
    return lambda output, *more: ("pretrain", demo_dataset, "-o", output, *SETTINGS, *more)


@pytest.fixture(scope="module")
def whole(forks, command, tmp_path_factory):
    """A training left in peace: its folder, and how long it took."""
    output = tmp_path_factory.mktemp("whole") / "out"
    began = time.monotonic()
    ran = forks.run("topfm", *command(output))
    assert ran.code == 0, ran.err
    return output, time.monotonic() - began


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.003)


def weights(folder):
    verify(folder)
    return (folder / "model.safetensors").read_bytes()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def log(folder):
    lines = [json.loads(line) for line in (folder / "training-log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "events_per_second"} for line in lines]


def test_killed_at_every_kind_of_moment(forks, command, whole, tmp_path):
    """Before a state is renamed into its place, in the middle of an epoch, at its end, at random."""
    output, length = tmp_path / "out", whole[1]
    for number in (1, 2, 3, 2):  # before the first state, within an epoch, at the end of one
        assert forks.run(KILLED, number, *command(output)).code == -signal.SIGKILL
        assert not output.exists()
    source = random.Random(7)
    for _ in range(2):
        child = forks.start("topfm", *command(output))
        time.sleep(source.uniform(0.1, 0.6) * length)
        child.kill()
        child.wait()
    if not output.exists():
        ran = forks.run("topfm", *command(output))
        assert ran.code == 0, ran.err
    assert weights(output) == weights(whole[0])
    assert log(output) == log(whole[0])
    assert names(tmp_path) == ["out"]


def test_killed_when_the_checkpoint_is_published(forks, command, whole, tmp_path):
    """Three epochs of six steps: three states within each and one at its end, then the folder."""
    output = tmp_path / "out"
    assert forks.run(KILLED, 13, *command(output)).code == -signal.SIGKILL
    assert not output.exists()
    ran = forks.run(KILLED, 2, *command(output))  # no epoch is left: its only rename
    assert ran.code == 0, ran.err
    assert weights(output) == weights(whole[0])
    assert names(tmp_path) == ["out"]


def test_stopped_by_a_signal(forks, command, whole, tmp_path):
    output = tmp_path / "out"
    state = tmp_path / ".out.training" / "state.safetensors"
    for number in (signal.SIGINT, signal.SIGTERM):
        before = state.stat().st_mtime_ns if state.exists() else 0
        child = forks.start("topfm", *command(output))
        wait_until(lambda old=before: state.exists() and state.stat().st_mtime_ns != old)
        child.kill(number)
        ran = child.wait()
        assert ran.code == 130
        assert ran.err.count("\n") == 1
        assert "the same command goes on from there" in ran.err
    ran = forks.run("topfm", *command(output))
    assert ran.code == 0, ran.err
    assert weights(output) == weights(whole[0])
    assert log(output) == log(whole[0])
    assert names(tmp_path) == ["out"]


@pytest.fixture(scope="module")
def interrupted(forks, command, tmp_path_factory):
    """A folder that holds the working folder of a training that was killed."""
    folder = tmp_path_factory.mktemp("interrupted")
    assert forks.run(KILLED, 4, *command(folder / "out")).code == -signal.SIGKILL
    assert names(folder) == [".out.training"]
    return folder


@pytest.fixture
def again(interrupted, tmp_path):
    shutil.copytree(interrupted, tmp_path, dirs_exist_ok=True)
    return tmp_path / "out"


def refused(ran, *texts):
    assert ran.code == 2
    assert ran.err.startswith("topfm: ")
    assert ran.err.count("\n") == 1
    for text in texts:
        assert text in ran.err


def test_another_command_is_refused_until_it_restarts(topfm, command, whole, again):
    other = command(again, "--seed", 5)
    for arguments in (other, command(again, "-s", "training.save_steps=3"),
                      command(again, "--labels", 95)):  # fmt: skip
        refused(topfm(*arguments), "other data or settings", "--restart")
    assert names(again.parent) == [".out.training"]
    assert topfm(*other, "--restart", "--epochs", 1).code == 0
    assert weights(again) != weights(whole[0])
    assert names(again.parent) == ["out"]


def test_restart_forgets(forks, command, whole, again):
    ran = forks.run("topfm", *command(again, "--restart"))
    assert ran.code == 0, ran.err
    assert "epoch   1 " in ran.out
    assert weights(again) == weights(whole[0])


@pytest.mark.parametrize("damage", ["short", "empty", "text", "header", "foreign"])
def test_a_damaged_state_is_one_line(topfm, command, again, damage):
    state = again.parent / ".out.training" / "state.safetensors"
    content = state.read_bytes()
    state.write_bytes({
        "short": content[: len(content) // 2], "empty": b"", "text": b"no state of a training",
        "header": content[:8] + b"}" + content[9:],
        "foreign": save({"a": torch.zeros(2)}, {"topfm-state": "{}"}),
    }[damage])  # fmt: skip
    refused(topfm(*command(again)), ".out.training", "--restart")
    assert state.exists()


def test_two_trainings_of_one_output(forks, topfm, command, tmp_path):
    output = tmp_path / "out"
    child = forks.start("topfm", *command(output, "-s", "training.epochs=500"))
    state = tmp_path / ".out.training" / "state.safetensors"
    wait_until(state.exists)
    refused(topfm(*command(output)), str(output), "another training is writing it")
    refused(topfm(*command(output, "--restart")), "another training is writing it")
    assert state.exists()
    child.kill()
    child.wait()


def test_what_fails_before_its_first_step_leaves_nothing(topfm, command, tmp_path):
    (tmp_path / "file").touch()
    refused(topfm(*command(tmp_path / "file")), "exists already")
    refused(topfm(*command(tmp_path / "file" / "out")), "cannot be written")
    refused(topfm(*command(tmp_path / "out", "-s", "training.precision=fp8")), "precision")
    refused(topfm(*command(tmp_path / "out", "-s", "training.learning_rate=1e30")), "not a number")
    assert names(tmp_path) == ["file"]


def test_out_of_memory(forks, demo_dataset, tmp_path):
    output = tmp_path / "out"
    ran = forks.run(
        FRUGAL, "pretrain", demo_dataset, "-o", output, "-s", "encoder.options.size=large",
        "--batch-size", 2500,
    )  # fmt: skip
    refused(ran, "out of memory with 2500 events a batch", "training.batch_size")
    assert names(tmp_path) == []
