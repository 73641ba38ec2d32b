"""The one exception for mistakes in what a user hands us, and where to read on."""

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """Bad input: the message names the file, the line where there is one, and the remedy.

    The command line prints the message and its notes alone, without a traceback, and exits with
    status 1.
    """


@contextmanager
def see(page: str) -> Iterator[None]:
    """Note which paragraph of the documentation helps with the mistakes that are found inside.

    For a ``with`` block, or a function. An error that has a note already, from further inside,
    keeps that one alone.

    page (str): A page in docs and the anchor of a heading, such as "corpora.md#flaws".
    RAISES (InputError): What was raised inside.
    """
    try:
        yield
    except InputError as error:
        if not hasattr(error, "__notes__"):
            error.add_note(f"docs/{page}")
        raise
