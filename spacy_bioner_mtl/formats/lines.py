"""Lines of a text file, checked while they are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.encoding import find_nul, open_text
from spacy_bioner_mtl.formats.limits import LONGEST_LINE, MIB, over

#: What some programs put before a text to mark it as UTF-8. It is no part of the text.
BYTE_ORDER_MARK = "\ufeff"
#: What parts lines and columns, to be replaced by spaces, so that offsets stay.
BREAKS = str.maketrans("\t\n\r", "   ")
# Of a line that is too long, enough to tell what it is.
_KEPT = 200


@dataclass(frozen=True)
class Line:
    """A line of a text file.

    number (int): Its number, from 1.
    text (str): The line without its end; U+FFFD stands for what is not UTF-8.
    fault (str): Why it cannot be used, with file, line and remedy; empty if it can.
    """

    number: int
    text: str
    fault: str = ""


def read_any_lines(source: Path | Source) -> Iterator[Line]:
    """Read a file line by line, for formats in which a line at fault does not spoil the others.

    Lines end at LF or CRLF only, so that the other characters Unicode counts as line breaks stay
    inside their line; a carriage return that ends the file ends its last line. A byte order mark at
    the beginning is dropped. Memory is bounded: of a line longer than LONGEST_LINE only the
    beginning is kept.

    source (Path | Source): The file, compressed with gzip or not, or "-" for standard input.
    YIELDS (Line): Its lines; those that are not UTF-8, too long, or hold NUL have a fault.
    RAISES (InputError): If the file cannot be read, or is in UTF-16 or UTF-32.
    """
    with open_text(source) as file:
        yield from split_lines(file, source)


def split_lines(file: IO[bytes], source: Path | Source, first: int = 1) -> Iterator[Line]:
    """Read the lines of an open file, as read_any_lines does.

    file (IO[bytes]): The file.
    source (Path | Source): Its name, for messages.
    first (int): The number of the next line.
    YIELDS (Line): Its lines; those that are not UTF-8, too long, or hold NUL have a fault.
    """
    offset = 0
    for number, raw in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), start=first):
        fault = ""
        size = len(raw)
        if size > LONGEST_LINE and not raw.endswith(b"\n"):
            size += _skip_line(file)
            raw = raw[:_KEPT]
            limit = over("LONGEST_LINE", LONGEST_LINE)
            fault = f"{source}:{number}: {limit} in one line; break it into several lines"
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            text = raw.decode("utf-8", errors="replace")
            fault = fault or (
                f"{source}:{number}: not UTF-8 (byte {offset + error.start} of the file); "
                "convert the file to UTF-8"
            )
        nul = find_nul(text)
        if nul and not fault:
            fault = f"{source}:{number}: {nul}"
        offset += size
        if number == 1:
            text = text.removeprefix(BYTE_ORDER_MARK)
        yield Line(number, text.removesuffix("\n").removesuffix("\r"), fault)


def _skip_line(file: IO[bytes]) -> int:
    """Go to the end of the line, and tell how many bytes that were."""
    size = 0
    while piece := file.readline(MIB):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size


def read_checked_lines(source: Path | Source) -> Iterator[Line]:
    """Read a file line by line like read_any_lines, with one check more.

    source (Path | Source): The file, compressed with gzip or not, or "-" for standard input.
    YIELDS (Line): Its lines; those that are not UTF-8, too long, or hold NUL characters or carriage
        returns, have a fault.
    RAISES (InputError): If the file cannot be read.
    """
    for line in read_any_lines(source):
        if line.fault or "\r" not in line.text:
            yield line
            continue
        fault = "a carriage return inside the line; end lines with LF or CRLF"
        yield Line(line.number, line.text, f"{source}:{line.number}: {fault}")
