"""The clients that people use, as they are."""

import base64
import hashlib
import json
import os
import socket
import time
from pathlib import Path

import pytest

from topdata.hub import pull, push
from topdata.hub.directory import DirectoryHub
from topdata.manifest import read_manifest

from .conftest import BIN, TOKEN, serving


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with small files, one above what travels in a commit, and one that is empty."""
    folder = tmp_path_factory.mktemp("model") / "m"
    (folder / "sub").mkdir(parents=True)
    (folder / "README.md").write_text("---\ntags: [tops]\nlicense: mit\n---\n# A model\n")
    (folder / "config.json").write_text("{}")
    (folder / "empty.txt").write_text("")
    (folder / "sub" / "weights.safetensors").write_bytes(os.urandom(3_000_000))
    return folder


def test_upload_and_download_with_hf(hub, model, tmp_path):
    hub.hf("upload", "group/cli", model, ".", "--commit-message", "first")
    hub.hf("repos", "tag", "create", "group/cli", "v1")
    hub.hf("download", "group/cli", "--revision", "v1", "--local-dir", tmp_path / "got")
    assert contents(tmp_path / "got") == contents(model)
    hub.hf("cache", "verify", "group/cli", "--local-dir", tmp_path / "got")
    (tmp_path / "got" / "config.json").write_text("[]")  # of the same size
    said = hub.hf("cache", "verify", "group/cli", "--local-dir", tmp_path / "got", check=False)
    assert said.returncode != 0
    before = DirectoryHub(str(hub.folder), "model").head("group/cli")
    hub.hf("upload", "group/cli", model, ".")  # nothing new is no commit
    assert DirectoryHub(str(hub.folder), "model").head("group/cli") == before


def test_the_life_of_a_repository(hub, model):
    out = hub.python(
        f"""
        from huggingface_hub import HfApi, CommitOperationAdd, CommitOperationDelete
        from huggingface_hub import CommitOperationCopy
        from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError
        from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError
        api, repo, out = HfApi(), "group/life", {{}}
        def fails(call, *kinds):
            try: call()
            except kinds as error: return error.response.status_code
        out["missing"] = fails(lambda: api.repo_info(repo), RepositoryNotFoundError)
        out["url"] = str(api.create_repo(repo))
        api.create_repo(repo, exist_ok=True)
        out["twice"] = fails(lambda: api.create_repo(repo), HfHubHTTPError)
        empty = api.repo_info(repo).sha
        add = [CommitOperationAdd("README.md", {str(model / "README.md")!r}),
               CommitOperationAdd("a/w.bin", {str(model / "sub/weights.safetensors")!r})]
        first = api.create_commit(repo, add, commit_message="one", parent_commit=empty)
        def other(): return [CommitOperationAdd("other.txt", b"x")]
        out["stale"] = fails(
            lambda: api.create_commit(repo, other(), commit_message="no", parent_commit=empty),
            HfHubHTTPError)
        api.create_tag(repo, tag="v1", revision=first.oid)
        out["tagged twice"] = fails(lambda: api.create_tag(repo, tag="v1"), HfHubHTTPError)
        second = api.create_commit(repo, [*other(), CommitOperationDelete("README.md"),
            CommitOperationCopy("a/w.bin", "b/w.bin")], commit_message="two",
            commit_description="more")
        api.delete_tag(repo, tag="v1"); api.create_tag(repo, tag="v1", revision=second.oid)
        api.create_branch(repo, branch="dev", revision=first.oid)
        third = api.create_commit(repo, other(), commit_message="on dev", revision="dev")
        refs = api.list_repo_refs(repo)
        out["refs"] = {{r.name: r.target_commit for r in [*refs.branches, *refs.tags]}}
        out["oids"] = [empty, first.oid, second.oid, third.oid]
        out["log"] = [(c.commit_id, c.title, c.message) for c in api.list_repo_commits(repo)]
        out["files"] = sorted(api.list_repo_files(repo))
        out["at first"] = sorted(api.list_repo_files(repo, revision=first.oid))
        tree = list(api.list_repo_tree(repo, recursive=False))
        out["tree"] = [(type(e).__name__, e.path) for e in tree]
        out["inner"] = [e.path for e in api.list_repo_tree(repo, "b")]
        info = api.get_paths_info(repo, ["b", "other.txt", "none"])
        out["info"] = [(e.path, getattr(e, "size", None)) for e in info]
        out["lfs"] = api.get_paths_info(repo, "b/w.bin")[0].lfs.sha256
        out["no revision"] = fails(lambda: api.repo_info(repo, revision="v9"), RevisionNotFoundError)
        out["no folder"] = fails(lambda: list(api.list_repo_tree(repo, "none")), EntryNotFoundError)
        out["exists"] = [api.file_exists(repo, "other.txt"), api.file_exists(repo, "README.md"),
                         api.revision_exists(repo, "dev"), api.repo_exists("group/none")]
        api.delete_branch(repo, branch="dev")
        out["branches"] = [r.name for r in api.list_repo_refs(repo).branches]
        out["who"] = api.whoami()["name"]
        model = api.model_info(repo, revision=first.oid, files_metadata=True)
        out["card"] = [model.tags, model.card_data.license, model.siblings[1].lfs.size]
        out["removal"] = fails(lambda: api.delete_repo(repo), HfHubHTTPError)
        out["private"] = fails(lambda: api.create_repo("group/p", private=True), HfHubHTTPError)
        """
    )
    empty, first, second, third = out["oids"]
    weights = (model / "sub" / "weights.safetensors").read_bytes()
    assert out["missing"] == 404
    assert out["url"] == f"{hub.endpoint}/group/life"
    assert (out["twice"], out["stale"], out["tagged twice"]) == (409, 412, 409)
    assert all(len(oid) == 40 for oid in out["oids"])
    assert out["refs"] == {"main": second, "dev": third, "v1": second}
    assert out["log"] == [
        [second, "two", "more"],
        [first, "one", ""],
        [empty, "initial commit", ""],
    ]
    assert out["files"] == ["a/w.bin", "b/w.bin", "other.txt"]
    assert out["at first"] == ["README.md", "a/w.bin"]
    assert out["tree"] == [["RepoFolder", "a"], ["RepoFolder", "b"], ["RepoFile", "other.txt"]]
    assert out["inner"] == ["b/w.bin"]
    assert out["info"] == [["b", None], ["other.txt", 1]]
    assert out["lfs"] == hashlib.sha256(weights).hexdigest()
    assert (out["no revision"], out["no folder"]) == (404, 404)
    assert out["exists"] == [True, False, True, False]
    assert out["branches"] == ["main"]
    assert out["who"] == "hub"
    assert out["card"] == [["tops", "license:mit"], "mit", len(weights)]
    assert (out["removal"], out["private"]) == (403, 400)


def test_a_snapshot_by_tag_then_by_commit_without_a_request(hub, model):
    hub.hf("upload", "group/snap", model, ".")
    hub.hf("repos", "tag", "create", "group/snap", "v1")
    out = hub.python(
        """
        import httpx2
        from huggingface_hub import HfApi, snapshot_download
        sent, send = [], httpx2.Client.send
        def counted(self, request, **more):
            sent.append(str(request.url))
            return send(self, request, **more)
        httpx2.Client.send = counted
        sha = HfApi().model_info("group/snap", revision="v1").sha
        at = snapshot_download("group/snap", revision="v1")
        first = len(sent)
        again = snapshot_download("group/snap", revision=sha)
        out = [at, again, sha, first, len(sent)]
        """
    )
    at, again, sha, first, last = out
    assert at == again
    assert at.endswith(f"snapshots/{sha}")
    assert last == first > 4
    assert contents(Path(at)) == contents(model)


def test_topdata_over_http_and_in_the_folder_is_the_same(hub, tops, copy, tmp_path, monkeypatch):
    said = hub.run(BIN / "topdata", "push", tops, "group/data", "--json")
    done = json.loads(said)
    assert done["tag"] == "v1.0.1"
    local = f"file:{hub.folder}/group/data"
    monkeypatch.setenv("TOPDATA_CACHE", str(tmp_path / "cache"))
    here = pull(f"{local}@v1.0.1")
    assert here.commit == done["commit"]
    assert contents(here.path) == contents(tops)
    (copy / "README.md").write_text((copy / "README.md").read_text() + "\nmore\n")
    second = push(copy, local)  # beside the server, which has no part in it
    assert second.tag == "v1.0.2"
    hub.run(BIN / "topdata", "pull", "group/data@v1.0.2", "-o", tmp_path / "got")
    assert contents(tmp_path / "got") == contents(copy)
    assert (
        json.loads(hub.run(BIN / "topdata", "push", copy, "group/data", "--json"))["new"] is False
    )


def test_datasets_plain_and_streaming(hub, tops):
    hub.run(BIN / "topdata", "push", tops, "group/load", "--tag", "v1")
    out = hub.python(
        """
        from datasets import load_dataset
        from huggingface_hub import HfApi
        sha = HfApi().dataset_info("group/load", revision="v1").sha
        plain = load_dataset("group/load", revision="v1")
        fixed = load_dataset("group/load", "universal", revision=sha, split="train")
        stream = load_dataset("group/load", revision=sha, streaming=True)
        out = {"rows": {n: s.num_rows for n, s in plain.items()},
               "names": plain["train"].features["process"].names,
               "fixed": fixed.num_rows,
               "same": [list(s.take(3)) == [plain[n][i] for i in range(3)]
                        for n, s in stream.items()]}
        """
    )
    manifest = read_manifest(tops)
    assert sum(out["rows"].values()) == manifest.total.written
    assert out["names"] == ["ttt", "tttt"]
    assert out["fixed"] == out["rows"]["train"]
    assert len(out["same"]) == len(out["rows"])
    assert all(out["same"])


def test_push_to_hub_of_datasets(hub):
    out = hub.python(
        """
        from datasets import Dataset, DatasetDict, load_dataset
        data = DatasetDict({"train": Dataset.from_dict({"x": [1, 2, 3]})})
        data.push_to_hub("group/made", config_name="one")
        data.push_to_hub("group/made", config_name="two")
        out = load_dataset("group/made", "two", split="train")["x"][:]
        """
    )
    assert out == [1, 2, 3]


def test_lists(hub):
    for name, kind in (("lists/a", "model"), ("lists/b", "model"), ("lists/c", "dataset")):
        hub.make(name, kind)
    card = "LS0tCnRhZ3M6IFt0b3BzXQotLS0K"  # tags: [tops]
    hub.commit("lists/b", {"key": "file", "value": {"path": "README.md", "content": card}})
    out = hub.python(
        """
        from huggingface_hub import HfApi
        api = HfApi()
        out = [[m.id for m in found] for found in (
            api.list_models(author="lists"), api.list_datasets(author="lists"),
            api.list_models(author="lists", search="B"), api.list_models(filter="tops"),
            api.list_models(author="lists", limit=1))]
        """
    )
    assert out[:3] == [["lists/a", "lists/b"], ["lists/c"], ["lists/b"]]
    assert "lists/b" in out[3]
    assert "lists/a" not in out[3]
    assert out[4] == ["lists/a"]


def test_what_xet_clients_are_told(hub, model):
    hub.make("group/xet")
    status, _, body = hub.ask("GET", "/api/models/group/xet/xet-write-token/main")
    assert status == 404
    assert b"HF_HUB_DISABLE_XET=1" in body
    small = model / "README.md"  # small files need no such setting
    hub.hf("upload", "group/xet", small, "README.md", HF_HUB_DISABLE_XET="0")


def test_a_private_hub(tmp_path, model):
    (tmp_path / "hub").mkdir()
    with serving(tmp_path / "hub", tmp_path / "home", "--private") as hub:
        hub.hf("upload", "group/secret", model / "README.md", "README.md", "--private")
        for path in ("/", "/group/secret", "/api/models", "/api/models/group/secret",
                     "/group/secret/resolve/main/README.md", "/api/models/group/secret/refs",
                     "/api/models/group/secret/tree/main"):  # fmt: skip
            assert hub.ask("GET", path, token=None)[0] == 401, path
            assert hub.ask("GET", path, token="wrong-token")[0] == 401, path
            assert hub.ask("GET", path)[0] == 200, path
        basic = {"Authorization": "Basic " + base64.b64encode(f"me:{TOKEN}".encode()).decode()}
        assert hub.ask("GET", "/", token=None, headers=basic)[0] == 200
        body = {"organization": "a", "name": "b"}
        answer = hub.ask("POST", "/api/repos/create", body, token=None, headers=basic)
        assert answer[0] == 401  # a browser sends it by itself
        done = hub.hf("download", "group/secret", check=False, HF_TOKEN="")
        assert done.returncode != 0
        assert "README.md" in os.listdir(hub.hf("download", "group/secret", "--quiet").strip())


def test_a_client_with_a_token_of_another_hub_may_read(hub):
    hub.make("group/open")
    assert hub.ask("GET", "/api/models/group/open", token="hf_of_another_hub")[0] == 200


def test_it_ends_when_it_is_told_while_a_file_is_sent(tmp_path, model):
    (tmp_path / "hub").mkdir()
    with serving(tmp_path / "hub", tmp_path) as hub:
        hub.hf("upload", "group/m", model, ".")
        host, port = hub.endpoint.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as slow:  # reads nothing of 3 MB
            slow.send(b"GET /group/m/resolve/main/sub/weights.safetensors HTTP/1.1\r\n"
                      b"Host: hub\r\n\r\n")  # fmt: skip
            time.sleep(0.3)
            hub.close()
