"""Batchers: what an epoch holds, and in which proportions."""

import random
from collections import Counter

import pytest
from conftest import make_example
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.lang.en import English

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.training.batchers import configure_mixed_corpora, configure_one_corpus

NLP = English()


def corpus(head, lengths):
    return [make_example(NLP, ["w"] * length, {head: []}) for length in lengths]


def heads(batch):
    return {tuple(example.reference.spans) for example in batch}


LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=15)


@settings(deadline=None, max_examples=40)
@given(st.lists(LENGTHS, min_size=1, max_size=4), st.integers(1, 80), st.integers(0, 9))
def test_an_epoch_at_temperature_one_holds_every_document_once(corpora, size, seed):
    random.seed(seed)
    examples = [eg for index, lengths in enumerate(corpora) for eg in corpus(f"h{index}", lengths)]
    batches = list(configure_mixed_corpora(size, 1.0)(examples))
    assert Counter(id(eg) for batch in batches for eg in batch) == Counter(map(id, examples))
    for batch in batches:
        longest = max(len(example.predicted) for example in batch)
        assert len(batch) == 1 or longest * len(batch) <= size


def test_batches_mix_corpora():
    random.seed(0)
    batch = configure_mixed_corpora(60, 1.0)
    batches = list(batch(corpus("one", [3, 4] * 50) + corpus("other", [4, 5] * 50)))
    assert all(len(heads(each)) == 2 for each in batches if {len(eg) for eg in each} == {4})


def test_documents_of_similar_length_meet():
    random.seed(0)
    examples = corpus("short", [3] * 200) + corpus("long", [30] * 20)
    batches = list(configure_mixed_corpora(120, 1.0)(examples))
    assert sum(len({len(eg) for eg in batch}) > 1 for batch in batches) <= 1


def tokens_by_head(batches):
    counts = Counter()
    for batch in batches:
        for example in batch:
            counts[next(iter(example.reference.spans))] += len(example.predicted)
    return counts


def test_temperature_levels_the_corpora():
    random.seed(0)
    examples = corpus("small", [5] * 10) + corpus("large", [5] * 90)
    shares = {}
    for temperature in (1.0, 2.0, 1e9):
        counts = tokens_by_head(configure_mixed_corpora(50, temperature)(examples))
        assert sum(counts.values()) == pytest.approx(500, abs=10)
        shares[temperature] = counts["small"] / sum(counts.values())
    assert shares[1.0] == pytest.approx(0.1)
    assert shares[2.0] == pytest.approx(10**0.5 / (10**0.5 + 90**0.5), abs=0.02)
    assert shares[1e9] == pytest.approx(0.5, abs=0.02)


def test_a_levelled_epoch_repeats_documents_evenly():
    random.seed(0)
    small, large = corpus("small", [5] * 10), corpus("large", [5] * 90)
    batches = configure_mixed_corpora(50, 1e9)([*small, *large])
    counts = Counter(id(eg) for batch in batches for eg in batch)
    assert {counts[id(eg)] for eg in small} == {5}
    assert {counts[id(eg)] for eg in large} == {0, 1}


def test_batches_are_shuffled_by_the_seed():
    examples = corpus("a", [5] * 20) + corpus("b", [3] * 20)
    batch = configure_mixed_corpora(20, 1.0)

    def order(seed):
        random.seed(seed)
        return [id(eg) for chosen in batch(examples) for eg in chosen]

    assert order(1) == order(1) != order(2)


@pytest.mark.parametrize("temperature", [0.0, 0.99, -1.0])
def test_a_temperature_below_one_is_refused(temperature):
    with pytest.raises(InputError, match="temperature"):
        configure_mixed_corpora(10, temperature)


def test_empty_documents_are_no_obstacle():
    examples = corpus("empty", [0, 0]) + corpus("full", [3, 3])
    batches = list(configure_mixed_corpora(10, 1.0)(examples))
    assert {id(eg) for eg in examples[2:]} <= {id(eg) for batch in batches for eg in batch}


def test_a_heads_documents_may_come_from_several_files():
    one, other = corpus("same", [4, 4]), corpus("same", [4])
    (batch,) = configure_mixed_corpora(100, 1.0)([*one, *other])
    assert len(batch) == 3


def test_an_epoch_of_one_corpus_is_one_pass_over_it():
    examples = corpus("a", [3] * 7) + corpus("b", [2] * 23)
    for seed in range(5):
        random.seed(seed)
        batches = list(configure_one_corpus(10)(examples))
        (head,) = set().union(*(heads(batch) for batch in batches))
        expected = [eg for eg in examples if tuple(eg.reference.spans) == head]
        assert [eg for batch in batches for eg in batch] == expected
        assert [len(batch) for batch in batches[:-1]] == [10] * (len(batches) - 1)


def test_the_one_corpus_is_drawn_uniformly_whatever_its_size():
    random.seed(0)
    examples = corpus("a", [3] * 2) + corpus("b", [3] * 60) + corpus("c", [3] * 9)
    draws = Counter(
        next(iter(next(configure_one_corpus(100)(examples))[0].reference.spans)) for _ in range(600)
    )
    assert set(draws) == {"a", "b", "c"}
    # Chi-square with two degrees of freedom: above 13.8 once in a thousand.
    assert sum((count - 200) ** 2 / 200 for count in draws.values()) < 13.8


def test_a_corpus_without_tokens_is_an_error():
    with pytest.raises(InputError, match="No training document has a token"):
        next(configure_mixed_corpora(100, 1.0)(corpus("a", [0, 0])))
