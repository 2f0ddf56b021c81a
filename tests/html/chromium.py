"""A headless Chromium, driven over its debugging pipe. Standard library only.

Chromium's --remote-debugging-pipe reads commands from file descriptor 3 and answers on 4: JSON
objects, each ended by a NUL byte. So neither a port nor a WebSocket is needed.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
PATIENCE = 60  # seconds for an answer

ARGUMENTS = [
    "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage",
    "--no-first-run", "--no-default-browser-check", "--disable-background-networking",
    "--disable-component-update", "--disable-extensions", "--disable-sync", "--hide-scrollbars",
    "--force-color-profile=srgb", "--host-resolver-rules=MAP * ~NOTFOUND",
]


class ChromiumError(Exception):
    """Chromium is missing, died, does not answer or refused a command."""


class Chromium:
    """One browser with one tab; use it in a `with` statement."""

    def __init__(self):
        program = next(filter(None, map(shutil.which, NAMES)), None)
        if program is None:
            raise ChromiumError("there is no chromium (Debian package chromium)")
        self.folder = tempfile.mkdtemp(prefix="whybounce-chromium-")
        self.log = os.path.join(self.folder, "stderr")
        self.session = None
        self.events = []
        self.received = b""
        self.last_id = 0
        # The sandbox refuses to run as root.
        arguments = ARGUMENTS + [f"--user-data-dir={self.folder}/profile"] + \
            (["--no-sandbox"] if os.geteuid() == 0 else [])
        # A shell moves the two pipes to where Chromium wants them.
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", 'exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>&2', program] + arguments +
                ["about:blank"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                bufsize=0, env=dict(os.environ, HOME=self.folder), start_new_session=True)
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _attach(self):
        """Takes hold of the tab; everything after this is said to it."""
        targets = self.command("Target.getTargets")["targetInfos"]
        tab = next((t["targetId"] for t in targets if t["type"] == "page"), None) or \
            self.command("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.command("Target.attachToTarget", targetId=tab,
                                    flatten=True)["sessionId"]
        self.command("Page.enable")
        self.command("Network.enable")

    def close(self):
        """Ends the browser and removes its folder."""
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            # Its helpers are in the same group, which we made.
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _fault(self, what):
        with open(self.log, "rb") as log:
            said = log.read()[-1500:].decode("utf-8", "replace")
        return ChromiumError(f"{what}\n{said}")

    def _receive(self, deadline):
        """The next message of Chromium."""
        while b"\0" not in self.received:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise self._fault("chromium does not answer")
            piece = os.read(self.process.stdout.fileno(), 1 << 20)
            if not piece:
                raise self._fault("chromium ended")
            self.received += piece
        message, _, self.received = self.received.partition(b"\0")
        return json.loads(message)

    def command(self, method, **parameters):
        """Sends a command of the DevTools protocol and returns its result."""
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        left = memoryview(json.dumps(message).encode() + b"\0")
        try:
            while left:
                left = left[self.process.stdin.write(left):]
        except BrokenPipeError:
            raise self._fault("chromium ended") from None
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._receive(deadline)
            if "method" in answer:
                self.events.append(answer)
            elif answer.get("id") == self.last_id:
                if "error" in answer:
                    raise ChromiumError(f"{method}: {answer['error'].get('message')}")
                return answer["result"]

    def open(self, path):
        """Opens a file and returns when it is loaded."""
        self.events = []
        fault = self.command("Page.navigate", url="file://" + path).get("errorText")
        if fault:
            raise ChromiumError(f"{path}: {fault}")
        deadline = time.monotonic() + PATIENCE
        while not any(e["method"] == "Page.loadEventFired" for e in self.events):
            answer = self._receive(deadline)
            if "method" in answer:
                self.events.append(answer)

    def requests(self):
        """The addresses of everything that was asked for since open()."""
        return [e["params"]["request"]["url"] for e in self.events
                if e["method"] == "Network.requestWillBeSent"]

    def look(self, width, height=900, dark=False, mobile=False):
        """Sets the size of the window in CSS pixels and the colours the user prefers."""
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=1, mobile=mobile)
        self.command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def evaluate(self, script):
        """The value of a JavaScript expression, a promise's when it is kept."""
        answer = self.command("Runtime.evaluate", expression=script, returnByValue=True,
                              awaitPromise=True)
        if "exceptionDetails" in answer:
            raise ChromiumError(answer["exceptionDetails"].get("exception", {}).get(
                "description", answer["exceptionDetails"].get("text")))
        return answer["result"].get("value")

    def screenshot(self, path, whole=True, longest=6000):
        """Writes a PNG of the window, or of the whole page as far as it is not too long."""
        parameters = {}
        if whole:
            size = self.command("Page.getLayoutMetrics")["cssContentSize"]
            parameters = {"captureBeyondViewport": True, "clip": {
                "x": 0, "y": 0, "width": size["width"], "scale": 1,
                "height": min(size["height"], longest)}}
        answer = self.command("Page.captureScreenshot", format="png", **parameters)
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))
