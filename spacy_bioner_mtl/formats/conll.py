"""CoNLL files: one token a line with its tag in the last column, a blank line between sentences.

columns.py says how lines are read, schemes.py what the tags mean. Columns between the token
and the tag are ignored.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.columns import Row, Rows, read_columns
from spacy_bioner_mtl.formats.record import (
    SOURCE_HEAD,
    Flaw,
    FlawKind,
    Mention,
    ReadRecord,
    Record,
    Word,
    join_words,
)
from spacy_bioner_mtl.formats.schemes import (
    OUTSIDE,
    UNKNOWN,
    Scheme,
    SchemeConflict,
    add_type,
    detect_scheme,
    illegal_positions,
    is_bare,
    tags_to_spans,
    to_upper,
)
from spacy_bioner_mtl.formats.tokens import read_tokens


def read_conll(
    source: Path | Source,
    gold: bool = True,
    *,
    word_column: int | None = None,
    label: str | None = None,
) -> Iterator[ReadRecord]:
    """Read a CoNLL file; its tagging scheme is recognised from all its tags.

    See tags.detect_scheme for how the scheme is found, and tags.tags_to_spans for how forbidden tag
    sequences are read. These are flaws, and so are tags in lower case. As the scheme shows only at
    the end, the tags of the whole file are held in memory.

    source (Path | Source): The file, in UTF-8, compressed with gzip or not, or "-" for standard
        input.
    gold (bool): Whether to read the tags. Otherwise the tokens are read as read_tokens does.
    word_column (int | None): The column of the token, from 1; None recognises it.
    label (str | None): The entity type of tags that have none (B, I, O).
    YIELDS (ReadRecord): Its sentences, at least one: their words joined by single spaces, mentions
        under SOURCE_HEAD, and words of unknown annotation (tag "-").
    RAISES (InputError): If the file is malformed or empty; the message names file and line.
    """
    if not gold:
        yield from read_tokens(source, word_column=word_column)
        return
    sentences = list(read_columns(source, word_column=word_column, tagged=True))
    if not sentences:
        raise InputError(f"{source}: no sentence in this file; give it lines of a word and a tag")
    tags, flaws = _take_tags(source, sentences, label)
    try:
        scheme = detect_scheme(tags)
    except SchemeConflict as conflict:
        line = sentences[conflict.sequence].rows[conflict.token].number
        raise InputError(
            f"{source}:{line}: tag {conflict}; write the whole file in one scheme"
        ) from None
    for sentence, own_tags, own_flaws in zip(sentences, tags, flaws, strict=True):
        yield _make_record(source, sentence, own_tags, own_flaws, scheme)


def group_sentences(
    sentences: Iterable[Record], sentences_per_document: int | None = None
) -> Iterator[Record]:
    """Put the sentences of a CoNLL file together into documents.

    sentences (Iterable[Record]): The sentences.
    sentences_per_document (int | None): At most so many sentences in a document, which never goes
        past the beginning of one in the file. None means all up to the next where the file tells
        where documents begin, else one sentence.
    YIELDS (Record): One record per document; its text is the words joined by single spaces.
    """
    sentences = list(sentences)
    size = sentences_per_document
    if size is None and not any(sentence.document for sentence in sentences):
        size = 1
    for _, group in groupby(sentences, key=lambda sentence: sentence.document):
        document = list(group)
        step = size or len(document)
        for begin in range(0, len(document), step):
            yield _join(document[begin : begin + step])


def _take_tags(
    source: Path | Source, sentences: list[Rows], label: str | None
) -> tuple[list[list[str]], list[list[Flaw]]]:
    """Take the tags of each sentence, in upper case and with types, and what is wrong with them."""
    bare: bool | None = None
    tags: list[list[str]] = []
    flaws: list[list[Flaw]] = []
    for sentence in sentences:
        own_tags = []
        lower: Counter[str] = Counter()
        for row in sentence.rows:
            tag = to_upper(row.tag)
            place = f"{source}:{row.number}"
            lower[place] += tag != row.tag
            is_typed = tag not in (OUTSIDE, UNKNOWN)
            if is_typed and bare is not None and is_bare(tag) is not bare:
                raise InputError(
                    f"{place}: tag {row.tag!r} has {'no' if bare is False else 'a'} entity type, "
                    "unlike those before it; give all tags a type, or none"
                )
            if is_typed:
                bare = is_bare(tag)
            if is_typed and bare and label is None:
                raise InputError(
                    f"{place}: tag {row.tag!r} has no entity type; name the type of all with "
                    "--label NAME"
                )
            own_tags.append(add_type(tag, label or ""))
        tags.append(own_tags)
        flaws.append(_tell_of_case(lower))
    return tags, flaws


def _tell_of_case(lower: Counter[str]) -> list[Flaw]:
    places = [place for place, count in lower.items() if count]
    if not places:
        return []
    reason = f"{places[0]}: a tag in lower case; write it in upper case (O, B-Gene)"
    return [Flaw(FlawKind.TAG_CASE, places[0], reason, count=len(places))]


def _make_record(
    source: Path | Source, sentence: Rows, tags: list[str], flaws: list[Flaw], scheme: Scheme
) -> Record:
    text, words = join_words([row.word for row in sentence.rows])
    spans, n_repaired = tags_to_spans(tags, scheme)
    for position in illegal_positions(tags, scheme) if n_repaired else ():
        flaws.append(_tell_of_order(source, sentence.rows, tags, position, scheme))
    unknown = [word for word, tag in zip(words, tags, strict=True) if tag == UNKNOWN]
    return Record(
        id="",
        text=text,
        mentions={
            SOURCE_HEAD: [
                Mention(words[start].start, words[end - 1].end, type_)
                for start, end, type_ in spans
            ]
        },
        unknown={SOURCE_HEAD: unknown} if unknown else {},
        words=words,
        document=sentence.document,
        flaws=flaws,
        scheme=scheme,
    )


def _tell_of_order(
    source: Path | Source, rows: list[Row], tags: list[str], position: int, scheme: Scheme
) -> Flaw:
    place = f"{source}:{rows[min(position, len(tags) - 1)].number}"
    if position == len(tags):
        what = f"{tags[-1]!r} leaves an entity unfinished at the end of its sentence"
    elif position == 0:
        what = f"{tags[0]!r} may not begin a sentence"
    else:
        what = f"{tags[position]!r} may not follow {tags[position - 1]!r}"
    reason = (
        f"{place}: tag {what} in {scheme}; correct it, or leave out --strict to have it read as "
        "conlleval does"
    )
    return Flaw(FlawKind.TAG_ORDER, place, reason)


def _join(sentences: list[Record]) -> Record:
    """Lay the sentences of a document out in one text."""
    words: list[Word] = []
    mentions: list[Mention] = []
    unknown: list[Word] = []
    starts: list[int] = []
    offset = 0
    for sentence in sentences:
        starts.append(len(words))
        words += [_shift(word, offset) for word in sentence.words or ()]
        unknown += [_shift(word, offset) for word in sentence.unknown.get(SOURCE_HEAD, ())]
        mentions += [
            replace(mention, start=mention.start + offset, end=mention.end + offset)
            for mention in sentence.mentions[SOURCE_HEAD]
        ]
        offset += len(sentence.text) + 1
    return replace(
        sentences[0],
        text=" ".join(sentence.text for sentence in sentences),
        mentions={SOURCE_HEAD: mentions},
        unknown={SOURCE_HEAD: unknown} if unknown else {},
        words=words,
        sentence_starts=starts,
        flaws=[flaw for sentence in sentences for flaw in sentence.flaws],
    )


def _shift(word: Word, offset: int) -> Word:
    return Word(word.start + offset, word.end + offset)
