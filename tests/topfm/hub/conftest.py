"""A small trained checkpoint and one fine-tuned from it; the hubs of tests/hub_places.py."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from topfm.config import RunConfig, make_config
from topfm.located import Located
from topfm.runs.train import finetune, pretrain

from ...conftest import Ran
from ...hub_places import _server, environment, folder, place, server, web

__all__ = ["_server", "environment", "folder", "place", "server", "web"]

NAME = "group/base"


@pytest.fixture(scope="session")
def kind() -> str:
    return "model"


def _config(label: str, labels: int) -> RunConfig:
    content = {
        "data": {"label": label, "labels": labels},
        "encoder": {"name": "l1-mlp", "options": {"latent": 8}},
        "training": {"epochs": 1, "batch_size": 20},
    }
    return make_config(content, "test")


@pytest.fixture(scope="session")
def tiny(demo_dataset, tmp_path_factory) -> Path:
    """A checkpoint of a few seconds of training; never change it, take ``copy``."""
    output = tmp_path_factory.mktemp("tiny") / "base"
    return pretrain(Located(demo_dataset), output, _config("n_tops", 40)).output


@pytest.fixture(scope="session")
def tuned(tiny, demo_dataset, tmp_path_factory) -> Path:
    """A checkpoint that was fine-tuned from it for another label."""
    output = tmp_path_factory.mktemp("tuned") / "signal"
    config = _config("process", 30)
    return finetune(Located(tiny), Located(demo_dataset), output, config).output


@pytest.fixture
def copy(tiny, tmp_path) -> Path:
    """A copy of the checkpoint that may be changed."""
    return shutil.copytree(tiny, tmp_path / "copy")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def one_line(ran: Ran) -> str:
    assert ran.code == 2, ran.out + ran.err
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    assert ".partial" not in ran.err
    return ran.err


def flip(path: Path) -> None:
    """Change one byte of a file and not its size, whoever may write it."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
