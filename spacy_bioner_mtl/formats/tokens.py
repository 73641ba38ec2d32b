"""Files of one token a line, a blank line between sentences: read without tags, written with.

columns.py says how the lines are told apart.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.columns import DOCUMENT_START, read_columns
from spacy_bioner_mtl.formats.record import ReadRecord, Record, join_words
from spacy_bioner_mtl.formats.rows import sentence_rows
from spacy_bioner_mtl.formats.schemes import OUTSIDE, spans_to_tags


def read_tokens(source: Path | Source, *, word_column: int | None = None) -> Iterator[ReadRecord]:
    """Read the tokens of a file sentence by sentence, in constant memory.

    Whether the file ends in a line break, a blank line or neither makes no difference. Tags are not
    read, so that a CoNLL file can be annotated anew.

    source (Path | Source): The file, in UTF-8, compressed with gzip or not, or "-" for standard
        input.
    word_column (int | None): The column of the token, from 1; None recognises it.
    YIELDS (ReadRecord): Its sentences, in order: their words joined by single spaces, and how many
        documents began before them.
    RAISES (InputError): If the file is malformed or holds no token. Without all of its lines it
        would be another file, hence no sentence is passed over.
    """
    empty = True
    for sentence in read_columns(source, word_column=word_column, tagged=False):
        text, words = join_words([row.word for row in sentence.rows])
        yield Record("", text, words=words, document=sentence.document)
        empty = False
    if empty:
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
            yield "\t".join([DOCUMENT_START, *(OUTSIDE for _ in heads)]) + "\n\n"
            document = record.document
        for sentence in sentence_rows(record, heads):
            labels = [spans_to_tags(some, len(sentence.words)) for some in sentence.spans]
            for row in zip(sentence.texts, *labels, strict=True):
                yield "\t".join(row) + "\n"
            yield "\n"
