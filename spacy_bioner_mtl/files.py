"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from spacy_bioner_mtl.errors import InputError


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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open(mode, **text) as file:  # type: ignore[call-overload]
                yield file
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); check the folder and its free "
            "space. Nothing half-written was left."
        ) from error
