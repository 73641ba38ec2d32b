"""PubTator files: title and abstract on a line each, then mentions with character offsets.

The text of a document is its title, a line break, and its abstract; offsets count the break.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.lines import read_lines
from spacy_bioner_mtl.formats.record import Mention, Record

_PART = re.compile(r"(?P<id>[^|\t]+)\|(?P<part>[ta])\|(?P<content>.*)", re.DOTALL)
_BREAKS_A_LINE = str.maketrans("\t\n\r", "   ")


@dataclass
class _Document:
    """A document whose lines are still being read."""

    id: str
    title: str
    abstract: str | None = None
    annotations: list[tuple[int, list[str]]] = field(default_factory=list)


def is_pubtator(path: Path) -> bool:
    """Tell whether the first line that is not blank is a PubTator title.

    path (Path): The file.
    RETURNS (bool): Whether it looks like a PubTator file.
    RAISES (InputError): If the file cannot be read.
    """
    for _, line in read_lines(path):
        if line.strip():
            return re.match(r"[^|\s]+\|t\|", line) is not None
    return False


def read_pubtator(path: Path, head: str) -> Iterator[Record]:
    """Read a PubTator file, one document at a time.

    Mentions may overlap, repeat and lack identifiers. Relations are passed over.

    path (Path): The file, in UTF-8.
    head (str): The head for which the file is annotated.
    YIELDS (Record): The documents, not tokenised, with their mentions in the file's order.
    RAISES (InputError): If the file is malformed, holds no document, or if a mention's text is not
        what stands at its offsets; the message names file and line. Signs other than letters and
        digits are not compared, since published files replace some of them in mentions.
    """
    document: _Document | None = None
    found = False
    for number, line in read_lines(path):
        part = _PART.fullmatch(line)
        if document and (not line.strip() or (part and part["part"] == "t")):
            yield _make_record(path, head, document)
            document = None
        if not line.strip():
            continue
        if part and part["part"] == "t":
            document = _Document(part["id"], part["content"])
            found = True
        elif document is None:
            raise InputError(
                f"{path}:{number}: no title before this line; begin every document with a line "
                "ID|t|TITLE"
            )
        elif part:
            _check_id(path, number, part["id"], document)
            if document.abstract is not None:
                raise InputError(
                    f"{path}:{number}: a second abstract; separate documents by a blank line"
                )
            document.abstract = part["content"]
        else:
            columns = line.split("\t")
            _check_id(path, number, columns[0], document)
            document.annotations.append((number, columns))
    if document:
        yield _make_record(path, head, document)
    if not found:
        raise InputError(f"{path}: no document in this file; give it lines ID|t|TITLE")


def write_pubtator(records: Iterable[Record]) -> Iterator[str]:
    """Write records with the mentions of all their heads.

    The title is the text up to its first line break; later line breaks, and tabs, become spaces,
    so that offsets stay as they are. Identifiers of concepts are not known and left out.

    records (Iterable[Record]): The records; one without an identifier gets its number, from 1.
    YIELDS (str): The lines, line ends included.
    RAISES (InputError): If an identifier holds a bar, a tab or a line break.
    """
    for number, record in enumerate(records, start=1):
        identifier = record.id or str(number)
        if re.search(r"[|\t\r\n]", identifier):
            raise InputError(
                f"record {identifier!r}: PubTator identifiers hold no bar, tab or line break; "
                "rename it"
            )
        title, _, abstract = record.text.partition("\n")
        yield f"{identifier}|t|{title.translate(_BREAKS_A_LINE)}\n"
        yield f"{identifier}|a|{abstract.translate(_BREAKS_A_LINE)}\n"
        mentions = {mention for group in record.mentions.values() for mention in group}
        for mention in sorted(mentions, key=lambda one: (one.start, one.end, one.label)):
            text = record.text[mention.start : mention.end].translate(_BREAKS_A_LINE)
            yield f"{identifier}\t{mention.start}\t{mention.end}\t{text}\t{mention.label}\n"
        yield "\n"


def _make_record(path: Path, head: str, document: _Document) -> Record:
    text = f"{document.title}\n{document.abstract}" if document.abstract else document.title
    mentions = []
    for number, columns in document.annotations:
        if len(columns) > 1 and columns[1][:1].isalpha():
            continue
        mentions.append(_make_mention(path, number, columns, text))
    return Record(id=document.id, text=text, mentions={head: mentions})


def _make_mention(path: Path, number: int, columns: list[str], text: str) -> Mention:
    if len(columns) < 5 or not columns[4].strip():
        raise InputError(
            f"{path}:{number}: not a mention; write ID, start, end, mention and type, separated by "
            "tabs"
        )
    try:
        start, end = int(columns[1]), int(columns[2])
    except ValueError:
        raise InputError(
            f"{path}:{number}: offsets {columns[1]!r} and {columns[2]!r} are not whole numbers; "
            "correct them"
        ) from None
    if not 0 <= start < end <= len(text):
        raise InputError(
            f"{path}:{number}: offsets {start}-{end} lie outside the text of {len(text)} "
            "characters or are empty; correct them"
        )
    if not _same_words(text[start:end], columns[3]):
        raise InputError(
            f"{path}:{number}: mention {columns[3]!r}, but the text at {start}-{end} is "
            f"{text[start:end]!r}; offsets count characters of title, one separator and abstract"
        )
    return Mention(start, end, columns[4].strip())


def _same_words(text: str, mention: str) -> bool:
    return len(text) == len(mention) and all(
        here == there or not (here.isalnum() or there.isalnum())
        for here, there in zip(text, mention, strict=True)
    )


def _check_id(path: Path, number: int, identifier: str, document: _Document) -> None:
    if identifier != document.id:
        raise InputError(
            f"{path}:{number}: {identifier!r} inside document {document.id!r}; separate documents "
            "by a blank line and repeat the identifier on every line"
        )
