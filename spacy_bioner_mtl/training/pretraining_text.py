"""Plain text for pretraining: what all its words are, and batches of its sentences."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.util import minibatch
from spacy.vocab import Vocab
from torch import Tensor

from spacy_bioner_mtl.models.by_word import word_features
from spacy_bioner_mtl.models.sequences import count_up, split_sequences
from spacy_bioner_mtl.models.types import BioNERModel
from spacy_bioner_mtl.nn.batch import TokenBatch
from spacy_bioner_mtl.nn.language_model import NO_CLASS
from spacy_bioner_mtl.nn.network import Network
from spacy_bioner_mtl.nn.vocabulary import LENGTHS, LONGEST_WORD
from spacy_bioner_mtl.nn.word_store import Keys, WordStore

#: Longer sentences are read in pieces.
LONGEST_SENTENCE = 100
#: How many of the most frequent words, in lower case, are predicted.
CLASSES = 30_000
_DOCS_AT_ONCE = 1_000
_WORDS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Text:
    """Sentences of plain text.

    keys (NDArray[uint64]): Hashes of the distinct words in the vocab's string store.
    tokens (NDArray[int32]): The words, sentence after sentence: indices of keys.
    lengths (NDArray[int64]): Shape (sentences,): number of tokens, from 2 to LONGEST_SENTENCE.
    """

    keys: Keys
    tokens: NDArray[np.int32]
    lengths: NDArray[np.int64]


def read_text(docs: Iterable[Doc]) -> Text:
    """Take the sentences of documents; what is longer is cut, and a single word left out.

    docs (Iterable[Doc]): The documents, of one vocab. White space is left out.
    RETURNS (Text): Their sentences.
    """
    hashes, lengths = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
    for chunk in minibatch(docs, _DOCS_AT_ONCE):  # type: ignore[no-untyped-call]
        sequences = split_sequences(chunk)
        # The pieces of a sequence, all as long as may be but the last.
        counts = -(-sequences.lengths // LONGEST_SENTENCE)
        whole = np.repeat(np.arange(len(sequences)), counts)
        first = count_up(counts) * LONGEST_SENTENCE
        sizes = np.minimum(sequences.lengths[whole] - first, LONGEST_SENTENCE)
        kept = sizes > 1
        pieces = sequences.cut(whole[kept], first[kept], sizes[kept], np.zeros_like(sizes[kept]))
        flat = pieces.flatten(np.array([len(doc) for doc in chunk]))
        words = np.concatenate([doc.to_array("ORTH") for doc in chunk])
        hashes.append(words[flat.tokens])
        lengths.append(pieces.lengths)
    keys, tokens = np.unique(np.concatenate(hashes), return_inverse=True)
    return Text(keys, tokens.astype(np.int32), np.concatenate(lengths))


class WordTable:
    """All that the encoders and the softmax take of the words of a text, on the network's device.

    n_classes (int): How many words are predicted.
    """

    def __init__(self, model: BioNERModel, network: Network, vocab: Vocab, text: Text) -> None:
        """Look all words up.

        model (Model[Query, list[Answer]]): The model; its tok2vec layer, if any, is asked by word.
        network (Network): Its network.
        vocab (Vocab): The vocab that has the words.
        text (Text): The text.
        """
        device = network.device
        vectors, integers = [], []
        for first in range(0, len(text.keys), _WORDS_AT_ONCE):
            keys = text.keys[first : first + _WORDS_AT_ONCE]
            words = network.extractor.words(keys, cast(dict[int, str], vocab.strings))
            rows = np.zeros((len(keys), 2 + LONGEST_WORD), dtype=np.int32)
            rows[words.order, 0] = words.table_rows
            rows[words.order, 1] = words.n_characters
            rows[words.order, 2 : 2 + len(words.characters)] = words.characters.T
            integers.append(torch.as_tensor(rows, device=device))
            if model.layers:
                values = word_features(WordStore(), model.layers[0], vocab, keys)
                vectors.append(torch.as_tensor(values, device=device).half())
        network.word_store.invalidate()
        self._vectors = torch.cat(vectors) if vectors else None
        self._integers = torch.cat(integers)
        classes, self.n_classes = _number_classes(text, vocab)
        self._classes = torch.as_tensor(classes, device=device)

    def look_up(self, tokens: Tensor, lengths: Tensor) -> tuple[TokenBatch, Tensor]:
        """Make the network's input of some sentences.

        tokens (Tensor): Shape (L, N): indices of words; anything in padding.
        lengths (Tensor): Shape (N,): number of tokens of each sentence.
        RETURNS (tuple[TokenBatch, Tensor]): The input, and the class of each token, of shape
            (L, N): NO_CLASS in padding and where the word is too rare.
        """
        distinct, word_index = torch.unique(tokens, return_inverse=True)
        # In ascending order of the words' lengths, as the encoder of characters wants them
        order = torch.argsort(self._integers[distinct, 1], stable=True)
        distinct = distinct[order]
        integers = self._integers[distinct].long()
        longest = next(length for length in LENGTHS if length >= int(integers[-1, 1]))
        batch = TokenBatch(
            lengths=lengths,
            word_index=torch.argsort(order)[word_index],
            table_rows=integers[:, 0],
            characters=integers[:, 2 : 2 + longest].T.contiguous(),
            n_characters=integers[:, 1].contiguous(),
            before=None,
            after=None,
            word_vectors=None if self._vectors is None else self._vectors[distinct].float(),
        )
        positions = torch.arange(len(tokens), device=tokens.device)[:, None]
        return batch, self._classes[tokens].masked_fill(positions >= lengths, NO_CLASS)


def _number_classes(text: Text, vocab: Vocab) -> tuple[NDArray[np.int64], int]:
    """The class of each word, the most frequent first, and how many there are."""
    forms = [vocab.strings[key].lower() for key in text.keys.tolist()]
    counts: Counter[str] = Counter()
    numbers = np.bincount(text.tokens, minlength=len(forms)).tolist()
    for form, count in zip(forms, numbers, strict=True):
        counts[form] += count
    common = {form: number for number, (form, _) in enumerate(counts.most_common(CLASSES))}
    return np.array([common.get(form, NO_CLASS) for form in forms], dtype=np.int64), len(common)


class Batches:
    """Batches of sentences of similar length, in random order, for as long as they are asked for.

    held_out (list[NDArray[int64]]): Some batches that are never among them.
    """

    def __init__(self, text: Text, size: int, seed: int) -> None:
        """Hold some batches out.

        text (Text): The text.
        size (int): Padded tokens in a batch, at most.
        seed (int): Of the order.
        """
        self._text = text
        self._starts = np.cumsum(text.lengths) - text.lengths
        self._size = size
        self._random = np.random.default_rng(seed)
        sentences = self._random.permutation(len(text.lengths))
        n_held_out = min(len(sentences) // 20, 2_000)
        self.held_out = self._group(sentences[:n_held_out])
        self._sentences = sentences[n_held_out:]

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        """Yield the indices of the sentences of a batch, pass after pass without an end."""
        while True:
            batches = self._group(self._sentences)
            yield from (batches[index] for index in self._random.permutation(len(batches)))

    @property
    def tokens(self) -> int:
        """Number of tokens in one pass."""
        return int(self._text.lengths[self._sentences].sum())

    def load(self, chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Take sentences of the text.

        chosen (NDArray[int64]): Their indices.
        RETURNS (tuple[NDArray[int64], NDArray[int64]]): Indices of words, of shape (L, N), padded
            with the last one of each sentence; and the sentences' lengths, of shape (N,).
        """
        lengths = self._text.lengths[chosen]
        positions = np.minimum(np.arange(lengths.max())[:, None], lengths - 1)
        return self._text.tokens[self._starts[chosen] + positions].astype(np.int64), lengths

    def _group(self, sentences: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Group sentences of similar length; which equally long ones meet is left to chance."""
        lengths = self._text.lengths[sentences] + self._random.random(len(sentences))
        order = sentences[np.argsort(lengths)]
        sizes = self._text.lengths[order]
        groups, first = [], 0
        while first < len(order):
            # As many as fit at the length of the first, then at that of the last of these
            end = first + max(1, self._size // int(sizes[first]))
            end = first + max(1, self._size // int(sizes[min(end, len(order)) - 1]))
            groups.append(order[first:end])
            first = end
        return groups
