"""Requests that no honest client sends, and what goes wrong on the way."""

import base64
import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote, urlsplit

import pytest

from topdata.hub.directory import DirectoryHub
from topfm.cli import main
from topfm.hub.serve.refusals import Refused
from topfm.hub.serve.repositories import Repositories

from .conftest import BIN, COMMAND, TOKEN, serving


def regular(path, content=b"x"):
    value = {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}
    return {"key": "file", "value": value}


def files(hub, repo):
    """Everything that the folder of a repository holds, hidden files too."""
    return sorted(p.relative_to(hub.folder) for p in (hub.folder / repo).rglob("*") if p.is_file())


def offered(hub, repo, sha256, size):
    body = {"operation": "upload", "objects": [{"oid": sha256, "size": size}]}
    return hub.json("POST", f"/{repo}.git/info/lfs/objects/batch", body)["objects"][0]


@pytest.fixture
def repo(hub, request):
    """A repository with one file, and with nothing else when the test began."""
    name = "bad/" + hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    hub.make(name)
    assert hub.commit(name, regular("kept.txt"))[0] == 200
    return name


@pytest.mark.parametrize(
    "path",
    ["../evil", "/etc/evil", "a/../../evil", "a//b", "./a", "a\\b", "a\0b", "", "a/", "a\nb",
     ".git/hooks/evil", "x/.GIT/config", "n" * 300, "a/" * 600 + "b", "kept.txt/below"],
)  # fmt: skip
@pytest.mark.parametrize("key", ["file", "lfsFile"])
def test_paths_that_lead_out(hub, repo, path, key):
    known = hashlib.sha256(b"x").hexdigest()
    line = regular(path) if key == "file" else {"key": key, "value": {"path": path, "oid": known}}
    before = hub.json("GET", f"/api/models/{repo}")["sha"]
    status, answer = hub.commit(repo, line)
    assert (status, list(answer)) == (400, ["error"])
    assert hub.json("GET", f"/api/models/{repo}")["sha"] == before


@pytest.mark.parametrize(
    "name", ["../evil", "a/..", "a/.hidden", "a/b--c", "a/b.git", "-a/b", "a/" + "n" * 200,
             "datasets/x", "api/x", "a/b/c", "a/b\\c", "a\n/b"],
)  # fmt: skip
def test_names_that_lead_out(hub, name):
    organisation, _, short = name.partition("/")
    body = {"organization": organisation, "name": short, "type": "model"}
    assert hub.ask("POST", "/api/repos/create", body)[0] == 400
    assert not (hub.folder / "evil").exists()
    assert not (hub.folder.parent / "evil").exists()


@pytest.mark.parametrize("way", ["{0}/resolve/main/../../../../etc/passwd", "{0}/resolve/../x",
                                 "{0}/resolve/main/..%2F..%2F..%2Fetc%2Fpasswd", "..%2F../x",
                                 "{0}/resolve/..%2F..%2Fobjects/x", "api/models/..%2Fx/y",
                                 "api/models/{0}/tree/main/..%2F..", "static/..%2Fapp.py",
                                 "api/models/{0}/revision/..%2F..%2Fmain"])  # fmt: skip
