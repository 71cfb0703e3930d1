"""Fixtures for models: the command, processes that can be killed, one small checkpoint."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SMALL = {
    "data": {"labels": 96},
    "training": {"epochs": 2, "batch_size": 32, "learning_rate": 2e-3},
    "tasks": {"classify": {}, "masked": {}},
}


@pytest.fixture
def topfm(capsys):
    """Run the command line in this process, as its entry point does."""
    from topfm.cli import main

    def run(*arguments):
        capsys.readouterr()
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def base_settings():
    """The configuration of ``base``, as plain types."""
    return SMALL


@pytest.fixture(scope="session")
def base(demo_dataset, tmp_path_factory):
    """A small checkpoint of both tasks, for n_tops."""
    from topfm.config import make_config
    from topfm.located import Located
    from topfm.runs.train import pretrain

    output = tmp_path_factory.mktemp("base") / "base"
    pretrain(Located(demo_dataset), output, make_config(SMALL, "test"))
    return output


@dataclass
class Ran:
    """The result of a command."""

    code: int
    out: str
    err: str


class Child:
    """A running process of ``forks``."""

    def __init__(self, server, pid, folder):
        self._server, self.pid, self._folder = server, pid, folder

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)

    def wait(self):
        code = self._server.ask({"wait": self.pid})
        return Ran(code, *((self._folder / n).read_text() for n in ("stdout", "stderr")))


class Forks:
    """Starts real processes of the command ``topfm``, or of a script, quickly."""

    def __init__(self, folder):
        self._folder, self._number = folder, 0
        self._server = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("forks.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def ask(self, request):
        print(json.dumps(request), file=self._server.stdin, flush=True)
        return json.loads(self._server.stdout.readline())

    def start(self, *argv, **env):
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        for name in ("stdout", "stderr"):
            (folder / name).touch()
        request = {"argv": [str(a) for a in argv], "env": env, "out": str(folder)}
        return Child(self, self.ask(request), folder)

    def run(self, *argv, **env):
        return self.start(*argv, **env).wait()

    def close(self):
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()


@pytest.fixture(scope="session")
def forks(tmp_path_factory):
    server = Forks(tmp_path_factory.mktemp("forks"))
    yield server
    server.close()
