"""tok2vec layers of static vectors. Each keeps its table in the model, and learns nothing.

The table is an attribute and no parameter: it stays in the machine's memory, whatever device the
network is on. A word is looked up once, and on a GPU that takes ten times as long.

A component with such a layer can be copied into any other pipeline, whatever vectors that has. Two
of them side by side (thinc's ``concatenate``) know different things about a word: general text one,
subwords of biomedical text the other.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from spacy.attrs import LOWER
from spacy.tokens import Doc
from spacy.util import load_model
from spacy.vectors import Mode as VectorsMode
from spacy.vectors import Vectors
from thinc.api import Model
from thinc.types import Floats2d
from thinc.util import to_numpy

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.by_word import SOURCE
from spacy_bioner_mtl.nn.word_store import Keys

Table = NDArray[np.floating[Any]]
Layer = Model[list[Doc], list[Floats2d]]

#: Name of the layer that takes the pipeline's vectors.
WORD_VECTORS = "word_vectors"
#: Attributes of a layer: the words' hashes, sorted, and their vectors, both None before there are
#: any; settings of floret, by which a table of subwords is read, empty for a table of words.
KEYS, TABLE, FLORET = "keys", "table", "floret"
#: Attribute of a layer: a table of subwords and the vectors made of it, None before it was looked
#: up. It is not saved.
_MADE = "made"
_FLORET_SETTINGS = ("minn", "maxn", "hash_count", "hash_seed", "bow", "eow")


def build_word_vectors(caseless: bool = True) -> Layer:
    """Build a layer of the pipeline's static vectors (``nlp.vocab.vectors``), raw.

    spaCy's StaticVectors projects them first, which the LSTM does not need. The vectors are taken
    over when the model is initialized; later changes of the pipeline's do not matter.

    caseless (bool): Look words up lower-cased, as the vectors were made.
    RETURNS (Model[List[Doc], List[Floats2d]]): The layer. Words that it does not know have zeros.
    """
    return _build(WORD_VECTORS, _init_from_pipeline, {"caseless": caseless})


def build_vector_table(path: str | Path | None = None, caseless: bool = True) -> Layer:
    """Build a layer of vectors from a package.

    path (str | Path | None): A package of vectors, as ``bioner-mtl vectors`` writes it; it is read
        when the model is initialized and not needed afterwards. None: the layer adds nothing.
    caseless (bool): Look words up lower-cased, as the vectors were made.
    RETURNS (Model[List[Doc], List[Floats2d]]): The layer. Words that it does not know have zeros.
        The table is kept in half precision: half the size, at relative errors below 0.1 %.
    """
    attrs = {"path": None if path is None else str(path), "caseless": caseless}
    return _build("vector_table", _init_from_package, attrs)


def _build(name: str, init: Callable[..., None], attrs: dict[str, Any]) -> Layer:
    own: dict[str, Any] = {KEYS: None, TABLE: None, FLORET: {}, _MADE: None, SOURCE: source}
    return Model(name, forward, init=init, dims={"nO": None}, attrs={**attrs, **own})


def source(model: Layer) -> object:
    """Return what holds the vectors."""
    return model.attrs[TABLE]


def adopt_vectors(model: Model[Any, Any], vectors: Vectors) -> None:
    """Bring layers that version 0.1.0 saved into the form of today.

    Of the pipeline's vectors it had only the vocab's copy; tables from packages were parameters.

    model (Model): A model just loaded.
    vectors (Vectors): The vectors of the pipeline that it was loaded with.
    RAISES (InputError): These are not the vectors that a layer was trained with, or no numbers.
    """
    for layer in model.walk():
        if layer.name == WORD_VECTORS and layer.has_dim("nO") and layer.attrs[TABLE] is None:
            width = vectors.shape[1]
            if width != layer.get_dim("nO"):
                raise InputError(
                    f"The model was trained with vectors of {layer.get_dim('nO')} dimensions, and "
                    f"those of its pipeline have {width}. Copy all of the pipeline's folder, "
                    "vocab/vectors included, and load it without exclude."
                )
            _keep(layer, *_take(vectors, "the pipeline's vectors"))
        elif TABLE in layer.param_names and layer.has_param(TABLE):
            keys, table = (to_numpy(layer.get_param(name)) for name in (KEYS, TABLE))  # type: ignore[no-untyped-call]
            _keep(layer, keys, table, {})
            for name in (KEYS, TABLE):
                layer.set_param(name, None)


def subword_vectors(model: Model[Any, Any]) -> Vectors | None:
    """Return the vectors of the first layer that keeps a table of subwords.

    model (Model): A model.
    RETURNS (Vectors | None): The vectors; None if there is no such layer.
    """
    for layer in model.walk():
        if layer.attrs.get(FLORET):
            return _subwords(layer)
    return None


def _subwords(layer: Layer) -> Vectors:
    """The vectors of a table of subwords; in single precision, as spaCy adds up no halves."""
    table, made = layer.attrs[TABLE], layer.attrs[_MADE]
    if made is None or made[0] is not table:
        settings = {**layer.attrs[FLORET], "attr": _lookup_attribute(layer.attrs["caseless"])}
        data = table.astype(np.float32, copy=False)
        made = layer.attrs[_MADE] = (table, Vectors(data=data, mode="floret", **settings))
    return cast(Vectors, made[1])


def take_tables(model: Model[Any, Any], source: Model[Any, Any]) -> None:
    """Give tables without vectors those of another tok2vec layer, table by table.

    model (Model[List[Doc], List[Floats2d]]): A tok2vec layer, initialized, of static vectors alone.
    source (Model[List[Doc], List[Floats2d]]): The other one. Nothing is taken of one that has
        another number of tables.
    """
    ours, theirs = ([part for part in each.walk() if not part.layers] for each in (model, source))
    if [part.name for part in ours] != [part.name for part in theirs]:
        return
    for own, other in zip(ours, theirs, strict=True):
        if not own.get_dim("nO") and other.get_dim("nO"):
            own.set_dim("nO", other.get_dim("nO"), force=True)
            own.attrs.update({name: other.attrs[name] for name in (KEYS, TABLE, FLORET)})
    if model.layers:
        model.set_dim("nO", sum(part.get_dim("nO") for part in ours), force=True)


def check_case(vectors: Vectors, caseless: bool, where: str) -> None:
    """Warn if words are looked up in another case than vectors know them.

    Vectors of subwords tell the case; those of words know lower-cased ones if none has a capital.

    vectors (Vectors): The vectors.
    caseless (bool): Whether words are looked up lower-cased.
    where (str): What they are called in the warning.
    """
    if vectors.mode == VectorsMode.floret:
        lower = vectors.attr == LOWER
    else:
        words = [vectors.strings[key] for key in vectors.key2row if key in vectors.strings]
        lower = all(word == word.lower() for word in words) if words else caseless
    if lower != caseless:
        forms = ("as they are written", "lower-cased")
        warnings.warn(
            f"{where}: the vectors are those of words {forms[lower]}, and the model looks words "
            f"up {forms[caseless]}. Set its caseless = {str(lower).lower()} in the config, or make "
            f"the vectors again with `bioner-mtl vectors`, {('--cased', '--caseless')[caseless]}.",
            stacklevel=2,
        )


def check_tables(model: Model[Any, Any]) -> None:
    """Refuse vectors that are no numbers.

    model (Model): A model just loaded.
    RAISES (InputError): A table holds NaN or an infinite value.
    """
    for layer in model.walk():
        if layer.attrs.get(TABLE) is not None:
            _check_finite(layer.attrs[TABLE], f"the table of the layer {layer.name!r}")


def _init_from_pipeline(model: Layer, X: list[Doc] | None = None, Y: object = None) -> None:
    """Take the vectors of the documents' vocab.

    RAISES (InputError): The pipeline has no vectors.
    """
    if not X or not X[0].vocab.vectors_length:
        raise InputError(
            "The model looks up static vectors, but the pipeline has none. Make some with "
            "`bioner-mtl vectors` and name them in the config under [initialize] vectors, or set "
            "the model's tok2vec to null."
        )
    vectors = X[0].vocab.vectors
    _keep(model, *_take(vectors, "the pipeline's vectors"))
    check_case(vectors, model.attrs["caseless"], "the pipeline's vectors")


def _init_from_package(model: Layer, X: list[Doc] | None = None, Y: object = None) -> None:
    """Read the package.

    RAISES (InputError): There is no package at the path, or it has no vectors.
    """
    path = model.attrs["path"]
    if path is None:
        model.set_dim("nO", 0)
        _keep(model, np.zeros(0, dtype=np.uint64), np.zeros((0, 0), dtype=np.float16), {})
        return
    try:
        vectors = load_model(path).vocab.vectors
    except OSError as error:
        raise InputError(
            f"{path}: no package of vectors ({error}). Make one with `bioner-mtl vectors`."
        ) from error
    keys, table, floret = _take(vectors, path)
    check_case(vectors, model.attrs["caseless"], path)
    _keep(model, keys, table.astype(np.float16), floret)


def _take(vectors: Vectors, where: str) -> tuple[Keys, Table, dict[str, Any]]:
    """Sorted hashes of words and their vectors; or none, a table of subwords and its settings."""
    keys = np.zeros(0, dtype=np.uint64)
    table = to_numpy(vectors.data)  # type: ignore[no-untyped-call]
    floret: dict[str, Any] = {}
    if vectors.mode == VectorsMode.floret:
        floret = {name: getattr(vectors, name) for name in _FLORET_SETTINGS}
    else:
        rows = vectors.key2row
        if not rows:
            raise InputError(
                f"{where}: no word in this table of {vectors.shape[0]:,} rows. If it is floret's, "
                "vectors.cfg is missing beside it: copy all files of the vectors, or make them "
                "again with `bioner-mtl vectors`."
            )
        keys = np.array(sorted(rows), dtype=np.uint64)
        table = table[[rows[key] for key in keys.tolist()]]
    _check_finite(table, where)
    return keys, table, floret


def _check_finite(table: Table, where: str) -> None:
    # A sum is not a number if a value is none; looking at each value takes memory for all of them.
    if not np.isfinite(table.sum(dtype=np.float64)):
        (row, *_), *_ = np.argwhere(~np.isfinite(table))
        raise InputError(
            f"{where}: row {row} holds a value that is no number (NaN or infinite). Make the "
            "vectors again, or copy the file again if it is damaged."
        )


def _keep(model: Layer, keys: Keys, table: Table, floret: dict[str, Any]) -> None:
    model.set_dim("nO", table.shape[1])
    model.attrs.update({KEYS: keys, TABLE: table, FLORET: floret})


def forward(
    model: Layer, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    """Look up. Returns one array of shape (tokens, width) per document.

    RAISES (InputError): The model was saved without its vectors, and they were not found.
    """

    def backprop(_: list[Floats2d]) -> list[Doc]:
        return docs

    if model.attrs[TABLE] is None:
        raise InputError(
            "The model has no vectors: it was saved by version 0.1.0, which kept them in the "
            "pipeline's vocab alone. Load it as a whole pipeline, with spacy.load."
        )
    attribute = _lookup_attribute(model.attrs["caseless"])
    hashes = np.concatenate([doc.to_array(attribute) for doc in docs])
    distinct, index = np.unique(hashes, return_inverse=True)
    if not len(distinct):
        return [model.ops.alloc2f(0, model.get_dim("nO")) for _ in docs], backprop
    if model.attrs[FLORET]:
        strings = docs[0].vocab.strings
        # By the words themselves: the vectors have no string store that knows their hashes.
        words = [strings[key] for key in distinct.tolist()]
        vectors = _subwords(model).get_batch(words)
    else:
        vectors = _look_up_words(model, distinct)
    tokens = model.ops.asarray2f(vectors[index])
    ends = np.cumsum([len(doc) for doc in docs])[:-1]
    return model.ops.xp.split(tokens, ends.tolist()), backprop


def _lookup_attribute(caseless: bool) -> str:
    return "LOWER" if caseless else "ORTH"


def _look_up_words(model: Layer, hashes: Keys) -> Table:
    keys, table = model.attrs[KEYS], model.attrs[TABLE]
    values = np.zeros((len(hashes), model.get_dim("nO")), dtype=np.float32)
    if len(keys):
        rows = np.searchsorted(keys, hashes).clip(max=len(keys) - 1)
        known = keys[rows] == hashes
        values[known] = table[rows[known]]
    return values
