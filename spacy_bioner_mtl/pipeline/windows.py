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

from spacy_bioner_mtl.models.sequences import Sequences, count_up, split_sequences

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
    sequences (Sequences): Sequences of these documents, none longer than WINDOW tokens.
    """

    docs: list[Doc]
    first_doc: int
    sequences: Sequences


def split_parts(docs: list[Doc]) -> Iterator[Part]:
    """Cut a batch of documents into parts of about TOKENS_PER_QUERY tokens.

    A longer document takes several parts.

    docs (list[Doc]): The documents.
    YIELDS (Part): In order of the text; together they have all tokens but white space.
    """
    for first_doc, last_doc in _runs([len(doc) for doc in docs]):
        sequences = split_windows(split_sequences(docs[first_doc:last_doc]))
        for first, last in _runs(sequences.lengths.tolist()):
            part = sequences.select(np.arange(first, last))
            yield Part(docs[first_doc:last_doc], first_doc, part)


def _runs(sizes: list[int]) -> Iterator[tuple[int, int]]:
    """Split things of some sizes into runs of at most TOKENS_PER_QUERY, or of one larger thing."""
    first, total = 0, 0
    for index, size in enumerate(sizes):
        if index > first and total + size > TOKENS_PER_QUERY:
            yield first, index
            first, total = index, 0
        total += size
    if sizes:
        yield first, len(sizes)


def split_windows(sequences: Sequences) -> Sequences:
    """Cut sequences that are too long to be read at once into windows that overlap.

    sequences (Sequences): The sequences.
    RETURNS (Sequences): Windows of at most WINDOW tokens, those of a sequence in order.
    """
    overlap = 2 * MARGIN
    step = WINDOW - overlap
    counts = np.maximum(-(-(sequences.lengths - overlap) // step), 1)
    chosen, number = np.repeat(np.arange(len(sequences)), counts), count_up(counts)
    first = number * step
    lengths = np.minimum(sequences.lengths[chosen] - first, WINDOW)
    return sequences.cut(chosen, first, lengths, np.where(number, overlap, 0))


def join_windows(rows: NDArray[np.void], sequences: Sequences) -> NDArray[np.void]:
    """Take every span from one window.

    rows (NDArray[void]): What was found, as ROW, in order of the sequences.
    sequences (Sequences): All sequences, each window behind the one that it overlaps.
    RETURNS (NDArray[void]): The rows that stay: of one head, no two share a token.
    """
    kept = np.ones(len(rows), dtype=np.bool_)
    for index in np.flatnonzero(sequences.overlaps):
        positions = np.arange(sequences.overlaps[index] + 1)
        points = sequences.to_doc(np.full_like(positions, index), positions)
        first, middle, end = np.searchsorted(rows["sequence"], (index - 1, index, index + 1))
        for head in np.unique(rows["head"][first:end]):
            own = np.flatnonzero(kept[first:end] & (rows["head"][first:end] == head)) + first
            before, after = own[own < middle], own[own >= middle]
            point = _meeting_point(rows[own], points)
            kept[before] = rows["start"][before] < point
            taken = rows["end"][before[kept[before]]].max(initial=point)
            kept[after] = rows["start"][after] >= taken
    return rows[kept]


def _meeting_point(rows: NDArray[np.void], points: NDArray[np.int64]) -> int:
    """Find which token of an overlap a window takes over at: see the head of this file."""
    middle = int(points[(len(points) - 1) // 2])
    crossed = (rows["start"][:, None] < points) & (points < rows["end"][:, None])
    free = points[~crossed.any(axis=0)]
    return int(free[np.abs(free - middle).argmin()]) if len(free) else middle
