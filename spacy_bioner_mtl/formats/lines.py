"""Lines of a text file, checked while they are read."""

from collections.abc import Iterator
from pathlib import Path

from spacy_bioner_mtl.errors import InputError

_BYTE_ORDER_MARK = "\ufeff"


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read a UTF-8 file line by line, in constant memory.

    Lines end at LF or CRLF only, so that the other characters Unicode counts as line breaks stay
    inside their line. A byte order mark at the beginning is dropped.

    path (Path): The file.
    YIELDS (tuple[int, str]): The number of the line, from 1, and the line without its end.
    RAISES (InputError): If the file cannot be read, is not UTF-8, or holds NUL characters or
        carriage returns inside a line.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    offset = 0
    with file:
        for number, raw in enumerate(file, start=1):
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path}:{number}: not UTF-8 (byte {offset + error.start} of the file); "
                    "convert the file to UTF-8"
                ) from None
            offset += len(raw)
            if number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            line = line.removesuffix("\n").removesuffix("\r")
            if "\0" in line:
                raise InputError(
                    f"{path}:{number}: a NUL character; remove it, or convert the file to UTF-8 if "
                    "it is UTF-16 or UTF-32"
                )
            if "\r" in line:
                raise InputError(
                    f"{path}:{number}: a carriage return inside the line; end lines with LF or CRLF"
                )
            yield number, line
