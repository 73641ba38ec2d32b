"""PubTator files: title and abstract on a line each, then mentions with character offsets.

The text of a document is its title, a line break, and its abstract; offsets count the break.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.flaws import MentionCheck
from spacy_bioner_mtl.formats.lines import BREAKS, Line, read_checked_lines
from spacy_bioner_mtl.formats.record import (
    SOURCE_HEAD,
    BadRecord,
    Mention,
    Passage,
    ReadRecord,
    Record,
)

_PART = re.compile(r"(?P<id>[^|\t]+)\|(?P<part>[ta])\|(?P<content>.*)", re.DOTALL)
# An annotation, perhaps of another document
_ROW = re.compile(r"\S+\t-?\d+\t")
# Identifier of the document, start, end, text and type of a mention
_COLUMNS = 5
_ODD_NUMBER = re.compile(r"[A-Za-z]?\d+[A-Za-z]?")
_TITLE, _ABSTRACT = "title", "abstract"


def read_pubtator(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a PubTator file, one document at a time.

    Mentions may overlap, repeat and lack identifiers. Relations are passed over. Title and abstract
    are passages; a document without a line for its abstract has no passage of that kind.

    source (Path | Source): The file, in UTF-8, compressed with gzip or not, or "-" for standard
        input.
    gold (bool): Whether to read the mentions. Otherwise they may be whatever they are.
    YIELDS (ReadRecord): The documents, not tokenised, with their mentions in the file's order under
        SOURCE_HEAD. Mentions whose text is not what stands at their offsets, and lines that are no
        mentions, are flaws. A document is bad if its title or abstract cannot be read, or takes
        several lines; the message names file and line.
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
        if re.search(r"[|\t\r\n\0]", document):
            raise InputError(
                f"record {document!r}: PubTator identifiers hold no bar, tab, line break or NUL; "
                "rename it"
            )
        title, abstract = _divide(record)
        if "\0" in record.text:
            raise InputError(
                f"record {document!r}: a NUL character at {record.text.index(chr(0))} of its text, "
                "which PubTator files cannot hold; remove it"
            )
        yield f"{document}|t|{title.translate(BREAKS)}\n"
        if abstract is not None:
            yield f"{document}|a|{abstract.translate(BREAKS)}\n"
        for start, end, label, identifier in _distinct(record):
            for column in (label, identifier):
                if re.search(r"[\t\r\n\0]", column) or column != column.strip() or not label:
                    raise InputError(
                        f"record {document!r}: {column!r} holds a tab, a line break or NUL, or is "
                        "blank at an end, which PubTator's columns cannot; rename it"
                    )
            text = record.text[start:end].translate(BREAKS)
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
        for mention in record.all_mentions
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
    title = _PART.fullmatch(lines[0].text)
    if lines[0].fault:
        raise InputError(lines[0].fault)
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
        if not part and _is_row(line.text, title["id"]):
            rows.append(line)
            continue
        if line.fault:
            raise InputError(line.fault)
        if not part:
            raise InputError(
                f"{source}:{line.number}: neither title, abstract nor annotation, so that text may "
                "be lost; write title and abstract on one line each, ID|t|TITLE and ID|a|ABSTRACT, "
                "and put tabs between the columns of annotations"
            )
        if part["id"] != title["id"]:
            raise InputError(
                f"{source}:{line.number}: {part['id']!r} inside document {title['id']!r}; separate "
                "documents by a blank line and repeat the identifier on every line"
            )
        if len(passages) > 1:
            raise InputError(
                f"{source}:{line.number}: a second abstract; separate documents by a blank line"
            )
        begin = len(text)
        if part["content"]:
            text += f"\n{part['content']}"
            begin += 1
        passages.append(Passage(begin, len(text), _ABSTRACT))
    record = Record(title["id"], text, passages=passages)
    if gold:
        _read_mentions(source, rows, record)
    return record


def _is_row(line: str, document: str) -> bool:
    """Distinguish annotations, however odd, from lines that may belong to a text."""
    return line.startswith(f"{document}\t") or _ROW.match(line) is not None


def _read_mentions(source: Path | Source, rows: list[Line], record: Record) -> None:
    mentions = record.mentions[SOURCE_HEAD] = []
    check = MentionCheck(record.text)
    record.flaws = check.flaws
    for row in rows:
        place = f"{source}:{row.number}"
        columns = row.text.split("\t")
        if not row.fault and columns[0] == record.id and _is_relation(columns, record.text):
            continue
        try:
            mention, said = _make_mention(row, columns, record.id)
        except ValueError as error:
            reason = row.fault or f"{place}: {error}"
            label, unknown = "", None
            if not row.fault and columns[0] == record.id and len(columns) >= _COLUMNS:
                label = columns[4].strip()
                unknown = check.find_anywhere(columns[3], label)
            check.add_malformed(place, reason, label, unknown)
            continue
        if check.accept(mention.pieces, mention.label, said, place=place, what="mention"):
            mentions.append(mention)


def _is_relation(columns: list[str], text: str) -> bool:
    """Check for a relation, a type and two concepts, and not a mention without offsets."""
    if len(columns) < _COLUMNS - 1 or not columns[1][:1].isalpha():
        return False
    said = columns[3].strip().casefold()
    is_mention = len(columns) >= _COLUMNS and bool(said) and said in text.casefold()
    return not is_mention and not _ODD_NUMBER.fullmatch(columns[1])


def _make_mention(row: Line, columns: list[str], document: str) -> tuple[Mention, str]:
    """Take a mention and its text from a line; a ValueError says why there is none."""
    if row.fault:
        raise ValueError(row.fault)
    if columns[0] != document:
        raise ValueError(
            f"{columns[0]!r} inside document {document!r}; separate documents by a blank line and "
            "repeat the identifier on every line"
        )
    if len(columns) < _COLUMNS:
        raise ValueError("not a mention; write ID, start, end, mention and type, separated by tabs")
    try:
        start, end = int(columns[1]), int(columns[2])
    except ValueError:
        raise ValueError(
            f"offsets {columns[1]!r} and {columns[2]!r} are not whole numbers; correct them"
        ) from None
    identifier = columns[5].strip() if len(columns) > 5 else ""
    return Mention(start, end, columns[4].strip(), identifier=identifier), columns[3]
