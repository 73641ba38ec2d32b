"""Works a page in headless Chromium, as a person would: through its DevTools protocol, by pipes."""

import base64
import json
import os
import select
import subprocess
import time
from contextlib import contextmanager

from browser import CHROMIUM

#: A busy machine is slow to draw.
PATIENCE = 300.0


class Page:
    """A tab.

    Its lists tell what it asked the network for, and what went wrong in it, such as a script that
    the content security policy stopped.
    """

    def __init__(self, process, to_browser, from_browser, folder):
        self._process = process
        self._to, self._from = to_browser, from_browser
        self._rest = b""
        self._last = 0
        self._session = None
        self.requests = []
        self.faults = []
        self.folder = folder
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        attached = self.do("Target.attachToTarget", targetId=target, flatten=True)
        self.do("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.do(f"{domain}.enable")

    def do(self, method, **parameters):
        """Call a method of the protocol; returns its result."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                return answer["result"]

    def _read(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], end - time.monotonic())
            assert ready and self._process.poll() is None, "Chromium does not answer"
            self._rest += os.read(self._from, 1 << 20)
        one, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(one)
        self._note(message.get("method"), message.get("params"))
        return message

    def _note(self, method, said):
        if method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.faults.append(said["exceptionDetails"])
        elif method == "Log.entryAdded" and said["entry"]["level"] == "error":
            self.faults.append(said["entry"])

    def open(self, address):
        self.do("Page.navigate", url=address)
        self.wait_for("document.readyState === 'complete'")

    def run(self, code):
        """Evaluate JavaScript; returns its value."""
        found = self.do("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, code):
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE
        while not self.run(f"Boolean({code})"):
            assert time.monotonic() < end, f"never: {code}; {self.faults}"
            time.sleep(0.05)

    def type(self, text):
        """Type into what has the focus, at once, as an input method does."""
        self.do("Input.insertText", text=text)

    def press(self, key, code):
        for kind in ("keyDown", "keyUp"):
            self.do(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def show_as(self, width, height, scheme="light", mobile=False):
        """Be a window of another size, or a phone, light or dark."""
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.do("Emulation.setEmulatedMedia", features=[feature])

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.do("Page.captureScreenshot")["data"]))

    def downloaded(self, name):
        """Wait for a file; returns its content."""
        end = time.monotonic() + PATIENCE
        while not (self.folder / name).exists():
            self.run("0")
            assert time.monotonic() < end, f"{name} was not downloaded; {self.faults}"
            time.sleep(0.05)
        return (self.folder / name).read_bytes()


@contextmanager
def browsing(folder):
    """A tab in a browser of its own, which ends with the block."""
    read_end, to_browser = os.pipe()
    from_browser, write_end = os.pipe()
    # Chromium reads what it is told from 3, and answers on 4.
    script = f'exec "$0" "$@" 3<&{read_end} 4>&{write_end}'
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--remote-debugging-pipe",
        f"--user-data-dir={folder / 'profile'}",
    ]
    process = subprocess.Popen(
        ["bash", "-c", script, CHROMIUM, *options],
        pass_fds=(read_end, write_end),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(read_end)
    os.close(write_end)
    try:
        yield Page(process, to_browser, from_browser, folder)
    finally:
        process.kill()
        process.wait()
        os.close(to_browser)
        os.close(from_browser)
