"""Standard output of commands: on a full disk, one message in place of a traceback."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from spacy_bioner_mtl.errors import InputError


class Output:
    """A text file that is printed to.

    When it cannot be written, what is printed later is thrown away: nothing could be done with it,
    and Python itself would try again at its end, and complain.

    file (TextIO): The file.
    """

    def __init__(self, file: TextIO) -> None:
        """Change nothing yet."""
        self._file = file

    def __getattr__(self, name: str) -> Any:
        """Be in all else what the file is."""
        return getattr(self._file, name)

    def write(self, text: str) -> int:
        """Write a text.

        text (str): The text.
        RETURNS (int): Its length.
        RAISES (InputError): The disk is full or the like.
        RAISES (BrokenPipeError): Nobody reads it any more.
        """
        with self._printing():
            return self._file.write(text)

    def flush(self) -> None:
        """Write what is still to be written.

        RAISES (InputError): The disk is full or the like.
        RAISES (BrokenPipeError): Nobody reads it any more.
        """
        with self._printing():
            self._file.flush()

    @contextmanager
    def _printing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._file.fileno())
            os.close(nowhere)
            if isinstance(error, BrokenPipeError):
                raise
            raise InputError(
                f"Standard output cannot be written ({error.strerror or error}); check where it "
                "goes to, and the space that is left there"
            ) from error
