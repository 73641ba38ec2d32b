"""Texts in UTF-16 or UTF-32, told from those in UTF-8 by their first bytes.

Without a byte order mark they would pass for UTF-8 that is full of NUL and other control
characters.
"""

import codecs
import unicodedata

from spacy_bioner_mtl.errors import InputError

# The marks of UTF-32 begin like those of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32LE",
    codecs.BOM_UTF32_BE: "UTF-32BE",
    codecs.BOM_UTF16_LE: "UTF-16LE",
    codecs.BOM_UTF16_BE: "UTF-16BE",
}
_LOOKED_AT = 4_096
_WHITE_SPACE = "\t\n\v\f\r"
#: At least so many of the characters are no text where the encoding is another one, and at most so
#: many where it is the right one.
_WRONG, _RIGHT = 0.2, 0.02


def find_wide_encoding(head: bytes) -> str:
    """Find the encoding of a text whose characters have two or four bytes.

    head (bytes): The first bytes of a file.
    RETURNS (str): The name of the encoding; empty if it is another, as is UTF-8.
    """
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    head = head[:_LOOKED_AT]
    if _share_of_no_text(head, "utf-8") < _WRONG:
        return ""
    shares = {encoding: _share_of_no_text(head, encoding) for encoding in _MARKS.values()}
    likely = min(shares, key=lambda encoding: shares[encoding])
    return likely if shares[likely] <= _RIGHT else ""


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


def _share_of_no_text(head: bytes, encoding: str) -> float:
    """Tell how much of the characters cannot be those of a text; 1 if bytes are no characters."""
    width = {"UTF-32": 4, "UTF-16": 2}.get(encoding[:6], 1)
    try:
        text = head[: len(head) // width * width].decode(encoding)
    except UnicodeDecodeError as error:
        # A character that is cut off where the head ends
        if len(head) < _LOOKED_AT or error.start < len(head) - 4:
            return 1.0
        text = head[: error.start].decode(encoding)
    if not text:
        return 1.0
    return sum(map(_is_no_text, text)) / len(text)


def _is_no_text(character: str) -> bool:
    return unicodedata.category(character)[0] == "C" and (
        character not in _WHITE_SPACE and unicodedata.category(character) != "Cf"
    )
