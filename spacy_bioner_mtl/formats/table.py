"""A table of mentions: a row for each, for a spreadsheet, a script or a data frame. Written only.

Offsets count characters (code points). A sentence is that of the pipeline, or of the source. ::

    document,section,start,end,text,label,head,probability,sentence
    29446767,title,0,10,Acute gout,Disease,,0.9731,Acute gout after diuretics.
"""

import csv
import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from spacy_bioner_mtl.formats.lines import BYTE_ORDER_MARK
from spacy_bioner_mtl.formats.record import Mention, Record, sort_mentions

#: A cell that begins so is run as a formula (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = ("=", "+", "-", "@")
_TEXT_SIGN = "'"


class Row(NamedTuple):
    """A mention.

    document (str): The document's identifier.
    section (str): The kind of the passage that it begins in; empty where the source tells none.
    start (int): Offset of its first character in the document's text, in code points.
    end (int): Offset after its last character.
    text (str): The characters in between, on one line.
    label (str): The entity type.
    head (str): The head that found it; empty for the one answer of all heads together.
    probability (float | None): Its probability, where the model gave one.
    sentence (str): The sentence that it begins in, on one line; empty where none is known.
    """

    document: str
    section: str
    start: int
    end: int
    text: str
    label: str
    head: str
    probability: float | None
    sentence: str


def write_csv(records: Iterable[Record]) -> Iterator[str]:
    """Write a table for a spreadsheet.

    It begins with a byte-order mark. An apostrophe before a text that a spreadsheet would run as a
    formula ("-CH3", "=SUM(A1)") makes it a text again.

    records (Iterable[Record]): The records.
    YIELDS (str): The header, then the rows, line ends included.
    """
    # Without it, Excel takes UTF-8 for the code page of the country.
    yield BYTE_ORDER_MARK + to_csv([Row._fields])
    for record in records:
        yield to_csv(make_rows(record))


def write_tsv(records: Iterable[Record]) -> Iterator[str]:
    """Write a table for programs: no byte-order mark, no quotes, texts as they are but on one line.

    records (Iterable[Record]): The records.
    YIELDS (str): The header, then the rows, line ends included.
    """
    yield to_tsv([Row._fields])
    for record in records:
        yield to_tsv(make_rows(record))


def make_rows(record: Record) -> list[Row]:
    """Make the rows of a record.

    record (Record): The record.
    RETURNS (list[Row]): Its mentions, in the order of the text.
    """
    sections = [passage.start for passage in record.passages]
    sentences = _Sentences(record)
    rows = []
    for mention, head in sort_mentions(record):
        place = bisect_right(sections, mention.start) - 1
        rows.append(
            Row(
                one_line(record.id),
                one_line(record.passages[place].kind) if place >= 0 else "",
                mention.start,
                mention.end,
                one_line(record.text[mention.start : mention.end]),
                one_line(mention.label),
                one_line(head),
                mention.score,
                sentences.around(mention),
            )
        )
    return rows


class _Sentences:
    """The sentences of a record, which its words and where sentences begin tell."""

    def __init__(self, record: Record) -> None:
        self._record = record
        words = record.words or []
        self._starts = [words[index].start for index in record.sentence_starts if words]

    def around(self, mention: Mention) -> str:
        place = bisect_right(self._starts, mention.start) - 1
        if place < 0:
            return ""
        following = self._starts[place + 1 : place + 2]
        end = following[0] if following else len(self._record.text)
        return one_line(self._record.text[self._starts[place] : end])


def to_csv(rows: Iterable[Sequence[object]]) -> str:
    """Write rows for a spreadsheet; see write_csv.

    rows (Iterable[Sequence[object]]): Strings, numbers, and None for an empty cell.
    RETURNS (str): The lines, line ends included.
    """
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows([_defuse(value) for value in row] for row in rows)
    return lines.getvalue()


def to_tsv(rows: Iterable[Sequence[object]]) -> str:
    """Write rows for programs.

    rows (Iterable[Sequence[object]]): Strings, numbers, and None for an empty cell.
    RETURNS (str): The lines, line ends included.
    """
    return "".join(
        "\t".join("" if value is None else one_line(str(value)) for value in row) + "\n"
        for row in rows
    )


def one_line(text: str) -> str:
    """Replace runs of white space, line breaks and tabs among them, by one space.

    text (str): The text.
    RETURNS (str): The same without white space at its ends.
    """
    return " ".join(text.split())


def _defuse(value: object) -> object:
    is_formula = isinstance(value, str) and value.startswith(_FORMULA)
    return f"{_TEXT_SIGN}{value}" if is_formula else value
