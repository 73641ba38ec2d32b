"""The cache of words: right in every thread, bounded, never older than the weights."""

import copy
import dis
import pickle
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import spacy
import torch
from conftest import GOLD, make_examples, make_pipeline, set_floret, train
from hypothesis import given, settings
from hypothesis import strategies as st
from thinc.api import Adam

from spacy_bioner_mtl.nn import word_store as module
from spacy_bioner_mtl.nn.network import CHARACTER_FEATURES
from spacy_bioner_mtl.nn.word_store import WordStore

TEXTS = [words for words, _ in GOLD]
COLUMN = "numbers"


def row_of(key):
    return np.array([key % 97, key // 2**32, -(key % 89)], dtype=np.float32)


def rows_of(keys):
    return np.stack([row_of(key) for key in keys])


def compute(new):
    return rows_of(new.tolist())


def look_up(store, keys, known):
    """Rows of words, by a function that is asked about new words only, and never about none."""
    asked = []

    def spy(new):
        asked.extend(new.tolist())
        return compute(new)

    values = store.rows(COLUMN, np.array(keys, dtype=np.uint64), spy)
    assert asked == sorted(key for key in keys if key not in known)
    return values


#: Hashes have 64 bits, the highest among them.
KEYS = st.one_of(st.integers(0, 40), st.integers(2**64 - 9, 2**64 - 1))


@given(st.lists(st.lists(KEYS, min_size=1, unique=True)), st.integers(0, 30))
@settings(deadline=None)
def test_every_word_has_its_own_row_and_no_more_are_kept_than_may_be(batches, limit):
    store, known = WordStore(limit), set()
    for keys in batches:
        new = set(keys) - known
        np.testing.assert_array_equal(look_up(store, keys, known), rows_of(keys))
        known = new if len(known) > limit and new else known | new
        assert store.size(COLUMN) == len(known) <= limit + max(map(len, batches))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_start_without_words(copied):
    store = WordStore(7)
    look_up(store, [1, 2], set())
    assert copied(store).size(COLUMN) == 0 and copied(store).limit == 7
    np.testing.assert_array_equal(look_up(copied(store), [2, 3], set()), rows_of([2, 3]))


def test_columns_are_invalidated_one_by_one_or_all():
    store, keys = WordStore(), np.array([1, 2], dtype=np.uint64)
    for column in ("a", "b"):
        store.rows(column, keys, compute)
    store.invalidate("a")
    assert (store.size("a"), store.size("b")) == (0, 2)
    store.rows("a", keys, compute)
    store.invalidate()
    assert (store.size("a"), store.size("b")) == (0, 0)


def test_another_source_starts_the_column_anew():
    store, keys = WordStore(), np.array([1, 2], dtype=np.uint64)
    one, other = np.zeros(3), np.zeros(3)
    np.testing.assert_array_equal(store.rows(COLUMN, keys, compute, [one]), rows_of([1, 2]))
    doubled = store.rows(COLUMN, keys, lambda new: 2 * compute(new), [other])
    np.testing.assert_array_equal(doubled, 2 * rows_of([1, 2]))
    again = store.rows(COLUMN, keys, pytest.fail, [other])
    np.testing.assert_array_equal(again, doubled)


def test_rows_that_were_computed_before_an_invalidation_are_not_kept():
    """As if other weights came while a thread was computing with the old ones."""
    store, keys = WordStore(), np.array([1], dtype=np.uint64)

    def slow(new):
        store.invalidate(COLUMN)
        return compute(new)

    np.testing.assert_array_equal(store.rows(COLUMN, keys, slow), rows_of([1]))
    assert store.size(COLUMN) == 0
    np.testing.assert_array_equal(
        store.rows(COLUMN, keys, lambda new: 3 * compute(new)), [3 * row_of(1)]
    )


@pytest.mark.parametrize("limit", [50, 100_000])
def test_many_threads_get_the_rows_of_one(limit):
    store = WordStore(limit)
    chosen = random.Random(0)
    batches = [chosen.sample(range(2_000), chosen.randrange(1, 60)) for _ in range(2_000)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(
                pool.map(
                    lambda keys: store.rows(COLUMN, np.array(keys, dtype=np.uint64), compute),
                    batches,
                )
            )
    finally:
        sys.setswitchinterval(interval)
    for keys, values in zip(batches, found, strict=True):
        np.testing.assert_array_equal(values, rows_of(keys))
    everything = np.arange(2_000, dtype=np.uint64)
    np.testing.assert_array_equal(store.rows(COLUMN, everything, compute), rows_of(range(2_000)))


class Interrupt(BaseException):
    """What a signal handler may raise anywhere."""


def interrupted(call, number):
    """Make a call, and raise where CPython may call signal handlers: at the given one of the places
    in the module at which it looks for signals. Tells whether there are so many."""
    left = [number]

    def trace(frame, event, _):
        if frame.f_code.co_filename != module.__file__:
            return None
        frame.f_trace_opcodes = True
        # It looks behind calls, at jumps backward, and at the beginning of functions.
        last = [dis.opname[frame.f_code.co_code[frame.f_lasti]]]

        def trace_function(frame, event, _):
            if event == "opcode":
                before, last[0] = last[0], dis.opname[frame.f_code.co_code[frame.f_lasti]]
                if before.startswith("CALL") or before in ("JUMP_BACKWARD", "RESUME"):
                    left[0] -= 1
                    if left[0] < 0:
                        raise Interrupt
            return trace_function

        return trace_function

    sys.settrace(trace)
    try:
        call()
    except Interrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def test_a_call_may_be_interrupted_anywhere():
    keys, number = np.array([3, 5, 8, 9], dtype=np.uint64), 0
    while True:
        store = WordStore()
        store.rows(COLUMN, np.array([4, 5, 7], dtype=np.uint64), compute)
        reached = interrupted(lambda store=store: store.rows(COLUMN, keys, compute), number)
        for again in ([3, 4, 5], [5, 7, 8, 9, 11], [3, 8]):
            # In another thread, which would wait for ever for a lock that was kept.
            values = []
            thread = threading.Thread(
                target=lambda again=again, store=store, values=values: values.append(
                    store.rows(COLUMN, np.array(again, dtype=np.uint64), compute)
                ),
                daemon=True,
            )
            thread.start()
            thread.join(20)
            np.testing.assert_array_equal(values, [rows_of(again)], err_msg=f"{number}")
        if not reached:
            break
        number += 1
    assert number > 40


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


def features(nlp):
    """Features of characters, which tell more than answers do."""
    network = network_of(nlp)
    words = {nlp.vocab.strings.add(word): word for text in TEXTS for word in text.split()}
    return network.character_features(np.array(sorted(words), dtype=np.uint64), words)


def test_words_that_come_again_are_not_computed_again(copy_of_trained, monkeypatch):
    expected = answers(copy_of_trained)
    network = network_of(copy_of_trained)
    assert network.word_store.size(CHARACTER_FEATURES) > 0
    encoder = network.character_encoders[0]
    monkeypatch.setattr(encoder, "encode_words", lambda *_, **__: pytest.fail("computed again"))
    assert answers(copy_of_trained) == expected


def test_training_invalidates(copy_of_trained):
    before = features(copy_of_trained)
    train(copy_of_trained, make_examples(copy_of_trained), 1)
    after = features(copy_of_trained)
    network_of(copy_of_trained).word_store.invalidate()
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, features(copy_of_trained))


def test_averaged_weights_have_words_of_their_own():
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    optimizer = Adam(0.02, use_averages=True)
    for _ in range(5):
        nlp.update(examples, sgd=optimizer)
    plain = features(nlp)
    with nlp.use_params(optimizer.averages):
        averaged = features(nlp)
    assert not torch.allclose(plain, averaged)
    torch.testing.assert_close(plain, features(nlp))


def test_loaded_weights_have_words_of_their_own(copy_of_trained):
    nlp = make_pipeline(seed=5)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    features(nlp)
    nlp.from_bytes(copy_of_trained.to_bytes())
    torch.testing.assert_close(features(nlp), features(copy_of_trained))


def test_a_memory_zone_takes_its_words_along():
    nlp = make_pipeline(tok2vec={"@architectures": "spacy_bioner_mtl.WordVectors.v1"})
    set_floret(nlp.vocab)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    expected = answers(nlp)
    store = network_of(nlp).word_store
    columns = ("integers", "vectors", CHARACTER_FEATURES)
    with nlp.memory_zone():
        for doc in nlp.pipe(["zoneword of aspirin ."]):
            assert len(doc)
        assert min(map(store.size, columns)) > 0
    assert list(map(store.size, columns)) == [0, 0, 0]
    assert answers(nlp) == expected


@pytest.mark.parametrize(
    ("model", "caches"),
    [
        ({"share": "both"}, True),
        ({"share": "characters"}, True),
        ({"share": "words"}, False),
        ({"share": "none"}, False),
        ({"characters": "sentence"}, False),
    ],
)
def test_only_what_is_one_row_for_all_is_cached(model, caches):
    nlp = make_pipeline(**model)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    list(nlp.pipe(TEXTS))
    assert (network_of(nlp).word_store.size(CHARACTER_FEATURES) > 0) == caches


def test_blank_pipelines_have_memory_zones_too():
    nlp = spacy.blank("en")
    nlp.add_pipe("bioner_mtl")
    with nlp.memory_zone():
        assert nlp.make_doc("aspirin")[0].text == "aspirin"
