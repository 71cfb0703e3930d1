"""A hub with the interface of the Hugging Face hub, in memory, on loopback.

It speaks what ``huggingface_hub`` and ``datasets`` ask of a hub without Xet: repositories, commits
over plain LFS, tags, trees, downloads with ranges. It notes every request, and can be told to
fail in the ways in which hubs and networks fail.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "x"
READ_TOKEN = "may-only-read"


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Repo:
    """Commits are complete trees: path to (oid, is it LFS); the content is in the server's store."""

    private: bool = False
    commits: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)  # commit, message
    refs: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, tree: dict[str, tuple[str, bool]], message: str) -> str:
        oid = hashlib.sha1(f"{len(self.log)}{sorted(tree.items())}{message}".encode()).hexdigest()
        self.commits[oid] = tree
        self.log.append((oid, message))
        self.refs["main"] = oid
        return oid

    def find(self, revision: str) -> str | None:
        known = {**self.refs, **self.tags, **{oid: oid for oid in self.commits}}
        return known.get(revision)


@dataclass
class Request:
    method: str
    path: str
    sent: int  # bytes of the request's body
    agent: str
    authorized: bool


class Hub:
    """The state of the server, for tests to look at and to damage."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}  # "datasets/org/name"
        self.store: dict[str, bytes] = {}  # by oid: sha256 for LFS, git blob else
        self.requests: list[Request] = []
        self.endpoint = ""
        self.redirect = False  # LFS files by a redirect to another host name
        self.sha: str | None = None  # what every revision is said to be
        self.sizes: dict[str, object] = {}  # of paths, what the tree says instead
        self.truncated: set[str] = set()  # paths whose body ends early
        self.fail: dict[str, int] = {}  # part of "METHOD /path" to the status it gets
        self.before_commit: Callable[[Repo], None] | None = None  # runs once
        self.amid_upload: Callable[[], None] | None = None  # runs once, with half a file here

    def reset(self) -> None:
        """Forget everything but the endpoint."""
        endpoint = self.endpoint
        self.__init__()
        self.endpoint = endpoint

    def repo(self, name: str, kind: str = "dataset") -> Repo:
        return self.repos[f"{kind}s/{name}"]

    def put(self, content: bytes, lfs: bool) -> tuple[str, bool]:
        oid = sha256(content) if lfs else git_blob(content)
        self.store[oid] = content
        return oid, lfs

    def corrupt(self, name: str, path: str, kind: str = "dataset") -> Callable[[], None]:
        """Change one byte of a stored file; return what mends it."""
        repo = self.repo(name, kind)
        oid, _ = repo.commits[repo.refs["main"]][path]
        good = self.store[oid]
        middle = len(good) // 2
        self.store[oid] = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
        return lambda: self.store.update({oid: good})

    def count(self, method: str, part: str = "") -> int:
        return sum(r.method == method and part in r.path for r in self.requests)

    def sent(self, method: str, part: str = "") -> int:
        return sum(r.sent for r in self.requests if r.method == method and part in r.path)


@contextmanager
def serving() -> Iterator[Hub]:
    """Run a hub until the block ends."""
    hub = Hub()
    handler = type("Bound", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        hub.endpoint = f"http://127.0.0.1:{http.server_address[1]}"
        yield hub
        http.shutdown()
        thread.join()


class _Refused(Exception):
    def __init__(self, status: int, code: str = "", **body: object) -> None:
        self.status, self.code, self.body = status, code, body


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def _answer(self) -> None:
        body = self._body(int(self.headers.get("Content-Length") or 0))
        if body is None:
            self.close_connection = True
            return
        url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = unquote(url.path)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        agent = self.headers.get("User-Agent") or ""
        self.token = token
        self.hub.requests.append(Request(self.command, path, len(body), agent, bool(token)))
        try:
            for part, status in self.hub.fail.items():
                if part in f"{self.command} {path}":
                    raise _Refused(status, error="as the test wants")
            for method, pattern, handle in _ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in method:
                    handle(self, body, *match.groups())
                    return
            raise _Refused(404, error=f"no route {self.command} {path}")
        except _Refused as refused:
            self._json(refused.body, refused.status, {"X-Error-Code": refused.code})

    def _body(self, length: int) -> bytes | None:
        """Return the body of a request; None where it breaks off."""
        if self.command != "PUT" or self.hub.amid_upload is None:
            return self.rfile.read(length)
        amid, self.hub.amid_upload = self.hub.amid_upload, None
        body = self.rfile.read(length // 2)
        amid()
        try:
            body += self.rfile.read(length - len(body))
        except OSError:
            return None
        return body if len(body) == length else None

    # what routes use

    def _json(self, content: object, status: int = 200, headers: dict[str, str] | None = None):
        data = json.dumps(content).encode()
        self._send(data, status, {"Content-Type": "application/json", **(headers or {})})

    def _send(self, data: bytes, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _repo(self, name: str, write: bool = False) -> Repo:
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and not self.token):
            raise _Refused(404 if self.token else 401, "RepoNotFound", error="not found")
        if write and self.token != TOKEN:
            raise _Refused(403 if self.token else 401, error="no right")
        return repo

    def _commit(self, name: str, revision: str) -> tuple[Repo, str]:
        repo = self._repo(name)
        oid = repo.find(revision)
        if oid is None:
            raise _Refused(404, "RevisionNotFound", error="Invalid rev id")
        return repo, oid

    def _entry(self, path: str, oid: str, lfs: bool) -> dict[str, object]:
        size = self.hub.sizes.get(path, len(self.hub.store[oid]))
        if not lfs:
            return {"type": "file", "path": path, "size": size, "oid": oid}
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
        return {
            "type": "file",
            "path": path,
            "size": size,
            "oid": git_blob(pointer.encode()),
            "lfs": {"oid": oid, "size": size, "pointerSize": len(pointer)},
        }

    # routes

    def create(self, body: bytes) -> None:
        if self.token != TOKEN:
            raise _Refused(403 if self.token else 401, error="no right")
        wanted = json.loads(body)
        name = f"{wanted['type']}s/{wanted['organization']}/{wanted['name']}"
        url = f"{self.hub.endpoint}/{name}"
        if name in self.hub.repos:
            self._json({"url": url, "error": "You already created this"}, 409)
            return
        private = wanted.get("private") or wanted.get("visibility") == "private"
        repo = self.hub.repos[name] = Repo(private=bool(private))
        attributes = self.hub.put(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n", lfs=False)
        repo.commit({".gitattributes": attributes}, "initial commit")
        self._json({"url": url})

    def validate(self, body: bytes) -> None:
        self._json({"errors": [], "warnings": []})

    def refs(self, body: bytes, name: str) -> None:
        repo = self._repo(name)

        def shown(kind: str, refs: dict[str, str]) -> list[dict[str, str]]:
            return [
                {"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": c} for n, c in refs.items()
            ]

        self._json(
            {
                "branches": shown("heads", repo.refs),
                "tags": shown("tags", repo.tags),
                "converts": [],
            }
        )

    def info(self, body: bytes, name: str, revision: str | None = None) -> None:
        repo, oid = self._commit(name, revision or "main")
        files = [{"rfilename": path} for path in sorted(repo.commits[oid])]
        self._json(
            {"id": name.partition("/")[2], "sha": self.hub.sha or oid, "private": repo.private, "tags": [],
             "siblings": files, "gated": False, "disabled": False, "downloads": 0, "likes": 0}
        )  # fmt: skip

    def search(self, body: bytes, kinds: str) -> None:
        """List repositories; a card is not read here, so every one passes a filter."""
        owner = f"{kinds}/{self.query['author']}/" if "author" in self.query else f"{kinds}/"
        self._json(
            [
                {"id": name.partition("/")[2], "sha": repo.refs["main"], "private": repo.private,
                 "siblings": [{"rfilename": p} for p in sorted(repo.commits[repo.refs["main"]])]}
                for name, repo in sorted(self.hub.repos.items())
                if name.startswith(owner) and (self.token or not repo.private)
            ]
        )  # fmt: skip

    def tree(self, body: bytes, name: str, revision: str, folder: str | None = None) -> None:
        repo, oid = self._commit(name, revision)
        prefix = f"{folder.strip('/')}/" if folder and folder.strip("/") else ""
        deep = self.query.get("recursive", "").lower() == "true"
        entries, folders = [], set()
        for path, (blob, lfs) in sorted(repo.commits[oid].items()):
            if not path.startswith(prefix):
                continue
            *inner, _ = path[len(prefix) :].split("/")
            folders.update(prefix + "/".join(inner[: n + 1]) for n in range(len(inner)))
            if deep or not inner:
                entries.append(self._entry(path, blob, lfs))
        if prefix and not (entries or folders):
            raise _Refused(404, "EntryNotFound", error="not found")
        shown = folders if deep else {f for f in folders if "/" not in f[len(prefix) :]}
        self._json(
            [{"type": "directory", "path": f, "size": 0, "oid": "0" * 40} for f in sorted(shown)]
            + entries
        )

    def paths_info(self, body: bytes, name: str, revision: str) -> None:
        repo, oid = self._commit(name, revision)
        form = body.decode()
        wanted = json.loads(form)["paths"] if form.startswith("{") else parse_qs(form)["paths"]
        tree = repo.commits[oid]
        self._json([self._entry(path, *tree[path]) for path in wanted if path in tree])

    def preupload(self, body: bytes, name: str, revision: str) -> None:
        repo = self._repo(name, write=True)
        tree = repo.commits[repo.refs[revision]]
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(_LFS) else "regular",
                "shouldIgnore": False,
                **({"oid": tree[file["path"]][0]} if file["path"] in tree else {}),
            }
            for file in json.loads(body)["files"]
        ]
        self._json({"files": files})

    def batch(self, body: bytes, name: str) -> None:
        self._repo(name if name.startswith("datasets/") else f"models/{name}", write=True)
        objects = []
        for wanted in json.loads(body)["objects"]:
            href = f"{self.hub.endpoint}/lfs/{wanted['oid']}"
            actions = {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}
            there = wanted["oid"] in self.hub.store
            objects.append({**wanted, **({} if there else {"actions": actions})})
        self._json({"transfer": "basic", "objects": objects})

    def upload(self, body: bytes, oid: str) -> None:
        assert sha256(body) == oid
        self.hub.store[oid] = body
        self._json({})

    def verify(self, body: bytes, oid: str) -> None:
        wanted = json.loads(body)
        good = len(self.hub.store.get(wanted["oid"], b"")) == wanted["size"]
        self._json({}, 200 if good else 404)

    def commit(self, body: bytes, name: str, revision: str) -> None:
        repo = self._repo(name, write=True)
        lines = [json.loads(line) for line in body.splitlines()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if hook := self.hub.before_commit:
            self.hub.before_commit = None
            hook(repo)
        head = repo.refs[revision]
        if header.get("parentCommit") not in (None, head):
            raise _Refused(412, error="A commit has happened since. Please refresh and try again.")
        tree = dict(repo.commits[head])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                tree[value["path"]] = self.hub.put(base64.b64decode(value["content"]), lfs=False)
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.hub.store:
                    raise _Refused(400, error=f"{value['path']}: LFS object is missing")
                tree[value["path"]] = (value["oid"], True)
            elif line["key"] == "deletedFile":
                del tree[value["path"]]
        oid = repo.commit(tree, header["summary"])
        self._json({"commitOid": oid, "commitUrl": f"{self.hub.endpoint}/{name}/commit/{oid}"})

    def tag(self, body: bytes, name: str, revision: str) -> None:
        repo = self._repo(name, write=True)
        if self.command == "DELETE":
            del repo.tags[revision]
            self._json({})
            return
        tag = json.loads(body)["tag"]
        if tag in repo.tags:
            raise _Refused(409, error="Tag reference exists already")
        repo.tags[tag] = repo.find(revision) or ""
        self._json({})

    def resolve(self, body: bytes, name: str, revision: str, path: str) -> None:
        name = name if name.startswith("datasets/") else f"models/{name}"
        repo, oid = self._commit(name, revision)
        if path not in repo.commits[oid]:
            raise _Refused(404, "EntryNotFound", error="not found")
        blob, lfs = repo.commits[oid][path]
        content = self.hub.store[blob]
        headers = {"ETag": f'"{blob}"', "X-Repo-Commit": oid, "Accept-Ranges": "bytes"}
        if lfs and self.hub.redirect:
            elsewhere = self.hub.endpoint.replace("127.0.0.1", "localhost")
            linked = {"X-Linked-Etag": f'"{blob}"', "X-Linked-Size": str(len(content))}
            location = {"Location": f"{elsewhere}/cdn/{blob}"}
            self._send(b"", 302, {**headers, **linked, **location})
            return
        if path in self.hub.truncated and self.command == "GET":
            content = content[: len(content) // 2]
        self._content(content, headers)

    def cdn(self, body: bytes, blob: str) -> None:
        self._content(self.hub.store[blob], {"ETag": f'"{blob}"', "Accept-Ranges": "bytes"})

    def _content(self, content: bytes, headers: dict[str, str]) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not wanted:
            self._send(content, 200, headers)
            return
        start = int(wanted[1])
        stop = min(int(wanted[2]) + 1, len(content)) if wanted[2] else len(content)
        where = {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
        self._send(content[start:stop], 206, {**headers, **where})


_LFS = (".parquet", ".safetensors")
_NAME = r"((?:datasets|models)/[^/]+/[^/]+)"
_WEB = r"((?:datasets/)?[^/]+/[^/]+)"
_ROUTES = [
    (("POST",), "/api/repos/create", _Handler.create),
    (("POST",), "/api/validate-yaml", _Handler.validate),
    (("GET",), "/api/(models|datasets)", _Handler.search),
    (("GET",), f"/api/{_NAME}/refs", _Handler.refs),
    (("GET",), f"/api/{_NAME}", _Handler.info),
    (("GET",), f"/api/{_NAME}/revision/([^/]+)", _Handler.info),
    (("GET",), f"/api/{_NAME}/tree/([^/]+)(/.*)?", _Handler.tree),
    (("POST",), f"/api/{_NAME}/paths-info/([^/]+)", _Handler.paths_info),
    (("POST",), f"/api/{_NAME}/preupload/([^/]+)", _Handler.preupload),
    (("POST",), f"/{_WEB}\\.git/info/lfs/objects/batch", _Handler.batch),
    (("PUT",), "/lfs/([0-9a-f]{64})", _Handler.upload),
    (("POST",), "/lfs/([0-9a-f]{64})/verify", _Handler.verify),
    (("POST",), f"/api/{_NAME}/commit/([^/]+)", _Handler.commit),
    (("POST", "DELETE"), f"/api/{_NAME}/tag/([^/]+)", _Handler.tag),
    (("GET", "HEAD"), f"/{_WEB}/resolve/([^/]+)/(.+)", _Handler.resolve),
    (("GET", "HEAD"), "/cdn/([0-9a-f]+)", _Handler.cdn),
]
