"""What is peculiar to the Hugging Face hub: the real client against a server on loopback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from topdata.errors import HubError
from topdata.hub import pull, push, resolve

from ...hub_server import READ_TOKEN, TOKEN
from .test_push_pull import NAME, SHARD, contents, hidden, one_line

REPO = f"datasets/{NAME}"


def test_a_push_is_one_commit_with_one_tag(web, small):
    done = push(small, NAME, message="first")
    server = web.server
    assert server.count("POST", "/commit/") == 1
    assert server.count("POST", "/tag/") == 1
    shards = {path for path in contents(small) if path.endswith(".parquet")}
    assert server.count("PUT") == len(shards)
    assert server.sent("PUT") == sum(len(contents(small)[path]) for path in shards)
    assert server.repo(NAME).log[-1] == (done.commit, "first")
    assert server.repo(NAME).tags == {"v1.0.1": done.commit}
    assert all(request.authorized for request in server.requests if "/lfs/" not in request.path)
    assert "topdata" in server.requests[0].agent


def test_what_is_there_is_looked_at_but_not_sent(web, small):
    push(small, NAME)
    web.server.requests.clear()
    assert push(small, NAME).new is False
    asked = [(request.method, request.path.rpartition("/")[0]) for request in web.server.requests]
    assert asked == [("GET", f"/api/{REPO}"), ("GET", f"/api/{REPO}/tree")]


def test_an_extension_uploads_only_new_shards(web, small, extended):
    push(small, NAME)
    web.server.requests.clear()
    push(extended, NAME)
    old, new = contents(small), contents(extended)
    sent = {p for p in new if p.endswith(".parquet") and new[p] != old.get(p)}
    assert any("ttdm" in path for path in sent)
    assert not any("ttt-" in path or "tttt-" in path for path in sent)
    assert web.server.count("PUT") == len(sent)
    assert web.server.sent("PUT") == sum(len(new[path]) for path in sent)
    assert web.server.count("POST", "/commit/") == 1


def test_a_commit_is_asked_for_once_and_never_again(web, small, tmp_path):
    address = f"{NAME}@{push(small, NAME).commit}"
    pull(address)
    web.server.requests.clear()
    pull(address)
    pull(address, tmp_path / "out")
    assert web.server.requests == []
    resolve(f"{NAME}@v1.0.1")  # a tag may have moved
    assert [request.path for request in web.server.requests] == [f"/api/{REPO}/revision/v1.0.1"]


def test_nothing_but_the_dataset_is_requested(web, small):
    push(small, NAME)
    web.server.requests.clear()
    pull(NAME)
    fetched = [r.path.partition("/resolve/")[2] for r in web.server.requests if r.method == "GET"]
    names = [name.partition("/")[2] for name in fetched if name]
    assert sorted(names) == sorted(contents(small))


def test_files_from_another_host(web, small):
    push(small, NAME)
    web.server.redirect = True
    assert contents(resolve(NAME)) == contents(small)
    cdn = [request for request in web.server.requests if request.path.startswith("/cdn/")]
    assert cdn
    assert not any(request.authorized for request in cdn)


def test_a_body_that_ends_early(web, small, topdata, tmp_path):
    push(small, NAME)
    web.server.truncated.add(SHARD)
    said = one_line(topdata("pull", NAME, "-o", tmp_path / "out"))
    assert f"{SHARD}: was interrupted" in said
    assert not (tmp_path / "out").exists()
    web.server.truncated.clear()
    done = pull(NAME, tmp_path / "out")
    assert contents(done.path) == contents(small)
    assert not hidden(tmp_path)


def test_a_damaged_file_in_the_clients_cache_is_not_used(web, small, tmp_path, monkeypatch):
    from huggingface_hub import hf_hub_download

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    commit = push(small, NAME).commit
    mend = web.corrupt(NAME, SHARD)
    where = {"repo_type": "dataset", "revision": commit, "endpoint": web.hub}
    cached = Path(hf_hub_download(NAME, SHARD, **where))
    mend()
    assert cached.read_bytes() != contents(small)[SHARD]  # the client took it for good
    assert contents(resolve(NAME)) == contents(small)


def test_somebody_else_was_faster(web, small, extended, topdata):
    push(small, NAME)

    def rival(repo):
        repo.commit(dict(repo.commits[repo.refs["main"]]), "rival")

    web.server.before_commit = rival
    assert "somebody else pushed at the same time" in one_line(topdata("push", extended, NAME))
    repo = web.server.repo(NAME)
    assert repo.log[-1][1] == "rival"
    assert list(repo.tags) == ["v1.0.1"]
    web.server.requests.clear()
    assert topdata("push", extended, NAME).code == 0
    assert web.server.count("PUT") == 0  # the shards are there already
    assert contents(resolve(f"{NAME}@v1.0.2")) == contents(extended)


def test_interrupted_before_the_commit(web, small, extended, topdata):
    first = push(small, NAME)
    web.server.fail["/commit/"] = 500
    assert "refused (500" in one_line(topdata("push", extended, NAME))
    assert web.server.count("PUT", "/lfs/") > 0
    assert web.server.repo(NAME).refs["main"] == first.commit
    web.server.fail.clear()
    web.server.requests.clear()
    assert push(extended, NAME).tag == "v1.0.2"
    assert web.server.count("PUT") == 0
    assert contents(resolve(NAME)) == contents(extended)


def test_interrupted_before_the_tag(web, small, topdata):
    web.server.fail["/tag/"] = 500
    one_line(topdata("push", small, NAME))
    assert web.commits(NAME) == 1
    web.server.fail.clear()
    done = push(small, NAME)
    assert (done.new, done.tag) == (True, "v1.0.1")
    assert web.commits(NAME) == 1


def test_interrupted_uploads(web, small, topdata):
    web.server.fail["PUT /lfs/"] = 403
    assert "has not the right" in one_line(topdata("push", small, NAME))
    assert web.commits(NAME) == 0
    web.server.fail.clear()
    assert push(small, NAME).tag == "v1.0.1"


def test_a_hub_that_leaves_something_out_gets_no_tag(web, small, topdata):
    """Hubs drop what a .gitignore there says, without a word to the client."""

    def drop(repo):
        (repo.commit,) = [lambda tree, message, commit=repo.commit: commit(lost(tree), message)]

    def lost(tree):
        return {path: blob for path, blob in tree.items() if path != SHARD}

    web.server.before_commit = drop
    assert f"{SHARD} is not on the hub as it was pushed" in one_line(topdata("push", small, NAME))
    assert web.server.repo(NAME).tags == {}


def test_what_a_dataset_does_not_own_stays(web, small, extended):
    push(extended, NAME)
    repo = web.server.repo(NAME)
    more = {"LICENSE": web.server.put(b"BSD", lfs=False)}
    repo.commit({**repo.commits[repo.refs["main"]], **more}, "licence")
    done = push(small, NAME)
    assert "LICENSE" in repo.commits[done.commit]
    assert ".gitattributes" in repo.commits[done.commit]
    assert contents(resolve(NAME)) == contents(small)


@pytest.mark.parametrize("path", ["../evil.json", "/etc/evil.json", "data/../../evil.json", "a\\b"])
def test_a_tree_that_leads_out_is_refused(web, small, topdata, tmp_path, path):
    push(small, NAME)
    repo = web.server.repo(NAME)
    tree = repo.commits[repo.refs["main"]]
    tree[path] = tree["topdata.json"]
    assert "leads out of its folder" in one_line(topdata("pull", NAME, "-o", tmp_path / "out"))
    assert not list(tmp_path.rglob("evil*"))


def test_who_may_not(web, small, topdata, monkeypatch):
    push(small, NAME, private=True)
    assert web.server.repo(NAME).private
    commit = web.server.repo(NAME).refs["main"]
    monkeypatch.setenv("HF_TOKEN", "")
    assert "hf auth login" in one_line(topdata("pull", NAME))
    assert "hf auth login" in one_line(topdata("push", small, NAME))
    monkeypatch.setenv("HF_TOKEN", READ_TOKEN)
    assert topdata("pull", NAME).code == 0
    for name in (NAME, "group/other"):
        said = one_line(topdata("push", small, name, "--tag", "v9"))
        assert "has not the right" in said
        assert READ_TOKEN not in said
    assert web.server.repo(NAME).refs["main"] == commit


def test_a_public_repository_needs_no_token(web, small, monkeypatch):
    push(small, NAME)
    monkeypatch.setenv("HF_TOKEN", "")
    assert contents(resolve(NAME)) == contents(small)


@pytest.mark.parametrize("variable", ["HF_ENDPOINT", "TOPFM_HUB"])
def test_a_server_that_is_down(small, topdata, monkeypatch, variable):
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    assert "127.0.0.1:9: cannot be reached" in one_line(topdata("pull", NAME))
    assert "127.0.0.1:9: cannot be reached" in one_line(topdata("push", small, NAME))


def test_a_server_that_is_no_hub(web, small, topdata):
    web.server.fail["/refs"] = 200
    assert "gave no proper answer" in one_line(topdata("push", small, NAME))


def test_the_client_is_left_as_it_was(web, small, monkeypatch):
    from huggingface_hub import constants
    from huggingface_hub.utils import are_progress_bars_disabled

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    push(small, NAME)
    resolve(NAME)
    assert constants.HF_HUB_DISABLE_XET is False
    assert not are_progress_bars_disabled()


STEPS = f"""
import json, sys
from datasets import load_dataset
commit = sys.argv[1]
whole = load_dataset("{NAME}", revision=commit)
stream = load_dataset("{NAME}", "universal", revision=commit, split="test", streaming=True)
print(json.dumps({{
    "rows": {{name: len(split) for name, split in whole.items()}},
    "names": whole["train"].features["process"].names,
    "streamed": sum(1 for _ in stream),
}}))
"""


def test_in_a_process_of_its_own_and_with_load_dataset(server, small, tmp_path):
    """As a user does it: the environment decides, and the client reads it when it starts."""
    environment = {
        **os.environ, "HF_ENDPOINT": server.endpoint, "HF_TOKEN": TOKEN,
        "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }  # fmt: skip

    def run(*arguments, **more):
        command = [sys.executable, "-W", "ignore", "-c", *arguments]
        return subprocess.run(
            command, env={**environment, **more}, capture_output=True, text=True, timeout=120
        )

    main = "from topdata.cli import main; main()"
    pushed = run(main, "push", str(small), NAME, "--json")
    assert (pushed.returncode, pushed.stderr) == (0, "")
    commit = json.loads(pushed.stdout)["commit"]
    assert TOKEN not in pushed.stdout.split()
    loaded = run(STEPS, commit)
    assert loaded.returncode == 0, loaded.stderr
    shown = json.loads(loaded.stdout)
    import topdata

    counts = topdata.info(small).split_counts()
    assert shown == {"rows": counts, "names": ["ttt", "tttt"], "streamed": counts["test"]}
    offline = run(main, "pull", NAME, HF_HUB_OFFLINE="1")
    assert (offline.returncode, offline.stderr.count("\n")) == (2, 1)
    assert "HF_HUB_OFFLINE is set" in offline.stderr


def test_the_cache_of_one_hub_is_not_that_of_another(web, small, tmp_path, monkeypatch):
    """A commit id proves nothing across hubs."""
    address = f"{NAME}@{push(small, NAME).commit}"
    pull(address)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match="cannot be reached"):
        pull(address)
