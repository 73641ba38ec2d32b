"""Documents that were not answered, listed in files of JSON lines as they come."""

import shutil
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, cast

from spacy_bioner_mtl.annotate.annotator import ShardReport
from spacy_bioner_mtl.annotate.output import remove
from spacy_bioner_mtl.annotate.state import to_json
from spacy_bioner_mtl.files.writing import write_whole, writing


class _Discarded(Exception):
    """Ends the writing of a list that is not wanted."""


class ErrorList:
    """The list of a source file's documents that were not answered.

    A context manager. In memory there is one document at a time, however many there are; where all
    were answered, there is no file.

    path (Path): The file.
    source (str): The name of the source file.
    """

    def __init__(self, path: Path, source: str) -> None:
        """Name the file; nothing is written yet."""
        self._path, self._source = path, source
        self._stack = ExitStack()
        self._file: IO[str] | None = None

    def add(self, name: str, reason: str) -> None:
        """List a document.

        name (str): Its identifier.
        reason (str): Why it was not answered.
        RAISES (InputError): The disk is full or the like.
        """
        if self._file is None:
            self._file = self._stack.enter_context(write_whole(self._path, "wb"))
        self._file.write(_row(self._source, name, reason))  # type: ignore[arg-type]

    def discard(self) -> None:
        """Drop what was listed, since the whole file was not answered."""
        with suppress(_Discarded), self._stack:
            raise _Discarded
        self._file = None

    def __enter__(self) -> "ErrorList":
        """Begin the list."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the file its name, in place of that of an earlier run; not after an exception."""
        if self._file is None and kind is None:
            with writing(self._path):
                remove(self._path)
        self._stack.__exit__(kind, error, trace)


def join_errors(path: Path, reports: Iterable[ShardReport], list_of: Callable[[str], Path]) -> None:
    """Write one list of what was not answered of many files; where all was, there is no file.

    path (Path): The list.
    reports (Iterable[ShardReport]): What became of the files, in order.
    list_of (Callable[[str], Path]): Names the list of a file's documents.
    RAISES (InputError): The disk is full or the like.
    """
    faulty = [report for report in reports if report.failure or report.errors]
    if not faulty:
        with writing(path):
            remove(path)
        return
    with write_whole(path, "wb") as file:
        joined = cast(IO[bytes], file)
        for report in faulty:
            if report.failure:
                joined.write(_row(report.source, "", report.failure))
            else:
                with list_of(report.source).open("rb") as listed:
                    shutil.copyfileobj(listed, joined)


def _row(source: str, name: str, reason: str) -> bytes:
    return to_json({"source": source, "id": name, "reason": reason}) + b"\n"
