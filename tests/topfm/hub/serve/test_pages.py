"""The pages, as HTML and in a real browser."""

import base64
import re
import struct
import zlib

import pytest

from ....topdata.plots.browser import CHROMIUM, see

CARD = """---
tags: [tops, "<b>bold</b>"]
license: mit
---
# The card

<script>window.ran = 1</script><img src=x onerror="window.ran = 1">

[bad](javascript:window.ran=1) [data](data:text/html,x) [ours](sub/notes.md) [web](https://example.org/)

![curve](curve.png) ![far](https://example.org/tracker.png) ![up](../../x.png) ![p](//example.org/y.png)

| a | b |
|--:|:-:|
| 1 | 2 |
"""


def png():
    def part(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    rows = b"".join(b"\0" + b"\x20\x80\xc0" * 40 for _ in range(20))
    head = struct.pack(">IIBBBBB", 40, 20, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows))
            + part(b"IEND", b""))  # fmt: skip


@pytest.fixture(scope="module")
def sha(hub):
    """The commit of a model with a card of all sorts, that has a tag; a dataset is there too."""

    def file(path, content):
        return {
            "key": "file",
            "value": {"path": path, "content": base64.b64encode(content).decode()},
        }

    hub.make("group/model")
    hub.make("group/data", "dataset")
    _, answer = hub.commit("group/model", file("README.md", CARD.encode()), file("curve.png", png()),
                           file("sub/notes.md", b"x"), file("<i>.txt", b"x"))  # fmt: skip
    hub.json("POST", "/api/models/group/model/tag/main", {"tag": "v1"})
    return answer["commitOid"]


def page(hub, path):
    status, headers, body = hub.ask("GET", path, token=None)
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script" not in headers["Content-Security-Policy"]
    return body.decode()


def test_the_list(hub, sha):
    html = page(hub, "/")
    assert '<a href="/group/model">group/model</a></td><td>v1</td>' in html
    assert '<a href="/datasets/group/data">' in html
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert f"export HF_ENDPOINT={hub.endpoint}" in html


def test_a_repository(hub, sha):
    for path in ("/group/model", "/group/model/tree/v1", f"/group/model/commit/{sha}"):
        html = page(hub, path)
        assert "topfm pull group/model@v1\nhf download group/model --revision v1" in html
        assert f'/group/model/resolve/{sha}/sub/notes.md"' in html
        assert re.search(r"<code>[0-9a-f]{64}</code>", html)
    assert "topdata pull group/data@" in page(hub, "/datasets/group/data")
    assert hub.ask("GET", "/group/none", token=None)[0] == 404
    assert hub.ask("GET", "/datasets/group/model", token=None)[0] == 404
    assert hub.ask("GET", "/group/model/tree/none", token=None)[0] == 404


def test_a_card_is_shown_and_nothing_of_it_runs(hub, sha):
    html = page(hub, "/group/model")
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "<i>.txt" not in html
    assert not re.search(r"""(href|src)=["']?(javascript|data:text)""", html)
    assert re.findall(r'<img src="([^"]*)"', html) == [f"/group/model/resolve/{sha}/curve.png"]
    assert "[picture: far]" in html
    assert "style=" not in html
    assert '<td class="right">1</td>' in html
    assert hub.ask("GET", f"/group/model/resolve/{sha}/curve.png")[1]["Content-Type"] == "image/png"
    notes = hub.ask("GET", f"/group/model/resolve/{sha}/sub/notes.md")[1]
    assert notes["Content-Type"] == "application/octet-stream"
    assert "attachment" in notes["Content-Disposition"]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
@pytest.mark.parametrize(
    ("path", "width", "dark"), [("/", 1200, False), ("/group/model", 400, True)]
)
def test_in_a_browser(hub, sha, tmp_path, path, width, dark):
    seen = see(f"{hub.endpoint}{path}", tmp_path, width=width, height=900, dark=dark)
    assert seen.errors == []
    assert seen.overflow == 0
    assert all(i["complete"] and i["width"] == 40 for i in seen.images)
    assert len(seen.images) == (path != "/")
    away = [u for u in seen.requests if not u.startswith((hub.endpoint, "data:"))]
    assert away == []
    assert (seen.pixels[:, 0].mean() < 60) == dark
    assert len({tuple(p) for p in seen.pixels[::7, ::7].reshape(-1, 3)}) > 20  # text is there