def test_addresses_that_lead_out(hub, repo, way):
    address = urlsplit(hub.endpoint)
    with socket.create_connection((address.hostname, address.port)) as raw:  # nothing tidies it
        raw.sendall(
            f"GET /{way.format(repo)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.split()[1] == b"404"
    assert b"root:" not in answer
    assert str(hub.folder).encode() not in answer


def test_who_may_not_write(hub, repo):
    signed = offered(hub, repo, "0" * 64, 1)["actions"]["upload"]["href"]
    before = files(hub, repo)
    for token, status in ((None, 401), ("wrong-token", 401), (TOKEN[:-1], 401), (TOKEN + "x", 401)):
        for method, path, body in (
            ("POST", "/api/repos/create", {"organization": "no", "name": "no"}),
            ("POST", f"/api/models/{repo}/preupload/main", {"files": []}),
            ("POST", f"/api/models/{repo}/commit/main", {}),
            ("POST", f"/api/models/{repo}/tag/main", {"tag": "v1"}),
            ("DELETE", f"/api/models/{repo}/tag/v1", None),
            ("POST", f"/api/models/{repo}/branch/dev", {}),
            ("DELETE", f"/api/models/{repo}/branch/dev", None),
            ("DELETE", "/api/repos/delete", None),
            ("POST", f"/{repo}.git/info/lfs/objects/batch", {"operation": "upload", "objects": []}),
            ("GET", "/api/whoami-v2", None),
        ):
            assert hub.ask(method, path, body, token=token)[0] == status, (method, path)
    for forged in (signed[:-1] + ("0" if signed[-1] != "0" else "1"), signed.partition("?")[0],
                   signed.replace("/1?", "/2?"), signed.replace("until=", "until=9")):  # fmt: skip
        assert hub.ask("PUT", forged, b"x", token=None)[0] == 403
    assert files(hub, repo) == before
    assert not (hub.folder / "no").exists()
    done = hub.hf("upload", repo, __file__, "x.py", check=False, HF_TOKEN="wrong-token")
    assert done.returncode != 0
    assert "Invalid" in done.stderr


@pytest.mark.parametrize("size", [10**18 - 1, 10**13, 200 * 10**9])
def test_huge_declared_sizes(hub, repo, size):
    said = offered(hub, repo, "0" * 64, size)
    assert "actions" not in said
    assert said["error"]["code"] == 413


@pytest.mark.parametrize("size", [-1, 1.5, "1", None, True])
def test_sizes_that_are_none(hub, repo, size):
    body = {"operation": "upload", "objects": [{"oid": "0" * 64, "size": size}]}
    assert hub.ask("POST", f"/{repo}.git/info/lfs/objects/batch", body)[0] == 400


def test_bodies_that_are_not_what_was_announced(hub, repo):
    content = b"0123456789" * 3_000
    sha256 = hashlib.sha256(content).hexdigest()
    href = offered(hub, repo, sha256, len(content))["actions"]["upload"]["href"]
    before = files(hub, repo)
    for wrong in (content[:-1], content + b"x", content[:-1] + b"x", b""):
        assert hub.ask("PUT", href, wrong)[0] == 400
        assert files(hub, repo) == before
    in_pieces = {"Transfer-Encoding": "chunked"}
    for wrong in (iter([content, content]), iter([content[:-1]])):
        assert hub.ask("PUT", href, wrong, headers=in_pieces)[0] == 400
        assert files(hub, repo) == before
    line = {"key": "lfsFile", "value": {"path": "w.bin", "oid": sha256, "size": len(content)}}
    assert hub.commit(repo, line)[0] == 400  # it was never uploaded
    assert hub.ask("POST", f"{href.partition('?')[0]}/verify", {})[0] == 404
    assert hub.ask("PUT", href, content)[0] == 200
    assert hub.commit(repo, {"key": "lfsFile", "value": {**line["value"], "size": 1}})[0] == 400
    assert hub.commit(repo, line)[0] == 200
    assert hub.ask("GET", f"/{repo}/resolve/main/w.bin")[2] == content


def test_an_upload_that_does_not_end_is_ended(hub, repo):
    href = offered(hub, repo, "0" * 64, 10)["actions"]["upload"]["href"]
    before, address = files(hub, repo), urlsplit(href)
    with socket.create_connection((address.hostname, address.port), timeout=10) as raw:
        head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: x\r\n"
        raw.sendall(
            head.encode() + b"Transfer-Encoding: chunked\r\n\r\n14\r\n" + b"0" * 20 + b"\r\n"
        )
        assert raw.recv(65536).split()[1] == b"400"  # the last piece was not sent yet
    assert files(hub, repo) == before


def test_an_upload_that_is_broken_off(hub, repo):
    size = 50_000_000
    href = offered(hub, repo, "0" * 64, size)["actions"]["upload"]["href"]
    before, address = files(hub, repo), urlsplit(href)
    with socket.create_connection((address.hostname, address.port)) as raw:
        head = f"PUT {address.path}?{address.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
        raw.sendall(head.encode() + b"0" * 5_000_000)
        assert eventually(lambda: files(hub, repo) != before)  # it is on the way
    assert eventually(lambda: files(hub, repo) == before)
    assert hub.ask("GET", f"/{repo}/resolve/main/kept.txt")[0] == 200


def eventually(holds, seconds=10):
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def test_a_damaged_object_is_told_and_mended(hub, repo):
    sha256 = hashlib.sha256(b"x").hexdigest()
    stored = hub.folder / repo / "objects" / sha256[:2] / sha256
    stored.write_bytes(b"")
    assert hub.ask("GET", f"/{repo}/resolve/main/kept.txt")[0] == 500
    stored.write_bytes(b"y")  # of the same size
    href = offered(hub, repo, sha256, 1)["actions"]["upload"]["href"]
    assert hub.ask("PUT", href, b"x")[0] == 200
    assert stored.read_bytes() == b"x"
    stored.write_bytes(b"y")
    assert hub.commit(repo, regular("kept.txt"))[0] == 200
    assert stored.read_bytes() == b"x"


@pytest.mark.parametrize(
    "body",
    [b"", b"\n", b"not json\n", b"[]\n", b'{"key": "header"}\n', b'{"key":"header","value":{}}\n',
     b'{"key":"header","value":{"summary":"s","parentCommit":"main"}}\n', b"\xff\n", b"[" * 100_000,
     b'{"key":"header","value":{"summary":"s"}}\n{"key":"exec","value":{"path":"x"}}\n',
     b'{"key":"header","value":{"summary":"s"}}\n{"key":"file","value":{"path":"x","content":"?"}}',
     b'{"key":"header","value":{"summary":"s"}}\n{"key":"lfsFile","value":{"path":"x","oid":"../x"}}'],
)  # fmt: skip
def test_commits_that_are_none(hub, repo, body):
    before = hub.json("GET", f"/api/models/{repo}")["sha"]
    assert hub.ask("POST", f"/api/models/{repo}/commit/main", body)[0] == 400
    assert hub.json("GET", f"/api/models/{repo}")["sha"] == before


def test_a_line_that_never_ends(hub, repo):
    assert hub.ask("POST", f"/api/models/{repo}/commit/main", b"x" * 4_000_000)[0] == 413
    assert hub.ask("POST", f"/api/models/{repo}/tag/main", b"x" * 20_000_000)[0] == 413


def test_tags_and_branches(hub, repo):
    first = hub.json("GET", f"/api/models/{repo}")["sha"]
    tags = f"/api/models/{repo}/tag"
    for name in ("main", "../v1", "a/b", "0" * 40, "", ".hidden", "v1--".replace("-", "/")):
        assert hub.ask("POST", f"{tags}/main", {"tag": name})[0] == 400, name
    assert hub.ask("POST", f"{tags}/main", {"tag": "v1"})[0] == 200
    assert hub.ask("POST", f"/api/models/{repo}/branch/v1", {})[0] == 409
    assert hub.ask("POST", f"{tags}/none", {"tag": "v2"})[0] == 404
    assert hub.commit(repo, regular("b"), branch="v1")[0] == 404  # no commits to a tag
    second = hub.commit(repo, regular("b"))[1]["commitOid"]
    assert hub.json("GET", f"/api/models/{repo}/revision/v1")["sha"] == first
    assert hub.ask("DELETE", f"{tags}/v1")[0] == 200
    assert hub.ask("DELETE", f"{tags}/v1")[0] == 404
    assert hub.ask("POST", f"{tags}/{second}", {"tag": "v1"})[0] == 200
    for revision in ("v1", second):  # a moved tag
        assert hub.json("GET", f"/api/models/{repo}/revision/{revision}")["sha"] == second
    assert hub.ask("DELETE", f"/api/models/{repo}/branch/main")[0] == 404


def test_a_name_is_of_one_kind(hub, repo):
    organisation, name = repo.split("/")
    body = {"organization": organisation, "name": name, "type": "dataset"}
    assert hub.ask("POST", "/api/repos/create", body)[0] == 400
    status, headers, _ = hub.ask("GET", f"/api/datasets/{repo}")
    assert (status, headers["X-Error-Code"]) == (404, "RepoNotFound")
    assert hub.ask("POST", "/api/repos/create", {**body, "type": "space"})[0] == 400


def test_parts_of_a_file(hub, repo):
    content = bytes(range(256)) * 40
    hub.commit(repo, regular("a b/ü.bin", content))
    path = f"/{repo}/resolve/main/{quote('a b/ü.bin')}"

    def part(wanted, method="GET"):
        return hub.ask(method, path, headers={"Range": wanted})

    status, headers, body = hub.ask("HEAD", path)
    sha256 = hashlib.sha256(content).hexdigest()
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(content)))
    assert headers["ETag"] == f'"{sha256}"'
    assert headers["X-Repo-Commit"] == hub.json("GET", f"/api/models/{repo}")["sha"]
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["X-Content-Type-Options"] == "nosniff"
    for wanted, piece in (("bytes=5-9", content[5:10]), ("bytes=10000-", content[10000:]),
                          ("bytes=-7", content[-7:]), ("bytes=10000-99999", content[10000:])):  # fmt: skip
        status, headers, body = part(wanted)
        assert (status, body) == (206, piece)
        assert headers["Content-Range"].endswith(f"/{len(content)}")
    status, headers, _ = part("bytes=99999-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(content)}")
    assert hub.ask("GET", path)[2] == content


