"""Several processes that share a batch learn what one learns."""

import os
import socket
import subprocess
import sys
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
            *argv, ACCELERATE_USE_CPU="true", RANK=str(k), LOCAL_RANK=str(k), WORLD_SIZE=str(n),
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
            together(forks, n, *argv) if n > 1 else [forks.run(*argv, ACCELERATE_USE_CPU="true")]
        ):
            assert ran.code == 0, ran.err
            assert ran.err == ""
    one, two = (load_file(tmp_path / f"of-{n}.safetensors") for n in (1, 2))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.allclose(
            tensor, two[name], rtol=1e-5, atol=1e-5 * float(tensor.abs().max())
        ), name
    losses = [load_file(tmp_path / f"losses-{n}.safetensors")["losses"] for n in (1, 2)]
    assert torch.allclose(*losses, rtol=1e-6)
    assert losses[0][1] < losses[0][0]


def test_the_command_in_two_processes_writes_one_checkpoint(demo_dataset, tmp_path):
    """Through the launcher, as a person starts it; three validation events for two processes."""
    output = tmp_path / "out"
    launch = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--no-python")
    ran = subprocess.run(
        [*launch, Path(sys.executable).with_name("topfm"), "pretrain", demo_dataset, "-o", output, "-t", "classify",
         "-t", "masked", "--epochs", "2", "--labels", "75", "--batch-size", "37"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    facts = verify(output).facts
    assert facts.run["processes"] == 2
    assert facts.steps == 4
    assert [line.split()[0] for line in ran.stdout.splitlines()] == ["epoch", "epoch", "checkpoint"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
