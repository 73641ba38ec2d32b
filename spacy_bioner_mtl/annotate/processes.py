"""Annotate shards in several processes, each with a pipeline of its own."""

import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from ctypes import c_longlong
from functools import cache
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from spacy_bioner_mtl.annotate.annotator import Advance, ShardReport, load_annotator, report_death
from spacy_bioner_mtl.annotate.out_folder import OutFolder
from spacy_bioner_mtl.annotate.request import Request
from spacy_bioner_mtl.annotate.shards import ATTEMPTS, Shard

# Seconds between two looks at what the processes have counted.
_PAUSE = 1.0
# The names of the signals that end processes, for messages.
_SIGNALS = {member.value: member.name for member in signal.Signals}


def annotate_in_processes(
    request: Request, shards: list[Shard], advance: Advance
) -> Iterator[ShardReport]:
    """Annotate shards, a shard at a time in each process.

    request (Request): The request.
    shards (list[Shard]): The shards.
    advance (Advance): Is told how many documents were answered.
    YIELDS (ShardReport): What became of them, in the order in which they end. A shard has failed
        when ATTEMPTS processes died over it; the others go on in new ones.
    RAISES (InputError): The pipeline does not fit, or the disk is full.
    """
    waiting = deque(shards)
    deaths: Counter[str] = Counter()
    idle: list[_Worker] = []
    running: dict[Future[ShardReport], _Worker] = {}
    try:
        while waiting or running:
            while waiting and len(running) < request.processes:
                worker = idle.pop() if idle else _Worker(request)
                try:
                    running[worker.begin(waiting[0])] = worker
                    waiting.popleft()
                except BrokenProcessPool:
                    # It died while it had nothing to do: no shard is to blame.
                    worker.end()
            done, _ = wait(running, _PAUSE, FIRST_COMPLETED)
            for worker in running.values():
                advance(worker.count_new())
            for future in done:
                worker = running.pop(future)
                idle.append(worker)
                try:
                    report = future.result()
                except BrokenProcessPool:
                    idle.remove(worker)
                    report = report_death(worker.shard.name, worker.end())
                    advance(-worker.told)
                    deaths[worker.shard.name] += 1
                    if deaths[worker.shard.name] < ATTEMPTS:
                        waiting.appendleft(worker.shard)
                        continue
                yield report
    finally:
        for worker in (*idle, *running.values()):
            worker.end()


class _Context(SpawnContext):
    """Spawns a process, and keeps it: its executor does not tell how it died.

    A fork of a process in which torch has run threads can hang.
    """

    process: SpawnProcess

    def Process(self, *arguments: Any, **options: Any) -> SpawnProcess:  # type: ignore[override]
        self.process = SpawnProcess(*arguments, **options)
        return self.process


class _Worker:
    """A process, seen from the one that gives it work.

    It has an executor of its own: where one has many processes, and one of them dies, all of their
    shards fail alike.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._context = _Context()
        self._count = self._context.RawValue(c_longlong, 0)
        self._executor = ProcessPoolExecutor(1, self._context, _start, (self._count,))
        self.shard: Shard
        #: Documents of the shard that count_new has told of.
        self.told = 0

    def begin(self, shard: Shard) -> Future[ShardReport]:
        self.shard, self.told, self._count.value = shard, 0, 0
        with _ignoring_interrupts():
            return self._executor.submit(_annotate, self._request, shard)

    def count_new(self) -> int:
        """Count the documents of the shard that were answered since the last call."""
        before, self.told = self.told, self._count.value
        return self.told - before

    def end(self) -> str:
        """End the process at once; returns how it ended."""
        self._context.process.terminate()
        self._executor.shutdown()
        code = self._context.process.exitcode or 0
        return f"killed by {_SIGNALS.get(-code, -code)}" if code < 0 else f"exit status {code}"


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


# In the processes

_load_annotator = cache(load_annotator)
_count: c_longlong


def _start(count: c_longlong) -> None:
    global _count
    _count = count
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _annotate(request: Request, shard: Shard) -> ShardReport:
    return OutFolder(request.out).annotate(_load_annotator(request), shard, _advance)


def _advance(count: int) -> None:
    _count.value += count


def _end_with_parent() -> None:
    """A process whose parent was killed must not write beside the next run."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)