def publish(hub, repo, number, parent):
    while True:
        status, answer = hub.commit(
            repo, regular(f"{number}.txt", str(number).encode()), parent=parent
        )
        if status == 200 or parent is None:
            return status
        assert status == 412, answer
        parent = hub.json("GET", f"/api/models/{repo}")["sha"]


@pytest.mark.parametrize("named", [True, False])
def test_publishers_at_once_on_two_servers(hub, repo, tmp_path, named):
    """Those who name a parent are told and try again; the others come after one another."""
    before = hub.json("GET", f"/api/models/{repo}")["sha"]
    with serving(hub.folder, tmp_path) as other, ThreadPoolExecutor(12) as pool:
        places = [hub, other] * 6
        done = pool.map(lambda n: publish(places[n], repo, n, before if named else None), range(12))
        assert set(done) == {200}
    names = {f"{number}.txt" for number in range(12)} | {"kept.txt"}
    local = DirectoryHub(str(hub.folder), "model")
    head = local.head(repo)
    assert {file.path for file in local.files(repo, head)} == names
    assert len(hub.json("GET", f"/api/models/{repo}/commits/main")) == 2 + 12


@pytest.mark.parametrize("named", [True, False])
def test_somebody_writes_the_folder_between_look_and_commit(hub, repo, named):
    local, here = DirectoryHub(str(hub.folder), "model"), Repositories(hub.folder)
    before, rivals = local.head(repo), ["rival"]

    def change(tree):
        kept = local.files(repo, before)[0]
        for name in [rivals.pop()] if rivals else []:
            listed = [kept, replace(kept, path=name)]
            local.commit(repo, listed, parent=before, message=name)
        return [*tree.values(), replace(kept, path="ours")]

    if named:
        with pytest.raises(Refused) as refused:
            here.commit("models", repo, "main", "ours", before, change)
        assert refused.value.status == 412
    else:
        here.commit("models", repo, "main", "ours", None, change)
    names = {file.path for file in local.files(repo, local.head(repo))}
    assert names == {"kept.txt", "rival"} | (set() if named else {"ours"})


