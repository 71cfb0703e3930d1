"""`topfm hub serve` under load: many pulls and publishes at once, and one large file.

    python benchmarks/hub.py [--pulls 100] [--publishes 20] [--size 1000] -o docs/results/hub.md

Everything is on one machine, over loopback: clients and server share its cores. The pulls and
publishes at once are made by threads of one client process with ``huggingface_hub``; the large file
goes by ``HfApi.create_commit`` and ``snapshot_download``, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

COMMAND = "import sys; from topfm.cli import main; main(sys.argv[1:])"
PEAK = """
import json, sys, time
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) / 1e3
"""
SEED = (
    PEAK
    + """
import os
from huggingface_hub import HfApi, CommitOperationAdd
api = HfApi()
api.create_repo("bench/pull", repo_type="dataset")
add = [CommitOperationAdd(f"data/{n}.parquet", os.urandom(300_000)) for n in range(8)]
add += [CommitOperationAdd("README.md", b"# bench")]
api.create_commit("bench/pull", add, commit_message="seed", repo_type="dataset")
api.create_tag("bench/pull", tag="v1", repo_type="dataset")
api.create_repo("bench/publish")
out = {}
"""
)
COUNT = """
import httpx2, threading
sent, lock, real = [0], threading.Lock(), httpx2.Client.send
def counted(self, request, **more):
    with lock: sent[0] += 1
    return real(self, request, **more)
httpx2.Client.send = counted
"""
PULLS = (
    PEAK
    + COUNT
    + """
from concurrent.futures import ThreadPoolExecutor
from huggingface_hub import snapshot_download
def pull(number):
    at = snapshot_download("bench/pull", repo_type="dataset", revision="v1", max_workers=2,
                           cache_dir=f"{sys.argv[1]}/{number}")
    return sum(1 for _ in __import__("pathlib").Path(at).rglob("*.parquet"))
begun = time.monotonic()
with ThreadPoolExecutor(int(sys.argv[2])) as pool:
    files = list(pool.map(pull, range(int(sys.argv[2]))))
assert files == [8] * len(files), files
out = {"seconds": time.monotonic() - begun, "requests": sent[0], "peak": peak()}
"""
)
PUBLISHES = (
    PEAK
    + COUNT
    + """
import os
from concurrent.futures import ThreadPoolExecutor
from huggingface_hub import HfApi, CommitOperationAdd
from huggingface_hub.errors import HfHubHTTPError
api, refused = HfApi(), [0]
def publish(number):
    content = os.urandom(2_000_000)  # by LFS
    while True:
        parent = api.model_info("bench/publish").sha
        try:
            add = [CommitOperationAdd(f"{number}.bin", content)]
            return api.create_commit("bench/publish", add, commit_message=f"{number}",
                                     parent_commit=parent).oid
        except HfHubHTTPError as error:
            assert error.response.status_code == 412, error
            with lock: refused[0] += 1
begun = time.monotonic()
with ThreadPoolExecutor(int(sys.argv[2])) as pool:
    oids = list(pool.map(publish, range(int(sys.argv[2]))))
seconds = time.monotonic() - begun
log = api.list_repo_commits("bench/publish")
assert {c.commit_id for c in log} >= set(oids) and len(set(oids)) == int(sys.argv[2])
assert set(api.list_repo_files("bench/publish")) == {f"{n}.bin" for n in range(int(sys.argv[2]))}
out = {"seconds": seconds, "requests": sent[0], "peak": peak(), "refused": refused[0]}
"""
)
SEND = (
    PEAK
    + """
from huggingface_hub import HfApi, CommitOperationAdd
api = HfApi()
api.create_repo("bench/large")
begun = time.monotonic()
api.create_commit("bench/large", [CommitOperationAdd("model.safetensors", sys.argv[1])],
                  commit_message="large")
out = {"seconds": time.monotonic() - begun, "peak": peak()}
"""
)
FETCH = (
    PEAK
    + """
