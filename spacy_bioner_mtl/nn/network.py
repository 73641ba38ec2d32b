"""The network: encoders that heads share or own, and one CRF head per label set.

It maps a batch of sequences to the potentials of pairs of (sequence, head). What is done with the
potentials (loss, decoding, marginals) is a matter of crf.py.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from spacy_bioner_mtl.features import UNSEEN, FeatureExtractor, Vocabulary
from spacy_bioner_mtl.heads import Head, legal_ends, legal_starts, legal_transitions
from spacy_bioner_mtl.nn.crf import IMPOSSIBLE
from spacy_bioner_mtl.nn.encoder import CharacterEncoder, TokenBatch, WordEncoder

Share = Literal["none", "characters", "words", "both"]
CharacterLevel = Literal["word", "sentence"]
CRFKind = Literal["small", "large"]


@dataclass(frozen=True)
class Architecture:
    """What the network looks like, apart from heads and vocabulary; see model.build_lstm_crf."""

    characters: CharacterLevel
    character_width: int
    character_hidden_width: int
    table_width: int
    hidden_width: int
    crf: CRFKind
    share: Share
    variational_dropout: bool


@dataclass
class Pairs:
    """Which heads are asked about which sequences.

    sequences (Tensor): Shape (P,), int64: column of the batch.
    heads (Tensor): Shape (P,), int64: index of the head.
    """

    sequences: Tensor
    heads: Tensor


class HeadLayer(nn.Module):
    """The parameters of one head.

    The small CRF scores tags by the hidden state and transitions by a matrix; the large one scores
    each pair of tags by the hidden state (Ma and Hovy 2016; the original program's default).
    """

    def __init__(self, n_tags: int, input_width: int, kind: CRFKind):
        """Make the parameters.

        n_tags (int): Number of tags.
        input_width (int): Width of the hidden states.
        kind (CRFKind): Small or large.
        """
        super().__init__()
        self.n_tags = n_tags
        self.kind = kind
        n_outputs = n_tags if kind == "small" else (n_tags + 1) * n_tags
        self.output = nn.Linear(input_width, n_outputs)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        if kind == "small":
            self.transitions = nn.Parameter(torch.zeros(n_tags, n_tags))
            self.start = nn.Parameter(torch.zeros(n_tags))
            self.end = nn.Parameter(torch.zeros(n_tags))

    def grow(self, n_tags: int) -> "HeadLayer":
        """Make a head with more tags that scores the present ones as this one does.

        n_tags (int): Number of tags of the new head.
        RETURNS (HeadLayer): The new head.
        """
        grown = HeadLayer(n_tags, self.output.in_features, self.kind)
        old, new = self.n_tags, grown.n_tags
        with torch.no_grad():
            for name, theirs in grown.named_parameters():
                mine = self.get_parameter(name)
                if self.kind == "large":
                    wide, narrow = _block(theirs, new), _block(mine, old)
                    wide[:old, :old], wide[new, :old] = narrow[:old], narrow[old]
                else:
                    theirs[tuple(slice(0, size) for size in mine.shape)] = mine
        return grown.to(self.output.weight.device)


def _block(values: Tensor, n_tags: int) -> Tensor:
    """See outputs of the large CRF as [from, to]; its last row scores the first token's tag."""
    return values.view(n_tags + 1, n_tags, *values.shape[1:])


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
        self.extractor = FeatureExtractor(vocabulary)
        self.vector_width = vector_width
        self.heads: list[Head] = []
        self.character_encoders = nn.ModuleList()
        self.word_encoders = nn.ModuleList()
        self.head_layers = nn.ModuleList()
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

    @property
    def device(self) -> torch.device:
        """Where the parameters are; the CPU as long as there are none."""
        parameter = next(self.parameters(), None)
        return torch.device("cpu") if parameter is None else parameter.device

    def _new_character_encoder(self) -> CharacterEncoder:
        shape = self.architecture
        return CharacterEncoder(
            UNSEEN + 1 + len(self.vocabulary.characters),
            shape.character_width,
            shape.character_hidden_width,
            per_sentence=shape.characters == "sentence",
        )

    def _new_word_encoder(self) -> WordEncoder:
        shape = self.architecture
        return WordEncoder(
            UNSEEN + 1 + len(self.vocabulary.words),
            shape.table_width,
            self.vector_width + 2 * shape.character_hidden_width,
            shape.hidden_width,
            variational=shape.variational_dropout,
        )

    def forward(
        self, batch: TokenBatch, pairs: Pairs, vectors: Tensor | None, rate: float
    ) -> tuple[Tensor, Tensor]:
        """Score all taggings of pairs of sequence and head.

        batch (TokenBatch): The sequences.
        pairs (Pairs): Which heads are asked about which sequences.
        vectors (Tensor | None): Shape (tokens of the documents, vector width), from tok2vec.
        rate (float): Dropout.
        RETURNS (tuple[Tensor, Tensor]): Emissions, shape (L, P, T), and transitions, shape
            (P, T, T) or (L - 1, P, T, T), as in crf.Lattice. T is the largest number of tags among
            the heads asked; what a head does not have, and what IOBES forbids, is impossible.
        """
        asked, position = torch.unique(pairs.heads, return_inverse=True)
        heads = [cast(HeadLayer, self.head_layers[index]) for index in asked.tolist()]
        n_tags = max(head.n_tags for head in heads)
        states = self._states(batch, vectors, asked.tolist(), rate)
        if self.architecture.crf == "small":
            emissions, transitions = _small_scores(heads, states, n_tags)
            emissions = emissions[:, pairs.sequences, position]
            transitions = transitions[position]
        else:
            emissions, transitions = _large_scores(heads, states, n_tags)
            emissions = emissions[:, pairs.sequences, position]
            transitions = transitions[:, pairs.sequences, position]
        return self._forbid(heads, emissions, transitions, batch.lengths, pairs, position)

    def _states(
        self, batch: TokenBatch, vectors: Tensor | None, asked: list[int], rate: float
    ) -> list[Tensor]:
        """Hidden states for each head asked; heads that share all encoders share one tensor."""
        features: list[Tensor] = []
        if vectors is not None:
            features.append(nn.functional.embedding(batch.vector_index, vectors))
        share = self.architecture.share
        characters: dict[int, Tensor] = {}
        states: dict[tuple[int, int], Tensor] = {}
        result = []
        for head in asked:
            char_part = 0 if share in ("characters", "both") else head
            word_part = 0 if share in ("words", "both") else head
            if char_part not in characters:
                characters[char_part] = self.character_encoders[char_part](batch, rate)
            if (char_part, word_part) not in states:
                states[char_part, word_part] = self.word_encoders[word_part](
                    batch, [*features, characters[char_part]], rate
                )
            result.append(states[char_part, word_part])
        return result

    def _forbid(
        self,
        heads: list[HeadLayer],
        emissions: Tensor,
        transitions: Tensor,
        lengths: Tensor,
        pairs: Pairs,
        position: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Make impossible what IOBES forbids, and add the scores of last tags."""
        n_tags = emissions.shape[2]
        masks = [_forbidden(head.n_tags, n_tags, emissions.device) for head in heads]
        tags, moves, starts, ends = (torch.stack(kind) for kind in zip(*masks, strict=True))
        if self.architecture.crf == "small":
            pad = [(0, n_tags - head.n_tags) for head in heads]
            ends = ends + torch.stack(
                [nn.functional.pad(head.end, size) for head, size in zip(heads, pad, strict=True)]
            )
        last = (lengths - 1)[pairs.sequences]
        positions = torch.arange(len(emissions), device=emissions.device)
        is_last = (positions[:, None] == last[None, :])[:, :, None]
        emissions = emissions + tags[position] + torch.where(is_last, ends[position], 0.0)
        first = (positions == 0)[:, None, None]
        emissions = emissions + torch.where(first, starts[position], 0.0)
        return emissions, transitions + moves[position]

    def describe(self) -> dict[str, object]:
        """Everything but the weights, for JSON; rebuild reads it."""
        return {
            "architecture": asdict(self.architecture),
            "heads": [asdict(head) for head in self.heads],
            "vocabulary": asdict(self.vocabulary),
            "vector_width": self.vector_width,
        }


def _forbidden(n_own: int, n_tags: int, device: torch.device) -> tuple[Tensor, ...]:
    """Penalties of tags, transitions, first and last tags of a head, padded to n_tags."""

    def penalty(legal: object) -> Tensor:
        forbidden = ~torch.as_tensor(legal, device=device)
        return forbidden.float() * IMPOSSIBLE

    pad = n_tags - n_own
    tags = torch.arange(n_tags, device=device) < n_own
    moves = nn.functional.pad(penalty(legal_transitions(n_own)), (0, pad, 0, pad))
    starts = nn.functional.pad(penalty(legal_starts(n_own)), (0, pad))
    ends = nn.functional.pad(penalty(legal_ends(n_own)), (0, pad))
    return penalty(tags), moves, starts, ends


def _products(heads: list[HeadLayer], states: list[Tensor], outputs: list[Tensor]) -> Tensor:
    """Multiply states by the padded outputs of their heads, in one product where they share them.

    outputs (list[Tensor]): For each head, shape (outputs, width + 1): weights and bias.
    RETURNS (Tensor): Shape (L, N, heads, outputs).
    """
    if all(state is states[0] for state in states):
        weights = torch.cat(outputs)
        product = nn.functional.linear(states[0], weights[:, :-1], weights[:, -1])
        return product.view(*product.shape[:2], len(heads), -1)
    return torch.stack(
        [
            nn.functional.linear(state, output[:, :-1], output[:, -1])
            for state, output in zip(states, outputs, strict=True)
        ],
        dim=2,
    )


def _small_scores(
    heads: list[HeadLayer], states: list[Tensor], n_tags: int
) -> tuple[Tensor, Tensor]:
    """Emissions, shape (L, N, heads, T), and transitions, shape (heads, T, T)."""
    outputs, transitions, starts = [], [], []
    for head in heads:
        pad = n_tags - head.n_tags
        output = torch.cat([head.output.weight, head.output.bias[:, None]], dim=1)
        outputs.append(nn.functional.pad(output, (0, 0, 0, pad)))
        transitions.append(nn.functional.pad(head.transitions, (0, pad, 0, pad)))
        starts.append(nn.functional.pad(head.start, (0, pad)))
    emissions = _products(heads, states, outputs)
    first = torch.arange(len(emissions), device=emissions.device) == 0
    emissions = emissions + first[:, None, None, None] * torch.stack(starts)
    return emissions, torch.stack(transitions)


def _large_scores(
    heads: list[HeadLayer], states: list[Tensor], n_tags: int
) -> tuple[Tensor, Tensor]:
    """Emissions, shape (L, N, heads, T), and transitions, shape (L - 1, N, heads, T, T)."""
    outputs = []
    for head in heads:
        pad = n_tags - head.n_tags
        output = torch.cat([head.output.weight, head.output.bias[:, None]], dim=1)
        block = _block(output, head.n_tags)
        moves = nn.functional.pad(block[:-1], (0, 0, 0, pad, 0, pad))
        start = nn.functional.pad(block[-1:], (0, 0, 0, pad))
        outputs.append(torch.cat([moves, start]).flatten(0, 1))
    scores = _products(heads, states, outputs)
    scores = scores.view(*scores.shape[:3], n_tags + 1, n_tags)
    first = torch.arange(len(scores), device=scores.device) == 0
    return scores[..., -1, :] * first[:, None, None, None], scores[1:, ..., :-1, :]


def rebuild(description: dict[str, object]) -> Network:
    """Make the network that describe described, with random weights.

    description (dict[str, object]): What describe returned, after a round trip through JSON.
    RETURNS (Network): The network.
    """
    words = cast(dict[str, list[str]], description["vocabulary"])
    return Network(
        Architecture(**cast(dict[str, int], description["architecture"])),  # type: ignore[arg-type]
        [
            Head(str(head["name"]), tuple(head["labels"]))
            for head in cast(list[dict[str, list[str]]], description["heads"])
        ],
        Vocabulary(tuple(words["words"]), tuple(words["characters"]), bool(words["caseless"])),
        cast(int, description["vector_width"]),
    )
