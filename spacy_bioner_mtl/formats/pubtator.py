"""PubTator files: title and abstract on a line each, then mentions with character offsets.

The text of a document is its title, a line break, and its abstract; offsets count the break.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import Source
from spacy_bioner_mtl.formats.lines import Line, read_checked_lines, read_lines
from spacy_bioner_mtl.formats.record import (
    SOURCE_HEAD,
    BadRecord,
    Mention,
    Passage,
    ReadRecord,
    Record,
    strict,
)

_PART = re.compile(r"(?P<id>[^|\t]+)\|(?P<part>[ta])\|(?P<content>.*)", re.DOTALL)
_BREAKS_A_LINE = str.maketrans("\t\n\r", "   ")
_TITLE, _ABSTRACT = "title", "abstract"


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


def read_records(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a PubTator file, one document at a time.

    Mentions may overlap, repeat and lack identifiers. Relations are passed over. Title and abstract
    are passages; a document without a line for its abstract has no passage of that kind.

    source (Path | Source): The file, in UTF-8, compressed with gzip or not, or "-" for standard
        input.
    gold (bool): Whether to read the mentions. Otherwise no line but those of title and abstract is
        looked at.
    YIELDS (ReadRecord): The documents, not tokenised, with their mentions in the file's order under
        SOURCE_HEAD. A document is bad if one of its lines is malformed or if a mention's text is
        not what stands at its offsets; the message names file and line. Signs other than letters
        and digits are not compared, since published files replace some of them in mentions.
    RAISES (InputError): If the file cannot be read or holds no document.
    """
    found = False
    for lines in _read_blocks(source):
        found = True
        try:
            yield _make_record(source, lines, gold)
        except InputError as error:
            yield BadRecord(re.split(r"[|\t]", lines[0].text, maxsplit=1)[0], str(error))
    if not found:
        raise InputError(f"{source}: no document in this file; give it lines ID|t|TITLE")


def read_pubtator(path: Path, head: str) -> Iterator[Record]:
    """Read a PubTator file like read_records, as gold of one head and up to the first bad document.

    path (Path): The file, in UTF-8.
    head (str): The head for which the file is annotated.
    YIELDS (Record): The documents. Mentions come without identifiers, so that those of one span and
        type are equal.
    RAISES (InputError): If the file is malformed or holds no document.
    """
    for record in strict(read_records(path)):
        mentions = [replace(mention, identifier="") for mention in record.mentions[SOURCE_HEAD]]
        yield replace(record, mentions={head: mentions})


def write_pubtator(records: Iterable[Record]) -> Iterator[str]:
    """Write records with the mentions of all their heads.

    The title is the passage of that kind where the text begins with one and a single white space
    character parts it from the rest, else the text up to its first line break. Line breaks and tabs
    in it and after it become spaces, so that offsets stay as they are. A record whose passages
    include no abstract but a title that is all of the text gets no line for the abstract.

    Mentions of the same span, label and identifier are written once; one without an identifier is
    left out where there is the same with one.

    records (Iterable[Record]): The records; one without an identifier gets its number, from 1.
    YIELDS (str): The lines, line ends included.
    RAISES (InputError): If an identifier or a label holds a tab or a line break, or a record's
        identifier a bar.
    """
    for number, record in enumerate(records, start=1):
        document = record.id or str(number)
        if re.search(r"[|\t\r\n]", document):
            raise InputError(
                f"record {document!r}: PubTator identifiers hold no bar, tab or line break; "
                "rename it"
            )
        title, abstract = _divide(record)
        yield f"{document}|t|{title.translate(_BREAKS_A_LINE)}\n"
        if abstract is not None:
            yield f"{document}|a|{abstract.translate(_BREAKS_A_LINE)}\n"
        for start, end, label, identifier in _distinct(record):
            for column in (label, identifier):
                if re.search(r"[\t\r\n]", column):
                    raise InputError(
                        f"record {document!r}: {column!r} holds a tab or a line break, which "
                        "PubTator's columns cannot; rename it"
                    )
            text = record.text[start:end].translate(_BREAKS_A_LINE)
            columns = [document, str(start), str(end), text, label]
            yield "\t".join([*columns, identifier] if identifier else columns) + "\n"
        yield "\n"


def _divide(record: Record) -> tuple[str, str | None]:
    """Divide a text into title and abstract, None if there is to be no line for the latter."""
    title = next((passage for passage in record.passages if passage.kind == _TITLE), None)
    if title and title.start == 0:
        after = [passage for passage in record.passages if passage is not title]
        if title.end == len(record.text):
            return record.text, "" if after else None
        begins = min((passage.start for passage in after), default=0)
        if begins == title.end + 1 and record.text[title.end].isspace():
            return record.text[: title.end], record.text[begins:]
    title_text, _, abstract = record.text.partition("\n")
    return title_text, abstract


