"""Heads and their tags: which labels a head knows and how its tags are numbered.

Tags are IOBES and numbered by arithmetic alone: 0 is O, and label k owns the four tags
``1 + 4k`` (B), ``2 + 4k`` (I), ``3 + 4k`` (E) and ``4 + 4k`` (S). Adding a label to a head
therefore only appends tags: trained weights keep their rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OUTSIDE = 0
#: A token whose tag is unknown: every tag is allowed there.
UNKNOWN_TAG = -1
#: Positions of B, I, E and S within the four tags of a label.
BEGIN, INSIDE, END, SINGLE = range(4)

#: A span in a sequence: first token, token after the last, index of the label in its head.
LabelSpan = tuple[int, int, int]


@dataclass(frozen=True)
class Head:
    """A CRF of its own over one set of labels.

    name (str): The key of its span group in ``doc.spans``.
    labels (tuple[str, ...]): Its entity types, in the order of their tags.
    """

    name: str
    labels: tuple[str, ...]

    @property
    def n_tags(self) -> int:
        """Number of tags: four for each label, and O."""
        return 1 + 4 * len(self.labels)


def spans_to_tags(spans: Iterable[LabelSpan], length: int) -> NDArray[np.int64]:
    """Write spans that do not overlap as tag numbers.

    spans (Iterable[LabelSpan]): The spans.
    length (int): Number of tokens.
    RETURNS (NDArray[int64]): Shape (length,).
    """
    tags = np.full(length, OUTSIDE, dtype=np.int64)
    for start, end, label in spans:
        first = 1 + 4 * label
        if end - start == 1:
            tags[start] = first + SINGLE
        else:
            tags[start + 1 : end - 1] = first + INSIDE
            tags[start] = first + BEGIN
            tags[end - 1] = first + END
    return tags


def tags_to_spans(
    tags: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Read the spans of many legal tag sequences at once.

    tags (NDArray[int64]): Shape (sequences, tokens); every row is legal, as Viterbi makes it,
        so that beginnings and ends pair up in order. Padding is O.
    RETURNS (tuple): Four arrays of one length: row, first token, token after the last, label.
    """
    part = (tags - 1) % 4
    inside = tags != OUTSIDE
    rows, starts = np.nonzero(inside & ((part == BEGIN) | (part == SINGLE)))
    _, lasts = np.nonzero(inside & ((part == END) | (part == SINGLE)))
    return rows, starts, lasts + 1, (tags[rows, starts] - 1) // 4


def legal_transitions(n_tags: int) -> NDArray[np.bool_]:
    """Mask of the transitions that IOBES allows.

    After B and I of a label follow its I and E, after other tags O, B or S.

    n_tags (int): Number of tags of the head.
    RETURNS (NDArray[bool]): Shape (n_tags, n_tags), indexed [from, to].
    """
    part, label = _parts(n_tags)
    unfinished = (part == BEGIN) | (part == INSIDE)
    continuing = (part == INSIDE) | (part == END)
    same_label = label[:, None] == label[None, :]
    legal: NDArray[np.bool_] = np.where(
        unfinished[:, None], continuing[None, :] & same_label, ~continuing[None, :]
    )
    return legal


def legal_starts(n_tags: int) -> NDArray[np.bool_]:
    """Mask of the tags that a sequence may begin with: all but I and E. Shape (n_tags,)."""
    part, _ = _parts(n_tags)
    return np.isin(part, (INSIDE, END), invert=True)


def legal_ends(n_tags: int) -> NDArray[np.bool_]:
    """Mask of the tags that a sequence may end with: all but B and I. Shape (n_tags,)."""
    part, _ = _parts(n_tags)
    return np.isin(part, (BEGIN, INSIDE), invert=True)


def _parts(n_tags: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split tag numbers into position within the label (-1 for O) and label (-1 for O)."""
    tags = np.arange(n_tags)
    part = np.where(tags == OUTSIDE, -1, (tags - 1) % 4)
    label = np.where(tags == OUTSIDE, -1, (tags - 1) // 4)
    return part, label
