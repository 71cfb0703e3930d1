"""A page as a real browser shows it: headless Chromium over the DevTools protocol."""

import asyncio
import base64
import contextlib
import io
import json
import shutil
import subprocess
import time
from dataclasses import dataclass, field

import aiohttp
import numpy as np
from PIL import Image

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--remote-debugging-port=0", "--remote-allow-origins=*")  # fmt: skip


@dataclass
class Seen:
    """What the browser made of a page."""

    images: list[dict] = field(default_factory=list)  # complete, width, alt, shown
    errors: list[str] = field(default_factory=list)  # of console, network and page
    overflow: int = 0  # pixels that the page is wider than the window
    pixels: np.ndarray | None = None  # [height, width, 3]
    requests: list[str] = field(default_factory=list)


def see(url, folder, *, width=1400, height=1600, dark=False, scroll=0):
    """Open a page in a new browser with an empty profile under ``folder`` and look at it."""
    profile = folder / "profile"
    browser = subprocess.Popen(
        [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        return asyncio.run(_see(profile, url, width, height, dark, scroll))
    finally:
        browser.terminate()
        browser.wait(20)


async def _see(profile, url, width, height, dark, scroll):
    port_file = profile / "DevToolsActivePort"
    deadline = time.monotonic() + 30
    while not (port_file.exists() and port_file.read_text().count("\n")):
        if time.monotonic() > deadline:
            raise TimeoutError("the browser does not start")
        await asyncio.sleep(0.05)
    port = port_file.read_text().split()[0]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            target = next(t for t in await answer.json() if t["type"] == "page")
        async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            return await _Tab(socket).look(url, width, height, dark, scroll)


class _Tab:
    def __init__(self, socket):
        self.socket, self.sent, self.seen, self.loaded = socket, 0, Seen(), False

    async def look(self, url, width, height, dark, scroll):
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                        deviceScaleFactor=1, mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])
        await self.call("Page.navigate", url=url)
        while not self.loaded:
            await self.next()
        self.seen.images = await self.evaluate(
            "Promise.all([...document.images].map(async i => { await i.decode().catch(() => 0);"
            "return {complete: i.complete, width: i.naturalWidth, alt: i.alt,"
            "shown: i.getBoundingClientRect().width} }))"
        )
        self.seen.overflow = await self.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        await self.evaluate(f"window.scrollTo({{top: {scroll}, behavior: 'instant'}})")
        shot = await self.call("Page.captureScreenshot", format="png")
        image = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
        self.seen.pixels = np.asarray(image)
        return self.seen

    async def evaluate(self, expression):
        answer = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        return answer["result"].get("value")

    async def call(self, method, **parameters):
        self.sent += 1
        number = self.sent
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self.next()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    async def next(self):
        message = json.loads((await self.socket.receive(timeout=60)).data)
        method, of = message.get("method"), message.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.exceptionThrown":
            self.seen.errors.append(str(of["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and of["type"] in ("error", "warning"):
            self.seen.errors.append(str(of["args"]))
        elif method == "Log.entryAdded" and of["entry"]["level"] in ("error", "warning"):
            self.seen.errors.append(of["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.seen.requests.append(of["request"]["url"])
        elif method == "Network.loadingFailed":
            self.seen.errors.append(of["errorText"])
        return message


@contextlib.contextmanager
def served(folder):
    """Serve a folder on the loopback interface; gives its address."""
    import functools
    import http.server
    import threading

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
