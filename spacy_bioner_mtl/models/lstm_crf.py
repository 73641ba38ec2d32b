"""The registered architecture: thinc glue around the torch network, nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model, torch2xp, xp2torch
from thinc.types import Floats2d
from thinc.util import to_numpy

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.by_word import is_by_word, word_features
from spacy_bioner_mtl.models.sequences import Sequence, split_sequences
from spacy_bioner_mtl.models.shim import NetworkShim
from spacy_bioner_mtl.nn.batch import TokenBatch
from spacy_bioner_mtl.nn.heads import CRFKind
from spacy_bioner_mtl.nn.lattice import Lattice
from spacy_bioner_mtl.nn.network import Architecture, CharacterLevel, Network, Pairs, Share
from spacy_bioner_mtl.nn.tagset import Head
from spacy_bioner_mtl.nn.vocabulary import Vocabulary


@dataclass
class Query:
    """A question to the network: what do these heads say of these sequences?

    docs (list[Doc]): The documents.
    sequences (list[Sequence]): Sequences of these documents, none of them empty.
    pairs (NDArray[int64]): Shape (P, 2): index of a sequence, index of a head; no two alike.
    """

    docs: list[Doc]
    sequences: list[Sequence]
    pairs: NDArray[np.int64]


def make_query(docs: list[Doc], sequences: list[Sequence], heads: NDArray[np.int64]) -> Query:
    """Ask several heads about all sequences.

    docs (list[Doc]): The documents.
    sequences (list[Sequence]): Sequences of these documents, none of them empty.
    heads (NDArray[int64]): Indices of the heads.
    RETURNS (Query): The question.
    """
    numbers = np.arange(len(sequences))
    pairs = np.stack([np.repeat(numbers, len(heads)), np.tile(heads, len(numbers))], axis=1)
    return Query(docs, sequences, pairs)


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

#: Padded tokens that go through the network at once when predicting: enough to keep the kernels
#: busy, few enough to bound memory.
TOKENS_AT_ONCE = 4096


def build_lstm_crf(
    tok2vec: Model[list[Doc], list[Floats2d]] | None = None,
    *,
    characters: CharacterLevel = "word",
    character_width: int = 30,
    character_hidden_width: int = 50,
    table_width: int = 50,
    word_dropout: float = 0.0,
    pretrained_table: bool = False,
    caseless: bool = True,
    minimum_count: int = 2,
    hidden_width: int = 200,
    crf: CRFKind = "small",
    share: Share = "both",
    variational_dropout: bool = True,
) -> BioNERModel:
    """Build the multi-task LSTM-CRF of Wang et al. 2019 (doi 10.1093/bioinformatics/bty869).

    tok2vec (Model[List[Doc], List[Floats2d]] | None): Features of words from any layer of spaCy's:
        static vectors, hash embeddings, a listener. Always shared by all heads.
    characters (str): "word": an LSTM over each distinct word; "sentence": over the characters of
        the whole sequence, blanks included, as in the paper.
    character_width (int): Width of the characters' vectors.
    character_hidden_width (int): Units per direction of the character LSTM.
    table_width (int): Width of a trainable table of words; 0 for none.
    word_dropout (float): Share of the distinct words of a training batch that the table takes for
        unseen (Iyyer et al. 2015), so that the network does not learn small corpora by heart.
    pretrained_table (bool): Start the table from the pipeline's static vectors, which must be of
        its width, not from random numbers. Training fine-tunes those of the words that it sees.
    caseless (bool): Look words up lower-cased in the table.
    minimum_count (int): Rarer words and characters of the training documents share one row.
    hidden_width (int): Units per direction of the word LSTM.
    crf (str): "small": hidden state to tags, plus a matrix of transitions; "large": hidden state to
        pairs of tags.
    share (str): What heads share: "none" (the paper's STM), "characters" (MTM-C), "words" (MTM-W)
        or "both" (MTM-CW).
    variational_dropout (bool): Drop the same values at every token of a sequence, and at every
        character of a word (Gal and Ghahramani 2016).
    RETURNS (Model[Query, list[Answer]]): The model.
    """
    architecture = Architecture(
        characters=characters,
        character_width=character_width,
        character_hidden_width=character_hidden_width,
        table_width=table_width,
        word_dropout=word_dropout,
        hidden_width=hidden_width,
        crf=crf,
        share=share,
        variational_dropout=variational_dropout,
    )
    return Model(
        "bioner_mtl",
        forward,
        layers=[] if tok2vec is None else [tok2vec],
        shims=[NetworkShim()],
        attrs={
            "dropout_rate": 0.0,
            "architecture": architecture,
            "pretrained_table": pretrained_table,
            "caseless": caseless,
            "minimum_count": minimum_count,
        },
    )


def get_network(model: BioNERModel) -> Network | None:
    """Return the torch network, None before it is initialized or loaded."""
    return cast(NetworkShim, model.shims[0]).network


def count_vocabulary(model: BioNERModel, docs: list[Doc]) -> Vocabulary:
    """Count the words and characters of training documents under the model's settings."""
    return Vocabulary.count(
        (token.text for doc in docs for token in doc if not token.is_space),
        minimum_count=model.attrs["minimum_count"],
        caseless=model.attrs["caseless"],
        with_words=model.attrs["architecture"].table_width > 0,
    )


def make_network(
    model: BioNERModel, heads: list[Head], vocabulary: Vocabulary, docs: list[Doc]
) -> None:
    """Give the model a network with random weights.

    model (BioNERModel): The model.
    heads (list[Head]): The network's heads.
    vocabulary (Vocabulary): Words and characters with a row of their own.
    docs (list[Doc]): Some documents, to initialize the tok2vec layer with.
    """
    width = 0
    if model.layers:
        tok2vec = model.layers[0]
        tok2vec.initialize(X=docs)
        width = tok2vec.get_dim("nO")
    network = Network(model.attrs["architecture"], heads, vocabulary, width)
    if model.attrs["pretrained_table"]:
        network.start_tables(*_table_vectors(vocabulary, docs, network.architecture.table_width))
    cast(NetworkShim, model.shims[0]).network = network


def _table_vectors(
    vocabulary: Vocabulary, docs: list[Doc], width: int
) -> tuple[list[int], torch.Tensor]:
    """Find static vectors of the table's words.

    RETURNS (tuple[list[int], Tensor]): Indices of words that have one, and their vectors.
    RAISES (InputError): The pipeline has no vectors of the table's width.
    """
    vocab = docs[0].vocab
    if vocab.vectors_length != width:
        raise InputError(
            f"The table of words is {width} wide and to start from the pipeline's static vectors, "
            f"which are {vocab.vectors_length} wide. Name vectors of {width} dimensions in the "
            "config under [initialize] vectors, or set the model's pretrained_table to false."
        )
    known = [index for index, word in enumerate(vocabulary.words) if vocab.has_vector(word)]
    vectors = np.zeros((len(known), width), dtype=np.float32)
    for row, index in zip(vectors, known, strict=True):
        row[:] = to_numpy(vocab.get_vector(vocabulary.words[index]))  # type: ignore[no-untyped-call]
    return known, torch.as_tensor(vectors)


def forward(
    model: BioNERModel, query: Query, is_train: bool
) -> tuple[list[Answer], Callable[[Gradients], list[Doc]]]:
    """Answer a query.

    model (BioNERModel): The model, with a network.
    query (Query): The question; at least one pair. A list of documents, as ``spacy debug model``
        gives it, is a question to all heads about all sentences.
    is_train (bool): Whether to drop values and to prepare for backpropagation.
    RETURNS (tuple): One answer to all pairs when training, else answers in batches of sequences of
        similar length; and a callback that takes the gradients of the one answer's emissions and
        transitions.
    """
    network = get_network(model)
    assert network is not None
    if isinstance(query, list):
        query = make_query(query, split_sequences(query), np.arange(len(network.heads)))
    vectors, backprop_vectors = None, None
    by_word = bool(model.layers) and is_by_word(model.layers[0])
    if model.layers and not by_word:
        per_doc, backprop_vectors = model.layers[0](query.docs, is_train)
        vectors = xp2torch(model.ops.xp.concatenate(per_doc), requires_grad=is_train)
    batcher = _Batcher(model, network, query, is_train=is_train, by_word=by_word)
    answers = []
    for chosen in batcher.everything() if is_train else batcher.similar_lengths():
        rate = model.attrs["dropout_rate"] if is_train else 0.0
        pairs, arguments = batcher.arguments(chosen, vectors, rate)
        outputs, torch_backprop = model.shims[0](ArgsKwargs(arguments, {}), is_train)
        batch, asked = arguments[:2]
        # In single precision, and cut off from autograd
        emissions, transitions = (output.detach().float() for output in outputs)
        lattice = Lattice(emissions, transitions, batch.lengths[asked.sequences])
        answers.append(Answer(pairs, lattice))

    def backprop(gradients: Gradients) -> list[Doc]:
        grad_tensors = [
            gradient.to(output.dtype) for output, gradient in zip(outputs, gradients, strict=True)
        ]
        torch_backprop(ArgsKwargs((outputs,), {"grad_tensors": grad_tensors}))
        if backprop_vectors is not None and vectors is not None:
            ends = np.cumsum([len(doc) for doc in query.docs])[:-1]
            gradient = torch2xp(cast(torch.Tensor, vectors.grad))
            backprop_vectors(model.ops.xp.split(gradient, ends.tolist()))
        return query.docs

    return answers, backprop


class _Batcher:
    """Turns sequences of a query into the network's arguments."""

    def __init__(
        self, model: BioNERModel, network: Network, query: Query, *, is_train: bool, by_word: bool
    ):
        self._model = model
        self._network = network
        self._by_word = by_word
        self._caches_words = not is_train and network.caches_words()
        # Looking for it at each of the tensors would take longer than making them.
        self._device = network.device
        self._query = query
        self._vocab = query.docs[0].vocab
        self._hashes = np.concatenate([doc.to_array("ORTH") for doc in query.docs])
        self._first_token = np.cumsum([0, *(len(doc) for doc in query.docs)])
        self._lengths = np.array([len(sequence.tokens) for sequence in query.sequences])

    def everything(self) -> list[NDArray[np.int64]]:
        """Put all sequences into one batch."""
        return [np.arange(len(self._lengths))]

    def similar_lengths(self) -> list[NDArray[np.int64]]:
        """Split the sequences into batches of at most TOKENS_AT_ONCE padded tokens."""
        batches: list[list[int]] = []
        for index in np.argsort(self._lengths, kind="stable").tolist():
            # Lengths rise, so the newest sequence is the one to which the batch is padded.
            size = (len(batches[-1]) + 1) * int(self._lengths[index]) if batches else 0
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
        column = np.full(len(self._lengths), -1)
        column[chosen] = np.arange(len(chosen))
        pairs = self._query.pairs[column[self._query.pairs[:, 0]] >= 0]
        columns, heads = self._tensor(column[pairs[:, 0]]), self._tensor(pairs[:, 1])
        return pairs, (self._tokens(chosen, vectors), Pairs(columns, heads), rate)

    def _tensor(self, values: NDArray[np.int64]) -> torch.Tensor:
        return torch.as_tensor(values, device=self._device)

    def _tokens(self, chosen: NDArray[np.int64], vectors: torch.Tensor | None) -> TokenBatch:
        """Make the integers of the chosen sequences, and find their vectors."""
        lengths = self._lengths[chosen]
        tokens = np.concatenate(
            [
                sequence.tokens + self._first_token[sequence.doc]
                for sequence in (self._query.sequences[index] for index in chosen)
            ]
        )
        columns = np.repeat(np.arange(len(lengths)), lengths)
        rows = np.arange(len(tokens)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        keys, index = np.unique(self._hashes[tokens], return_inverse=True)
        extractor = self._network.extractor
        strings = cast(Mapping[int, str], self._vocab.strings)
        words = extractor.words(keys, strings)
        keys = keys[words.order]
        word_index = np.zeros((int(lengths.max()), len(lengths)), dtype=np.int64)
        word_index[rows, columns] = np.argsort(words.order)[index]
        batch = TokenBatch(
            lengths=self._tensor(lengths),
            word_index=self._tensor(word_index),
            table_rows=self._tensor(words.table_rows),
            characters=self._tensor(words.characters),
            n_characters=self._tensor(words.n_characters),
            before=None,
            after=None,
        )
        if self._by_word:
            store, layer = self._network.word_store, self._model.layers[0]
            features = word_features(store, layer, self._vocab, keys)
            batch.word_vectors = torch.as_tensor(features, device=self._device)
        elif vectors is not None:
            places = np.zeros_like(word_index)
            places[rows, columns] = tokens
            batch.token_vectors = torch.nn.functional.embedding(self._tensor(places), vectors)
        if self._caches_words:
            batch.word_features = self._network.character_features(keys, strings)
        elif self._network.architecture.characters == "sentence":
            sentences = extractor.sentences(words, word_index, lengths)
            batch.characters = self._tensor(sentences.characters)
            batch.n_characters = self._tensor(sentences.n_characters)
            batch.before = self._tensor(sentences.before)
            batch.after = self._tensor(sentences.after)
        return batch
