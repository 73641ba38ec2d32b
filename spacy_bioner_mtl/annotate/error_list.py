"""Documents that were not answered, listed in files of JSON lines as they come."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from spacy_bioner_mtl.annotate.annotator import ListError, ShardReport
from spacy_bioner_mtl.annotate.state import to_json
from spacy_bioner_mtl.files.writing import remove, write_whole, writing


@contextmanager
def listing_errors(path: Path, source: str) -> Iterator[ListError]:
    """List a source file's documents that were not answered.

    In memory there is one document at a time, however many there are; where all were answered,
    there is no file, nor that of an earlier run.

    path (Path): The file.
    source (str): The name of the source file.
    YIELDS (ListError): To be told of each document.
    RAISES (InputError): The disk is full or the like.
    """
    file: IO[Any] | None = None
    with ExitStack() as stack:

        def add(name: str, reason: str) -> None:
            nonlocal file
            if file is None:
                file = stack.enter_context(write_whole(path, "wb"))
            file.write(_row(source, name, reason))

        yield add
    if file is None:
        with writing(path):
            remove(path)


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
    with write_whole(path, "wb") as joined:
        for report in faulty:
            if report.failure:
                joined.write(_row(report.source, "", report.failure))
            else:
                with list_of(report.source).open("rb") as listed:
                    shutil.copyfileobj(listed, joined)


def _row(source: str, name: str, reason: str) -> bytes:
    return to_json({"source": source, "id": name, "reason": reason}) + b"\n"
