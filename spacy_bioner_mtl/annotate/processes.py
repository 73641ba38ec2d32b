"""Annotate shards in several processes, each with a pipeline of its own."""

import multiprocessing
import os
import signal
import threading
import traceback
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from spacy_bioner_mtl.annotate.annotator import Advance, ShardReport, load_annotator, report_death
from spacy_bioner_mtl.annotate.out_folder import OutFolder
from spacy_bioner_mtl.annotate.request import Request
from spacy_bioner_mtl.annotate.shards import ATTEMPTS, Shard
from spacy_bioner_mtl.errors import InputError

# Messages cost time.
_DOCUMENTS_PER_MESSAGE = 50
# The names of the signals that end processes, for messages.
_SIGNALS = {member.value: member.name for member in signal.Signals}


def annotate_in_processes(
    request: Request, shards: list[Shard], advance: Advance
) -> Iterator[ShardReport]:
    """Annotate shards, a shard at a time in each process.

    The processes are spawned: a fork of a process in which torch has run threads can hang.

    request (Request): The request.
    shards (list[Shard]): The shards.
    advance (Advance): Is told how many documents were answered.
    YIELDS (ShardReport): What became of them, in the order in which they end. A shard has failed
        when ATTEMPTS processes died over it; the others go on in new ones.
    RAISES (InputError): The pipeline does not fit, or the disk is full.
    """
    waiting = deque(shards)
    attempts: Counter[str] = Counter()
    workers: dict[Connection, _Worker] = {}

    def start() -> None:
        if waiting:
            worker = _Worker(request)
            workers[worker.connection] = worker
            worker.give(waiting.popleft())

    try:
        for _ in range(request.processes):
            start()
        while workers:
            for connection in wait(list(workers)):
                worker = workers[connection]  # type: ignore[index]
                try:
                    answer = worker.connection.recv()
                except (EOFError, OSError):
                    del workers[worker.connection]
                    death = worker.bury()
                    advance(-worker.told)
                    attempts[death.source] += 1
                    if attempts[death.source] < ATTEMPTS:
                        waiting.appendleft(worker.shard)
                    else:
                        yield death
                    start()
                    continue
                if isinstance(answer, BaseException):
                    raise answer
                if isinstance(answer, int):
                    worker.told += answer
                    advance(answer)
                    continue
                advance(answer.documents + answer.errors - worker.told)
                yield answer
                if waiting:
                    worker.give(waiting.popleft())
                else:
                    del workers[worker.connection]
                    worker.stop()
    finally:
        for worker in workers.values():
            worker.stop(at_once=True)


class _Worker:
    """A process, seen from the one that gives it work."""

    def __init__(self, request: Request) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, request), daemon=True)
        with _ignoring_interrupts():
            self._process.start()
        # Only so does the connection end when the process does.
        theirs.close()
        self.shard: Shard
        #: Documents of the shard that it has told of.
        self.told = 0

    def give(self, shard: Shard) -> None:
        self.shard, self.told = shard, 0
        # If it died just now, that shows when its answer is asked for.
        with suppress(OSError):
            self.connection.send(shard)

    def bury(self) -> ShardReport:
        """Report that the process died over its shard."""
        self._process.join()
        self.connection.close()
        code = self._process.exitcode or 0
        how = f"killed by {_SIGNALS.get(-code, -code)}" if code < 0 else f"exit status {code}"
        return report_death(self.shard.name, how)

    def stop(self, *, at_once: bool = False) -> None:
        """End the process, after its shard or at once."""
        if at_once:
            self._process.terminate()
        self.connection.close()
        self._process.join()


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Start processes that ignore Ctrl-C from their first moment on.

    It reaches all processes, and would interrupt a new one among its imports; the one that started
    it ends it.
    """
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may set handlers; the new process then does, later.
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _serve(connection: "Connection[Any, Any]", request: Request) -> None:
    """Annotate what comes over a connection until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        annotator = load_annotator(request)
        folder = OutFolder(request.out)
        while True:
            try:
                shard = connection.recv()
            except EOFError:
                return
            connection.send(folder.annotate(annotator, shard, _Sender(connection)))
    except InputError as error:
        connection.send(error)
    except Exception:
        # If the other end is closed, nobody waits for an answer any more.
        with suppress(OSError):
            # Tracebacks do not pass from process to process.
            connection.send(RuntimeError(traceback.format_exc()))


class _Sender:
    """Reports to the other end how many documents were answered, some at a time."""

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        self._connection = connection
        self._count = 0

    def __call__(self, count: int) -> None:
        self._count += count
        if self._count >= _DOCUMENTS_PER_MESSAGE:
            self._connection.send(self._count)
            self._count = 0


def _end_with_parent() -> None:
    """A process whose parent was killed must not write beside the next run."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)
