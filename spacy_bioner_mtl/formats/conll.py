"""CoNLL files: one token a line, its word first and its tag last, a blank line between sentences.

``-DOCSTART-`` lines begin documents. Columns between the word and the tag are ignored.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import Source
from spacy_bioner_mtl.formats.lines import read_lines
from spacy_bioner_mtl.formats.record import Mention, Record, Word
from spacy_bioner_mtl.formats.rows import sentence_rows
from spacy_bioner_mtl.tags import (
    OUTSIDE,
    UNKNOWN,
    Scheme,
    SchemeConflict,
    TagSpan,
    detect_scheme,
    illegal_positions,
    parse_tag,
    spans_to_tags,
    tags_to_spans,
)

# Unicode knows more white space than this; a word may consist of it (a no-break space does occur).
_BLANKS = " \t\v\f"
_GAP = re.compile(f"[{_BLANKS}]+")
_DOCUMENT_START = "-DOCSTART-"


@dataclass(frozen=True)
class ConllSentence:
    """A sentence of a CoNLL file.

    words (list[str]): Its tokens, never none.
    spans (list[TagSpan]): Its entities as (first token, token after the last, entity type).
    unknown (list[int]): Tokens whose annotation is unknown (tag "-").
    document (int): How many -DOCSTART- lines stand before it.
    line (int): Number of its first line in the file; its tokens stand on consecutive lines.
    """

    words: list[str]
    spans: list[TagSpan]
    unknown: list[int]
    document: int
    line: int


@dataclass(frozen=True)
class ConllFile:
    """What a CoNLL file holds.

    path (Path | Source): The file.
    scheme (Scheme): The tagging scheme all of it is written in.
    sentences (list[ConllSentence]): Its sentences, at least one.
    repaired (list[int]): Numbers of the lines whose tag the scheme forbids there and which were
        read as conlleval reads them; one entry per forbidden transition.
    """

    path: Path | Source
    scheme: Scheme
    sentences: list[ConllSentence]
    repaired: list[int]


@dataclass
class _Lines:
    """The lines of one sentence, tags still as written."""

    document: int
    line: int
    words: list[str]
    tags: list[str]


def read_conll(path: Path | Source, *, strict: bool = False) -> ConllFile:
    """Read a CoNLL file; its tagging scheme is recognised from all its tags.

    A line that holds a tab is split at tabs, any other at white space. See tags.detect_scheme for
    how the scheme is found, and tags.tags_to_spans for how forbidden tag sequences are read.

    path (Path | Source): The file, in UTF-8.
    strict (bool): Reject forbidden tag sequences instead of repairing them.
    RETURNS (ConllFile): Its sentences and what had to be repaired.
    RAISES (InputError): If the file is malformed or empty; the message names file and line.
    """
    sentences = list(_read_sentences(path))
    if not sentences:
        raise InputError(f"{path}: no sentence in this file; give it lines of a word and a tag")
    try:
        scheme = detect_scheme(sentence.tags for sentence in sentences)
    except SchemeConflict as conflict:
        line = sentences[conflict.sequence].line + conflict.token
        raise InputError(
            f"{path}:{line}: tag {conflict}; write the whole file in one scheme"
        ) from None
    finished = []
    repaired = []
    for sentence in sentences:
        spans, n_repaired = tags_to_spans(sentence.tags, scheme)
        for position in illegal_positions(sentence.tags, scheme) if n_repaired else ():
            if strict:
                raise InputError(_illegal(path, sentence, position, scheme))
            repaired.append(sentence.line + min(position, len(sentence.tags) - 1))
        unknown = [token for token, tag in enumerate(sentence.tags) if tag == UNKNOWN]
        finished.append(
            ConllSentence(sentence.words, spans, unknown, sentence.document, sentence.line)
        )
    return ConllFile(path, scheme, finished, repaired)


def group_sentences(
    conll: ConllFile, head: str, sentences_per_document: int | None = None
) -> Iterator[Record]:
    """Put the sentences of a CoNLL file together into documents.

    conll (ConllFile): The file.
    head (str): The head for which the file is annotated.
    sentences_per_document (int | None): At most so many sentences in a document, which never goes
        past a -DOCSTART- line. None means all up to the next -DOCSTART- line where the file has
        such lines, else one sentence.
    YIELDS (Record): One record per document; its text is the words joined by single spaces.
    """
    size = sentences_per_document
    if size is None and not any(sentence.document for sentence in conll.sentences):
        size = 1
    for _, group in groupby(conll.sentences, key=lambda sentence: sentence.document):
        document = list(group)
        step = size or len(document)
        for begin in range(0, len(document), step):
            yield _make_record(document[begin : begin + step], head)


def write_conll(records: Iterable[Record], head: str, scheme: Scheme = "IOBES") -> Iterator[str]:
    """Write one head's annotation as lines of word, tab, tag, with a blank line per sentence.

    See rows.sentence_rows for what becomes of white space, and of sentences that cut mentions.
    Where the head was not annotated every tag is "-".

    records (Iterable[Record]): Records that come tokenised.
    head (str): The head to write.
    scheme (Scheme): The tagging scheme to write.
    YIELDS (str): The lines, line ends included.
    RAISES (InputError): If mentions overlap or do not begin and end with words.
    RAISES (ValueError): If a record is not tokenised.
    """
    for record in records:
        unknown = set(record.unknown.get(head, ()))
        for sentence in sentence_rows(record, [head]):
            tags = spans_to_tags(sentence.spans[0], len(sentence.words), scheme)
            for word, text, tag in zip(sentence.words, sentence.texts, tags, strict=True):
                is_unknown = head not in record.mentions or word in unknown
                yield f"{text}\t{UNKNOWN if tag == OUTSIDE and is_unknown else tag}\n"
            yield "\n"


def _read_sentences(path: Path | Source) -> Iterator[_Lines]:
    """Split a file into sentences and check every line of it on its own."""
    document = 0
    sentence: _Lines | None = None
    for number, line in read_lines(path):
        if not line.strip() or line.startswith(_DOCUMENT_START):
            if sentence:
                yield sentence
            sentence = None
            document += line.startswith(_DOCUMENT_START)
            continue
        word, tag = _split_line(path, number, line)
        if sentence is None:
            sentence = _Lines(document, number, [], [])
        sentence.words.append(word)
        sentence.tags.append(tag)
    if sentence:
        yield sentence


def _split_line(path: Path | Source, number: int, line: str) -> tuple[str, str]:
    line = line.rstrip(_BLANKS)
    columns = line.split("\t") if "\t" in line else _GAP.split(line.lstrip(_BLANKS))
    word, tag = columns[0].strip(_BLANKS), columns[-1].strip(_BLANKS)
    if len(columns) < 2 or not word:
        raise InputError(
            f"{path}:{number}: one column where a word and a tag are needed; write both, separated "
            "by a tab"
        )
    try:
        parse_tag(tag)
    except ValueError as error:
        raise InputError(f"{path}:{number}: tag {error}; correct the last column") from None
    return word, tag


def _illegal(path: Path | Source, sentence: _Lines, position: int, scheme: Scheme) -> str:
    tags = sentence.tags
    line = sentence.line + min(position, len(tags) - 1)
    if position == len(tags):
        what = f"{tags[-1]!r} leaves an entity unfinished at the end of its sentence"
    elif position == 0:
        what = f"{tags[0]!r} may not begin a sentence"
    else:
        what = f"{tags[position]!r} may not follow {tags[position - 1]!r}"
    return (
        f"{path}:{line}: tag {what} in {scheme}; correct it, or leave out --strict to have it read "
        "as conlleval does"
    )


def _make_record(sentences: list[ConllSentence], head: str) -> Record:
    """Lay the words out in one text and turn token positions into offsets."""
    words: list[Word] = []
    mentions: list[Mention] = []
    unknown: list[Word] = []
    sentence_starts: list[int] = []
    offset = 0
    for sentence in sentences:
        first = len(words)
        sentence_starts.append(first)
        for text in sentence.words:
            words.append(Word(offset, offset + len(text)))
            offset += len(text) + 1
        for start, end, label in sentence.spans:
            mentions.append(Mention(words[first + start].start, words[first + end - 1].end, label))
        unknown.extend(words[first + token] for token in sentence.unknown)
    text = " ".join(word for sentence in sentences for word in sentence.words)
    return Record(
        id="",
        text=text,
        mentions={head: mentions},
        unknown={head: unknown} if unknown else {},
        words=words,
        sentence_starts=sentence_starts,
    )
