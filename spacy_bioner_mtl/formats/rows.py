"""Records laid out for files of one token a line: words by sentence, entities by words."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.columns import BLANKS, DOCUMENT_START
from spacy_bioner_mtl.formats.lines import BREAKS
from spacy_bioner_mtl.formats.record import Record, Word
from spacy_bioner_mtl.formats.schemes import TagSpan


@dataclass(frozen=True)
class SentenceRows:
    """A sentence.

    words (list[Word]): Its words, never none.
    texts (list[str]): What stands on their lines.
    spans (list[list[TagSpan]]): For each head asked for, its entities as (first word, word after
        the last, entity type).
    """

    words: list[Word]
    texts: list[str]
    spans: list[list[TagSpan]]


def is_token_sentence(record: Record) -> bool:
    """Check whether a record is one sentence of a file of tokens.

    Such a record has words, joined by single spaces, and marks no sentences inside. Words of raw
    text come with the sentences they are in.

    record (Record): The record.
    RETURNS (bool): Whether it is.
    """
    return bool(record.words) and not record.sentence_starts


def sentence_rows(record: Record, heads: Sequence[str]) -> Iterator[SentenceRows]:
    """Lay out a record.

    Tokens of raw text that are nothing but white space have no place in a file of tokens and are
    left out, with mentions of nothing else; those of a file of tokens all stay. Tabs and line
    breaks inside a word become spaces. A sentence that would begin inside a mention is not begun,
    so that the mention stays whole.

    record (Record): The record.
    heads (Sequence[str]): The heads whose mentions are asked for.
    YIELDS (SentenceRows): Its sentences.
    RAISES (InputError): If mentions of one head overlap or do not begin and end with words, or if a
        word or a label would be read as something else.
    RAISES (ValueError): If the record is not tokenised.
    """
    if record.words is None:
        raise ValueError(f"record {record.id!r} is not tokenised")
    all_stay = is_token_sentence(record)
    kept = [
        index
        for index, word in enumerate(record.words)
        if all_stay or not record.text[word.start : word.end].isspace()
    ]
    words = [record.words[index] for index in kept]
    spans = [_token_spans(record, head, words) for head in heads]
    inside = {token for some in spans for start, end, _ in some for token in range(start + 1, end)}
    begins = {bisect_left(kept, start) for start in record.sentence_starts} - inside
    for first, after in pairwise(sorted({0, *begins, len(words)})):
        yield SentenceRows(
            words[first:after],
            [_write_word(record, word) for word in words[first:after]],
            [
                [
                    (start - first, end - first, label)
                    for start, end, label in some
                    if first <= start < after
                ]
                for some in spans
            ],
        )


def _write_word(record: Record, word: Word) -> str:
    text = record.text[word.start : word.end].translate(BREAKS)
    if "\0" in text or not text.strip(BLANKS) or text.startswith(DOCUMENT_START):
        raise InputError(
            f"record {record.id!r}: the word {text!r} at {word.start} cannot stand in a file of "
            f"tokens: it holds NUL, is blank, or begins with {DOCUMENT_START}; choose a format "
            "with character offsets"
        )
    return text


def _token_spans(record: Record, head: str, words: list[Word]) -> list[TagSpan]:
    """Find the words each mention consists of."""
    starts = [word.start for word in words]
    ends = [word.end for word in words]
    spans = []
    previous_end = 0
    for mention in sorted(record.mentions.get(head, ()), key=lambda mention: mention.start):
        first = bisect_left(starts, mention.start)
        after = bisect_right(ends, mention.end)
        cuts_a_word = first != bisect_right(ends, mention.start) or after != bisect_left(
            starts, mention.end
        )
        if cuts_a_word or (first < after and first < previous_end):
            raise InputError(
                f"record {record.id!r}: mention {record.text[mention.start : mention.end]!r} "
                f"({mention.start}-{mention.end}) overlaps another or cuts a word in two; CoNLL "
                "cannot hold it: choose a format with character offsets"
            )
        label = mention.label
        if not label or label != label.strip() or any(sign in label for sign in "\t\n\r\0"):
            raise InputError(
                f"record {record.id!r}: the label {label!r} holds a tab, a line break or NUL, or "
                "is blank at an end, which CoNLL's columns cannot; rename it"
            )
        if first < after:
            spans.append((first, after, mention.label))
            previous_end = after
    return spans
