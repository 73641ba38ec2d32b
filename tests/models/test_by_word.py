"""Layers that look at each word by itself: asked once about each word, and never out of date."""

import numpy as np
import pytest
import spacy
from conftest import GOLD, make_examples, make_pipeline, set_floret, set_vectors, train
from spacy.tokens import Doc
from thinc.api import concatenate

from spacy_bioner_mtl.models.by_word import is_by_word, word_features
from spacy_bioner_mtl.models.static_vectors import build_vector_table, build_word_vectors
from spacy_bioner_mtl.nn.word_store import WordStore

LAYER = {"@architectures": "spacy_bioner_mtl.WordVectors.v1", "caseless": True}

HASH_EMBEDDING = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "width": 8,
    "depth": 1,
    "embed_size": 50,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
    "pretrained_vectors": None,
}


def layer_for(vocab):
    layer = build_word_vectors()
    layer.initialize(X=[Doc(vocab, words=["any"])])
    return layer


def ask(store, layer, vocab, words):
    """Features of distinct words, in their order."""
    hashes = np.array([vocab.strings.add(word) for word in words], dtype=np.uint64)
    order = np.argsort(hashes)
    values = word_features(store, layer, vocab, hashes[order])
    return values[np.argsort(order)]


def test_it_caches_what_the_layer_says():
    vocab = spacy.blank("en").vocab
    words = [f"w{index}" for index in range(9)]
    table = set_vectors(vocab, words)
    layer = layer_for(vocab)
    store = WordStore(2)
    for chosen in (words[:4], words[3:], words[::2], words):
        values = ask(store, layer, vocab, chosen)
        np.testing.assert_array_equal(values, [table[word] for word in chosen])


def test_the_layer_is_asked_about_new_words_only(monkeypatch):
    vocab = spacy.blank("en").vocab
    set_vectors(vocab, ["a", "b", "c"])
    layer = layer_for(vocab)
    asked = []
    forward = layer._func

    def spy(model, docs, is_train):
        asked.extend(token.text for doc in docs for token in doc)
        return forward(model, docs, is_train)

    monkeypatch.setattr(layer, "_func", spy)
    store = WordStore()
    for words in (["a", "b"], ["a", "b"], ["b", "c"]):
        ask(store, layer, vocab, words)
    assert sorted(asked) == ["a", "b", "c"]


def test_a_table_loaded_over_another_is_seen_at_once(tmp_path):
    vocab = spacy.blank("en").vocab
    layers = []
    for seed in (0, 1):
        package = spacy.blank("en")
        set_vectors(package.vocab, ["a", "b"], seed=seed)
        package.to_disk(tmp_path / str(seed))
        layers.append(build_vector_table(tmp_path / str(seed)))
        layers[-1].initialize()
    layer, other = layers
    store = WordStore()
    before = ask(store, layer, vocab, ["a", "b"])
    layer.from_bytes(other.to_bytes())
    after = ask(store, layer, vocab, ["a", "b"])
    assert not np.allclose(before, after)
    np.testing.assert_array_equal(after, ask(WordStore(), other, vocab, ["a", "b"]))


@pytest.mark.parametrize("make", [lambda vocab: set_vectors(vocab, ["renal"]), set_floret])
def test_words_of_a_memory_zone_may_go(make):
    nlp = spacy.blank("en")
    make(nlp.vocab)
    layer, store = layer_for(nlp.vocab), WordStore()
    words = ["renal", "zonewordxyz"]
    with nlp.memory_zone():
        inside = ask(store, layer, nlp.vocab, words)
    outside = ask(store, layer, nlp.vocab, words)
    np.testing.assert_array_equal(inside, outside)
    assert np.abs(outside[0]).sum() > 0


def test_what_learns_or_reads_sentences_is_asked_about_documents():
    vocab = spacy.blank("en").vocab
    set_vectors(vocab, ["a"])
    layers = [layer_for(vocab), build_vector_table()]
    assert is_by_word(concatenate(*layers))
    learning = spacy.registry.architectures.get("spacy.HashEmbedCNN.v2")(
        **{key: value for key, value in HASH_EMBEDDING.items() if not key.startswith("@")}
    )
    assert not is_by_word(learning)
    assert not is_by_word(concatenate(*layers, learning))


def test_cached_or_not_the_network_reads_the_same_vectors(monkeypatch):
    """The same training with features of words and with features of tokens, to the last bit."""

    def weights(by_word):
        monkeypatch.setattr("spacy_bioner_mtl.models.lstm_crf.is_by_word", lambda _: by_word)
        nlp = make_pipeline(tok2vec=LAYER)
        set_floret(nlp.vocab)
        examples = make_examples(nlp)
        nlp.initialize(lambda: examples)
        train(nlp, examples, 5)
        answers = [doc.spans["genes"].attrs["scores"] for doc in nlp.pipe(t for t, _ in GOLD)]
        return nlp.get_pipe("bioner_mtl").network.state_dict(), answers

    (one, its_answers), (other, other_answers) = weights(True), weights(False)
    assert its_answers == other_answers
    for name, values in one.items():
        np.testing.assert_array_equal(values.numpy(), other[name].numpy(), err_msg=name)
