"""A real server in its own process, and the real clients in theirs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from topdata.build import build
from topdata.recipe import make_recipe

TOKEN = "the-token-of-the-tests"
COMMAND = "import sys; from topfm.cli import main; main(sys.argv[1:])"
BIN = Path(sys.executable).parent


class Served:
    """A hub that is served, as its clients see it."""

    def __init__(self, folder, endpoint, home, process):
        self.folder, self.endpoint, self.home, self.process = folder, endpoint, home, process

    def close(self):
        """End the server as Ctrl-C does."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
            _, said = self.process.communicate(timeout=20)
            assert self.process.returncode == 0, said
            assert said == "topfm: the hub is closed\n"  # no traceback, no warning

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TOPFM_"))}
        own = {"HF_ENDPOINT": self.endpoint, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1",
               "HF_HOME": str(self.home), "HF_HUB_DISABLE_TELEMETRY": "1", "NO_COLOR": "1",
               "TOPDATA_CACHE": str(self.home / "topdata"),
               "HF_HUB_DISABLE_PROGRESS_BARS": "1"}  # fmt: skip
        return {**kept, **own, **more}

    def run(self, *command, check=True, **more):
        """Run a command of the environment of the tests; returns what it wrote."""
        done = subprocess.run(
            [str(c) for c in command], env=self.environment(**more), capture_output=True, text=True
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout if check else done

    def hf(self, *arguments, **more):
        return self.run(BIN / "hf", *arguments, **more)

    def python(self, code, **more):
        """Run a client's code in a new process; what it assigns to ``out`` comes back."""
        # threads of a streaming client can abort the interpreter while it ends: leave at once
        end = "\nimport json, os; print('\\n' + json.dumps(out), flush=True); os._exit(0)"
        text = textwrap.dedent(code) + end
        return json.loads(self.run(sys.executable, "-c", text, **more).splitlines()[-1])

    def ask(self, method, path, body=None, *, token=TOKEN, headers=None):
        """Send a request without a client; returns status, headers, body."""
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        url = path if path.startswith("http") else self.endpoint + path
        request = urllib.request.Request(url, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def json(self, method, path, body=None, **more):
        status, _, content = self.ask(method, path, body, **more)
        assert status == 200, (status, content)
        return json.loads(content)

    def make(self, repo, kind="model"):
        organisation, name = repo.split("/")
        self.json("POST", "/api/repos/create",
                  {"organization": organisation, "name": name, "type": kind})  # fmt: skip

    def commit(self, repo, *lines, parent=None, branch="main", kinds="models"):
        """Send a commit; returns status and answer."""
        header = {"summary": "change", **({"parentCommit": parent} if parent else {})}
        entries = [{"key": "header", "value": header}, *lines]
        body = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
        status, _, content = self.ask("POST", f"/api/{kinds}/{repo}/commit/{branch}", body)
        return status, json.loads(content)


@contextmanager
def serving(folder, home, *options):
    """Serve a folder by the command until the block ends."""
    environment = {**os.environ, "TOPFM_HUB_TOKEN": TOKEN}
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "hub", "serve", str(folder), "--port", "0", "--json",
         *options], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        served = Served(folder, json.loads(line)["endpoint"], home, process)
        yield served
        served.close()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A server that the tests of a module share; each uses repositories of its own."""
    folder = tmp_path_factory.mktemp("hub")
    with serving(folder, tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture(scope="session")
def tops(demo, tmp_path_factory):
    """A small dataset with a configuration of fixed slots."""
    processes = [{"name": n, "files": [str(demo / f"{n}.root")], "cross_section": 1}
                 for n in ("ttt", "tttt")]  # fmt: skip
    output = tmp_path_factory.mktemp("tops") / "tops"
    build(make_recipe({"name": "tops", "processes": processes, "universal": True}, "test"), output)
    return output


@pytest.fixture
def copy(tops, tmp_path):
    return shutil.copytree(tops, tmp_path / "copy")
