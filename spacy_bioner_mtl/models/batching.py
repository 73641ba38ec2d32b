"""Sequences of documents to batches of the network."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from spacy_bioner_mtl.models.by_word import word_features
from spacy_bioner_mtl.models.sequences import Sequences
from spacy_bioner_mtl.models.types import Arguments, BioNERModel, Query
from spacy_bioner_mtl.nn.batch import TokenBatch
from spacy_bioner_mtl.nn.network import Network, Pairs

#: Padded tokens that go through the network at once when predicting: enough to keep the kernels
#: busy, few enough to bound memory.
TOKENS_AT_ONCE = 4096


class Batcher:
    """Turns sequences of a query into the network's arguments."""

    def __init__(
        self,
        model: BioNERModel,
        network: Network,
        query: Query,
        *,
        is_train: bool,
        by_word: bool,
    ):
        """Look the words of the query's documents up once.

        model (BioNERModel): The model.
        network (Network): Its network.
        query (Query): The question.
        is_train (bool): Whether the network is to be trained.
        by_word (bool): Whether its tok2vec layer is asked about words; see by_word.py.
        """
        self._model = model
        self._network = network
        self._by_word = by_word
        self._caches_words = not is_train and network.caches_words()
        # Looking for it at each of the tensors would take longer than making them.
        self._device = network.device
        self._pairs = query.pairs
        self._bfloat16 = query.bfloat16 and not is_train
        self._vocab = query.docs[0].vocab
        self._hashes = np.concatenate([doc.to_array("ORTH") for doc in query.docs])
        self._sequences = query.sequences.flatten(np.array([len(doc) for doc in query.docs]))

    def everything(self) -> list[NDArray[np.int64]]:
        """Put all sequences into one batch."""
        return [np.arange(len(self._sequences))]

    def similar_lengths(self) -> list[NDArray[np.int64]]:
        """Split the sequences into batches of at most TOKENS_AT_ONCE padded tokens."""
        lengths = self._sequences.lengths
        batches: list[list[int]] = []
        for index in np.argsort(lengths, kind="stable").tolist():
            # Lengths rise, so the newest sequence is the one to which the batch is padded.
            size = (len(batches[-1]) + 1) * int(lengths[index]) if batches else 0
            if not batches or size > TOKENS_AT_ONCE:
                batches.append([])
            batches[-1].append(index)
        return [np.array(batch) for batch in batches]

    def arguments(
        self, chosen: NDArray[np.int64], vectors: torch.Tensor | None, rate: float
    ) -> tuple[NDArray[np.int64], Arguments]:
        """Return the pairs of the chosen sequences, and what the network takes for them.

        chosen (NDArray[int64]): Indices of sequences.
        vectors (Tensor | None): Shape (tokens, width): what tok2vec said of all tokens, if it is
            asked about tokens.
        rate (float): Dropout.
        """
        column = np.full(len(self._sequences), -1)
        column[chosen] = np.arange(len(chosen))
        pairs = self._pairs[column[self._pairs[:, 0]] >= 0]
        columns, heads = self._tensor(column[pairs[:, 0]]), self._tensor(pairs[:, 1])
        batch = self._tokens(self._sequences.select(chosen), vectors)
        return pairs, (batch, Pairs(columns, heads), rate)

    def _tensor(self, values: NDArray[np.int64]) -> torch.Tensor:
        return torch.as_tensor(values, device=self._device)

    def _tokens(self, sequences: Sequences, vectors: torch.Tensor | None) -> TokenBatch:
        """Make the integers of some sequences, and find their vectors."""
        keys, index = np.unique(self._hashes[sequences.tokens], return_inverse=True)
        extractor = self._network.extractor
        strings = cast(Mapping[int, str], self._vocab.strings)
        words = extractor.words(keys, strings)
        keys = keys[words.order]
        word_index = sequences.pad(np.argsort(words.order)[index])
        batch = TokenBatch(
            lengths=self._tensor(sequences.lengths),
            word_index=self._tensor(word_index),
            table_rows=self._tensor(words.table_rows),
            characters=self._tensor(words.characters),
            n_characters=self._tensor(words.n_characters),
            before=None,
            after=None,
            bfloat16=self._bfloat16,
        )
        if self._by_word:
            store, layer = self._network.word_store, self._model.layers[0]
            features = word_features(store, layer, self._vocab, keys)
            batch.word_vectors = torch.as_tensor(features, device=self._device)
        elif vectors is not None:
            tokens = self._tensor(sequences.pad(sequences.tokens))
            batch.token_vectors = torch.nn.functional.embedding(tokens, vectors)
        if self._caches_words:
            batch.word_features = self._network.character_features(keys, strings)
        elif self._network.architecture.characters == "sentence":
            sentences = extractor.sentences(words, word_index, sequences.lengths)
            batch.characters = self._tensor(sentences.characters)
            batch.n_characters = self._tensor(sentences.n_characters)
            batch.before = self._tensor(sentences.before)
            batch.after = self._tensor(sentences.after)
        return batch
