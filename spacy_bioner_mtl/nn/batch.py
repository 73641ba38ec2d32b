"""What the network reads: a batch of sequences."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class TokenBatch:
    """Integers of a batch of sequences, ready for the network.

    lengths (Tensor): Shape (N,), int64: number of tokens of each sequence.
    word_index (Tensor): Shape (L, N): which of the distinct words stands where.
    table_rows (Tensor): Shape (words,): rows of the distinct words in the trainable table.
    characters (Tensor): Word-level: shape (C, words); sentence-level: shape (C, N).
    n_characters (Tensor): Shape (words,), in ascending order, or (N,): how many of the characters
        are no padding.
    before (Tensor | None): Sentence-level: shape (L, N), the blank before each token.
    after (Tensor | None): Sentence-level: shape (L, N), the blank after each token.
    word_vectors (Tensor | None): Shape (words, width): vectors of the distinct words.
    token_vectors (Tensor | None): Shape (L, N, width): vectors of the tokens. A batch has the ones
        or the others or none.
    word_features (Tensor | None): Shape (words, width): what the character encoder made of the
        distinct words earlier; then it is not asked.
    bfloat16 (bool): Whether LSTMs over words compute in bfloat16, where that is faster; not to be
        trained.
    """

    lengths: Tensor
    word_index: Tensor
    table_rows: Tensor
    characters: Tensor
    n_characters: Tensor
    before: Tensor | None
    after: Tensor | None
    word_vectors: Tensor | None = None
    token_vectors: Tensor | None = None
    word_features: Tensor | None = None
    bfloat16: bool = False

    def select(self, columns: Tensor) -> "TokenBatch":
        """Take some of the sequences, and of the distinct words those that occur in them.

        columns (Tensor): Shape (M,), int64: the sequences.
        RETURNS (TokenBatch): A batch of M sequences, as padded as this one.
        """
        words, word_index = torch.unique(self.word_index[:, columns], return_inverse=True)
        encoded = words if self.before is None else columns

        def of_words(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[words]

        def of_tokens(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[:, columns]

        return TokenBatch(
            lengths=self.lengths[columns],
            word_index=word_index,
            table_rows=self.table_rows[words],
            characters=self.characters[:, encoded],
            n_characters=self.n_characters[encoded],
            before=of_tokens(self.before),
            after=of_tokens(self.after),
            word_vectors=of_words(self.word_vectors),
            token_vectors=of_tokens(self.token_vectors),
            word_features=of_words(self.word_features),
            bfloat16=self.bfloat16,
        )
