"""Text with its entities marked inline, one text a line.

Sentences of a file of tokens are written as ``<Disease> acute pancreatitis </Disease> .``, a blank
line between documents. Raw text is written as ``<Disease>Acute pancreatitis</Disease>.``, a
document a line.

One rule reads both: one space after a tag that opens and before a tag that closes belongs to the
tag, all else to the text. Where the text of a mention itself begins or ends with a space, that
space is written ``&#32;``. Likewise ``&``, ``<``, ``>``, line breaks, NUL and byte order marks of
the text are written as references of XML, so that the text comes back as it was.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.lines import BYTE_ORDER_MARK, read_checked_lines
from spacy_bioner_mtl.formats.record import (
    SOURCE_HEAD,
    BadRecord,
    Mention,
    ReadRecord,
    Record,
    flat_mentions,
)
from spacy_bioner_mtl.formats.rows import is_token_sentence

_REFERENCES = {character: f"&#{ord(character)};" for character in f"\n\r\0{BYTE_ORDER_MARK}"}
_SPACE = "&#32;"
_TAG = re.compile(r"<(?P<opened>[^/<>][^<>]*)> ?| ?</(?P<closed>[^<>]+)>|(?P<stray>[<>])")
_REFERENCE = re.compile(r"&(?:(amp|lt|gt)|#([0-9]{1,7}));|&")
_NAMED = {"amp": "&", "lt": "<", "gt": ">"}


def read_inline(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a file of text with its entities marked, a line at a time.

    source (Path | Source): The file, in UTF-8, compressed with gzip or not, or "-" for standard
        input.
    gold (bool): Whether to keep the mentions. Their tags are taken out of the text either way.
    YIELDS (ReadRecord): A record for each line that is not empty, with its mentions under
        SOURCE_HEAD, if they are kept. Its identifier is the number of the line; its document, how
        many blank lines or blocks of them stand before it.
    RAISES (InputError): If the file cannot be read.
    """
    document = 0
    previous = ""
    for line in read_checked_lines(source):
        document += not line.text and bool(previous)
        previous = line.text
        if not line.text:
            continue
        identifier = str(line.number)
        if line.fault:
            yield BadRecord(identifier, line.fault)
            continue
        try:
            text, mentions = _parse(line.text)
        except ValueError as error:
            yield BadRecord(identifier, f"{source}:{line.number}: {error}")
            continue
        found = {SOURCE_HEAD: mentions} if gold else {}
        yield Record(identifier, text, found, document=document)


def write_inline(records: Iterable[Record]) -> Iterator[str]:
    """Write one record a line.

    records (Iterable[Record]): The records, each annotated for one head at most: entities that
        nest or cross could not be told apart. A blank line stands between the documents of
        sentences that came tokenised; the line of a raw text is its document.
    YIELDS (str): The lines, line ends included.
    RAISES (ValueError): If a record has several heads, or mentions that overlap or have no label.
    """
    document: int | None = None
    for record in records:
        tokenised = is_token_sentence(record)
        if tokenised and document not in (None, record.document):
            yield "\n"
        document = record.document if tokenised else None
        yield _mark(record, " " if tokenised else "") + "\n"


def _mark(record: Record, gap: str) -> str:
    pieces = []
    position = 0
    for mention in flat_mentions(record):
        pieces.append(_escape(record.text[position : mention.start]))
        if not mention.label:
            raise ValueError(
                f"record {record.id!r}: the mention at {mention.start}-{mention.end} has no label "
                "to make a tag of; give it one"
            )
        # A slash at the beginning of a label would make a tag that closes.
        label = re.sub("^/", "&#47;", _escape(mention.label))
        inner = _escape(record.text[mention.start : mention.end])
        inner = re.sub("^ | $", _SPACE, inner)
        pieces.append(f"<{label}>{gap}{inner}{gap}</{label}>")
        position = mention.end
    pieces.append(_escape(record.text[position:]))
    return "".join(pieces)


def _escape(text: str) -> str:
    return escape(text, _REFERENCES)


def _parse(line: str) -> tuple[str, list[Mention]]:
    """Take the tags out of a line; a ValueError says what is wrong with it and what to do."""
    text = ""
    mentions: list[Mention] = []
    opened: tuple[int, str] | None = None
    position = 0
    for tag in _TAG.finditer(line):
        text += _unescape(line[position : tag.start()])
        position = tag.end()
        if tag["stray"]:
            raise ValueError(
                f"{tag['stray']!r} at character {tag.start() + 1} is not part of a tag; write "
                "&lt; and &gt; where the text holds these signs"
            )
        if tag["opened"]:
            if opened:
                raise ValueError(f"{tag[0].strip()} inside <{opened[1]}>; entities cannot nest")
            opened = len(text), tag["opened"]
        elif not opened or opened[1] != tag["closed"]:
            raise ValueError(f"{tag[0].strip()} closes nothing; write the tag that opens it")
        elif opened[0] == len(text):
            raise ValueError(f"nothing between <{opened[1]}> and its end; take out both tags")
        else:
            mentions.append(Mention(opened[0], len(text), _unescape(opened[1])))
            opened = None
    if opened:
        raise ValueError(f"<{opened[1]}> is not closed; write </{opened[1]}> after the entity")
    return text + _unescape(line[position:]), mentions


def _unescape(text: str) -> str:
    return _REFERENCE.sub(_resolve, text)


def _resolve(reference: re.Match[str]) -> str:
    name, number = reference.groups()
    try:
        character = _NAMED[name] if name else chr(int(number))
        character.encode()
    except (TypeError, OverflowError, ValueError):
        raise ValueError(
            f"'&' without &amp;, &lt;, &gt; or a number such as &#10; at {reference.string!r}; "
            "write &amp; where the text holds this sign"
        ) from None
    return character
