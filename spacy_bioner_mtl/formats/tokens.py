"""Files of one token a line, a blank line between sentences: read without labels, written with.

``-DOCSTART-`` lines separate documents. Only the first column is read, so that a CoNLL file can be
annotated anew.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import Source
from spacy_bioner_mtl.formats.lines import read_lines
from spacy_bioner_mtl.formats.record import ReadRecord, Record, Word
from spacy_bioner_mtl.formats.rows import sentence_rows
from spacy_bioner_mtl.tags import OUTSIDE, spans_to_tags

# The same as for CoNLL files: a word may consist of other white space.
_BLANKS = " \t\v\f"
_GAP = re.compile(f"[{_BLANKS}]")
_DOCUMENT_START = "-DOCSTART-"


def read_tokens(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read the tokens of a file sentence by sentence, in constant memory.

    A line that holds a tab is split at tabs, any other at white space. Whether the file ends in a
    line break, a blank line or neither makes no difference. The labels of the file are not read.

    source (Path | Source): The file, in UTF-8, compressed with gzip or not, or "-" for standard
        input.
    gold (bool): Of no effect yet.
    YIELDS (ReadRecord): Its sentences, in order: their words joined by single spaces, and how many
        -DOCSTART- lines stand before them.
    RAISES (InputError): If the file is malformed or holds no token. Without all of its lines it
        would be another file, hence no sentence is passed over.
    """
    document = 0
    words: list[str] = []
    empty = True
    for number, line in read_lines(source):
        starts_document = line.startswith(_DOCUMENT_START)
        if line.strip() and not starts_document:
            words.append(_first_column(source, number, line))
            continue
        if words:
            yield _make_record(words, document)
            words, empty = [], False
        document += starts_document
    if words:
        yield _make_record(words, document)
    elif empty:
        raise InputError(f"{source}: no token in this file; give it one token on each line")


def write_label_columns(records: Iterable[Record]) -> Iterator[str]:
    """Write one token a line, followed by one column of IOBES labels for each head.

    See rows.sentence_rows for what becomes of white space, and of sentences that cut mentions. A
    -DOCSTART- line stands wherever the number of the document changes.

    records (Iterable[Record]): The records, tokenised, all with the same heads.
    YIELDS (str): The lines, line ends included; a blank line follows every sentence.
    RAISES (ValueError): If a record is not tokenised or has other heads than those before, or if
        mentions of one head overlap or do not begin and end with words.
    """
    document = 0
    heads: list[str] | None = None
    for record in records:
        if heads is None:
            heads = list(record.mentions)
        if list(record.mentions) != heads:
            raise ValueError(
                f"record {record.id!r} has the heads {list(record.mentions)}, those before it "
                f"{heads}"
            )
        if record.document != document:
            yield "\t".join([_DOCUMENT_START, *(OUTSIDE for _ in heads)]) + "\n\n"
            document = record.document
        for sentence in sentence_rows(record, heads):
            labels = [spans_to_tags(some, len(sentence.words), "IOBES") for some in sentence.spans]
            for row in zip(sentence.texts, *labels, strict=True):
                yield "\t".join(row) + "\n"
            yield "\n"


def _make_record(words: list[str], document: int) -> Record:
    spans = []
    offset = 0
    for word in words:
        spans.append(Word(offset, offset + len(word)))
        offset += len(word) + 1
    return Record(id="", text=" ".join(words), words=spans, document=document)


def _first_column(source: Path | Source, number: int, line: str) -> str:
    line = line.rstrip(_BLANKS)
    columns = line.split("\t") if "\t" in line else _GAP.split(line.lstrip(_BLANKS), maxsplit=1)
    word = columns[0].strip(_BLANKS)
    if not word:
        raise InputError(
            f"{source}:{number}: no token in the first column; begin the line with the token, or "
            "leave it blank to end a sentence"
        )
    return word
