"""The network: encoders that heads share or own, and one CRF head per label set.

It maps a batch of sequences to the potentials of pairs of (sequence, head). What is done with the
potentials (loss, decoding, marginals) is a matter of crf.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spacy_bioner_mtl.nn.batch import TokenBatch
from spacy_bioner_mtl.nn.encoder import CharacterEncoder, WordEncoder
from spacy_bioner_mtl.nn.heads import CRFKind, HeadLayer, score_pairs
from spacy_bioner_mtl.nn.tagset import Head
from spacy_bioner_mtl.nn.vocabulary import UNSEEN, FeatureExtractor, Vocabulary
from spacy_bioner_mtl.nn.word_store import Keys, WordStore

Share = Literal["none", "characters", "words", "both"]
CharacterLevel = Literal["word", "sentence"]
#: The column of the word store that is computed with the network's weights.
CHARACTER_FEATURES = "character features"


@dataclass(frozen=True)
class Architecture:
    """What the network looks like, apart from heads and vocabulary; see build_lstm_crf."""

    characters: CharacterLevel
    character_width: int
    character_hidden_width: int
    table_width: int
    word_dropout: float
    hidden_width: int
    crf: CRFKind
    share: Share
    variational_dropout: bool


@dataclass
class Pairs:
    """Which heads are asked about which sequences; no two pairs are alike.

    sequences (Tensor): Shape (P,), int64: column of the batch.
    heads (Tensor): Shape (P,), int64: index of the head.
    """

    sequences: Tensor
    heads: Tensor


class Network(nn.Module):
    """Encoders and heads."""

    def __init__(
        self,
        architecture: Architecture,
        heads: Sequence[Head],
        vocabulary: Vocabulary,
        vector_width: int,
    ):
        """Make a network with random weights.

        architecture (Architecture): Its sizes and forms.
        heads (Sequence[Head]): Its heads, in the order of their indices.
        vocabulary (Vocabulary): Words and characters with a row of their own.
        vector_width (int): Width of the tok2vec layer's vectors, 0 for none.
        """
        super().__init__()
        self.architecture = architecture
        self.vocabulary = vocabulary
        #: What is known of words. Column CHARACTER_FEATURES depends on the weights.
        self.word_store = WordStore()
        self.extractor = FeatureExtractor(vocabulary, self.word_store)
        self.vector_width = vector_width
        self.heads: list[Head] = []
        self.character_encoders = nn.ModuleList()
        self.word_encoders = nn.ModuleList()
        self.head_layers = nn.ModuleList()
        #: Of each head that was trained, by name: how many of its labels were there by then.
        self.learned: dict[str, int] = {}
        for head in heads:
            self.add_head(head)

    def add_head(self, head: Head) -> None:
        """Add a head with random weights, and the encoders that it does not share.

        head (Head): The new head; its name is new.
        """
        shape = self.architecture
        if not self.character_encoders or shape.share not in ("characters", "both"):
            self.character_encoders.append(self._new_character_encoder())
        if not self.word_encoders or shape.share not in ("words", "both"):
            self.word_encoders.append(self._new_word_encoder())
        self.head_layers.append(HeadLayer(head.n_tags, 2 * shape.hidden_width, shape.crf))
        self.heads.append(head)
        self.to(self.device)

    def set_dropout(self, architecture: Architecture) -> None:
        """Take the settings of dropout from another architecture, which is equal otherwise.

        architecture (Architecture): The other one.
        """
        self.architecture = architecture
        for encoder in self.word_encoders:
            cast(WordEncoder, encoder).word_dropout = architecture.word_dropout
        for encoder in (*self.character_encoders, *self.word_encoders):
            one = cast(CharacterEncoder | WordEncoder, encoder)
            one.variational = architecture.variational_dropout

    def start_tables(self, words: Sequence[int], vectors: Tensor) -> None:
        """Give words of the trainable tables vectors to start from.

        words (Sequence[int]): Indices in the vocabulary.
        vectors (Tensor): Shape (words, table width).
        """
        rows = torch.as_tensor(words, dtype=torch.int64) + UNSEEN + 1
        for encoder in self.word_encoders:
            table = cast(WordEncoder, encoder).table
            if table is not None:
                with torch.no_grad():
                    table.weight[rows.to(self.device)] = vectors.to(self.device)

    def add_labels(self, index: int, labels: Sequence[str]) -> None:
        """Add labels to a head; what it has learned stays.

        index (int): The head.
        labels (Sequence[str]): New labels.
        """
        head = self.heads[index]
        self.heads[index] = Head(head.name, (*head.labels, *labels))
        layer = cast(HeadLayer, self.head_layers[index])
        self.head_layers[index] = layer.grow(self.heads[index].n_tags)

    def freeze_all_but(self, heads: Sequence[str]) -> None:
        """Let nothing learn but some heads: encoders and other heads get no gradients.

        heads (Sequence[str]): Names of heads.
        """
        self.requires_grad_(False)
        for head, layer in zip(self.heads, self.head_layers, strict=True):
            layer.requires_grad_(head.name in heads)

    def note_learned(self, heads: Sequence[int]) -> None:
        """Record that heads were trained, with all labels that they have now.

        heads (Sequence[int]): The heads.
        """
        for index in heads:
            head = self.heads[index]
            self.learned[head.name] = len(head.labels)

    @property
    def device(self) -> torch.device:
        """Where the parameters are; the CPU as long as there are none."""
        parameter = next(self.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    def caches_words(self) -> bool:
        """Check whether the characters' features of a word are one row for all heads and places."""
        shape = self.architecture
        return shape.characters == "word" and shape.share in ("characters", "both")

    def character_features(self, keys: Keys, strings: Mapping[int, str]) -> Tensor:
        """Characters' features of words, computed for new words alone; not for training.

        keys (NDArray[uint64]): Hashes of the words, each once.
        strings (Mapping[int, str]): The words by their hashes, such as spaCy's string store.
        RETURNS (Tensor): Shape (words, 2 * character hidden width).
        """
        encoder = cast(CharacterEncoder, self.character_encoders[0])

        def encode(new: Keys) -> NDArray[np.float32]:
            words = self.extractor.words(new, strings)
            with torch.no_grad():
                values = encoder.encode_words(
                    torch.as_tensor(words.characters, device=self.device),
                    torch.as_tensor(words.n_characters, device=self.device),
                    rate=0.0,
                )
            return values.float().cpu().numpy()[np.argsort(words.order)]

        rows = self.word_store.rows(CHARACTER_FEATURES, keys, encode)
        return torch.as_tensor(rows, device=self.device)

    def weights_changed(self) -> None:
        """Drop what was computed of other weights."""
        self.word_store.invalidate(CHARACTER_FEATURES)
        for encoder in self.word_encoders:
            cast(WordEncoder, encoder).lstm.weights_changed()

    def _new_character_encoder(self) -> CharacterEncoder:
        shape = self.architecture
        return CharacterEncoder(
            UNSEEN + 1 + len(self.vocabulary.characters),
            shape.character_width,
            shape.character_hidden_width,
            variational=shape.variational_dropout,
        )

    def _new_word_encoder(self) -> WordEncoder:
        shape = self.architecture
        return WordEncoder(
            UNSEEN + 1 + len(self.vocabulary.words),
            shape.table_width,
            self.vector_width + 2 * shape.character_hidden_width,
            shape.hidden_width,
            word_dropout=shape.word_dropout,
            variational=shape.variational_dropout,
        )

    def forward(self, batch: TokenBatch, pairs: Pairs, rate: float) -> tuple[Tensor, Tensor]:
        """Score all taggings of pairs of sequence and head.

        batch (TokenBatch): The sequences.
        pairs (Pairs): Which heads are asked about which sequences.
        rate (float): Dropout.
        RETURNS (tuple[Tensor, Tensor]): Emissions, shape (L, P, T), and transitions, shape
            (P, T, T) or (L - 1, P, T, T), as in crf.Lattice. T is the largest number of tags among
            the heads asked; what a head does not have, and what IOBES forbids, is impossible.
        """
        asked, position = torch.unique(pairs.heads, return_inverse=True)
        heads = [cast(HeadLayer, self.head_layers[index]) for index in asked.tolist()]
        states = self._states(batch, pairs, asked.tolist(), rate)
        return score_pairs(heads, states, batch.lengths, pairs.sequences, position)

    def _states(
        self, batch: TokenBatch, pairs: Pairs, asked: list[int], rate: float
    ) -> list[Tensor]:
        """Hidden states for each head asked; heads that share all encoders share one tensor.

        Encoders that are not shared read only the sequences that their head is asked about.
        """
        share = self.architecture.share
        if share == "both":
            characters = self.character_encoders[0](batch, rate)
            return [self._encode_words(0, batch, characters, rate)] * len(asked)
        shared = self.character_encoders[0](batch, rate) if share == "characters" else None
        if shared is not None and shared.dim() == 2:
            # Of words, which a selection of sequences numbers anew.
            batch = replace(batch, word_features=shared)
        states = []
        for head in asked:
            columns = torch.unique(pairs.sequences[pairs.heads == head])
            everything = len(columns) == len(batch.lengths)
            own = batch if everything else batch.select(columns)
            if shared is None:
                characters = self.character_encoders[head](own, rate)
            elif own.word_features is not None:
                characters = own.word_features
            else:
                characters = shared[:, columns]
            encoder = 0 if share == "words" else head
            values = self._encode_words(encoder, own, characters, rate)
            if not everything:
                # The states of the other sequences are read by nothing.
                others = values.new_zeros(len(values), len(batch.lengths), values.shape[2])
                values = others.index_copy(1, columns, values)
            states.append(values)
        return states

    def _encode_words(
        self, index: int, batch: TokenBatch, characters: Tensor, rate: float
    ) -> Tensor:
        """Run a word encoder over vectors and characters."""
        vectors = batch.word_vectors if batch.token_vectors is None else batch.token_vectors
        features = [characters] if vectors is None else [vectors, characters]
        return cast(Tensor, self.word_encoders[index](batch, features, rate))

    def describe(self) -> dict[str, object]:
        """Everything but the weights, for JSON; rebuild reads it."""
        return {
            "architecture": asdict(self.architecture),
            "heads": [asdict(head) for head in self.heads],
            "vocabulary": asdict(self.vocabulary),
            "vector_width": self.vector_width,
            "learned": self.learned,
        }


def rebuild(description: dict[str, object]) -> Network:
    """Make the network that describe described, with random weights.

    description (dict[str, object]): What describe returned, after a round trip through JSON.
    RETURNS (Network): The network.
    """
    words = cast(dict[str, list[str]], description["vocabulary"])
    heads = cast(list[dict[str, list[str]]], description["heads"])
    network = Network(
        Architecture(**cast(dict[str, int], description["architecture"])),  # type: ignore[arg-type]
        [Head(str(head["name"]), tuple(head["labels"])) for head in heads],
        Vocabulary(tuple(words["words"]), tuple(words["characters"]), bool(words["caseless"])),
        cast(int, description["vector_width"]),
    )
    # Version 0.1.0 did not tell.
    everything = {head.name: len(head.labels) for head in network.heads}
    network.learned = dict(cast(dict[str, int], description.get("learned", everything)))
    return network
