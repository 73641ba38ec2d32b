"""A reader of training documents that cuts them into sentences.

A network that reads single sentences learns the same from them, and faster: a batch of sentences of
similar length has little padding, one of whole abstracts has sequences of all lengths.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_bioner_mtl.corpora.gold_files import iterate_examples
from spacy_bioner_mtl.pipeline.abstract_sentences import find_sentence_starts
from spacy_bioner_mtl.pipeline.spans import (
    REJECTED_SUFFIX,
    UNKNOWN_LABEL,
    UNKNOWN_SUFFIX,
    annotated_heads,
)

Augmenter = Callable[[Language, Example], Iterator[Example]]


def configure_sentence_corpus(
    path: str | Path | list[str] | None, augmenter: Augmenter | None = None
) -> Callable[[Language], Iterator[Example]]:
    """Create the reader.

    Sentences are those of the documents, or else those that the component "abstract_sentences"
    finds. A mention across a boundary leaves its tokens unknown.

    path (str | Path | list[str] | None): A .spacy file, a folder with such files anywhere in it, or
        a list of them.
    augmenter (Callable[[Language, Example], Iterator[Example]] | None): Changes or adds examples,
        each of one sentence.
    RETURNS (Callable[[Language], Iterator[Example]]): The reader.
    RAISES (InputError): When it reads, if there is no path.
    """

    def read(nlp: Language) -> Iterator[Example]:
        for example in iterate_examples(path, nlp):
            for reference in cut_sentences(example.reference):
                cut = make_example(nlp, reference)
                yield from (cut,) if augmenter is None else augmenter(nlp, cut)

    return read


def make_example(nlp: Language, reference: Doc) -> Example:
    """Make an example of a gold document.

    nlp (Language): The pipeline that tokenises its text, if that is known.
    reference (Doc): The gold document.
    RETURNS (Example): The example.
    """
    if reference.has_unknown_spaces:
        return Example(Doc(nlp.vocab, words=[token.text for token in reference]), reference)
    return Example(nlp.make_doc(reference.text), reference)


def cut_sentences(doc: Doc) -> list[Doc]:
    """Cut a gold document into its sentences.

    doc (Doc): The document.
    RETURNS (list[Doc]): One document for each sentence, annotated for the same heads.
    """
    if doc.has_annotation("SENT_START"):
        starts = [token.i for token in doc if token.is_sent_start]
        if len(starts) == 1:
            return [doc]
    else:
        words, spaces = [token.text for token in doc], [bool(token.whitespace_) for token in doc]
        starts = find_sentence_starts(words, spaces)
    return [_cut(doc, start, end) for start, end in pairwise([*starts, len(doc)])]


def _cut(doc: Doc, start: int, end: int) -> Doc:
    """Make a document of one sentence, without the space after it."""
    tokens = doc[start:end]
    sentence = Doc(
        doc.vocab,
        words=[token.text for token in tokens],
        spaces=None
        if doc.has_unknown_spaces
        else [bool(token.whitespace_) and token.i < end - 1 for token in tokens],
        sent_starts=[token.i == start for token in tokens],
    )
    for head in annotated_heads(doc):
        inside: list[Span] = []
        unknown: list[Span] = []
        for span in [*doc.spans[head], *doc.spans.get(head + UNKNOWN_SUFFIX, ())]:
            if span.start < end and span.end > start:
                is_known = start <= span.start and span.end <= end and span.label_ != UNKNOWN_LABEL
                ends = max(span.start, start) - start, min(span.end, end) - start
                label = span.label_ if is_known else UNKNOWN_LABEL
                (inside if is_known else unknown).append(Span(sentence, *ends, label=label))
        sentence.spans[head] = inside
        if unknown:
            sentence.spans[head + UNKNOWN_SUFFIX] = unknown
        rejected = [
            Span(sentence, span.start - start, span.end - start, label=span.label)
            for span in doc.spans.get(head + REJECTED_SUFFIX, ())
            if start <= span.start and span.end <= end
        ]
        if rejected:
            sentence.spans[head + REJECTED_SUFFIX] = rejected
    return sentence
