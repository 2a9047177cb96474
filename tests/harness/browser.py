"""A headless Chromium, driven by chromedriver over HTTP (WebDriver), with what its page did: what it
asked of whom, and what it had to say."""

import base64
import contextlib
import json
import random
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

from patience import PATIENCE

# Without a sandbox of its own, as root has none; and it asks nobody anything by itself.
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync --mute-audio"
    " --hide-scrollbars --font-render-hinting=none"
).split()

KEYS = {"Tab": "\ue004", "Escape": "\ue00c", "Home": "\ue011", "End": "\ue010",
        "ArrowLeft": "\ue012", "ArrowRight": "\ue014"}


class Unavailable(Exception):
    """There is no browser."""


class Browser:
    """end() ends it."""

    def __init__(self):
        self._resources = contextlib.ExitStack()
        with contextlib.ExitStack() as failed:
            failed.callback(self._resources.close)
            self._start()
            failed.pop_all()

    def _start(self):
        driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
        if driver is None or chromium is None:
            raise Unavailable("no chromedriver and chromium")
        folder = self._resources.enter_context(tempfile.TemporaryDirectory(prefix="echod-browser-"))
        self._session = f"http://127.0.0.1:{self._drive(driver)}"
        made = self._command("POST", "/session", capabilities={"alwaysMatch": {
            "goog:chromeOptions": {
                "binary": chromium,
                "args": [*ARGUMENTS, f"--user-data-dir={folder}"],
            },
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }})
        self._session += f"/session/{made['sessionId']}"
        self._resources.callback(self._command, "DELETE", "")

    def _drive(self, driver):
        """Starts a chromedriver, and returns its port.

        Those that the kernel would pick are in TIME_WAIT after a suite, where a bind fails. Nobody
        connects from those beyond, but somebody else may listen there: then another is tried.
        """
        for port in random.sample(range(61000, 65536), 20):
            process = subprocess.Popen([driver, f"--port={port}"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            said = ""
            for line in iter(process.stdout.readline, ""):
                said += line
                if "successfully" in line:
                    self._resources.callback(process.wait)
                    self._resources.callback(process.stdout.close)
                    self._resources.callback(process.terminate)
                    return port
            process.stdout.close()
            process.wait()
            assert "port not available" in said, said
        raise AssertionError(said)

    def end(self):
        self._resources.close()

    def _command(self, method, path, **parameters):
        data = json.dumps(parameters).encode() if method == "POST" else None
        request = urllib.request.Request(self._session + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=2 * PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from None

    def devtools(self, command, **parameters):
        return self._command("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    # --- what it shows ---------------------------------------------------------------------------

    def go(self, address):
        self._command("POST", "/url", url=address)

    def look(self, width, scheme="light", height=900):
        """Shows pages so wide (CSS pixels), in the light or dark."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=False)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": scheme}])

    def run(self, script, *arguments):
        """What a function of this body returns."""
        return self._command("POST", "/execute/sync", script=script, args=arguments)

    def text(self, selector):
        """What is to be read there, or None."""
        return self.run("return document.querySelector(arguments[0])?.innerText", selector)

    def rows(self, table):
        """The texts of a table's body."""
        return self.run("return [...document.querySelectorAll(`#${arguments[0]} tbody tr`)].map("
                        "(row) => [...row.cells].map((cell) => cell.textContent))", table)

    def press(self, key):
        pressed = [{"type": kind, "value": KEYS[key]} for kind in ("keyDown", "keyUp")]
        self._command("POST", "/actions", actions=[{"type": "key", "id": "k", "actions": pressed}])

    def picture(self, path):
        """A PNG of all of the page, made small by pngquant(1) where that is installed."""
        height = self.run("return document.documentElement.scrollHeight")
        width = self.run("return window.innerWidth")
        shot = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
        if shutil.which("pngquant"):
            subprocess.run(["pngquant", "--force", "--ext=.png", "--strip", "32", path], check=True)

    # --- what it did -----------------------------------------------------------------------------

    def said(self):
        """The messages of its console since the last time."""
        return [entry["message"] for entry in self._command("POST", "/se/log", type="browser")]

    def asked(self):
        """The addresses that its pages asked for since the last time."""
        messages = (json.loads(entry["message"])["message"]
                    for entry in self._command("POST", "/se/log", type="performance"))
        return [message["params"]["request"]["url"] for message in messages
                if message["method"] == "Network.requestWillBeSent"]
