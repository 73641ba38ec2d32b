"""Opens pages in headless Chromium, where that is installed."""

import json
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

#: What Chromium itself asks for has another initiator.
_ITS_OWN = "not an origin"


def open_page(path, folder):
    """Open a file; returns the page as scripts left it, and what it asked the network for."""
    log = folder / "net.json"
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={log}",
            "--virtual-time-budget=10000",
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    asked = [event["params"] for event in events if isinstance(event.get("params"), dict)]
    urls = {each["url"] for each in asked if each.get("initiator", _ITS_OWN) != _ITS_OWN}
    return done.stdout, {url for url in urls if url.startswith("http")}
