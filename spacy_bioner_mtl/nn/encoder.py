"""Encoders: characters to features of words, words to hidden states of tokens.

All sequences are time first, shape (tokens, sequences, width): that is how the LSTM kernels want
them. A bidirectional LSTM is two LSTMs of one direction, the second over sequences that were
reversed in their own bounds: padding then always comes last and never touches a state, no packing
is needed, and torch's fused kernels apply (on CPU about 1.4 times as fast as ``bidirectional``).
"""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from spacy_bioner_mtl.nn.batch import TokenBatch
from spacy_bioner_mtl.nn.bfloat16 import is_bfloat16_faster, to_bfloat16
from spacy_bioner_mtl.nn.padding import flat_index, group_by_length, reverse
from spacy_bioner_mtl.nn.vocabulary import LENGTHS, PADDING, UNSEEN

#: The character encoder reads this number of words at a time, or a multiple.
WORDS = 16


def dropout(values: Tensor, rate: float, *, variational: bool) -> Tensor:
    """Drop values; the rate comes with each call, as spaCy's training loop gives it.

    values (Tensor): Shape (L, N, width).
    rate (float): Share of values set to zero; the others are scaled up.
    variational (bool): Drop the same values at every token of a sequence (Gal and Ghahramani
        2016) instead of drawing anew for each token.
    RETURNS (Tensor): Of the same shape.
    """
    if not rate:
        return values
    shape = (1, *values.shape[1:]) if variational else values.shape
    mask = torch.empty(shape, device=values.device, dtype=values.dtype)
    return values * mask.bernoulli_(1 - rate).div_(1 - rate)


