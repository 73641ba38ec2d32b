"""A tok2vec layer that looks words up in the pipeline's static vectors, and learns nothing."""

from collections.abc import Callable

import numpy as np
from spacy.tokens import Doc
from spacy.vectors import Mode as VectorsMode
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats2d
from thinc.util import to_numpy

from spacy_bioner_mtl.by_word import SOURCE
from spacy_bioner_mtl.errors import InputError


def build_word_vectors(caseless: bool = True) -> Model[list[Doc], list[Floats2d]]:
    """Build a layer that returns the raw static vectors of tokens (``nlp.vocab.vectors``).

    spaCy's StaticVectors projects them first, which the LSTM does not need.

    caseless (bool): Look words up lower-cased, as the vectors were made.
    RETURNS (Model[List[Doc], List[Floats2d]]): The layer; without parameters.
    """
    return Model(
        "word_vectors",
        forward,
        init=init,
        dims={"nO": None},
        attrs={"caseless": caseless, SOURCE: source},
    )


def source(model: Model[list[Doc], list[Floats2d]], vocab: Vocab) -> object:
    """Return what holds the vectors: the table, not the object around it, which keeps its place."""
    return vocab.vectors.data


def init(
    model: Model[list[Doc], list[Floats2d]],
    X: list[Doc] | None = None,
    Y: object = None,
) -> None:
    """Take the width from the documents' vocab.

    RAISES (InputError): The pipeline has no vectors.
    """
    if not X or not X[0].vocab.vectors_length:
        raise InputError(
            "The model looks up static vectors, but the pipeline has none. Make some with "
            "`bioner-mtl vectors` and name them in the config under [initialize] vectors, or set "
            "the model's tok2vec to null."
        )
    model.set_dim("nO", X[0].vocab.vectors_length)


def forward(
    model: Model[list[Doc], list[Floats2d]], docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    """Look up. Returns one array of shape (tokens, width) per document."""

    def backprop(_: list[Floats2d]) -> list[Doc]:
        return docs

    attribute = "LOWER" if model.attrs["caseless"] else "ORTH"
    hashes = np.concatenate([doc.to_array(attribute) for doc in docs])
    distinct, index = np.unique(hashes, return_inverse=True)
    if not len(distinct):
        return [model.ops.alloc2f(0, model.get_dim("nO")) for _ in docs], backprop
    keys, table = distinct.tolist(), docs[0].vocab.vectors
    vectors = to_numpy(table.get_batch(keys))  # type: ignore[no-untyped-call]
    if table.mode == VectorsMode.default:
        # spaCy finds words without a vector at row -1, which is another word's.
        vectors[table.find(keys=keys) < 0] = 0.0
    tokens = model.ops.asarray2f(vectors[index])
    ends = np.cumsum([len(doc) for doc in docs])[:-1]
    return model.ops.xp.split(tokens, ends.tolist()), backprop
