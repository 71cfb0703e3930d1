"""Datasets to send to the hubs of tests/hub_places.py."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from topdata.build import build
from topdata.recipe import make_recipe

from ...hub_places import _server, environment, folder, place, server, web

__all__ = ["_server", "environment", "folder", "place", "server", "web"]


@pytest.fixture(scope="session")
def kind() -> str:
    return "dataset"


def _built(demo: Path, output: Path, *names: str) -> Path:
    processes = [{"name": n, "files": [str(demo / f"{n}.root")], "cross_section": 1} for n in names]
    content = {"name": "tops", "processes": processes, "universal": True}
    build(make_recipe(content, "test"), output)
    return output


@pytest.fixture(scope="session")
def small(demo, tmp_path_factory) -> Path:
    """A dataset of two processes."""
    return _built(demo, tmp_path_factory.mktemp("small") / "tops", "ttt", "tttt")


@pytest.fixture(scope="session")
def extended(demo, tmp_path_factory) -> Path:
    """The same with one process more."""
    return _built(demo, tmp_path_factory.mktemp("extended") / "tops", "ttt", "tttt", "ttdm")


@pytest.fixture
def copy(small, tmp_path) -> Path:
    """A copy of the small dataset that may be changed."""
    return shutil.copytree(small, tmp_path / "copy")


@pytest.fixture
def rewritten(copy) -> Callable[..., Path]:
    """Change the manifest of the copy."""

    def run(change: Callable[[dict], object]) -> Path:
        path = copy / "topdata.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        return copy

    return run
