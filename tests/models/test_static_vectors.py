"""The layers of static vectors: what they look up, keep and refuse."""

import re
import warnings

import numpy as np
import pytest
import spacy
from conftest import GOLD, found, make_examples, make_pipeline, set_floret, set_vectors, train
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.lang.en import English
from spacy.tokens import Doc
from spacy.vectors import Vectors
from thinc.api import concatenate

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.static_vectors import (
    adopt_vectors,
    build_vector_table,
    build_word_vectors,
    check_tables,
    subword_vectors,
)

VOCAB = English().vocab
LAYER = {"@architectures": "spacy_bioner_mtl.WordVectors.v1", "caseless": True}


def layer_for(vocab, caseless=True):
    layer = build_word_vectors(caseless)
    layer.initialize(X=[Doc(vocab, words=["any"])])
    return layer


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.lists(st.sampled_from(["Renal", "renal", "FAILURE", "strange", "Odd"]), max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_words_have_their_vectors_and_strangers_zeros(sentences):
    vocab = VOCAB
    table = set_vectors(vocab, ["renal", "failure", "last"])
    docs = [Doc(vocab, words=words) for words in sentences]
    for doc, values in zip(docs, layer_for(vocab).predict(docs), strict=True):
        expected = [table.get(token.text.lower(), np.zeros(5)) for token in doc]
        np.testing.assert_array_equal(values, np.array(expected).reshape(-1, 5))


def test_case_counts_where_it_is_asked_for():
    nlp = spacy.blank("en")
    table = set_vectors(nlp.vocab, ["Renal", "renal"])
    doc = Doc(nlp.vocab, words=["Renal", "RENAL", "renal"])
    (cased,) = layer_for(nlp.vocab, caseless=False).predict([doc])
    np.testing.assert_array_equal(cased, [table["Renal"], np.zeros(5), table["renal"]])
    (caseless,) = layer_for(nlp.vocab).predict([doc])
    np.testing.assert_array_equal(caseless, [table["renal"]] * 3)


LOWER_ALONE = ["renal", "tkr2"]


@pytest.mark.parametrize(
    ("make", "caseless"),
    [
        (lambda vocab: set_vectors(vocab, LOWER_ALONE), True),
        (lambda vocab: set_vectors(vocab, ["renal", "TKR2"]), False),
        (lambda vocab: set_floret(vocab, attr="LOWER"), True),
        (lambda vocab: set_floret(vocab, attr="ORTH"), False),
    ],
)
def test_words_looked_up_in_another_case_than_the_vectors_know_are_said(tmp_path, make, caseless):
    nlp = spacy.blank("en")
    make(nlp.vocab)
    nlp.to_disk(tmp_path)
    forms = ("as they are written", "lower-cased")
    message = f"of words {forms[caseless]}, .* up {forms[not caseless]}. Set its caseless = "
    message += str(caseless).lower()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = layer_for(nlp.vocab, caseless)
        table_for(tmp_path, caseless=caseless)
    with pytest.warns(UserWarning, match=f"the pipeline's vectors: .* {message}"):
        layer_for(nlp.vocab, not caseless)
    with pytest.warns(UserWarning, match=f"{re.escape(str(tmp_path))}: .* {message}"):
        table_for(tmp_path, caseless=not caseless)
    network = {"table_width": nlp.vocab.vectors_length, "pretrained_table": True}
    with pytest.warns(UserWarning, match=message):
        pipeline = make_pipeline(caseless=not caseless, **network)
        make(pipeline.vocab)
        pipeline.initialize(lambda: make_examples(pipeline))
    # Vectors of subwords that a layer gives away know their case.
    taken = subword_vectors(layer)
    assert taken is None or taken.attr == nlp.vocab.vectors.attr


def test_keys_that_share_a_row():
    vocab = English().vocab
    table = np.arange(4, dtype="f").reshape(2, 2) + 1
    vocab.vectors = Vectors(strings=vocab.strings, data=table)
    for word, row in (("kidney", 0), ("renal", 0), ("liver", 1)):
        vocab.vectors.add(word, row=row)
    (values,) = layer_for(vocab).predict([Doc(vocab, words=["renal", "kidney", "liver", "x"])])
    np.testing.assert_array_equal(values, [table[0], table[0], table[1], [0, 0]])


def test_floret_has_a_vector_for_every_word():
    nlp = spacy.blank("en")
    set_floret(nlp.vocab)
    doc = Doc(nlp.vocab, words=["renal", "strange", "Renal"])
    (values,) = layer_for(nlp.vocab).predict([doc])
    expected = nlp.vocab.vectors.get_batch(["renal", "strange", "renal"])
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert np.abs(values).sum(axis=1).min() > 0


def test_it_has_nothing_to_learn():
    nlp = spacy.blank("en")
    set_vectors(nlp.vocab, ["a"])
    layer = layer_for(nlp.vocab)
    doc = Doc(nlp.vocab, words=["a", "b"])
    values, backprop = layer.begin_update([doc])
    assert backprop(values) == [doc]
    assert not layer.grad_names


def test_empty_documents():
    nlp = spacy.blank("en")
    set_vectors(nlp.vocab, ["renal"])
    layer = layer_for(nlp.vocab)
    empty, full = Doc(nlp.vocab), Doc(nlp.vocab, words=["renal"])
    assert [values.shape for values in layer.predict([empty])] == [(0, 5)]
    shapes = [values.shape for values in layer.predict([empty, full, empty])]
    assert shapes == [(0, 5), (1, 5), (0, 5)]


def test_missing_vectors_are_an_error_that_says_what_to_do():
    nlp = make_pipeline(tok2vec=LAYER)
    examples = make_examples(nlp)
    with pytest.raises(InputError, match="bioner-mtl vectors"):
        nlp.initialize(lambda: examples)


@pytest.mark.parametrize("make", [lambda vocab: set_vectors(vocab, ["renal", "brac4"]), set_floret])
def test_a_pipeline_with_vectors_trains_saves_and_loads(make, tmp_path):
    nlp = make_pipeline(tok2vec=LAYER)
    make(nlp.vocab)
    table = nlp.vocab.vectors.data.copy()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 50)
    np.testing.assert_array_equal(nlp.vocab.vectors.data, table)
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    for text, _ in GOLD:
        ents = [(ent.text, ent.label_) for ent in nlp(text).ents]
        assert ents == [(ent.text, ent.label_) for ent in loaded(text).ents]
    assert [ent.text for ent in loaded(GOLD[4][0]).ents] == ["heart failure", "ibuprofen"]
    with loaded.memory_zone():
        assert loaded("memoryzoneword fails").spans["genes"] is not None


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


