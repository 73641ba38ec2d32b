"""What is remembered of words: right, bounded, and never older than the weights."""

import copy
import pickle

import numpy as np
import pytest
import spacy
import torch
from conftest import GOLD, make_examples, make_pipeline, train
from hypothesis import given, settings
from hypothesis import strategies as st
from thinc.api import Adam

from spacy_bioner_mtl.memory import WordMemory

TEXTS = [words for words, _ in GOLD]


def row_of(key):
    return np.array([key % 97, key // 2**32, -(key % 89)], dtype=np.float32)


def recall(memory, keys):
    """Rows of words, by a function that is asked about new words only, and never about none."""
    asked = []

    def compute(new):
        asked.extend(new.tolist())
        return np.stack([row_of(key) for key in new.tolist()])

    known = set(memory._keys.tolist()) if len(memory) <= memory.limit else set()
    values = memory.recall(np.array(keys, dtype=np.uint64), compute)
    assert asked == sorted(key for key in keys if key not in known)
    return values


#: Hashes have 64 bits, the highest among them.
KEYS = st.one_of(st.integers(0, 40), st.integers(2**64 - 9, 2**64 - 1))


@given(st.lists(st.lists(KEYS, min_size=1, unique=True)), st.integers(0, 30))
@settings(deadline=None)
def test_every_word_has_its_own_row_and_no_more_are_kept_than_may_be(batches, limit):
    memory = WordMemory(limit)
    for keys in batches:
        np.testing.assert_array_equal(recall(memory, keys), np.stack([row_of(k) for k in keys]))
        assert len(memory) <= limit + len(keys)
    assert memory.hits + memory.misses == sum(map(len, batches))


def test_hits_are_counted():
    memory = WordMemory()
    recall(memory, [1, 2, 3])
    recall(memory, [2, 3, 4])
    assert (memory.hits, memory.misses) == (2, 4)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_start_without_words(copied):
    memory = WordMemory(7)
    recall(memory, [1, 2])
    assert len(copied(memory)) == 0 and copied(memory).limit == 7


def answers(nlp):
    return [
        [
            (head, span.start, span.end, span.label_, pytest.approx(score, abs=1e-6))
            for head, group in doc.spans.items()
            for span, score in zip(group, group.attrs["scores"], strict=True)
        ]
        for doc in nlp.pipe(TEXTS)
    ]


def network_of(nlp):
    return nlp.get_pipe("bioner_mtl").network


def emissions(nlp):
    """Scores of all tags, which tell more than answers do."""
    network = network_of(nlp)
    words = {nlp.vocab.strings.add(word): word for text in TEXTS for word in text.split()}
    return network.recall_words(np.array(sorted(words), dtype=np.uint64), words)


def test_words_that_come_again_are_not_computed_again(copy_of_trained):
    expected = answers(copy_of_trained)
    memory = network_of(copy_of_trained).word_memory
    misses = memory.misses
    assert misses == len(memory) > 0
    assert answers(copy_of_trained) == expected
    assert memory.misses == misses and memory.hits >= misses


def test_training_forgets(copy_of_trained):
    before = emissions(copy_of_trained)
    train(copy_of_trained, make_examples(copy_of_trained), 1)
    after = emissions(copy_of_trained)
    network_of(copy_of_trained).forget_words()
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, emissions(copy_of_trained))


def test_averaged_weights_have_words_of_their_own():
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    optimizer = Adam(0.02, use_averages=True)
    for _ in range(5):
        nlp.update(examples, sgd=optimizer)
    plain = emissions(nlp)
    with nlp.use_params(optimizer.averages):
        averaged = emissions(nlp)
    assert not torch.allclose(plain, averaged)
    torch.testing.assert_close(plain, emissions(nlp))


def test_loaded_weights_have_words_of_their_own(copy_of_trained):
    nlp = make_pipeline(seed=5)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    emissions(nlp)
    nlp.from_bytes(copy_of_trained.to_bytes())
    torch.testing.assert_close(emissions(nlp), emissions(copy_of_trained))


def test_a_memory_zone_takes_its_words_along(copy_of_trained):
    expected = answers(copy_of_trained)
    network = network_of(copy_of_trained)
    with copy_of_trained.memory_zone():
        for doc in copy_of_trained.pipe(["zoneword of aspirin ."]):
            assert len(doc)
        assert len(network.word_memory) > 0
    assert len(network.word_memory) == 0
    assert answers(copy_of_trained) == expected


@pytest.mark.parametrize(
    ("model", "remembers"),
    [
        ({"share": "both"}, True),
        ({"share": "characters"}, True),
        ({"share": "words"}, False),
        ({"share": "none"}, False),
        ({"characters": "sentence"}, False),
    ],
)
def test_only_what_is_one_row_for_all_is_remembered(model, remembers):
    nlp = make_pipeline(**model)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    list(nlp.pipe(TEXTS))
    assert (len(network_of(nlp).word_memory) > 0) == remembers


def test_blank_pipelines_have_memory_zones_too():
    nlp = spacy.blank("en")
    nlp.add_pipe("bioner_mtl")
    with nlp.memory_zone():
        assert nlp.make_doc("aspirin")[0].text == "aspirin"
