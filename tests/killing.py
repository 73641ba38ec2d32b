"""Runs of ``bioner-mtl annotate`` in processes of their own, which are killed."""

import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

OPTIONS = ["--from", "lines", "--to", "jsonl", "--head", "all", "--scores", "--threads", "1"]


def start(model, source, out, *options):
    """Start a run in a process, and a group of processes, of its own."""
    command = [sys.executable, "-m", "spacy_bioner_mtl", "annotate", model, source, out]
    return subprocess.Popen(
        list(map(str, [*command, *OPTIONS, *options])),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # A shell in the background lets what it starts ignore Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def wait_for(condition, process):
    """Wait until something is so, for as long as a process runs."""
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)


def count_finished(out):
    return sum(1 for _ in out.glob(".annotate/finished/*.json"))


def children_of(process):
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return path.read_text().split() if path.exists() else []


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill_while_it_works(moments, model, source, out, *options):
    """Kill a run whenever so many files are finished, and start it again; returns how often."""
    chosen = random.Random(0)
    kills = 0
    for moment in moments:
        process = start(model, source, out, *options)
        wait_for(lambda moment=moment: count_finished(out) >= moment, process)
        children = children_of(process)
        time.sleep(chosen.uniform(0.0, 0.05))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (out / "manifest.json").exists()
        for child in children:
            while is_running(child):
                time.sleep(0.01)
        kills += 1
    return kills
