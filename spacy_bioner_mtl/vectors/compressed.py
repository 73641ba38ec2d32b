"""Files that may be compressed with gzip, recognised by their content."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from spacy_bioner_mtl.errors import InputError


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, decompressing it if it begins as gzip does.

    path (Path): The file.
    YIELDS (IO[bytes]): Its content.
    RAISES (InputError): If there is no such file, or it is cut off or damaged: also when that
        shows only while it is read inside the block.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file.")
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    try:
        with path.open("rb") as file:
            yield cast(IO[bytes], gzip.GzipFile(fileobj=file)) if compressed else file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the gzip file is damaged ({error}). Get it again.") from error
