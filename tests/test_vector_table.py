"""The layer with a table of vectors of its own."""

import numpy as np
import pytest
import spacy
from conftest import GOLD, found, make_examples, make_pipeline, train
from spacy.tokens import Doc
from spacy.vectors import Vectors
from test_word_vectors import set_floret, set_vectors
from thinc.api import concatenate

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.vector_table import build_vector_table
from spacy_bioner_mtl.word_vectors import build_word_vectors


@pytest.fixture
def package(tmp_path):
    """A package of vectors on disk, and its vectors."""
    nlp = spacy.blank("en")
    vectors = set_vectors(nlp.vocab, ["renal", "failure", "Renal", "TKR2"])
    nlp.to_disk(tmp_path / "package")
    return tmp_path / "package", vectors


def table_for(path, **settings):
    layer = build_vector_table(path, **settings)
    layer.initialize()
    return layer


def test_words_have_their_vectors_and_strangers_zeros(package):
    path, vectors = package
    vocab = spacy.blank("en").vocab
    docs = [Doc(vocab, words=["RENAL", "failure", "zzz"]), Doc(vocab), Doc(vocab, words=["TKR2"])]
    first, empty, last = table_for(path).predict(docs)
    half = {word: vector.astype("float16") for word, vector in vectors.items()}
    np.testing.assert_array_equal(first, [half["renal"], half["failure"], np.zeros(5)])
    assert first.dtype == np.float32
    assert empty.shape == (0, 5)
    np.testing.assert_array_equal(last, [np.zeros(5)])
    (cased, *_) = table_for(path, caseless=False).predict(docs)
    np.testing.assert_array_equal(cased, [np.zeros(5), half["failure"], np.zeros(5)])


def test_keys_that_share_a_row(tmp_path):
    nlp = spacy.blank("en")
    data = np.arange(4, dtype="f").reshape(2, 2) + 1
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=data)
    for word, row in (("kidney", 0), ("renal", 0), ("liver", 1)):
        nlp.vocab.strings.add(word)
        nlp.vocab.vectors.add(word, row=row)
    nlp.to_disk(tmp_path)
    (values,) = table_for(tmp_path).predict([Doc(nlp.vocab, words=["renal", "kidney", "liver"])])
    np.testing.assert_array_equal(values, data[[0, 0, 1]])


def test_without_a_path_it_adds_nothing():
    vocab = spacy.blank("en").vocab
    vectors = set_vectors(vocab, ["renal"])
    layer = concatenate(build_word_vectors(), build_vector_table(None))
    docs = [Doc(vocab, words=["renal", "x"])]
    layer.initialize(X=docs)
    assert layer.get_dim("nO") == 5
    (values,) = layer.predict(docs)
    np.testing.assert_array_equal(values, [vectors["renal"], np.zeros(5)])


def test_a_model_keeps_its_table_and_leaves_it_as_it_was(package, tmp_path):
    path, vectors = package
    layers = {
        "pipeline": {"@architectures": "spacy_bioner_mtl.WordVectors.v1"},
        "table": {"@architectures": "spacy_bioner_mtl.VectorTable.v1", "path": str(path)},
    }
    nlp = make_pipeline(tok2vec={"@layers": "concatenate.v1", "*": layers})
    set_floret(nlp.vocab)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    pipe = nlp.get_pipe("bioner_mtl")
    assert pipe.network.vector_width == 4 + 5
    table = next(node for node in pipe.model.walk() if node.name == "vector_table")
    order = sorted(vectors, key=lambda word: nlp.vocab.strings[word])
    half = [vectors[word].astype("float16") for word in order]
    np.testing.assert_array_equal(table.get_param("table"), half)
    words = GOLD[-1][0].split()
    expected = found(nlp(Doc(nlp.vocab, words=words)))
    assert expected == [("genes", 0, 1, "GENE"), ("medicine", 3, 5, "Disease")]
    nlp.to_disk(tmp_path / "model")
    path.rename(tmp_path / "gone")
    loaded = spacy.load(tmp_path / "model")
    assert found(loaded(Doc(loaded.vocab, words=words))) == expected


def test_no_package_at_the_path(tmp_path):
    with pytest.raises(InputError, match="no package of vectors"):
        table_for(tmp_path / "absent")


def test_floret_has_no_table_of_words(tmp_path):
    nlp = spacy.blank("en")
    set_floret(nlp.vocab)
    nlp.to_disk(tmp_path)
    with pytest.raises(InputError, match=r"\[initialize\] vectors"):
        table_for(tmp_path)
