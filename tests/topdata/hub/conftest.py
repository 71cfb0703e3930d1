"""Two hubs to test against, a folder and a server, and datasets to send there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from topdata.build import build
from topdata.hub.directory import DirectoryHub
from topdata.hub.huggingface import HuggingFaceHub
from topdata.hub.interface import Hub
from topdata.recipe import make_recipe

from ...hub_server import TOKEN, serving
from ...hub_server import Hub as Server


class Folder:
    """A directory hub under test."""

    def __init__(self, root: Path) -> None:
        self.hub = str(root)
        self.root = root
        root.mkdir()

    def transport(self, kind: str = "dataset") -> Hub:
        return DirectoryHub(self.hub, kind)

    def stored(self, name: str) -> int:
        """Number of files that were ever stored."""
        return sum(path.is_file() for path in (self.root / name / "objects").rglob("*"))

    def commits(self, name: str) -> int:
        main = self.root / name / "main"
        return len(list(main.iterdir())) if main.exists() else 0

    def corrupt(self, name: str, path: str) -> Callable[[], None]:
        hub = self.transport()
        (file,) = [f for f in hub.files(name, hub.find(name, None)) if f.path == path]
        stored = self.root / name / "objects" / file.sha256[:2] / file.sha256
        good = stored.read_bytes()
        stored.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        return lambda: stored.write_bytes(good) and None

    def vanish(self) -> None:
        shutil.move(self.root, f"{self.root}-away")


class Web:
    """A hub on a server under test."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.hub = server.endpoint

    def transport(self, kind: str = "dataset") -> Hub:
        return HuggingFaceHub(self.hub, kind)

    def stored(self, name: str) -> int:
        return len(self.server.store)

    def commits(self, name: str) -> int:
        """Number of commits after the first, which the hub itself makes."""
        repo = self.server.repos.get(f"datasets/{name}")
        return len(repo.log) - 1 if repo else 0

    def corrupt(self, name: str, path: str) -> Callable[[], None]:
        return self.server.corrupt(name, path)

    def vanish(self) -> None:
        self.server.fail[""] = 404


@pytest.fixture(scope="session")
def _server():
    with serving() as server:
        yield server


@pytest.fixture
def server(_server: Server) -> Server:
    _server.reset()
    return _server


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    """Neither the cache nor the token of whoever runs the tests is seen."""
    monkeypatch.setenv("TOPDATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.delenv("TOPFM_HUB", raising=False)


@pytest.fixture
def web(server, monkeypatch) -> Web:
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    return Web(server)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Folder:
    place = Folder(tmp_path / "hub")
    monkeypatch.setenv("TOPFM_HUB", place.hub)
    return place


@pytest.fixture(params=["folder", "web"])
def place(request) -> Folder | Web:
    return request.getfixturevalue(request.param)


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
