"""Files: opened as they come, and written so that they appear whole or not at all."""

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from spacy_bioner_mtl.errors import InputError

#: The path that stands for standard input.
STANDARD_INPUT = Path("-")
#: The first bytes of what gzip compressed.
_GZIP = b"\x1f\x8b"


@contextmanager
def open_source(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to read, decompressed if its content is gzip's, whatever its name is.

    path (Path): The file, or STANDARD_INPUT.
    YIELDS (IO[bytes]): The open file.
    RAISES (InputError): The file cannot be read, or is compressed and damaged or cut off; the
        latter also while it is read.
    """
    try:
        source = sys.stdin.buffer if path == STANDARD_INPUT else path.open("rb")
        with cast(io.BufferedReader, source) as file:
            if file.peek(2)[:2] == _GZIP:
                with gzip.open(file) as decompressed:
                    yield cast(IO[bytes], decompressed)
            else:
                yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path}: damaged or cut off inside ({error}); copy or download the file again"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); check the path"
        ) from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a disk into one message.

    path (Path): What is being written or removed.
    RAISES (InputError): The disk is full or the like.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); check the folder and its free "
            "space. Nothing half-written was left."
        ) from error


@contextmanager
def write_whole(path: Path, mode: str = "w") -> Iterator[IO[str]]:
    """Write a file under a temporary name beside its own; it gets its own when all is written.

    Its folder is made when it is missing.

    path (Path): The file.
    mode (str): "w" for text in UTF-8 with the line ends as written, "wb" for bytes.
    YIELDS (IO): The open file.
    RAISES (InputError): The folder cannot be written to, or the disk is full.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open(mode, **text) as file:  # type: ignore[call-overload]
                yield file
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
