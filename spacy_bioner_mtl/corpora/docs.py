"""Records as gold documents of spaCy's, and back."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence

from spacy.tokens import Doc, Span, SpanGroup
from spacy.vocab import Vocab

from spacy_bioner_mtl.formats.record import Mention, Record, Word
from spacy_bioner_mtl.pipeline.spans import (
    REJECTED_SUFFIX,
    UNKNOWN_LABEL,
    UNKNOWN_SUFFIX,
    check_head_name,
)

Tokenizer = Callable[[str], Doc]


def record_to_doc(
    record: Record, vocab: Vocab, tokenizer: Tokenizer | None = None
) -> tuple[Doc, list[Mention]]:
    """Make a gold document of a record.

    A record that comes tokenised keeps its tokens: the document has no information on spacing,
    hence spaCy does not tokenise it again in training. Mentions that do not begin and end with a
    token leave all tokens they touch unknown. What lies in a mention that does is known, even in a
    piece of text that is unknown otherwise. Rejected mentions that are not aligned are left out.

    record (Record): The record.
    vocab (Vocab): The vocabulary of the document; for raw text, that of the tokenizer.
    tokenizer (Callable[[str], Doc] | None): Tokenises raw text; not needed for other records.
    RETURNS (tuple[Doc, list[Mention]]): The document and the mentions not aligned with tokens.
    RAISES (InputError): If something cannot name a head.
    """
    doc, tokens = _tokenize(record, vocab, tokenizer)
    starts = [token.start for token in tokens]
    ends = [token.end for token in tokens]

    def touched(start: int, end: int) -> tuple[int, int]:
        return bisect_right(ends, start), bisect_left(starts, end)

    def align(mention: Mention) -> Span | None:
        first, after = touched(mention.start, mention.end)
        if first < after and starts[first] == mention.start and ends[after - 1] == mention.end:
            return Span(doc, first, after, label=mention.label)
        return None

    unaligned = []
    for head, mentions in record.mentions.items():
        check_head_name(head)
        gold = []
        unknown = set()
        for mention in mentions:
            span = align(mention)
            if span is not None:
                gold.append(span)
            else:
                unaligned.append(mention)
                unknown.add(touched(mention.start, mention.end))
        doc.spans[head] = gold
        known = {index for span in gold for index in range(span.start, span.end)}
        for word in record.unknown.get(head, ()):
            unknown.update(_without(known, *touched(word.start, word.end)))
        open_spans = [
            Span(doc, first, after, label=UNKNOWN_LABEL)
            for first, after in sorted(unknown)
            if first < after
        ]
        if open_spans:
            doc.spans[head + UNKNOWN_SUFFIX] = open_spans
        rejected = [span for each in record.rejected.get(head, ()) if (span := align(each))]
        if rejected:
            doc.spans[head + REJECTED_SUFFIX] = rejected
    return doc, unaligned


def doc_to_record(doc: Doc, heads: Sequence[str]) -> Record:
    """Take the record of a document.

    doc (Doc): The document, gold or predicted.
    heads (Sequence[str]): The heads to take; those without a span group are left out.
    RETURNS (Record): Text, tokens, sentences, mentions, rejected ones and unknown text; the id is
        empty.
    """
    starts = [token.i for token in doc if token.is_sent_start]
    groups = {head: doc.spans[head] for head in heads if head in doc.spans}

    def beside(suffix: str) -> dict[str, SpanGroup]:
        return {head: doc.spans[head + suffix] for head in groups if head + suffix in doc.spans}

    return Record(
        id="",
        text=doc.text,
        mentions=_take_mentions(groups),
        unknown={
            head: [Word(span.start_char, span.end_char) for span in group]
            for head, group in beside(UNKNOWN_SUFFIX).items()
        },
        rejected=_take_mentions(beside(REJECTED_SUFFIX)),
        words=[Word(token.idx, token.idx + len(token)) for token in doc],
        sentence_starts=starts or [0][: len(doc)],
    )


def _take_mentions(groups: Mapping[str, SpanGroup]) -> dict[str, list[Mention]]:
    return {
        head: [Mention(span.start_char, span.end_char, span.label_) for span in group]
        for head, group in groups.items()
    }


def _without(known: set[int], first: int, after: int) -> Iterator[tuple[int, int]]:
    """Divide a range of tokens at those that are known."""
    start = first
    for index in range(first, after):
        if index in known:
            yield start, index
            start = index + 1
    yield start, after


def _tokenize(
    record: Record, vocab: Vocab, tokenizer: Tokenizer | None
) -> tuple[Doc, Sequence[Word]]:
    """Make the document and tell where in the record's text its tokens are."""
    if record.words is None:
        if tokenizer is None:
            raise ValueError(f"record {record.id!r} is raw text: it needs a tokenizer")
        doc = tokenizer(record.text)
        return doc, [Word(token.idx, token.idx + len(token)) for token in doc]
    starts = set(record.sentence_starts)
    doc = Doc(
        vocab,
        words=[record.text[word.start : word.end] for word in record.words],
        sent_starts=[index in starts for index in range(len(record.words))] if starts else None,
    )
    return doc, record.words
