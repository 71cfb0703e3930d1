"""Two hubs to test against, a folder and a server, for datasets or for models.

A ``conftest.py`` imports the fixtures, and gives the fixture ``kind``: "dataset" or "model".
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from topdata.hub.directory import DirectoryHub
from topdata.hub.huggingface import HuggingFaceHub
from topdata.hub.interface import Hub

from .hub_server import TOKEN, serving
from .hub_server import Hub as Server


class Folder:
    """A directory hub under test."""

    def __init__(self, root: Path, kind: str) -> None:
        self.hub, self.kind = str(root), kind
        self.root = root
        root.mkdir()

    def transport(self) -> Hub:
        return DirectoryHub(self.hub, self.kind)

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

    def __init__(self, server: Server, kind: str) -> None:
        self.server = server
        self.hub, self.kind = server.endpoint, kind

    def transport(self) -> Hub:
        return HuggingFaceHub(self.hub, self.kind)

    def stored(self, name: str) -> int:
        return len(self.server.store)

    def commits(self, name: str) -> int:
        """Number of commits after the first, which the hub itself makes."""
        repo = self.server.repos.get(f"{self.kind}s/{name}")
        return len(repo.log) - 1 if repo else 0

    def corrupt(self, name: str, path: str) -> Callable[[], None]:
        return self.server.corrupt(name, path, self.kind)

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
def web(server, monkeypatch, kind) -> Web:
    monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
    return Web(server, kind)


@pytest.fixture
def folder(tmp_path, monkeypatch, kind) -> Folder:
    place = Folder(tmp_path / "hub", kind)
    monkeypatch.setenv("TOPFM_HUB", place.hub)
    return place


@pytest.fixture(params=["folder", "web"])
def place(request) -> Folder | Web:
    return request.getfixturevalue(request.param)
