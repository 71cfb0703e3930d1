"""The real client over HTTP: as a user does it, in processes of their own, and what can go wrong."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from topfm.checkpoint.format import write_sums
from topfm.checkpoint.verify import verify
from topfm.hub.checkpoints import publish, pull

from ...hub_server import READ_TOKEN, TOKEN
from .conftest import NAME, contents, one_line

WEIGHTS = "model.safetensors"
MAIN = "from topfm.cli import main; main()"
HEAVY = ("torch", "lightgbm", "sklearn", "matplotlib", "peft", "accelerate")
LIGHT = f"""
import sys
from topfm.cli import main
try:
    main()
finally:
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


@pytest.fixture
def user(server, tmp_path):
    """Start the command in a process of its own: the client reads the environment as it starts."""
    environment = {
        **os.environ, "HF_ENDPOINT": server.endpoint, "HF_TOKEN": TOKEN, "OMP_NUM_THREADS": "1",
        "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }  # fmt: skip

    def start(*arguments, code=MAIN, **more):
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
            env={**environment, **more}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def finished(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out, err


def test_the_whole_way(web, user, tiny, topfm, demo_dataset, tmp_path):
    """Publish, pull by tag, verify, fine-tune, publish the child, and find its parent in it."""
    out, err = finished(user("publish", tiny, NAME, "--tag", "v1", "--json", code=LIGHT))
    assert err == "[]\n"  # nothing heavy was imported
    commit = json.loads(out)["commit"]
    assert web.server.repo(NAME, "model").tags == {"v1": commit}
    out, err = finished(user("pull", f"{NAME}@v1", "--json", code=LIGHT))
    assert err == "[]\n"
    assert json.loads(out)["commit"] == commit
    assert topfm("verify", f"{NAME}@v1").code == 0
    child = tmp_path / "signal"
    finished(user(
        "finetune", NAME, demo_dataset, "-o", child, "--revision", "v1", "--label", "process",
        "--labels", 40, "--epochs", 1,
    ))  # fmt: skip
    finished(user("publish", child, "group/signal", "--tag", "v1"))
    parent = json.loads(topfm("info", "group/signal@v1", "--json").out)["ancestors"][0]
    assert (parent["address"], parent["revision"]) == (NAME, commit)
    assert parent["digest"] == verify(tiny).digest


def test_a_known_commit_is_loaded_without_a_request(web, tiny, user, topfm, demo_dataset, tmp_path):
    address = f"{NAME}@{publish(tiny, NAME).commit}"
    pull(address)
    web.server.requests.clear()
    assert topfm("pull", address).code == 0
    assert topfm("pull", address, "-o", tmp_path / "out").code == 0
    assert topfm("verify", address).code == 0
    ran = topfm("score", address, demo_dataset, "-o", tmp_path / "scores.parquet")
    assert ran.code == 0, ran.err
    assert web.server.requests == []
    out, _ = finished(user("info", address, "--json", HF_HUB_OFFLINE="1"))
    assert json.loads(out)["encoder"]["name"] == "l1-mlp"
    assert web.server.requests == []


def test_one_commit_of_what_changed(web, tiny, copy):
    publish(tiny, NAME)
    (copy / "README.md").write_text("---\n{}\n---\nA card\n")
    write_sums(copy)
    web.server.requests.clear()
    done = publish(copy, NAME)
    assert (done.changed, done.unchanged) == (2, len(contents(tiny)) - 1)
    assert web.server.count("PUT") == 0  # the weights are there already
    assert web.server.count("POST", "/commit/") == 1
    assert ".gitattributes" in web.server.repo(NAME, "model").commits[done.commit]


def test_who_is_second_is_told(web, tiny, tuned, topfm):
    publish(tiny, NAME, tag="v1")

    def rival(repo):
        repo.commit(dict(repo.commits[repo.refs["main"]]), "rival")

    web.server.before_commit = rival
    said = one_line(topfm("publish", tuned, NAME, "--tag", "v2"))
    assert "somebody else pushed at the same time" in said
    repo = web.server.repo(NAME, "model")
    assert (repo.log[-1][1], list(repo.tags)) == ("rival", ["v1"])
    assert topfm("publish", tuned, NAME, "--tag", "v2").code == 0
    assert contents(pull(f"{NAME}@v2").path) == contents(tuned)


def test_an_upload_that_breaks_off(web, user, tiny, tuned):
    """The process is killed with half of the weights on their way."""
    first = publish(tiny, NAME, tag="v1")
    reached = threading.Event()
    started = threading.Event()

    def amid():
        reached.set()
        assert started.wait(60)
        process.send_signal(signal.SIGKILL)
        process.wait()

    web.server.amid_upload = amid
    process = user("publish", tuned, NAME, "--tag", "v2")
    started.set()
    process.communicate(timeout=60)
    assert reached.is_set()
    assert process.returncode == -signal.SIGKILL
    repo = web.server.repo(NAME, "model")
    assert (repo.refs["main"], repo.tags) == (first.commit, {"v1": first.commit})
    assert contents(pull(NAME).path) == contents(tiny)
    done = publish(tuned, NAME, tag="v2")
    assert contents(pull(f"{NAME}@{done.commit}").path) == contents(tuned)


def test_a_body_that_ends_early(web, tiny, topfm, tmp_path):
    publish(tiny, NAME)
    web.server.truncated.add(WEIGHTS)
    said = one_line(topfm("pull", NAME, "-o", tmp_path / "out"))
    assert f"{WEIGHTS}: was interrupted" in said
    assert not (tmp_path / "out").exists()
    web.server.truncated.clear()
    assert contents(pull(NAME, tmp_path / "out").path) == contents(tiny)


@pytest.mark.parametrize("path", ["../evil.json", "/etc/evil.json", "a/../../evil.json", "a\\b"])
def test_a_tree_that_leads_out(web, tiny, topfm, tmp_path, path):
    publish(tiny, NAME)
    repo = web.server.repo(NAME, "model")
    tree = repo.commits[repo.refs["main"]]
    tree[path] = tree["config.json"]
    assert "leads out of its folder" in one_line(topfm("pull", NAME, "-o", tmp_path / "out"))
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    ("size", "said"), [(1 << 60, "GB are free here"), (-1, "has the size -1"), ("1", "'1'")]
)
def test_sizes_that_cannot_be(web, tiny, topfm, tmp_path, size, said):
    publish(tiny, NAME)
    web.server.sizes[WEIGHTS] = size
    web.server.requests.clear()
    assert said in one_line(topfm("pull", NAME, "-o", tmp_path / "out"))
    assert web.server.count("GET", WEIGHTS) == 0
    assert not (tmp_path / "out").exists()


def test_who_may_not(web, tiny, topfm, monkeypatch):
    publish(tiny, NAME, private=True)
    assert web.server.repo(NAME, "model").private
    monkeypatch.setenv("HF_TOKEN", "")
    assert "hf auth login" in one_line(topfm("pull", NAME))
    assert "hf auth login" in one_line(topfm("publish", tiny, NAME))
    assert topfm("list", "group").out == "nothing there\n"
    monkeypatch.setenv("HF_TOKEN", READ_TOKEN)
    said = one_line(topfm("publish", tiny, NAME, "--tag", "v9"))
    assert "has not the right" in said
    assert READ_TOKEN not in said
    assert topfm("pull", NAME).code == 0


def test_a_server_that_is_down(tiny, topfm, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for arguments in (("pull", NAME), ("publish", tiny, NAME), ("info", NAME)):
        assert "127.0.0.1:9: cannot be reached" in one_line(topfm(*arguments))


@pytest.mark.parametrize("sha", ["{victim}", "../../..", "main", "", "0" * 39])
def test_what_is_no_commit_becomes_no_folder(sha, web, server, tiny, topfm, tmp_path):
    """A hub names the commit, which names a folder: one that it must not choose."""
    publish(tiny, NAME, tag="v1")
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis.tex").write_text("years of work")
    server.sha = sha.format(victim=victim) or " "
    ran = topfm("pull", NAME)
    assert "refused" in one_line(ran)
    assert (victim / "thesis.tex").exists()


def test_a_pinned_commit_is_the_one_that_comes(web, server, tiny, topfm):
    done = publish(tiny, NAME, tag="v1")
    server.sha = "f" * 40
    ran = topfm("pull", f"{NAME}@{done.commit}")
    assert "asked for" in one_line(ran)
