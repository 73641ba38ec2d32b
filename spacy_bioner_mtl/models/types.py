"""What goes into the model and comes out of it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Model

from spacy_bioner_mtl.models.sequences import Sequences
from spacy_bioner_mtl.nn.batch import TokenBatch
from spacy_bioner_mtl.nn.lattice import Lattice
from spacy_bioner_mtl.nn.network import Pairs


@dataclass
class Query:
    """A question to the network: what do these heads say of these sequences?

    docs (list[Doc]): The documents.
    sequences (Sequences): Sequences of these documents.
    pairs (NDArray[int64]): Shape (P, 2): index of a sequence, index of a head; no two alike.
    bfloat16 (bool): Whether the LSTM over words may compute in bfloat16; not for training.
    """

    docs: list[Doc]
    sequences: Sequences
    pairs: NDArray[np.int64]
    bfloat16: bool = False


def make_query(
    docs: list[Doc], sequences: Sequences, heads: NDArray[np.int64], *, bfloat16: bool = False
) -> Query:
    """Ask several heads about all sequences.

    docs (list[Doc]): The documents.
    sequences (Sequences): Sequences of these documents.
    heads (NDArray[int64]): Indices of the heads.
    bfloat16 (bool): Whether the LSTM over words may compute in bfloat16.
    RETURNS (Query): The question.
    """
    numbers = np.arange(len(sequences))
    pairs = np.stack([np.repeat(numbers, len(heads)), np.tile(heads, len(numbers))], axis=1)
    return Query(docs, sequences, pairs, bfloat16)


@dataclass
class Answer:
    """The network's answer to some pairs of a query.

    pairs (NDArray[int64]): Shape (P, 2): index of a sequence of the query, index of a head.
    lattice (Lattice): Scores of all taggings of these pairs, in their order.
    """

    pairs: NDArray[np.int64]
    lattice: Lattice


#: Gradients of emissions and transitions, shaped like those of the lattice.
Gradients = tuple[torch.Tensor, torch.Tensor]

BioNERModel = Model[Query, list[Answer]]

#: What the network takes: see Network.forward.
Arguments = tuple[TokenBatch, Pairs, float]