class BidirectionalLSTM(nn.Module):
    """Two LSTMs, one per direction, over padded sequences."""

    def __init__(self, input_width: int, hidden_width: int):
        """Make the two LSTMs.

        input_width (int): Width of the input.
        hidden_width (int): Units per direction.
        """
        super().__init__()
        self.hidden_width = hidden_width
        self.directions = nn.ModuleList(nn.LSTM(input_width, hidden_width) for _ in range(2))
        # A tuple, so that they are no part of the network's weights
        self._bfloat16_directions: tuple[nn.Module, ...] = ()
        for lstm in self.directions:
            _initialise(cast(nn.LSTM, lstm))

    def forward(
        self, values: Tensor, lengths: Tensor, *, bfloat16: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Run both directions.

        values (Tensor): Shape (L, N, input width).
        lengths (Tensor): Shape (N,).
        bfloat16 (bool): Compute in bfloat16, where that is faster; not to be trained.
        RETURNS (tuple[Tensor, Tensor]): States of the forward direction and states of the backward
            direction, the latter still reversed: both of shape (L, N, hidden width).
        """
        if bfloat16 and is_bfloat16_faster(values.device):
            self._bfloat16_directions = self._bfloat16_directions or to_bfloat16(self.directions)
            forward, backward = self._bfloat16_directions
            values = values.to(torch.bfloat16)
            return forward(values)[0].float(), backward(reverse(values, lengths))[0].float()
        forward, backward = self.directions
        return forward(values)[0], backward(reverse(values, lengths))[0]

    def weights_changed(self) -> None:
        """Drop the copies of the weights in bfloat16."""
        self._bfloat16_directions = ()


def _initialise(lstm: nn.LSTM) -> None:
    """Glorot for the input, orthogonal for the recurrence, open forget gates."""
    for name, parameter in lstm.named_parameters():
        if "weight_ih" in name:
            for gate in parameter.data.chunk(4):
                nn.init.xavier_uniform_(gate)
        elif "weight_hh" in name:
            for gate in parameter.data.chunk(4):
                nn.init.orthogonal_(gate)
        else:
            nn.init.zeros_(parameter)
    lstm.get_parameter("bias_ih_l0").data.chunk(4)[1].fill_(1.0)


class CharacterEncoder(nn.Module):
    """Features of words from their characters.

    It runs over each distinct word by itself, or, as Wang et al. 2019 do, over whole sequences,
    blanks included: the batch tells which.
    """

    def __init__(self, n_rows: int, width: int, hidden_width: int, *, variational: bool):
        """Make the table and the LSTM.

        n_rows (int): Rows of the table of characters.
        width (int): Width of the table.
        hidden_width (int): Units per direction.
        variational (bool): Drop the same values at every character of a word or sequence.
        """
        super().__init__()
        self.variational = variational
        self.table = nn.Embedding(n_rows, width)
        nn.init.uniform_(self.table.weight, -((3 / width) ** 0.5), (3 / width) ** 0.5)
        self.lstm = BidirectionalLSTM(width, hidden_width)

    def forward(self, batch: TokenBatch, rate: float) -> Tensor:
        """Encode.

        batch (TokenBatch): The integers.
        rate (float): Dropout of the characters' vectors.
        RETURNS (Tensor): Shape (words, 2 * hidden width); sentence-level: (L, N, 2 * hidden width).
        """
        if batch.before is None or batch.after is None:
            if batch.word_features is not None:
                return batch.word_features
            return self.encode_words(batch.characters, batch.n_characters, rate)
        values = dropout(self.table(batch.characters), rate, variational=self.variational)
        forward, backward = self.lstm(values, batch.n_characters)
        columns = torch.arange(values.shape[1], device=values.device)
        # In padding both are positions of some other character; nothing reads what comes of it.
        before = (batch.n_characters - 1) - batch.before
        return torch.cat([forward[batch.after, columns], backward[before, columns]], dim=2)

    def encode_words(self, characters: Tensor, n_characters: Tensor, rate: float) -> Tensor:
        """Encode each word by itself.

        Most words are short and some are long: groups by length are padded to their own longest.
        Group sizes are rounded down to multiples of WORDS, so that few shapes of tensors occur (see
        vocabulary.LENGTHS): the rest of a group joins the next longer one, and padding before all
        words fills up the first.

        characters (Tensor): Shape (C, words), int64; C is one of LENGTHS.
        n_characters (Tensor): Shape (words,), int64, in ascending order: how many of them are no
            padding.
        rate (float): Dropout of the characters' vectors.
        RETURNS (Tensor): Shape (words, 2 * hidden width).
        """
        added = -len(n_characters) % WORDS
        characters = nn.functional.pad(characters, (added, 0), value=PADDING)
        n_characters = nn.functional.pad(n_characters, (added, 0), value=1)
        # Longest words of the groups that are encoded together; the last group has the rest.
        longest = LENGTHS[:2]
        counts = torch.stack([(n_characters <= length).sum() for length in longest]).tolist()
        ends = [0, *(count - count % WORDS for count in counts), len(n_characters)]
        widths = (*longest, len(characters))
        groups = []
        for (first, end), width in zip(pairwise(ends), widths, strict=True):
            if first == end:
                continue
            lengths = n_characters[first:end]
            rows = self.table(characters[:width, first:end])
            values = dropout(rows, rate, variational=self.variational)
            states = self.lstm(values, lengths)
            last = flat_index(lengths - 1, torch.arange(end - first, device=lengths.device))
            groups.append(
                torch.cat([state.flatten(0, 1).index_select(0, last) for state in states], dim=1)
            )
        return torch.cat(groups)[added:]


def join_features(features: list[Tensor], word_index: Tensor) -> Tensor:
    """Put features of words and of tokens together.

    features (list[Tensor]): Each of shape (words, its width) or (L, N, its width).
    word_index (Tensor): Shape (L, N): which word stands where.
    RETURNS (Tensor): Shape (L, N, width).
    """
    if all(values.dim() == 2 for values in features):
        return nn.functional.embedding(word_index, torch.cat(features, dim=1))
    parts = [
        nn.functional.embedding(word_index, values) if values.dim() == 2 else values
        for values in features
    ]
    return torch.cat(parts, dim=2)


class WordEncoder(nn.Module):
    """Hidden states of tokens from all that is known of them."""

    def __init__(
        self,
        n_rows: int,
        width: int,
        input_width: int,
        hidden_width: int,
        *,
        word_dropout: float,
        variational: bool,
    ):
        """Make the table and the LSTM.

        n_rows (int): Rows of the trainable table of words.
        width (int): Width of the table; 0 for none.
        input_width (int): Width of the other features: vectors and characters.
        hidden_width (int): Units per direction.
        word_dropout (float): Share of the distinct words of a batch that the table does not know
            for once, in training.
        variational (bool): Drop the same values at every token of a sequence.
        """
        super().__init__()
        self.word_dropout = word_dropout
        self.variational = variational
        self.table = nn.Embedding(n_rows, width) if width else None
        if self.table is not None:
            nn.init.uniform_(self.table.weight, -((3 / width) ** 0.5), (3 / width) ** 0.5)
        self.lstm = BidirectionalLSTM(width + input_width, hidden_width)

    def forward(self, batch: TokenBatch, features: list[Tensor], rate: float) -> Tensor:
        """Encode.

        batch (TokenBatch): The integers.
        features (list[Tensor]): Other features, each of shape (words, its width) or (L, N, its
            width).
        rate (float): Dropout of the input and of the states.
        RETURNS (Tensor): Shape (L, N, 2 * hidden width).
        """
        if self.table is not None:
            features = [self.table(self._table_rows(batch, rate)), *features]
        values = join_features(features, batch.word_index)
        values = dropout(values, rate, variational=self.variational)
        groups = group_by_length(batch.lengths)
        if len(groups) == 1:
            states = self._run(values, batch.lengths, batch.bfloat16)
        else:
            states = values.new_zeros(*values.shape[:2], 2 * self.lstm.hidden_width)
            for columns in groups:
                lengths = batch.lengths[columns]
                longest = int(lengths.max())
                part = self._run(values[:longest, columns], lengths, batch.bfloat16)
                states[:longest, columns] = part
        return dropout(states, rate, variational=self.variational)

    def _table_rows(self, batch: TokenBatch, rate: float) -> Tensor:
        """Rows of the distinct words; in training some count as unseen. Shape (words,)."""
        rows = batch.table_rows
        if not (rate and self.word_dropout):
            return rows
        chances = torch.full(rows.shape, self.word_dropout, device=rows.device)
        return rows.masked_fill(chances.bernoulli().bool(), UNSEEN)

    def _run(self, values: Tensor, lengths: Tensor, bfloat16: bool) -> Tensor:
        """States of both directions. Shape (L, N, 2 * hidden width)."""
        forward, backward = self.lstm(values, lengths, bfloat16=bfloat16)
        return torch.cat([forward, reverse(backward, lengths)], dim=2)
