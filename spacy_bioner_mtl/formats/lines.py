"""Lines of a text file, checked while they are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import Source, open_source

#: What some programs put before a text to mark it as UTF-8. It is no part of the text.
BYTE_ORDER_MARK = "\ufeff"


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
    the beginning is dropped. Memory is bounded by the longest line.

    source (Path | Source): The file, compressed with gzip or not, or "-" for standard input.
    YIELDS (Line): Its lines; those that are not UTF-8 have a fault.
    RAISES (InputError): If the file cannot be read.
    """
    offset = 0
    with open_source(source) as file:
        for number, raw in enumerate(file, start=1):
            fault = ""
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                text = raw.decode("utf-8", errors="replace")
                fault = (
                    f"{source}:{number}: not UTF-8 (byte {offset + error.start} of the file); "
                    "convert the file to UTF-8"
                )
            offset += len(raw)
            if number == 1:
                text = text.removeprefix(BYTE_ORDER_MARK)
            yield Line(number, text.removesuffix("\n").removesuffix("\r"), fault)


def read_checked_lines(source: Path | Source) -> Iterator[Line]:
    """Read a file line by line like read_any_lines, with two checks more.

    source (Path | Source): The file, compressed with gzip or not, or "-" for standard input.
    YIELDS (Line): Its lines; those that are not UTF-8, or hold NUL characters or carriage returns,
        have a fault.
    RAISES (InputError): If the file cannot be read.
    """
    for line in read_any_lines(source):
        if not line.fault and "\0" in line.text:
            fault = (
                "a NUL character; remove it, or convert the file to UTF-8 if it is UTF-16 or UTF-32"
            )
        elif not line.fault and "\r" in line.text:
            fault = "a carriage return inside the line; end lines with LF or CRLF"
        else:
            yield line
            continue
        yield Line(line.number, line.text, f"{source}:{line.number}: {fault}")


def read_lines(source: Path | Source) -> Iterator[tuple[int, str]]:
    """Read a UTF-8 file line by line like read_checked_lines, up to the first fault.

    source (Path | Source): The file, compressed with gzip or not, or "-" for standard input.
    YIELDS (tuple[int, str]): The number of the line, from 1, and the line without its end.
    RAISES (InputError): If the file cannot be read, is not UTF-8, or holds NUL characters or
        carriage returns inside a line.
    """
    for line in read_checked_lines(source):
        if line.fault:
            raise InputError(line.fault)
        yield line.number, line.text
