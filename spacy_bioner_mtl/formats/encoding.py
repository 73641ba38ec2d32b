"""Texts in UTF-16 or UTF-32, told from those in UTF-8 by their first bytes.

Without a byte order mark they would pass for UTF-8 that is full of NUL and other control
characters.
"""

import codecs
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source, open_source
from spacy_bioner_mtl.formats.limits import LARGEST_TEXT, over

# The marks of UTF-32 begin like those of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32LE",
    codecs.BOM_UTF32_BE: "UTF-32BE",
    codecs.BOM_UTF16_LE: "UTF-16LE",
    codecs.BOM_UTF16_BE: "UTF-16BE",
}
_LOOKED_AT = 4_096
_WHITE_SPACE = "\t\n\v\f\r"
#: At least so many of every second byte are controls where the encoding is another one, and at most
#: so many characters are no text where it is the right one.
_WRONG, _RIGHT = 0.7, 0.02
#: The shortest text, in bytes, of which this can be told.
_SHORTEST = 4


@contextmanager
def open_text(source: Path | Source) -> Iterator[IO[bytes]]:
    """Open a file like files.open_source, unless it is in UTF-16 or UTF-32.

    source (Path | Source): The file, or STANDARD_INPUT.
    YIELDS (IO[bytes]): The open file.
    RAISES (InputError): The file cannot be read, or is in one of these.
    """
    if isinstance(source, Path):
        source = Source(source)
    try:
        refuse_wide_encoding(str(source), source.head())
    except InputError:
        source.close()
        raise
    with open_source(source) as file:
        yield file


def read_whole_text(source: Path | Source) -> str:
    """Read a file that is one text.

    source (Path | Source): The file, or STANDARD_INPUT.
    RETURNS (str): Its content as it is, byte order mark included.
    RAISES (InputError): As open_text.
    RAISES (ValueError): If it is too large, not UTF-8, or holds NUL; the message begins with the
        number of the line.
    """
    with open_text(source) as file:
        content = file.read(LARGEST_TEXT + 1)
    if len(content) > LARGEST_TEXT:
        raise ValueError(f"1: {over('LARGEST_TEXT', LARGEST_TEXT)} in one document; divide it")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{line}: not UTF-8 (byte {error.start} of the file); convert the file to UTF-8"
        ) from None
    nul = find_nul(text)
    if nul:
        raise ValueError(f"{text.count(chr(10), 0, text.index(chr(0))) + 1}: {nul}")
    return text


def find_wide_encoding(head: bytes) -> str:
    """Find the encoding of a text whose characters have two or four bytes.

    head (bytes): The first bytes of a file.
    RETURNS (str): The name of the encoding; empty if it is another, as is UTF-8.
    """
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    head = head[:_LOOKED_AT]
    # In alphabets every second byte is one: the number of a block of characters.
    even, odd = _count_controls(head[::2]), _count_controls(head[1::2])
    if len(head) < _SHORTEST or max(even, odd) < _WRONG * (len(head) // 2):
        return ""
    order = ("BE", "LE") if even > odd else ("LE", "BE")
    likely = (f"UTF-{bits}{end}" for bits in (32, 16) for end in order)
    return next((each for each in likely if _share_of_no_text(head, each) <= _RIGHT), "")


def refuse_wide_encoding(name: str, head: bytes) -> None:
    """Refuse a text in UTF-16 or UTF-32.

    name (str): The file, for the message.
    head (bytes): Its first bytes.
    RAISES (InputError): If it is one; the message says how to convert it.
    """
    encoding = find_wide_encoding(head)
    if encoding:
        raise InputError(
            f"{name}: this is {encoding}, not UTF-8; convert it, as in: iconv -f {encoding} -t "
            "UTF-8 OLD > NEW"
        )


def find_nul(text: str) -> str:
    """Find a NUL character, which no text holds: it may be in UTF-16 from there on, or no text.

    text (str): The text.
    RETURNS (str): What is wrong, and the remedy; empty if there is none.
    """
    position = text.find("\0")
    if position < 0:
        return ""
    return (
        f"a NUL character (character {position + 1}), as in UTF-16 and in files that are no text; "
        "remove it, or convert the file to UTF-8"
    )


def _count_controls(head: bytes) -> int:
    return sum(byte < 0x20 and chr(byte) not in _WHITE_SPACE for byte in head)


def _share_of_no_text(head: bytes, encoding: str) -> float:
    """Share of characters that no text has; 1 if the bytes are no characters."""
    width = 4 if encoding.startswith("UTF-32") else 2
    try:
        # Half of a surrogate pair may be all that is left at the end.
        text = codecs.getincrementaldecoder(encoding)().decode(head[: len(head) // width * width])
    except UnicodeDecodeError:
        return 1.0
    return sum(map(_is_no_text, text)) / len(text) if text else 1.0


def _is_no_text(character: str) -> bool:
    category = unicodedata.category(character)
    return category in ("Cc", "Cn", "Co", "Cs") and character not in _WHITE_SPACE


def check_surrogates(identifier: str, text: str) -> None:
    """Refuse to write what UTF-8 cannot.

    identifier (str): The record's identifier, for the message.
    text (str): What is to be written of it.
    RAISES (ValueError): If it holds half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"record {identifier!r}: it holds half of a surrogate pair, which UTF-8 cannot; remove "
            "it"
        ) from None
