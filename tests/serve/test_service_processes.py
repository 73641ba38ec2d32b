"""``bioner-mtl serve`` as processes: they end when they should, and only then."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from killing import children_of, is_running
from serving import serving_process

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.serve.run import bind, spread

TEXTS = [f"TKR2 protects from renal failure in {number} mice ." for number in range(200)]


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    trained.to_disk(folder)
    return folder


@pytest.mark.slow
def test_sigterm_finishes_what_was_accepted(model):
    with serving_process(model) as (service, process):
        wanted = service.annotate(texts=TEXTS)
        replies = []
        question = {"texts": TEXTS * 4, "format": "ndjson"}
        thread = threading.Thread(
            target=lambda: replies.append(service.ask("/v1/annotate", question))
        )
        thread.start()
        while b"bioner_requests_in_work 1.0" not in service.ask("/metrics").body:
            assert thread.is_alive()
        process.send_signal(signal.SIGTERM)
        thread.join()
        assert process.wait(60) in (0, -signal.SIGTERM)
        (reply,) = replies
        assert reply.status == 200 and reply.body.count(b"\n") == len(wanted) * 4
        out, errors = process.communicate()
        assert "TKR2" not in out + errors


@pytest.mark.slow
def test_a_worker_that_is_killed_comes_back(model):
    with serving_process(model, "--workers", "2") as (service, process):
        (wanted,) = service.annotate(text=TEXTS[0])
        workers = {pid for pid in children_of(process) if is_worker(pid)}
        assert len(workers) == 2
        stop = threading.Event()
        answers, breaks = [], []

        def ask():
            while not stop.is_set():
                try:
                    answers.append(service.annotate(text=TEXTS[0]))
                except OSError as error:
                    breaks.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        killed = min(workers)
        os.kill(int(killed), signal.SIGKILL)
        end = time.monotonic() + 300.0
        while killed in children_of(process) and is_running(killed):
            assert time.monotonic() < end
        while len({pid for pid in children_of(process) if is_worker(pid)}) < 2:
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.1)
        time.sleep(1.0)
        stop.set()
        for thread in threads:
            thread.join()
        assert answers and all(each == [wanted] for each in answers)
        # Those that the worker had begun break off; no more than there were connections.
        assert len(breaks) <= len(threads)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) in (0, -signal.SIGTERM)


def is_worker(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"spawn_main" in file.read() and is_running(pid)
    except FileNotFoundError:
        return False


def fail(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["serve", *map(str, arguments)])
    assert exit_info.value.code == 1
    return capsys.readouterr().err


def test_what_cannot_be_served_is_said(model, tmp_path, capsys):
    assert "cannot be loaded" in fail(capsys, tmp_path / "none", "--port", 0)
    assert "choose another --port" in fail(capsys, model, "--host", "192.0.2.1")


def test_without_the_extra_it_says_what_to_install():
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from spacy_bioner_mtl.cli import main; main(['serve', 'x'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'spacy_bioner_mtl[serve]'" in done.stderr


def test_an_address_is_taken_before_the_pipeline_is_loaded():
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match="choose another --port"):
            bind("127.0.0.1", port)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere processes share a socket")
def test_each_process_gets_its_share_of_connections():
    with bind("127.0.0.1", 0) as taken:
        address = taken.getsockname()
        # Whoever waits already must not be in the way.
        early = socket.create_connection(address)
        first, second = spread(taken, 2)
        assert count_waiting(first) == 1
        connections = [socket.create_connection(address) for _ in range(64)]
        counts = [count_waiting(each) for each in (first, second)]
        assert sum(counts) == 64 and min(counts) > 8, counts
        with pytest.raises(InputError, match="choose another --port"):
            bind(*address)
        for each in (early, *connections, second):
            each.close()


def count_waiting(listening):
    listening.setblocking(False)
    count = 0
    while True:
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1
