"""Sequences, the stretches of tokens that the network reads, and where their tokens are."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc

Integers = NDArray[np.int64]


@dataclass
class Sequences:
    """Sequences of some documents: sentences, or documents without sentences.

    A token has an index in its document, a position in its sequence, and a place in padded arrays
    of shape (positions, sequences). White space is in no sequence.

    docs (NDArray[int64]): Shape (sequences,): index of the document.
    tokens (NDArray[int64]): Indices of the tokens in their documents, sequence by sequence.
    lengths (NDArray[int64]): Shape (sequences,): number of tokens, at least 1.
    overlaps (NDArray[int64]): Shape (sequences,): how many of its first tokens are the last of the
        sequence before it as well: none, unless both are windows of a longer one.
    starts (NDArray[int64]): Shape (sequences,): where in tokens each begins.
    """

    docs: Integers
    tokens: Integers
    lengths: Integers
    overlaps: Integers
    starts: Integers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Count where in tokens each sequence starts."""
        self.starts = np.cumsum(self.lengths) - self.lengths

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.lengths)

    def cut(
        self, chosen: Integers, first: Integers, lengths: Integers, overlaps: Integers
    ) -> "Sequences":
        """Take pieces of sequences.

        chosen (NDArray[int64]): Shape (pieces,): the sequence of each piece.
        first (NDArray[int64]): Shape (pieces,): the position at which it starts.
        lengths (NDArray[int64]): Shape (pieces,): its number of tokens.
        overlaps (NDArray[int64]): Shape (pieces,): how many of them the piece before it has.
        RETURNS (Sequences): The pieces.
        """
        index = np.repeat(self.starts[chosen] + first, lengths) + count_up(lengths)
        return Sequences(self.docs[chosen], self.tokens[index], lengths, overlaps)

    def select(self, chosen: Integers) -> "Sequences":
        """Take some sequences, in any order."""
        return self.cut(chosen, np.zeros_like(chosen), self.lengths[chosen], self.overlaps[chosen])

    def flatten(self, sizes: Integers) -> "Sequences":
        """Number tokens from the first document on; sizes are the documents' numbers of tokens."""
        first = np.cumsum(sizes) - sizes
        return replace(self, tokens=self.tokens + np.repeat(first[self.docs], self.lengths))

    def pad(self, values: Integers, padding: int = 0) -> Integers:
        """Lay out values of all tokens in padded form. Shape (longest, sequences)."""
        shape = (int(self.lengths.max(initial=0)), len(self))
        padded = np.full(shape, padding, dtype=np.int64)
        padded[count_up(self.lengths), np.repeat(np.arange(len(self)), self.lengths)] = values
        return padded

    def split(self, values: Integers) -> list[Integers]:
        """Split values of all tokens by sequence."""
        ends = np.cumsum(self.lengths).tolist()
        return [values[first:end] for first, end in pairwise([0, *ends])]

    def to_doc(self, chosen: Integers, positions: Integers) -> Integers:
        """Find the indices in documents of tokens at some positions of chosen sequences."""
        tokens: Integers = self.tokens[self.starts[chosen] + positions]
        return tokens

    def spans_to_doc(
        self, chosen: Integers, starts: Integers, ends: Integers
    ) -> tuple[Integers, Integers]:
        """Find where in their documents spans are that lie in chosen sequences.

        chosen (NDArray[int64]): Shape (spans,): the sequence of each span.
        starts (NDArray[int64]): Shape (spans,): the position of its first token.
        ends (NDArray[int64]): Shape (spans,): the position after that of its last.
        RETURNS (tuple[NDArray[int64], NDArray[int64]]): The same as indices in the document.
        """
        return self.to_doc(chosen, starts), self.to_doc(chosen, ends - 1) + 1


def count_up(lengths: Integers) -> Integers:
    """Count from 0 in each of some runs: 0, 1, 0, 1, 2 for runs of 2 and 3."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def concatenate(parts: Iterable[Sequences]) -> Sequences:
    """Put parts, at least one, behind each other; their documents are numbered alike."""
    fields = zip(*((p.docs, p.tokens, p.lengths, p.overlaps) for p in parts), strict=True)
    return Sequences(*map(np.concatenate, fields))


def split_sequences(docs: list[Doc]) -> Sequences:
    """Cut documents into sequences at their sentence boundaries, where they have any.

    docs (list[Doc]): The documents.
    RETURNS (Sequences): In order of the text; none for an empty or blank document.
    """
    sizes = np.array([len(doc) for doc in docs], dtype=np.int64)
    attributes = [doc.to_array(["IS_SPACE", "SENT_START"]) for doc in docs]
    is_space, start = np.concatenate([np.empty((0, 2), np.uint64), *attributes]).T
    doc, token = np.repeat(np.arange(len(docs)), sizes), count_up(sizes)
    number = np.cumsum((token == 0) | (start == 1))
    words = np.flatnonzero(is_space == 0)
    _, first, lengths = np.unique(number[words], return_index=True, return_counts=True)
    return Sequences(doc[words][first], token[words], lengths, np.zeros_like(lengths))