def _distinct(record: Record) -> list[tuple[int, int, str, str]]:
    """Take the mentions of all heads as (start, end, label, identifier), in the text's order."""
    mentions = {
        (mention.start, mention.end, mention.label, mention.identifier)
        for group in record.mentions.values()
        for mention in group
    }
    identified = {mention[:3] for mention in mentions if mention[3]}
    return sorted(one for one in mentions if one[3] or one[:3] not in identified)


def _read_blocks(source: Path | Source) -> Iterator[list[Line]]:
    """Part the lines into documents, before titles and at blank lines.

    Some programs write a blank line between a text and its mentions, which does not part them.
    """
    block: list[Line] = []
    after_blank = False
    for line in read_checked_lines(source):
        if not line.text.strip():
            after_blank = True
            continue
        is_title = _is_title(line)
        if block and (is_title or (after_blank and not _continues(block, line))):
            yield block
            block = []
        after_blank = False
        # Of lines that follow no title the first tells enough, be they a whole file.
        if is_title or not block or _is_title(block[0]):
            block.append(line)
    if block:
        yield block


def _continues(block: list[Line], line: Line) -> bool:
    title = _PART.fullmatch(block[0].text)
    return title is not None and re.split(r"[|\t]", line.text, maxsplit=1)[0] == title["id"]


def _is_title(line: Line) -> bool:
    part = _PART.fullmatch(line.text)
    return part is not None and part["part"] == "t"


def _make_record(source: Path | Source, lines: list[Line], gold: bool) -> Record:
    for line in lines:
        if line.fault and (gold or _PART.fullmatch(line.text)):
            raise InputError(line.fault)
    title = _PART.fullmatch(lines[0].text)
    if not title or title["part"] != "t":
        raise InputError(
            f"{source}:{lines[0].number}: no title before this line; begin every document with a "
            "line ID|t|TITLE"
        )
    text = title["content"]
    passages = [Passage(0, len(text), _TITLE)]
    rows = []
    for line in lines[1:]:
        part = _PART.fullmatch(line.text)
        if not gold and not part:
            continue
        columns = line.text.split("\t")
        identifier = part["id"] if part else columns[0]
        if identifier != title["id"]:
            raise InputError(
                f"{source}:{line.number}: {identifier!r} inside document {title['id']!r}; separate "
                "documents by a blank line and repeat the identifier on every line"
            )
        if not part:
            rows.append((line.number, columns))
        elif len(passages) > 1:
            raise InputError(
                f"{source}:{line.number}: a second abstract; separate documents by a blank line"
            )
        else:
            begin = len(text)
            if part["content"]:
                text += f"\n{part['content']}"
                begin += 1
            passages.append(Passage(begin, len(text), _ABSTRACT))
    mentions = [
        _make_mention(source, number, columns, text)
        for number, columns in rows
        if len(columns) == 1 or not columns[1][:1].isalpha()
    ]
    found = {SOURCE_HEAD: mentions} if gold else {}
    return Record(title["id"], text, found, passages=passages)


def _make_mention(source: Path | Source, number: int, columns: list[str], text: str) -> Mention:
    if len(columns) < 5 or not columns[4].strip():
        raise InputError(
            f"{source}:{number}: not a mention; write ID, start, end, mention and type, separated "
            "by tabs"
        )
    try:
        start, end = int(columns[1]), int(columns[2])
    except ValueError:
        raise InputError(
            f"{source}:{number}: offsets {columns[1]!r} and {columns[2]!r} are not whole numbers; "
            "correct them"
        ) from None
    if not 0 <= start < end <= len(text):
        raise InputError(
            f"{source}:{number}: offsets {start}-{end} lie outside the text of {len(text)} "
            "characters or are empty; correct them"
        )
    if not _same_words(text[start:end], columns[3]):
        raise InputError(
            f"{source}:{number}: mention {columns[3]!r}, but the text at {start}-{end} is "
            f"{text[start:end]!r}; offsets count characters of title, one separator and abstract"
        )
    identifier = columns[5].strip() if len(columns) > 5 else ""
    return Mention(start, end, columns[4].strip(), identifier=identifier)


def _same_words(text: str, mention: str) -> bool:
    return len(text) == len(mention) and all(
        here == there or not (here.isalnum() or there.isalnum())
        for here, there in zip(text, mention, strict=True)
    )
