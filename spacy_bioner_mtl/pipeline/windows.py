"""Text of any length in bounded memory: parts of a batch, and windows of a long sequence.

A sequence of more than WINDOW tokens, such as a whole article without sentence boundaries, is read
in windows that overlap. Neighbouring windows are joined head by head at a point that no span of
either crosses, the nearest one to the middle of their overlap: what ends before it is taken from
the first window, what begins there or later from the second. So a span is found once, and whole,
with context on both sides. Only an entity that goes beyond the overlap on both sides, of more than
2 * MARGIN tokens, leaves no such point: then the first window has the word up to the end of its
last span that begins before the middle, and the entity is cut where that window ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

from spacy_bioner_mtl.models.sequences import Sequence, split_sequences

#: Tokens of the longest sequence that is read at once: more than any abstract has, and few enough
#: that several of them fit into a batch of the network (model.TOKENS_AT_ONCE).
WINDOW = 2_048
#: Tokens of context on both sides of the middle of an overlap: several sentences, beyond which an
#: LSTM's state hardly depends on what it has read.
MARGIN = 128
#: Tokens of documents that are asked about at a time; bounds memory when batches of nlp.pipe are
#: big.
TOKENS_PER_QUERY = 32_768

#: A span as the network finds it: index of its sequence, index of its head, first token and token
#: after the last (in the document), index of the label in its head, score (NaN if not asked for).
ROW = np.dtype(
    [
        ("sequence", np.int64),
        ("head", np.int64),
        ("start", np.int64),
        ("end", np.int64),
        ("label", np.int64),
        ("score", np.float64),
    ]
)


@dataclass
class Part:
    """What is asked about in one query.

    docs (list[Doc]): Documents that follow each other.
    first_doc (int): Index of the first of them among all documents.
    sequences (list[Sequence]): Sequences of these documents, none longer than WINDOW tokens.
    """

    docs: list[Doc]
    first_doc: int
    sequences: list[Sequence]


def split_parts(docs: list[Doc]) -> Iterator[Part]:
    """Cut a batch of documents into parts of about TOKENS_PER_QUERY tokens.

    A longer document takes several parts.

    docs (list[Doc]): The documents.
    YIELDS (Part): In order of the text; together they have all tokens but white space.
    """
    for first_doc, group in _group(docs):
        part = Part(group, first_doc, [])
        size = 0
        for sequence in split_sequences(group):
            for window in split_windows(sequence):
                if len(group) == 1 and size and size + len(window.tokens) > TOKENS_PER_QUERY:
                    yield part
                    part, size = Part(group, first_doc, []), 0
                part.sequences.append(window)
                size += len(window.tokens)
        if part.sequences:
            yield part


def _group(docs: list[Doc]) -> Iterator[tuple[int, list[Doc]]]:
    """Split documents into runs of at most TOKENS_PER_QUERY tokens, or of one longer document."""
    first, size = 0, 0
    for index, doc in enumerate(docs):
        if index > first and size + len(doc) > TOKENS_PER_QUERY:
            yield first, docs[first:index]
            first, size = index, 0
        size += len(doc)
    if docs:
        yield first, docs[first:]


def split_windows(sequence: Sequence) -> list[Sequence]:
    """Cut a sequence into windows that overlap, if it is too long to be read at once.

    sequence (Sequence): The sequence.
    RETURNS (list[Sequence]): The sequence alone, or windows of at most WINDOW tokens, in order.
    """
    tokens = sequence.tokens
    if len(tokens) <= WINDOW:
        return [sequence]
    overlap = 2 * MARGIN
    return [
        Sequence(sequence.doc, tokens[start : start + WINDOW], overlap if start else 0)
        for start in range(0, len(tokens) - overlap, WINDOW - overlap)
    ]


def join_windows(rows: NDArray[np.void], sequences: list[Sequence]) -> NDArray[np.void]:
    """Take every span from one window.

    rows (NDArray[void]): What was found, as ROW, in order of the sequences.
    sequences (list[Sequence]): All sequences, each window behind the one that it overlaps.
    RETURNS (NDArray[void]): The rows that stay: of one head, no two share a token.
    """
    kept = np.ones(len(rows), dtype=np.bool_)
    for index, sequence in enumerate(sequences):
        if not sequence.overlap:
            continue
        first, middle, end = np.searchsorted(rows["sequence"], (index - 1, index, index + 1))
        for head in np.unique(rows["head"][first:end]):
            own = np.flatnonzero(kept[first:end] & (rows["head"][first:end] == head)) + first
            before, after = own[own < middle], own[own >= middle]
            point = _meeting_point(rows[own], sequence)
            kept[before] = rows["start"][before] < point
            taken = rows["end"][before[kept[before]]].max(initial=point)
            kept[after] = rows["start"][after] >= taken
    return rows[kept]


def _meeting_point(rows: NDArray[np.void], window: Sequence) -> int:
    """Find the token at which a window takes over: see the head of this file."""
    points = window.tokens[: window.overlap + 1]
    middle = int(window.tokens[window.overlap // 2])
    crossed = (rows["start"][:, None] < points) & (points < rows["end"][:, None])
    free = points[~crossed.any(axis=0)]
    return int(free[np.abs(free - middle).argmin()]) if len(free) else middle
