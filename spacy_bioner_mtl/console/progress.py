"""How far a long command is: a bar on a terminal, elsewhere a line every half minute.

Functions that take long call begin, track or counted; these show something only while a command
runs, so that whoever calls the functions from Python is told nothing.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from spacy.language import Language

#: Seconds between two lines.
INTERVAL = 30.0

_Item = TypeVar("_Item")
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
# The name of the command that runs and shows its progress.
_command: str | None = None


@contextmanager
def showing(command: str) -> Iterator[None]:
    """Show the progress of what a command does.

    command (str): Its name.
    """
    global _command
    before, _command = _command, command
    try:
        yield
    finally:
        _command = before


def begin(unit: str, total: int | None = None) -> "Progress":
    """Begin to count something that takes long.

    unit (str): What is counted.
    total (int | None): How many of them there are, if that is known.
    RETURNS (Progress): To be entered; it is shown if a command runs.
    """
    return Progress(_command or "", unit, total, shown=_command is not None)


def track(items: Iterable[_Item], unit: str, total: int | None = None) -> Iterator[_Item]:
    """Count the items of a stream while they are taken.

    items (Iterable): The items.
    unit (str): What they are.
    total (int | None): How many of them there are, if that is known.
    YIELDS (Any): The items.
    """
    with begin(unit, total) as progress:
        yield from progress.over(items)


@contextmanager
def counted(nlp: "Language", total: int) -> Iterator[None]:
    """Count the documents that come out of a pipeline, whoever runs it.

    nlp (Language): The pipeline.
    total (int): How many there will be.
    """
    pipe = nlp.pipe

    def counting_pipe(*arguments: Any, **options: Any) -> Iterator[Any]:
        return track(pipe(*arguments, **options), "documents", total)

    nlp.pipe = counting_pipe  # type: ignore[method-assign]
    try:
        yield
    finally:
        del nlp.pipe


class Progress:
    """Shows on standard error what was done, how fast, and about how long the rest takes.

    A context manager: it shows something between entering and leaving.

    what (str): What is under way.
    unit (str): What is counted.
    total (int | None): How many of them there are, if that is known.
    shown (bool): Whether it is shown at all.
    clock (Callable[[], float]): Tells the time in seconds.
    wait (Callable[[float], bool] | None): Waits for so many seconds; True ends the lines. None
        waits for the end of the work.
    """

    def __init__(
        self,
        what: str,
        unit: str,
        total: int | None = None,
        *,
        shown: bool = True,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """Begin to count; nothing is shown yet."""
        self._what, self._unit, self._total, self._shown = what, unit, total, shown
        self._clock, self._start = clock, clock()
        self._ended = threading.Event()
        self._wait = wait or self._ended.wait
        self._done = 0
        self._share: float | None = None
        self._note = ""
        self._bar: Any = None
        self._thread: threading.Thread | None = None

    def advance(self, count: int = 1) -> None:
        """Count what was done.

        count (int): How many.
        """
        self._done += count
        if self._bar is not None:
            self._bar.update(count)

    def over(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Count the items of a stream.

        items (Iterable): The items.
        YIELDS (Any): The items; one is counted when the next is asked for.
        """
        for item in items:
            yield item
            self.advance()

    def tell_share(self, share: float, note: str) -> None:
        """Set how much of the work is done where the total of what is counted is not known.

        share (float): How much, from 0 to 1.
        note (str): What that is, such as "3 of 20 files".
        """
        self._share, self._note = share, note
        if self._bar is not None:
            self._bar.set_postfix_str(", ".join(filter(None, (note, self._remaining()))))

    def line(self) -> str:
        """Describe how far the work is.

        RETURNS (str): A line, without its end.
        """
        seconds = self._clock() - self._start
        count = f"{self._done:,}" + ("" if self._total is None else f" of {self._total:,}")
        parts = [f"{self._what}: {count} {self._unit}", self._note]
        if not self._done and seconds > 0:
            parts.append(f"{describe_duration(seconds)} so far")
        if self._done and seconds > 0:
            speed = self._done / seconds
            parts.append(f"{speed:,.0f} a second" if speed >= 10 else f"{speed:.2g} a second")
        return ", ".join(filter(None, (*parts, self._remaining())))

    def __enter__(self) -> "Progress":
        """Begin to show."""
        if not self._shown:
            return self
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                desc=self._what, total=self._total, unit=f" {self._unit}", unit_scale=True
            )
        else:
            self._thread = threading.Thread(target=self._print_lines, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Show nothing more."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._thread = None

    def _print_lines(self) -> None:
        # A thread, so that there are lines while a single step takes long.
        while not self._wait(INTERVAL):
            line = self.line()
            # Nobody may read standard error any more; the work goes on.
            with suppress(OSError, ValueError):
                print(line, file=sys.stderr, flush=True)

    def _remaining(self) -> str:
        """About how long the rest takes; empty where nothing tells."""
        share = self._share
        if share is None and self._total:
            share = self._done / self._total
        if not share or share >= 1:
            return ""
        seconds = (self._clock() - self._start) * (1 - share) / share
        return f"about {describe_duration(seconds)} left"


def describe_duration(seconds: float) -> str:
    """Write a duration as people do.

    seconds (float): The duration.
    RETURNS (str): It in its two largest units, such as "1 h 5 min".
    """
    rest = round(seconds)
    parts: list[tuple[int, str]] = []
    for name, size in _UNITS:
        count, rest = divmod(rest, size)
        if count or parts or name == "s":
            parts.append((count, name))
    return " ".join(f"{count} {name}" for count, name in parts[:2] if count) or "0 s"
