"""Documents to sequences: the stretches of tokens that the network reads."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc


@dataclass
class Sequence:
    """What the network reads at a stretch: a sentence, or a document without sentences.

    doc (int): Index of its document among the documents it was taken from.
    tokens (NDArray[int64]): Indices of its tokens in the document; white space is left out.
    overlap (int): How many of its first tokens are the last of the sequence before it as well:
        none, unless both are windows of a longer one.
    """

    doc: int
    tokens: NDArray[np.int64]
    overlap: int = 0


def split_sequences(docs: list[Doc]) -> list[Sequence]:
    """Cut documents into sequences at their sentence boundaries, where they have any.

    docs (list[Doc]): The documents.
    RETURNS (list[Sequence]): In order of the text; none for an empty or blank document.
    """
    sequences: list[Sequence] = []
    for index, doc in enumerate(docs):
        values = doc.to_array(["IS_SPACE", "SENT_START"])
        tokens = np.flatnonzero(values[:, 0] == 0)
        starts = np.flatnonzero(values[:, 1] == 1)
        cuts = [0, *np.searchsorted(tokens, starts).tolist(), len(tokens)]
        sequences.extend(
            Sequence(index, tokens[first:end]) for first, end in pairwise(cuts) if first < end
        )
    return sequences