def test_of_publishers_with_one_parent_one_is_first(hub, repo):
    parent, barrier = hub.json("GET", f"/api/models/{repo}")["sha"], threading.Barrier(8)

    def run(number):
        barrier.wait()
        return hub.commit(repo, regular(f"{number}.txt"), parent=parent)[0]

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(run, range(8))) == [200] + [412] * 7


def test_a_hub_of_older_ids_is_served(hub):
    """Ids had 64 digits; the first 40 name the same revision."""
    hub.make("old/hub")
    _, answer = hub.commit("old/hub", regular("a.txt", b"old"))
    home = hub.folder / "old" / "hub"
    new = answer["commitOid"]
    text = (home / "revisions" / f"{new}.json").read_bytes()
    old = hashlib.sha256(text).hexdigest()
    (home / "revisions" / f"{new}.json").rename(home / "revisions" / f"{old}.json")
    (home / "main" / "000002" / new).rename(home / "main" / "000002" / old)
    assert hub.json("GET", "/api/models/old/hub")["sha"] == new
    assert hub.ask("GET", f"/old/hub/resolve/{new}/a.txt")[2] == b"old"
    assert hub.ask("GET", f"/old/hub/resolve/{old}/a.txt")[1]["X-Repo-Commit"] == new
    assert hub.commit("old/hub", regular("b.txt"), parent=new)[0] == 200
    assert len(hub.json("GET", "/api/models/old/hub/commits/main")) == 3


