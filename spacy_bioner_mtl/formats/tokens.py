"""Files of one token a line, a blank line between sentences: read without labels, written with.

``-DOCSTART-`` lines separate documents. Only the first column is read, so that a CoNLL file can be
annotated anew.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.lines import read_lines
from spacy_bioner_mtl.tags import OUTSIDE, TagSpan, spans_to_tags

# The same as for CoNLL files: a word may consist of other white space.
_BLANKS = " \t\v\f"
_GAP = re.compile(f"[{_BLANKS}]")
_DOCUMENT_START = "-DOCSTART-"


@dataclass(frozen=True)
class TokenSentence:
    """A sentence of a file of tokens.

    words (list[str]): Its tokens, never none.
    document (int): How many -DOCSTART- lines stand before it.
    """

    words: list[str]
    document: int


@dataclass(frozen=True)
class AnsweredSentence:
    """A sentence with what was found in it.

    words (list[str]): Its tokens.
    document (int): How many -DOCSTART- lines stand before it.
    columns (list[list[TagSpan]]): For each answer asked for, spans that do not overlap, as (first
        token, token after the last, entity type).
    """

    words: list[str]
    document: int
    columns: list[list[TagSpan]]


def read_tokens(path: Path) -> Iterator[TokenSentence]:
    """Read the tokens of a file sentence by sentence, in constant memory.

    A line that holds a tab is split at tabs, any other at white space. Whether the file ends in a
    line break, a blank line or neither makes no difference.

    path (Path): The file, in UTF-8.
    YIELDS (TokenSentence): Its sentences, in order.
    RAISES (InputError): If the file is malformed or holds no token.
    """
    document = 0
    words: list[str] = []
    empty = True
    for number, line in read_lines(path):
        starts_document = line.startswith(_DOCUMENT_START)
        if line.strip() and not starts_document:
            words.append(_first_column(path, number, line))
            continue
        if words:
            yield TokenSentence(words, document)
            words, empty = [], False
        document += starts_document
    if words:
        yield TokenSentence(words, document)
    elif empty:
        raise InputError(f"{path}: no token in this file; give it one token on each line")


def write_label_columns(sentences: Iterable[AnsweredSentence]) -> Iterator[str]:
    """Write one token a line, followed by one column of IOBES labels for each answer.

    sentences (Iterable[AnsweredSentence]): The sentences.
    YIELDS (str): The lines, line ends included; a blank line follows every sentence.
    """
    document = 0
    for sentence in sentences:
        if sentence.document != document:
            yield "\t".join([_DOCUMENT_START, *(OUTSIDE for _ in sentence.columns)]) + "\n\n"
            document = sentence.document
        labels = [spans_to_tags(spans, len(sentence.words), "IOBES") for spans in sentence.columns]
        for row in zip(sentence.words, *labels, strict=True):
            yield "\t".join(row) + "\n"
        yield "\n"


def _first_column(path: Path, number: int, line: str) -> str:
    line = line.rstrip(_BLANKS)
    columns = line.split("\t") if "\t" in line else _GAP.split(line.lstrip(_BLANKS), maxsplit=1)
    word = columns[0].strip(_BLANKS)
    if not word:
        raise InputError(
            f"{path}:{number}: no token in the first column; begin the line with the token, or "
            "leave it blank to end a sentence"
        )
    return word
