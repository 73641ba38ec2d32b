"""The layer of static vectors."""

import numpy as np
import pytest
import spacy
from conftest import GOLD, make_examples, make_pipeline, train
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.lang.en import English
from spacy.tokens import Doc
from spacy.vectors import Vectors

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.word_vectors import build_word_vectors

VOCAB = English().vocab
LAYER = {"@architectures": "spacy_bioner_mtl.WordVectors.v1", "caseless": True}


def set_vectors(vocab, words, seed=0):
    table = np.random.default_rng(seed).normal(size=(len(words), 5)).astype("f")
    vocab.vectors = Vectors(strings=vocab.strings, data=table, keys=words)
    return dict(zip(words, table, strict=True))


def set_floret(vocab):
    table = np.random.default_rng(0).normal(size=(50, 4)).astype("f")
    vocab.vectors = Vectors(
        strings=vocab.strings,
        data=table,
        mode="floret",
        minn=2,
        maxn=3,
        hash_count=2,
        hash_seed=0,
        bow="<",
        eow=">",
    )


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
    assert not layer.param_names


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