def test_metadata_of_cards(hub, repo):
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
    )
    for head, good in (("tags: [a]", True), ("tags: [", False), (bomb, False), ("- a", False),
                       ("[" * 5000, False), ("when: 2026-01-01\nx: .nan", True)):  # fmt: skip
        card = f"---\n{head}\n---\n# Text\n"
        status, _, body = hub.ask("POST", "/api/validate-yaml", {"content": card})
        assert (status, bool(json.loads(body)["errors"])) == (200 if good else 400, not good)
        assert hub.commit(repo, regular("README.md", card.encode()))[0] == 200
        hub.json("GET", f"/api/models/{repo}")
        assert hub.ask("GET", f"/{repo}")[0] == 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none"], "no such folder; to start a hub there, make it"),
        ([".", "--token-file", "none"], "holds no token that can be read"),
        ([".", "--token-file", "short"], "a token has at least 8"),
        ([".", "--host", "192.0.2.1"], "cannot be listened at"),
    ],
)
def test_what_keeps_it_from_starting(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short").write_text("abc\n")
    with pytest.raises(SystemExit) as stop:
        main(["hub", "serve", *arguments])
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_port_that_is_taken(hub, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["hub", "serve", str(tmp_path), "--port", str(urlsplit(hub.endpoint).port)])
    assert stop.value.code == 2
    assert "choose another --port" in capsys.readouterr().err


def test_a_missing_package_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(SystemExit) as stop:
        main(["hub", "serve", str(tmp_path)])
    assert stop.value.code == 2
    assert "pip install 'topdata[serve]'" in capsys.readouterr().err


def test_a_new_token_is_printed_and_works(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "hub", "serve", str(tmp_path), "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        shown = "".join(process.stdout.readline() for _ in range(3))
        setting = dict(word.split("=", 1) for word in shown.split() if "=" in word)
        assert len(setting["HF_TOKEN"]) > 20
        done = subprocess.run(
            [BIN / "hf", "auth", "whoami"], capture_output=True, text=True,
            env={"PATH": "", "HF_HOME": str(tmp_path / "home"), **setting},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "hub" in done.stdout
    finally:
        process.kill()
        process.communicate()
