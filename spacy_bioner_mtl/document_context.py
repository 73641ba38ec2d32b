"""What the other occurrences of a word in its document say about it.

Mentions of one name in one text mostly are of one kind, and some sentences tell the kind better
than others. So each head scores every token twice: once for itself, and once for all occurrences of
its word in the document, which share the mean of these second scores. It is the linear form of the
document-level attention of Luo et al. 2018 (doi 10.1093/bioinformatics/btx761).
"""

from collections.abc import Sequence

import numpy as np
import torch
from spacy.tokens import Doc
from torch import Tensor, nn


class Occurrences:
    """Tells which tokens of some documents are the same word, caseless, of the same document."""

    def __init__(self, docs: Sequence[Doc], n_heads: int):
        """Compare all tokens.

        docs (Sequence[Doc]): The documents.
        n_heads (int): Number of heads that may be asked about them.
        """
        hashes = np.concatenate([doc.to_array("LOWER") for doc in docs])
        _, words = np.unique(hashes, return_inverse=True)
        of_doc = np.repeat(np.arange(len(docs)), [len(doc) for doc in docs])
        _, groups = np.unique(of_doc * (words.max(initial=0) + 1) + words, return_inverse=True)
        self._groups = torch.as_tensor(groups)
        self._n_groups = int(groups.max(initial=-1)) + 1
        self._n_heads = n_heads

    def index(self, tokens: Tensor, lengths: Tensor, sequences: Tensor, heads: Tensor) -> Tensor:
        """Number the group of each token of pairs of sequence and head.

        tokens (Tensor): Shape (L, N): index of each token among those of all documents.
        lengths (Tensor): Shape (N,): number of tokens of each sequence.
        sequences (Tensor): Shape (P,): column of each pair's sequence.
        heads (Tensor): Shape (P,): index of each pair's head.
        RETURNS (Tensor): Shape (L, P), int64. Padding has a number of its own, the last.
        """
        groups = self._groups.to(tokens.device)[tokens][:, sequences] * self._n_heads + heads
        positions = torch.arange(len(tokens), device=tokens.device)
        padding = positions[:, None] >= lengths[sequences][None, :]
        return groups.masked_fill(padding, self._n_groups * self._n_heads)

    def average(self, scores: Sequence[Tensor], indices: Sequence[Tensor]) -> list[Tensor]:
        """Give every token the mean of its group.

        As a matrix this is symmetric, so gradients take the same way back.

        scores (Sequence[Tensor]): Of each batch of the documents' pairs, shape (L, P, T).
        indices (Sequence[Tensor]): What index returned for each batch.
        RETURNS (list[Tensor]): The means, shaped like the scores; what padding gets means nothing.
        """
        values = torch.cat([batch.flatten(0, 1) for batch in scores])
        index = torch.cat([batch.flatten() for batch in indices])
        n_groups = self._n_groups * self._n_heads + 1
        totals = values.new_zeros(n_groups, values.shape[1]).index_add_(0, index, values)
        means = totals / torch.bincount(index, minlength=n_groups).clamp(min=1)[:, None]
        return [nn.functional.embedding(batch, means) for batch in indices]
