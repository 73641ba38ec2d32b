"""Several processes that answer, and a parent that replaces those that die."""

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from time import sleep
from types import FrameType

logger = logging.getLogger("spacy_bioner_mtl.serve")

#: What a worker does until it is told to end.
Work = Callable[[socket.socket], None]
#: Seconds between two looks at whether the parent was told to end.
_PAUSE = 0.2
#: Seconds before a worker that died is replaced: what killed it may kill the next as well.
_REST = 0.5


class Workers:
    """The workers, seen from their parent.

    A fork of a process in which torch has run threads can hang, so they are spawned.

    work (Work): What each does. It is handed over by pickle.
    sockets (list[socket.socket]): Where they listen, one for each worker. Those that connect to a
        worker that died wait for the one that takes its place.
    """

    def __init__(self, work: Work, sockets: list[socket.socket]) -> None:
        """Start none yet."""
        self._work = work
        self._sockets = sockets
        self._context = multiprocessing.get_context("spawn")
        self._is_ending = False

    def run(self) -> None:
        """Let workers answer until SIGTERM or Ctrl-C; what they accepted is finished before."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_end)
        workers = [self._start(taken) for taken in self._sockets]
        while not self._is_ending:
            wait([worker.sentinel for worker in workers], _PAUSE)
            for index, worker in enumerate(workers):
                if self._is_ending or worker.is_alive():
                    continue
                logger.warning(
                    "worker %s died (exit code %s); another takes its place",
                    worker.pid,
                    worker.exitcode,
                )
                sleep(_REST)
                workers[index] = self._start(self._sockets[index])
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()

    def _start(self, taken: socket.socket) -> SpawnProcess:
        worker = self._context.Process(target=_begin, args=(self._work, taken))
        worker.start()
        return worker

    def _note_end(self, number: int, frame: FrameType | None) -> None:
        self._is_ending = True


# In the workers


def _begin(work: Work, taken: socket.socket) -> None:
    # Ctrl-C reaches all processes; the parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work(taken)


def _end_with_parent() -> None:
    """Nobody would end a worker whose parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
