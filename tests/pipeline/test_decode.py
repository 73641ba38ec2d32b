"""Found spans and their scores, against enumeration, with temperatures and without scores."""

import itertools

import numpy as np
import pytest
import torch
from conftest import GOLD
from hypothesis import given, settings
from hypothesis import strategies as st
from lattices import constrain, enumerate_paths, random_lattice
from spacy.tokens import Doc

from spacy_bioner_mtl.models.sequences import Sequences
from spacy_bioner_mtl.models.types import Answer
from spacy_bioner_mtl.nn import crf
from spacy_bioner_mtl.nn.crf import ForwardBackward, viterbi
from spacy_bioner_mtl.nn.lattice import IMPOSSIBLE, temper
from spacy_bioner_mtl.nn.tagset import Head
from spacy_bioner_mtl.pipeline.decode import decode
from spacy_bioner_mtl.pipeline.settings import read_settings
from spacy_bioner_mtl.pipeline.windows import Part

HEADS = [Head("one", ("A",)), Head("two", ("B",))]


def head_settings(**cfg):
    defaults = {"scores": True, "thresholds": {}, "temperatures": {}, "consistency": {}}
    return read_settings(
        {**defaults, "active_heads": None, "bfloat16": False, **cfg}, HEADS, "bioner_mtl"
    )


def reply(lattice):
    """An answer of both heads, in turns, to sequences of one document each."""
    n_pairs = lattice.emissions.shape[1]
    pairs = np.array([(pair // 2, pair % 2) for pair in range(n_pairs)])
    lengths = lattice.lengths[::2].tolist()
    # Every other token of the document is white space.
    tokens = np.concatenate([np.arange(n) * 2 for n in lengths])
    none = np.zeros(len(lengths), dtype=np.int64)
    sequences = Sequences(np.arange(len(lengths)), tokens, np.array(lengths), none)
    return Part([], 0, sequences), [Answer(pairs, lattice)]


def two_heads(seed, large=False):
    """Six pairs; the two of each sequence are of one length."""
    lattice = random_lattice(seed, length=4, n_sequences=6, large=large)
    lattice.lengths[1::2] = lattice.lengths[::2]
    return constrain(lattice)


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("temperatures", [{}, {"one": 2.0}, {"one": 0.5, "two": 3.0}])
@pytest.mark.parametrize("seed", range(4))
def test_scores_are_the_marginals_that_enumeration_gives(seed, large, temperatures):
    lattice = two_heads(seed, large)
    found = decode([reply(lattice)], HEADS, head_settings(temperatures=temperatures), 3)
    n_spans = 0
    for pair in range(6):
        head = HEADS[pair % 2]
        temperature = temperatures.get(head.name, 1.0)
        paths = list(enumerate_paths(lattice, pair))
        total = np.logaddexp.reduce([score / temperature for _, score in paths])
        best = max(paths, key=lambda item: item[1])[0]
        own = [span for span in found[pair // 2] if span.head == head.name]
        for span in own:
            start, end = span.start // 2, (span.end - 1) // 2 + 1
            expected = sum(
                np.exp(score / temperature - total)
                for tags, score in paths
                if tags[start:end] == best[start:end]
            )
            assert span.score == pytest.approx(expected, abs=1e-5)
        assert sum((span.end - span.start + 1) // 2 for span in own) == np.count_nonzero(best)
        n_spans += len(own)
    assert n_spans


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_a_temperature_of_one_changes_nothing(large):
    lattice = two_heads(1, large)
    assert temper(lattice, np.ones(6)) is lattice
    one = temper(lattice, np.array([1.0, 1.0, 1.0, 1.0, 1.0, 2.0]))
    assert one.emissions[:, :5].equal(lattice.emissions[:, :5])
    assert one.transitions[..., :5, :, :].equal(lattice.transitions[..., :5, :, :])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1_000), st.floats(0.2, 8.0))
def test_a_temperature_keeps_the_best_path_and_what_is_impossible(seed, temperature):
    lattice = constrain(random_lattice(seed))
    tempered = temper(lattice, np.full(4, temperature))
    assert viterbi(tempered).equal(viterbi(lattice))
    forbidden = lattice.transitions <= IMPOSSIBLE
    assert (tempered.transitions[forbidden] <= IMPOSSIBLE).all()
    assert tempered.is_near() or temperature < 1.0
    unary = ForwardBackward(tempered).unary()
    torch.testing.assert_close(unary.sum(dim=2), tempered.active().float(), atol=1e-4, rtol=0)


def test_scores_that_nobody_asks_for_are_not_computed(monkeypatch):
    lattice = two_heads(2)
    plain = decode([reply(lattice)], HEADS, head_settings(), 3)
    batches = []

    class Counted(ForwardBackward):
        def __init__(self, lattice):
            batches.append(lattice.emissions.shape[1])
            super().__init__(lattice)

    monkeypatch.setattr(crf, "ForwardBackward", Counted)
    found = decode([reply(lattice)], HEADS, head_settings(scores=False), 3)
    assert not batches
    assert [[span._replace(score=None) for span in each] for each in plain] == found
    # A threshold needs those of its head, and of no other; still none is told.
    cut = decode([reply(lattice)], HEADS, head_settings(scores=False, thresholds={"one": 0.5}), 3)
    with_one = {pair for pair in range(0, 6, 2) if any(s.head == "one" for s in plain[pair // 2])}
    assert batches == [len(with_one)]
    assert cut == [
        [span._replace(score=None) for span in each if span.head == "two" or span.score >= 0.5]
        for each in plain
    ]
    assert cut != found


def test_a_threshold_drops_what_lies_below_it_and_keeps_what_meets_it():
    lattice = two_heads(2)
    plain = decode([reply(lattice)], HEADS, head_settings(), 3)
    values = sorted({span.score for each in plain for span in each if span.head == "two"})
    assert len(values) > 2
    for limit in values:
        found = decode([reply(lattice)], HEADS, head_settings(thresholds={"two": limit}), 3)
        assert found == [
            [span for span in each if span.head == "one" or span.score >= limit] for each in plain
        ]


def test_spans_come_in_order_of_head_and_text(trained):
    nlp = trained
    sentences = [words.split() for words, _ in GOLD]
    words = list(itertools.chain(*sentences))
    starts = [token == 0 for sentence in sentences for token in range(len(sentence))]
    docs = [
        Doc(nlp.vocab, words=words, sent_starts=starts),
        Doc(nlp.vocab),
        Doc(nlp.vocab, words=sentences[4]),
        Doc(nlp.vocab, words=["\n", " "]),
    ]
    found = nlp.get_pipe("bioner_mtl").predict(docs)
    assert found[0] and found[2] and not found[1] and not found[3]
    for each in found:
        assert each == sorted(each, key=lambda span: (span.head, span.start))
    offsets = np.cumsum([0, *map(len, sentences)])
    expected = sorted(
        (head, offset + start, offset + end, label)
        for offset, (_, heads) in zip(offsets, GOLD, strict=False)
        for head, spans in heads.items()
        for start, end, label in spans
    )
    assert set(expected) <= {(s.head, s.start, s.end, s.label) for s in found[0]}
