"""Gold span groups as tags of the tokens that the network reads."""

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Span
from spacy.training import Example
from spacy.util import filter_spans

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.nn.tagset import UNKNOWN_TAG, Head, LabelSpan, spans_to_tags
from spacy_bioner_mtl.pipeline.spans import REJECTED_SUFFIX, UNKNOWN_SUFFIX


def gold_tags(
    example: Example, head: Head, sequences: list[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Tags of one document's sequences under one head.

    Where the gold cannot be told, the tag is UNKNOWN_TAG: tokens marked so by the corpus, spans
    that do not fit the predicted tokenisation, and spans across two sequences. Of gold spans of one
    head that overlap, the longest is kept.

    example (Example): Predicted and gold document; the gold is annotated for the head.
    head (Head): The head.
    sequences (list[NDArray[int64]]): The sequences of the predicted document: their tokens.
    RETURNS (NDArray[int64]): One tag per token, sequence by sequence.
    RAISES (InputError): The gold has a label that the head does not know.
    """
    gold = example.reference.spans[head.name]
    if not len(gold) and head.name + UNKNOWN_SUFFIX not in example.reference.spans:
        return spans_to_tags([], sum(map(len, sequences)))
    label_index = {label: index for index, label in enumerate(head.labels)}
    masked = unknown_tokens(example, head.name)
    known: list[LabelSpan] = []
    aligner = Aligner(example)
    for span in filter_spans(gold):
        if span.label_ not in label_index:
            raise InputError(
                f"Head '{head.name}' does not know the label '{span.label_}' of a training "
                "document. Initialize from all documents, list the label in the label data, or "
                "call add_label."
            )
        tokens, exact = aligner(span)
        if exact:
            known.append((int(tokens[0]), int(tokens[-1]) + 1, label_index[span.label_]))
        else:
            masked.update(tokens.tolist())
    tags = [_sequence_tags(tokens, known, masked) for tokens in sequences]
    return np.concatenate([spans_to_tags([], 0), *tags])


def unknown_tokens(example: Example, head: str) -> set[int]:
    """Find the predicted document's tokens that the gold marks as unknown for a head.

    example (Example): Predicted and gold document.
    head (str): The head's name.
    RETURNS (set[int]): Indices of tokens.
    """
    group = head + UNKNOWN_SUFFIX
    if group not in example.reference.spans:
        return set()
    aligner = Aligner(example)
    spans = example.reference.spans[group]
    return {token for span in spans for token in aligner(span)[0].tolist()}


def rejected_spans(
    example: Example, head: Head, sequences: list[NDArray[np.int64]]
) -> list[tuple[int, LabelSpan]]:
    """Find the spans that annotators rejected by themselves, for one head.

    Left out are those that the head cannot find: with a label that it does not know, across two
    sequences, or not aligned with the predicted tokenisation.

    example (Example): Predicted and gold document.
    head (Head): The head.
    sequences (list[NDArray[int64]]): The sequences of the predicted document: their tokens.
    RETURNS (list[tuple[int, LabelSpan]]): Index of a sequence, and the span in it; each once.
    """
    group = example.reference.spans.get(head.name + REJECTED_SUFFIX, ())
    if not len(group):
        return []
    label_index = {label: index for index, label in enumerate(head.labels)}
    aligner = Aligner(example)
    found: dict[tuple[int, LabelSpan], None] = {}
    for span in group:
        tokens, exact = aligner(span)
        if not exact or span.label_ not in label_index:
            continue
        start, end = int(tokens[0]), int(tokens[-1]) + 1
        for number, sequence in enumerate(sequences):
            if start < sequence[0] or end > sequence[-1] + 1:
                continue
            first, last = np.searchsorted(sequence, (start, end)).tolist()
            if first < last:
                found[number, (first, last, label_index[span.label_])] = None
    return list(found)


def _sequence_tags(
    tokens: NDArray[np.int64], known: list[LabelSpan], masked: set[int]
) -> NDArray[np.int64]:
    """Tags of one sequence from spans and masked tokens of its document."""
    inside, cut = [], []
    for start, end, label in known:
        if end <= tokens[0] or start > tokens[-1]:
            continue
        first, last = np.searchsorted(tokens, (start, end)).tolist()
        if start < tokens[0] or end > tokens[-1] + 1:
            cut.append((first, last))
        elif first < last:
            inside.append((first, last, label))
    tags = spans_to_tags(inside, len(tokens))
    for first, last in cut:
        tags[first:last] = UNKNOWN_TAG
    if masked:
        tags[np.isin(tokens, sorted(masked))] = UNKNOWN_TAG
    return tags


class Aligner:
    """Finds the predicted document's tokens of a gold span."""

    def __init__(self, example: Example):
        """Compare the two documents' tokens.

        example (Example): Predicted and gold document.
        """
        predicted, gold = example.predicted, example.reference
        self._same = len(predicted) == len(gold) and np.array_equal(
            predicted.to_array("ORTH"), gold.to_array("ORTH")
        )
        self._example = example

    def __call__(self, span: Span) -> tuple[NDArray[np.int64], bool]:
        """Return the tokens that the span touches, and whether they are exactly the span."""
        if self._same:
            return np.arange(span.start, span.end), True
        alignment = self._example.alignment
        tokens = np.unique(alignment.y2x[span.start : span.end]).astype(np.int64)
        if not len(tokens):
            return tokens, False
        gold = alignment.x2y[int(tokens[0]) : int(tokens[-1]) + 1]
        exact = len(gold) > 0 and gold.min() == span.start and gold.max() == span.end - 1
        return tokens, bool(exact)