def test_words_of_a_package_have_their_vectors_in_half_precision(package):
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


def test_keys_of_a_package_that_share_a_row(tmp_path):
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
    np.testing.assert_array_equal(table.attrs["table"], half)
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


def test_subwords_of_a_package_have_their_vectors_in_half_precision(tmp_path):
    nlp = spacy.blank("en")
    set_floret(nlp.vocab)
    nlp.to_disk(tmp_path)
    vocab = spacy.blank("en").vocab
    layer = table_for(tmp_path)
    docs = [Doc(vocab, words=["renal", "Strange"])]
    (values,) = layer.predict(docs)
    data = nlp.vocab.vectors.data
    data[:] = data.astype("float16")
    expected = nlp.vocab.vectors.get_batch(["renal", "strange"])
    np.testing.assert_allclose(values, expected, atol=1e-6)
    twin = build_vector_table().from_bytes(layer.to_bytes())
    assert twin.attrs["table"].dtype == "float16"
    np.testing.assert_array_equal(twin.predict(docs)[0], values)
    np.testing.assert_array_equal(layer.copy().predict(docs)[0], values)


def test_subwords_are_those_of_the_table_that_was_loaded_last(tmp_path):
    layers = []
    for factor in (1, 2):
        nlp = spacy.blank("en")
        set_floret(nlp.vocab)
        nlp.vocab.vectors.data[:] *= factor
        nlp.to_disk(tmp_path / str(factor))
        layers.append(table_for(tmp_path / str(factor)))
    first, second = layers
    docs = [Doc(spacy.blank("en").vocab, words=["renal"])]
    (before,) = first.predict(docs)
    first.from_bytes(second.to_bytes())
    np.testing.assert_allclose(first.predict(docs)[0], before * 2, rtol=1e-6)


