"""Files over HTTP, from a server on loopback that answers range requests."""

import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import topdata
from topdata.build import build
from topdata.errors import InputError
from topdata.recipe import make_recipe

pytest.importorskip("aiohttp")


class Ranges(SimpleHTTPRequestHandler):
    """A file server that honours `Range`, as object stores and XRootD's HTTP do."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = self.translate_path(self.path)
        try:
            content = Path(path).read_bytes()
        except OSError:
            self.send_error(404)
            return
        start, stop = 0, len(content)
        if wanted:
            start = int(wanted[1])
            stop = min(int(wanted[2]) + 1, stop) if wanted[2] else stop
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        self.wfile.write(content[start:stop])

    def do_HEAD(self):
        self.send_response(200)
        path = self.translate_path(self.path)
        with open(path, "rb") as stream:
            size = len(stream.read())
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(size))
        self.end_headers()


@pytest.fixture
def server(demo):
    handler = lambda *a, **k: Ranges(*a, directory=str(demo), **k)  # noqa: E731
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


def recipe(file):
    process = {"name": "p", "files": [file], "cross_section": 1.0}
    return make_recipe({"name": "d", "processes": [process]}, "test")


@pytest.mark.filterwarnings("default")
def test_a_remote_file_gives_the_same_dataset(server, demo, tmp_path):
    build(recipe(f"{server}/ttt.root"), tmp_path / "far")
    build(recipe(str(demo / "ttt.root")), tmp_path / "near")
    far, near = topdata.info(tmp_path / "far"), topdata.info(tmp_path / "near")
    assert [f.sha256 for f in far.files] == [f.sha256 for f in near.files]
    assert far.sources[0].sha256 == near.sources[0].sha256
    assert far.recipe["processes"][0]["files"] == [f"{server}/ttt.root"]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    "url", ["{server}/none.root", "http://127.0.0.1:9/x.root", "what://x/y.root"]
)
def test_a_remote_file_that_is_not_there_is_one_line(server, tmp_path, url):
    with pytest.raises(InputError) as caught:
        build(recipe(url.format(server=server)), tmp_path / "out")
    assert "\n" not in str(caught.value)