import hashlib
from pathlib import Path
from huggingface_hub import snapshot_download
begun = time.monotonic()
at = Path(snapshot_download("bench/large", cache_dir=sys.argv[1])) / "model.safetensors"
seconds = time.monotonic() - begun
with open(at, "rb") as stream:
    got = hashlib.file_digest(stream, "sha256").hexdigest()
with open(sys.argv[2], "rb") as stream:
    assert hashlib.file_digest(stream, "sha256").hexdigest() == got
out = {"seconds": seconds, "peak": peak()}
"""
)


class Server:
    """A server of its own process, and clients that know its address."""

    def __init__(self, folder: Path, home: Path) -> None:
        token = {"TOPFM_HUB_TOKEN": "a-token-of-this-run"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "hub", "serve", str(folder), "--port", "0", "--json"],
            env={**os.environ, **token}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout
        endpoint = json.loads(self._process.stdout.readline())["endpoint"]
        self._environment = {
            **os.environ, "HF_ENDPOINT": endpoint, "HF_TOKEN": "a-token-of-this-run",
            "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }  # fmt: skip

    def client(self, code: str, *arguments: object) -> dict[str, float]:
        """Run a client; an error of it ends the benchmark."""
        text = f"{code}\nprint(json.dumps(out))"
        done = subprocess.run(
            [sys.executable, "-c", text, *map(str, arguments)], env=self._environment,
            check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return {**result, "server": self.peak()}

    def peak(self) -> float:
        """Return the largest resident size of the server so far, in MB."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0]) / 1e3

    def close(self) -> None:
        """End it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)


def measured(options: argparse.Namespace, work: Path) -> list[str]:
    """Run everything; returns the rows of the table."""
    (work / "hub").mkdir()
    server = Server(work / "hub", work / "home")
    rows = [f"| start | | | | | {server.peak():.0f} |"]
    server.client(SEED)
    for name, code, many in (
        ("pulls of 9 files, 2.4 MB", PULLS, options.pulls),
        ("publishes of 2 MB to one branch", PUBLISHES, options.publishes),
    ):
        done = server.client(code, work / "cache", many)
        rate = done["requests"] / done["seconds"]
        also = f", {done['refused']} told to retry (412)" if "refused" in done else ""
        rows.append(
            f"| {many} {name} at once{also} | {done['seconds']:.1f} | {done['requests']:.0f} | "
            f"{rate:.0f} | {done['peak']:.0f} | {done['server']:.0f} |"
        )
    server.close()
    large = work / "large"
    with open(large, "wb") as stream:
        for _ in range(options.size):
            stream.write(os.urandom(10**6))
    server = Server(work / "hub", work / "home")
    for name, code, arguments in (
        ("published", SEND, (large,)), ("pulled", FETCH, (work / "large-cache", large)),
    ):  # fmt: skip
        done = server.client(code, *arguments)
        speed = options.size / done["seconds"]
        rows.append(
            f"| {options.size} MB {name}, {speed:.0f} MB/s | {done['seconds']:.1f} | | | "
            f"{done['peak']:.0f} | {done['server']:.0f} |"
        )
    server.close()
    return rows


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pulls", type=int, default=100)
    parser.add_argument("--publishes", type=int, default=20)
    parser.add_argument("--size", type=int, default=1000, help="MB")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(options, Path(folder))
    text = "\n".join([
        "# `topfm hub serve` under load", "",
        f"By `benchmarks/hub.py`, {os.cpu_count()} cores that clients and server share, loopback. "
        "Any error or lost version ends it. The large file meets a new server.", "",
        "| What | s | requests | requests/s | client VmHWM, MB | server VmHWM, MB |",
        "|---|--:|--:|--:|--:|--:|", *rows, "",
    ])  # fmt: skip
    print(text)
    if options.output:
        options.output.write_text(text)


if __name__ == "__main__":
    main()
