"""Several processes that share a batch learn what one learns."""

import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from topfm import registry
from topfm.checkpoint.verify import verify

SCRIPT = Path(__file__).with_name("together.py")


def together(forks, n, *argv):
    """Run something in n processes, as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    children = [
        forks.start(
            *argv, CUDA_VISIBLE_DEVICES="", RANK=str(k), LOCAL_RANK=str(k), WORLD_SIZE=str(n),
            LOCAL_WORLD_SIZE=str(n), MASTER_ADDR="localhost", MASTER_PORT=str(port),
        )
        for k in range(n)
    ]  # fmt: skip
    return [child.wait() for child in children]


CASES = [
    *[(e, ("classify", "masked")) for e in registry.registered(registry.ENCODERS)],
    ("l1-mlp", ("classify",)),  # its decoder has no part in this loss
]


@pytest.mark.parametrize(("encoder", "tasks"), CASES, ids=str)
def test_two_processes_learn_what_one_learns(forks, demo_dataset, tmp_path, encoder, tasks):
    argv = (SCRIPT, demo_dataset, tmp_path, encoder, *tasks)
    for n in (1, 2):
        for ran in (
            together(forks, n, *argv) if n > 1 else [forks.run(*argv, CUDA_VISIBLE_DEVICES="")]
        ):
            assert ran.code == 0, ran.err
            assert ran.err == "", "no warning of torch"
    one, two = (load_file(tmp_path / f"of-{n}.safetensors") for n in (1, 2))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.allclose(
            tensor, two[name], rtol=1e-5, atol=1e-5 * float(tensor.abs().max())
        ), name
    losses = [load_file(tmp_path / f"losses-{n}.safetensors")["losses"] for n in (1, 2)]
    assert torch.allclose(*losses, rtol=1e-6)
    assert losses[0][1] < losses[0][0]


def test_the_command_in_two_processes_writes_one_checkpoint(forks, demo_dataset, tmp_path):
    """The last batch of validation is one event, so one process has none of it."""
    output = tmp_path / "out"
    first, second = together(
        forks, 2, "topfm", "pretrain", demo_dataset, "-o", output, "-t", "classify", "-t", "masked",
        "--epochs", 2, "--labels", 75, "--batch-size", 37,
    )  # fmt: skip
    assert first.code == second.code == 0, first.err + second.err
    facts = verify(output).facts
    assert facts.run["processes"] == 2
    assert facts.steps == 4
    assert [line.split()[0] for line in first.out.splitlines()] == ["epoch", "epoch", "checkpoint"]
    assert second.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_best_weights_of_two_processes_that_diverged_are_written(forks, demo_dataset, tmp_path):
    output = tmp_path / "out"
    both = together(
        forks, 2, "topfm", "pretrain", demo_dataset, "-o", output, "-e", "l1-mlp", "--epochs", 60,
        "--labels", 64, "--batch-size", 32, "--learning-rate", 5e4, "-s", "training.warmup=0.99",
        "-s", "training.clip=null",
    )  # fmt: skip
    assert [ran.code for ran in both] == [2, 2], both[0].err + both[1].err
    assert f"are in {output}" in both[0].err
    verify(output)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
