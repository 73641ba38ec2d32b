"""Documents to sequences: the stretches of tokens that the network reads."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc


@dataclass
class Sequence:
    """What the network reads at a stretch: a sentence, or a document without sentences.

    doc (int): Index of its document among the documents it was taken from.
    tokens (NDArray[int64]): Indices of its tokens in the document; white space is left out.
    """

    doc: int
    tokens: NDArray[np.int64]


def split_sequences(docs: list[Doc]) -> list[Sequence]:
    """Cut documents into sequences at their sentence boundaries, where they have any.

    docs (list[Doc]): The documents.
    RETURNS (list[Sequence]): In order of the text; none for an empty or blank document.
    """
    sequences: list[Sequence] = []
    for index, doc in enumerate(docs):
        tokens = np.flatnonzero(doc.to_array("IS_SPACE") == 0)
        cuts: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        if doc.has_annotation("SENT_START"):
            starts = np.flatnonzero(doc.to_array("SENT_START") == 1)
            cuts = np.searchsorted(tokens, starts)
        sequences.extend(Sequence(index, part) for part in np.split(tokens, cuts) if len(part))
    return sequences
