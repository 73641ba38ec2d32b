"""A tok2vec layer with static vectors of its own, beside those of the pipeline.

A spaCy pipeline has one table of vectors. General text and subwords of biomedical text know
different things about a word, so a model may want both: thinc's ``concatenate`` puts this layer
beside WordVectors.
"""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.util import load_model
from spacy.vectors import Mode as VectorsMode
from spacy.vocab import Vocab
from thinc.api import Model
from thinc.types import Floats1d, Floats2d, Ints1d
from thinc.util import to_numpy

from spacy_bioner_mtl.by_word import SOURCE
from spacy_bioner_mtl.errors import InputError


def build_vector_table(
    path: str | Path | None = None, caseless: bool = True
) -> Model[list[Doc], list[Floats2d]]:
    """Build a layer that looks words up in a table which is saved with the model.

    path (str | Path | None): A package with a table of words, as ``bioner-mtl vectors`` writes it;
        it is read when the model is initialized and not needed afterwards. None: the layer adds
        nothing.
    caseless (bool): Look words up lower-cased, as the vectors were made.
    RETURNS (Model[List[Doc], List[Floats2d]]): The layer; it learns nothing. Its parameters are
        the words' hashes, sorted, and their vectors in half precision: half the size, at relative
        errors below 0.1 %. Words that it does not know have zeros.
    """
    return Model(
        "vector_table",
        forward,
        init=init,
        dims={"nO": None},
        params={"keys": None, "table": None},
        attrs={"path": None if path is None else str(path), "caseless": caseless, SOURCE: source},
    )


def source(model: Model[list[Doc], list[Floats2d]], vocab: Vocab) -> object:
    """Return what holds the vectors."""
    return model.get_param("table")


def init(
    model: Model[list[Doc], list[Floats2d]],
    X: list[Doc] | None = None,
    Y: object = None,
) -> None:
    """Read the package.

    RAISES (InputError): There is no package at the path, or it has no table of words.
    """
    keys = np.zeros(0, dtype=np.uint64)
    table = np.zeros((0, 0), dtype=np.float16)
    path = model.attrs["path"]
    if path is not None:
        keys, table = _read(path)
    model.set_dim("nO", table.shape[1])
    model.set_param("keys", cast(Floats1d, model.ops.asarray(cast(Ints1d, keys))))
    model.set_param("table", cast(Floats2d, model.ops.asarray(cast(Floats2d, table))))


def _read(path: str) -> tuple[NDArray[np.uint64], NDArray[np.float16]]:
    try:
        vectors = load_model(path).vocab.vectors
    except OSError as error:
        raise InputError(
            f"{path}: no package of vectors ({error}). Make one with `bioner-mtl vectors glove` or "
            "`bioner-mtl vectors file`."
        ) from error
    if vectors.mode != VectorsMode.default or not vectors.n_keys:
        raise InputError(
            f"{path}: this package has no table of words. floret vectors belong to the pipeline: "
            "name them in the config under [initialize] vectors."
        )
    rows = vectors.key2row
    keys = np.array(sorted(rows), dtype=np.uint64)
    data = to_numpy(vectors.data)  # type: ignore[no-untyped-call]
    return keys, data[[rows[key] for key in keys.tolist()]].astype(np.float16)


def forward(
    model: Model[list[Doc], list[Floats2d]], docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    """Look up. Returns one array of shape (tokens, width) per document."""

    def backprop(_: list[Floats2d]) -> list[Doc]:
        return docs

    keys, table = model.get_param("keys"), model.get_param("table")
    attribute = "LOWER" if model.attrs["caseless"] else "ORTH"
    hashes = np.concatenate([doc.to_array(attribute) for doc in docs])
    tokens = model.ops.asarray(cast(Ints1d, hashes))
    values = model.ops.alloc2f(len(tokens), model.get_dim("nO"))
    if len(keys) and len(tokens):
        rows = model.ops.xp.searchsorted(keys, tokens).clip(max=len(keys) - 1)
        known = keys[rows] == tokens
        values[known] = table[rows[known]]
    ends = np.cumsum([len(doc) for doc in docs])[:-1]
    return model.ops.xp.split(values, ends.tolist()), backprop
