"""One run at a time writes an output."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.writing import hidden_path, make_folder, resolve_links, writing


@contextmanager
def locked(output: Path, lock_file: Path) -> Iterator[None]:
    """Keep other runs out; a run that was killed keeps nobody out.

    output (Path): What is written, for the message.
    lock_file (Path): The file whose lock tells that somebody writes. It stays.
    RAISES (InputError): Another run has the lock, or its folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(lock_file, timeout=0)
    with writing(output):
        make_folder(lock_file.parent)
        try:
            lock.acquire()
        except Timeout as error:
            what = "folder" if output.is_dir() else "file"
            raise InputError(
                f"{output}: another run is writing to this {what}; wait for it to end, or name "
                f"another {what}"
            ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locked_beside(output: Path) -> Iterator[None]:
    """Keep other runs out of a single output, whatever links lead to it.

    output (Path): The file or folder. What tells of the lock is beside it, and removed at the end.
    RAISES (InputError): Another run writes to it, or its folder cannot be written to.
    """
    with writing(output):
        target = resolve_links(output)
    lock_file = hidden_path(target, "lock")
    with locked(output, lock_file):
        try:
            yield
        finally:
            # While it is locked: whoever waits for the file that is gone does not get its lock.
            # Windows refuses, and removes it when the lock is released.
            with suppress(PermissionError):
                lock_file.unlink(missing_ok=True)
