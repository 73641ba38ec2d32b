"""Runs the service, in this process or in one of its own, and asks it."""

import http.client
import json
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from spacy_bioner_mtl.serve.limited import make_limited
from spacy_bioner_mtl.serve.pipeline import make_served
from spacy_bioner_mtl.serve.run import bind, configure
from spacy_bioner_mtl.serve.settings import Settings

PATIENCE = 300.0


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The message of an error, which is JSON and says what to do."""
        assert self.headers["content-type"] == "application/json"
        (message,) = self.json.values()
        assert list(self.json) == ["error"] and message
        return message


@dataclass
class Service:
    """A running service."""

    port: int

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path, body=None, method=None, **headers):
        """Send a request; a dictionary is sent as JSON, pieces in chunks."""
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            headers.setdefault("content_type", "application/json")
        method = method or ("GET" if body is None else "POST")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def annotate(self, **question):
        reply = self.ask("/v1/annotate", question)
        assert reply.status == 200, reply
        return reply.json["documents"]

    def begin(self, body, length=None):
        """Send the beginning of a request; returns the open connection."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        head = (
            "POST /v1/annotate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
        )
        connection.sendall(head.encode() + body)
        return connection


def read_reply(connection):
    """Read the answer on an open connection."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    found = {name.lower(): value for name, value in answer.getheaders()}
    return Reply(answer.status, found, answer.read())


@contextmanager
def serving(nlp, **limits):
    """The service in a thread of this process, with a pipeline that is in memory."""
    settings = Settings("in memory", **limits)
    server = uvicorn.Server(configure(make_limited(make_served(nlp), settings), settings))
    with bind("127.0.0.1", 0) as taken:
        thread = threading.Thread(target=server.run, args=([taken],), daemon=True)
        thread.start()
        end = time.monotonic() + PATIENCE
        while not server.started:
            assert thread.is_alive() and time.monotonic() < end
            time.sleep(0.01)
        try:
            yield Service(taken.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


@contextmanager
def serving_process(model, *options):
    """The command in a process of its own: the service and the process."""
    command = [sys.executable, "-m", "spacy_bioner_mtl", "serve", model, "--port", "0", *options]
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        port = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        service = Service(int(port[1]))
        wait_until_ready(service, process)
        yield service, process
    finally:
        process.kill()
        process.communicate()


def wait_until_ready(service, process):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        try:
            if service.ask("/readyz").status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("never ready")
