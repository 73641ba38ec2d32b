"""How far a long command is: a bar on a terminal, elsewhere a line every half minute.

Functions that take long call begin, track or counted; these show something only while a command
runs, so that whoever calls the functions from Python is told nothing.
"""

import io
import math
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from spacy.language import Language
    from tqdm import tqdm

#: Seconds between two lines.
INTERVAL = 30.0

_Item = TypeVar("_Item")
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


@contextmanager
def begin(unit: str, total: int | None = None, command: str | None = None) -> Iterator["tqdm"]:
    """Count something that takes long, and show on standard error how far it is.

    unit (str): What is counted.
    total (int | None): How many of them there are, if that is known.
    command (str | None): What is under way. None names the command that runs; if none does, nothing
        is shown.
    YIELDS (tqdm): The count, to be updated.
    """
    from tqdm import tqdm

    what = command or _command
    shown = what is not None and sys.stderr is not None
    in_lines = shown and not sys.stderr.isatty()
    # Off a terminal tqdm counts and describes, and shows nothing itself.
    options = {"file": io.StringIO(), "delay": math.inf, "ncols": 0} if in_lines else {}
    with tqdm(desc=what, total=total, unit=f" {unit}", disable=not shown, **options) as progress:
        if not in_lines:
            yield progress
            return
        ended = threading.Event()
        # A thread, so that there are lines while a single step takes long.
        lines = threading.Thread(target=_print_lines, args=(progress, ended), daemon=True)
        lines.start()
        try:
            yield progress
        finally:
            ended.set()
            lines.join()


def track(items: Iterable[_Item], unit: str, total: int | None = None) -> Iterator[_Item]:
    """Count the items of a stream while they are taken.

    items (Iterable): The items.
    unit (str): What they are.
    total (int | None): How many of them there are, if that is known.
    YIELDS (Any): The items; one is counted when the next is asked for.
    """
    with begin(unit, total) as progress:
        for item in items:
            yield item
            progress.update()


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


def _print_lines(progress: "tqdm", ended: threading.Event) -> None:
    while not ended.wait(INTERVAL):
        # Nobody may read standard error any more; the work goes on.
        with suppress(OSError, ValueError):
            print(progress, file=sys.stderr, flush=True)