@pytest.mark.parametrize("make", [lambda vocab: set_vectors(vocab, ["renal", "zebra"]), set_floret])
def test_a_layer_keeps_the_vectors_that_it_was_initialized_with(make):
    vocab = spacy.blank("en").vocab
    make(vocab)
    layer = layer_for(vocab)
    (before,) = layer.predict([Doc(vocab, words=["renal", "zebra", "new"])])
    twin = build_word_vectors().from_bytes(layer.to_bytes())
    for other in (vocab, spacy.blank("en").vocab):
        set_vectors(other, ["renal", "new"], seed=7)
        for each in (layer, twin):
            (after,) = each.predict([Doc(other, words=["renal", "zebra", "new"])])
            np.testing.assert_array_equal(before, after)


def layer_of_old(vocab):
    """A layer as version 0.1.0 saved it: it knows its width, and has no vectors."""
    layer = build_word_vectors()
    layer.set_dim("nO", vocab.vectors_length)
    return layer


@pytest.mark.parametrize("make", [lambda vocab: set_vectors(vocab, ["renal", "zebra"]), set_floret])
def test_layers_saved_without_vectors_adopt_those_of_their_pipeline(make):
    vocab = spacy.blank("en").vocab
    make(vocab)
    old = layer_of_old(vocab)
    docs = [Doc(vocab, words=["renal", "Zebra"])]
    with pytest.raises(InputError, match="Load it as a whole pipeline"):
        old.predict(docs)
    adopt_vectors(old, vocab.vectors)
    np.testing.assert_array_equal(old.predict(docs)[0], layer_for(vocab).predict(docs)[0])


def test_tables_saved_as_parameters_are_taken_over(package):
    path, _ = package
    today, old = build_vector_table(path), build_vector_table()
    today.initialize()
    old.from_bytes(today.to_bytes())
    for name in ("keys", "table"):
        old.set_param(name, old.attrs[name])
        old.attrs[name] = None
    adopt_vectors(old, spacy.blank("en").vocab.vectors)
    docs = [Doc(spacy.blank("en").vocab, words=["renal", "Zebra"])]
    assert today.predict(docs)[0].any()
    np.testing.assert_array_equal(old.predict(docs)[0], today.predict(docs)[0])
    assert not old.has_param("table")


def test_vectors_of_another_width_are_not_adopted():
    vocab, other = spacy.blank("en").vocab, spacy.blank("en").vocab
    set_floret(vocab)
    set_vectors(other, ["renal"])
    with pytest.raises(InputError, match="4 dimensions, and those of its pipeline have 5"):
        adopt_vectors(layer_of_old(vocab), other.vectors)


def test_floret_without_its_settings_is_not_taken_for_a_table_of_words(tmp_path):
    nlp = spacy.blank("en")
    set_floret(nlp.vocab)
    nlp.to_disk(tmp_path)
    (tmp_path / "vocab" / "vectors.cfg").unlink()
    with pytest.raises(InputError, match=r"vectors\.cfg is missing"):
        table_for(tmp_path)
    with pytest.raises(InputError, match=r"vectors\.cfg is missing"):
        adopt_vectors(layer_of_old(nlp.vocab), spacy.load(tmp_path).vocab.vectors)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("make", [lambda vocab: set_vectors(vocab, ["renal", "zebra"]), set_floret])
def test_vectors_that_are_no_numbers_are_refused(value, make, tmp_path):
    nlp = spacy.blank("en")
    make(nlp.vocab)
    layer = layer_for(nlp.vocab)
    check_tables(layer)
    layer.attrs["table"][1, 2] = value
    with pytest.raises(InputError, match="row 1 holds a value that is no number"):
        check_tables(layer)
    nlp.vocab.vectors.data[1, 2] = value
    with pytest.raises(InputError, match="no number"):
        layer_for(nlp.vocab)
    nlp.to_disk(tmp_path)
    with pytest.raises(InputError, match="no number"):
        table_for(tmp_path)
