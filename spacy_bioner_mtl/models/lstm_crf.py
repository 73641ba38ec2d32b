"""The registered architecture: thinc glue around the torch network, nothing else."""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model, torch2xp, xp2torch
from thinc.types import Floats2d
from thinc.util import to_numpy

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.batching import Batcher
from spacy_bioner_mtl.models.by_word import is_by_word
from spacy_bioner_mtl.models.sequences import split_sequences
from spacy_bioner_mtl.models.shim import NetworkShim
from spacy_bioner_mtl.models.static_vectors import check_case, take_tables
from spacy_bioner_mtl.models.types import (
    Answer,
    BioNERModel,
    Gradients,
    Query,
    make_query,
)
from spacy_bioner_mtl.nn.heads import CRFKind
from spacy_bioner_mtl.nn.lattice import Lattice
from spacy_bioner_mtl.nn.network import Architecture, CharacterLevel, Network, Share
from spacy_bioner_mtl.nn.tagset import Head
from spacy_bioner_mtl.nn.vocabulary import Vocabulary


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
    model: BioNERModel,
    heads: list[Head],
    vocabulary: Vocabulary,
    docs: list[Doc],
    source: BioNERModel | None = None,
) -> None:
    """Give the model a network with random weights.

    model (BioNERModel): The model.
    heads (list[Head]): The network's heads.
    vocabulary (Vocabulary): Words and characters with a row of their own.
    docs (list[Doc]): Some documents, to initialize the tok2vec layer with.
    source (BioNERModel | None): Another model, from which tables of static vectors are taken that
        the config names none for.
    """
    width = 0
    if model.layers:
        tok2vec = model.layers[0]
        tok2vec.initialize(X=docs)
        if source is not None and source.layers and is_by_word(tok2vec):
            take_tables(tok2vec, source.layers[0])
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
    check_case(vocab.vectors, vocabulary.caseless, "the pipeline's vectors")
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
    batcher = Batcher(model, network, query, is_train=is_train, by_word=by_word)
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
