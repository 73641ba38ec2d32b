"""Expectations without a span, against enumeration of every path that lacks it."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lattices import constrain, enumerate_paths, random_lattice

from spacy_bioner_mtl.nn.crf import ForwardBackward
from spacy_bioner_mtl.nn.excluded_spans import expect_without
from spacy_bioner_mtl.nn.lattice import IMPOSSIBLE, Lattice
from spacy_bioner_mtl.nn.tagset import spans_to_tags, tags_to_spans


def holds(path, start, end, label):
    found = zip(*tags_to_spans(np.array([path])), strict=True)
    return (0, start, end, label) in {tuple(map(int, each)) for each in found}


def double(lattice):
    return Lattice(lattice.emissions.double(), lattice.transitions.double(), lattice.lengths)


def expect_by_enumeration(lattice, column, start, end, label, large):
    """Log partition, unary and pairwise expectations of the legal paths without the span."""
    paths = [
        (path, score)
        for path, score in enumerate_paths(lattice, column)
        if score > IMPOSSIBLE / 2 and not holds(path, start, end, label)
    ]
    unary = torch.zeros_like(lattice.emissions[:, column])
    pairwise = torch.zeros_like(lattice.transitions[..., column, :, :])
    if not paths:
        return None, unary, pairwise
    log_partition = np.logaddexp.reduce([score for _, score in paths])
    for path, score in paths:
        probability = np.exp(score - log_partition)
        for t, tag in enumerate(path):
            unary[t, tag] += probability
        for t, move in enumerate(itertools.pairwise(path)):
            pairwise[(t, *move) if large else move] += probability
    return log_partition, unary, pairwise


@st.composite
def lattice_and_spans(draw):
    """Lattices of all kinds of scores, some tags of them forbidden, and spans in them."""
    large, scale = draw(st.booleans()), draw(st.sampled_from([0.1, 2.0, 20.0, 300.0]))
    n_tags = draw(st.sampled_from([5, 9]))
    lattice = random_lattice(
        draw(st.integers(0, 999)), 3 if n_tags == 9 else 4, 2, n_tags, large, scale
    )
    lattice = constrain(double(lattice))
    spans = []
    for _ in range(draw(st.integers(1, 4))):
        column = draw(st.integers(0, 1))
        length = int(lattice.lengths[column])
        start = draw(st.integers(0, length - 1))
        end = draw(st.integers(start + 1, length))
        spans.append((column, start, end, draw(st.integers(0, n_tags // 4 - 1))))
    # What an annotation says of single tokens: the tags of a legal path, here and there.
    for column in range(2):
        length = int(lattice.lengths[column])
        path = spans_to_tags(draw(st.sampled_from([[], [(0, length, 0)]])), length)
        for t in draw(st.sets(st.integers(0, length - 1))):
            allowed = torch.ones(lattice.emissions.shape, dtype=torch.bool)
            allowed[t, column] = torch.arange(n_tags) == int(path[t])
            lattice = lattice.allow(allowed)
    return lattice, np.array(spans), large


@settings(max_examples=50, deadline=None)
@given(lattice_and_spans())
def test_against_enumeration(drawn):
    lattice, spans, large = drawn
    expected = expect_without(lattice, spans)
    for row, span in enumerate(spans.tolist()):
        log_partition, unary, pairwise = expect_by_enumeration(lattice, *span, large)
        if log_partition is None:
            assert float(expected.log_partition[row]) < IMPOSSIBLE / 2
            continue
        assert float(expected.log_partition[row]) == pytest.approx(log_partition, abs=1e-9)
        torch.testing.assert_close(expected.unary[:, row], unary, atol=1e-9, rtol=0)
        torch.testing.assert_close(expected.pairwise[..., row, :, :], pairwise, atol=1e-9, rtol=0)


def test_a_span_that_is_all_but_certain_is_excluded_as_exactly():
    """Of the log of 1 - p nothing would be left here: p is 1 in every precision."""
    lattice = constrain(random_lattice(3, scale=1.0))
    for t, tag in enumerate((1, 2, 3)):
        lattice.emissions[t, 0, tag] += 60.0
    span = np.array([(0, 0, 3, 0)])
    log_partition, unary, pairwise = expect_by_enumeration(lattice, *span[0].tolist(), False)
    assert float(ForwardBackward(lattice).log_partition()[0]) > log_partition + 50.0
    expected = expect_without(lattice, span)
    assert float(expected.log_partition[0]) == pytest.approx(log_partition, rel=1e-5)
    torch.testing.assert_close(expected.unary[:, 0], unary, atol=1e-4, rtol=0)
    torch.testing.assert_close(expected.pairwise[0], pairwise, atol=1e-4, rtol=0)
