"""Approximate randomisation against all possible swaps, and counts against the scorer."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from predictions import NLP, documents, example_of
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_bioner_mtl.evaluate.gold_docs import count_mentions
from spacy_bioner_mtl.evaluate.significance import f_scores, p_value
from spacy_bioner_mtl.pipeline.scorer import score_heads


def f1(counts):
    """F1 the long way, from precision and recall."""
    correct, predicted, gold = np.sum(counts, axis=0).tolist()
    if not correct:
        return 0.0
    precision, recall = correct / predicted, correct / gold
    return 2 * precision * recall / (precision + recall)


def exact_p_value(a, b):
    """The share of all 2 ** documents swaps that reach the observed difference."""
    observed = abs(f1(a) - f1(b))
    reached = 0
    swaps = list(itertools.product([False, True], repeat=len(a)))
    for swap in swaps:
        mask = np.array(swap)[:, None]
        reached += abs(f1(np.where(mask, b, a)) - f1(np.where(mask, a, b))) >= observed - 1e-9
    return reached / len(swaps)


@st.composite
def counts_of_two(draw, largest=8):
    rows = []
    for _ in range(draw(st.integers(1, largest))):
        gold = draw(st.integers(0, 4))
        for _ in range(2):
            correct = draw(st.integers(0, gold))
            rows.append((correct, correct + draw(st.integers(0, 3)), gold))
    both = np.array(rows, dtype=np.int64).reshape(-1, 2, 3)
    return both[:, 0], both[:, 1]


@settings(deadline=None, max_examples=60)
@given(counts_of_two(), st.integers(0, 1000))
def test_p_value_is_that_of_all_swaps(pair, seed):
    a, b = pair
    exact, rounds = exact_p_value(a, b), 4000
    # Six standard deviations of a share of that many rounds, and what the two ones add.
    tolerance = 6 * (exact * (1 - exact) / rounds) ** 0.5 + 2 / rounds
    assert p_value(a, b, rounds=rounds, seed=seed) == pytest.approx(exact, abs=tolerance)


@settings(deadline=None, max_examples=60)
@given(counts_of_two(30), st.integers(0, 1000))
def test_p_value_does_not_ask_which_pipeline_is_the_first(pair, seed):
    a, b = pair
    one = p_value(a, b, rounds=300, seed=seed)
    assert one == p_value(b, a, rounds=300, seed=seed)
    assert 1 / 301 <= one <= 1


@settings(deadline=None, max_examples=30)
@given(counts_of_two(30))
def test_a_pipeline_does_not_differ_from_itself(pair):
    assert p_value(pair[0], pair[0], rounds=100) == 1.0


@settings(deadline=None, max_examples=60)
@given(counts_of_two(20), st.randoms(use_true_random=False))
def test_neither_the_order_of_documents_nor_a_document_without_mentions_matters(pair, chance):
    a, b = pair
    expected = p_value(a, b, rounds=300)
    order = list(range(len(a)))
    chance.shuffle(order)
    assert p_value(a[order], b[order], rounds=300) == expected
    nothing = np.zeros((1, 3), dtype=np.int64)
    assert p_value(np.vstack([a, nothing]), np.vstack([b, nothing]), rounds=300) == expected


def test_what_is_certain_and_what_is_chance():
    right = np.tile([1, 1, 1], (40, 1))
    wrong = np.tile([0, 1, 1], (40, 1))
    assert p_value(right, wrong, rounds=2000) == 1 / 2001
    half = np.where(np.arange(40)[:, None] % 2, right, wrong)
    assert p_value(half, np.roll(half, 1, axis=0), rounds=2000) == 1.0


def test_rounds_in_chunks_are_the_same_rounds(monkeypatch):
    generator = np.random.default_rng(1)
    gold = generator.integers(0, 9, 500)
    a, b = (
        np.stack([correct, correct + generator.integers(0, 5, 500), gold], axis=1)
        for correct in (generator.binomial(gold, 0.5), generator.binomial(gold, 0.52))
    )
    expected = p_value(a, b, rounds=999, seed=3)
    assert 0.01 < expected < 0.99
    monkeypatch.setattr("spacy_bioner_mtl.evaluate.significance._DRAWN_AT_ONCE", 100)
    assert p_value(a, b, rounds=999, seed=3) == expected
    assert len({p_value(a, b, rounds=999, seed=seed) for seed in range(5)}) > 1


@settings(deadline=None, max_examples=60)
@given(documents(), st.randoms(use_true_random=False))
def test_counts_sum_to_the_scores(pairs, chance):
    examples = [example_of(n, {"h": gold}, {"h": found}) for n, gold, found in pairs]
    examples.append(example_of(3, {}, {"h": [(0, 1, "X")]}))  # not annotated: not counted
    for example in examples[:-1]:
        gold = example.reference
        if chance.random() < 0.5:
            gold.spans["h:unknown"] = [Span(gold, 0, 1, label="-")]
    counts = count_mentions(examples, "h")
    assert len(counts) == len(pairs)
    assert counts[:, 2].tolist() == [len(gold) for _, gold, _ in pairs]
    correct, predicted, gold = counts.sum(axis=0).tolist()
    scores = score_heads(examples)
    assert scores["spans_h_p"] == pytest.approx(correct / predicted if predicted else 0)
    assert scores["spans_h_r"] == pytest.approx(correct / gold if gold else 0)
    assert scores["spans_h_f"] == pytest.approx(float(f_scores(counts.sum(axis=0))))


def test_counts_in_another_tokenisation():
    reference = Doc(NLP.vocab, words=["a-b", "c"], spaces=[True, False])
    reference.spans["h"] = [Span(reference, 0, 1, label="X"), Span(reference, 1, 2, label="X")]
    predicted = Doc(NLP.vocab, words=["a", "-", "b", "c"], spaces=[False, False, True, False])
    predicted.spans["h"] = [Span(predicted, 0, 3, label="X"), Span(predicted, 3, 4, label="Y")]
    assert count_mentions([Example(predicted, reference)], "h").tolist() == [[1, 2, 2]]
