"""The CRF against enumeration of every path, and against the pytorch-crf package."""

import itertools

import numpy as np
import pytest
import torch
import torchcrf
from hypothesis import given, settings
from hypothesis import strategies as st
from lattices import constrain, enumerate_paths, random_lattice

from spacy_bioner_mtl.nn import lattice as lattice_module
from spacy_bioner_mtl.nn.crf import ForwardBackward, path_expectations, path_scores, viterbi
from spacy_bioner_mtl.nn.lattice import NEAR, Lattice, stack
from spacy_bioner_mtl.nn.tagset import (
    legal_ends,
    legal_starts,
    legal_transitions,
    spans_to_tags,
    tags_to_spans,
)


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("constrained", [False, True], ids=["free", "iobes"])
@pytest.mark.parametrize("seed", [0, 1])
def test_against_enumeration(large, constrained, seed):
    lattice = random_lattice(seed, large=large)
    if constrained:
        lattice = constrain(lattice)
    result = ForwardBackward(lattice)
    expected = result.expectations()
    decoded = viterbi(lattice)
    for n in range(lattice.emissions.shape[1]):
        paths = list(enumerate_paths(lattice, n))
        scores = torch.tensor([score for _, score in paths], dtype=torch.float64)
        log_partition = torch.logsumexp(scores, dim=0)
        assert expected.log_partition[n].item() == pytest.approx(log_partition.item(), abs=1e-4)
        unary = torch.zeros_like(lattice.emissions[:, n])
        pairwise = torch.zeros_like(lattice.transitions[..., n, :, :])
        for path, score in paths:
            probability = float(np.exp(score - log_partition))
            for t, tag in enumerate(path):
                unary[t, tag] += probability
            for t in range(len(path) - 1):
                where = (t, path[t], path[t + 1]) if large else (path[t], path[t + 1])
                pairwise[where] += probability
        torch.testing.assert_close(expected.unary[:, n], unary, atol=1e-5, rtol=0)
        torch.testing.assert_close(expected.pairwise[..., n, :, :], pairwise, atol=1e-5, rtol=0)
        best = max(paths, key=lambda item: item[1])[0]
        assert tuple(decoded[: len(best), n].tolist()) == best
        assert decoded[len(best) :, n].eq(0).all()


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_span_probability_is_a_marginal(large):
    lattice = constrain(random_lattice(3, large=large))
    path = viterbi(lattice)
    alone, given = ForwardBackward(lattice).path_steps(path)
    for n in range(lattice.emissions.shape[1]):
        paths = list(enumerate_paths(lattice, n))
        total = np.logaddexp.reduce([score for _, score in paths])
        length = int(lattice.lengths[n])
        for start, end in itertools.combinations(range(length + 1), 2):
            wanted = tuple(path[start:end, n].tolist())
            expected = sum(
                np.exp(score - total) for tags, score in paths if tags[start:end] == wanted
            )
            score = alone[start, n] + given[start + 1 : end, n].sum()
            assert float(score.exp()) == pytest.approx(expected, abs=1e-5)


def test_constrained_lattice_sums_the_allowed_paths_alone():
    lattice = constrain(random_lattice(5))
    generator = torch.Generator().manual_seed(1)
    allowed = torch.rand(lattice.emissions.shape, generator=generator) < 0.7
    allowed[:, :, 0] = True
    expected = ForwardBackward(lattice.allow(allowed)).log_partition()
    for n in range(lattice.emissions.shape[1]):
        scores = [
            score
            for path, score in enumerate_paths(lattice, n)
            if all(allowed[t, n, tag] for t, tag in enumerate(path))
        ]
        assert expected[n].item() == pytest.approx(np.logaddexp.reduce(scores), abs=1e-4)


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_a_lattice_of_one_path_expects_that_path(large):
    lattice = constrain(random_lattice(13, large=large))
    path = viterbi(lattice)
    sure = path_expectations(lattice, path)
    only = torch.nn.functional.one_hot(path, 5).bool()
    expected = ForwardBackward(lattice.allow(only)).expectations()
    torch.testing.assert_close(sure.log_partition, expected.log_partition, atol=1e-4, rtol=0)
    torch.testing.assert_close(sure.unary, expected.unary, atol=1e-5, rtol=0)
    torch.testing.assert_close(sure.pairwise, expected.pairwise, atol=1e-5, rtol=0)


def test_gradients_of_the_partition_are_the_expectations():
    lattice = random_lattice(7)
    lattice.emissions.requires_grad_()
    lattice.transitions.requires_grad_()
    result = ForwardBackward(lattice).expectations()
    result.log_partition.sum().backward()
    torch.testing.assert_close(lattice.emissions.grad, result.unary, atol=1e-5, rtol=0)
    torch.testing.assert_close(lattice.transitions.grad, result.pairwise, atol=1e-5, rtol=0)


def test_against_pytorch_crf():
    lattice = random_lattice(11, length=9, n_sequences=6, n_tags=7)
    shared = lattice.transitions[0]
    lattice.transitions = shared.expand(6, 7, 7)
    peer = torchcrf.CRF(7)
    peer.transitions.data = shared
    peer.start_transitions.data.zero_()
    peer.end_transitions.data.zero_()
    mask = lattice.active()
    tags = torch.randint(0, 7, (9, 6), generator=torch.Generator().manual_seed(2))
    peer_likelihood = peer(lattice.emissions, tags, mask=mask, reduction="none")
    ours = path_scores(lattice, tags) - ForwardBackward(lattice).log_partition()
    torch.testing.assert_close(ours.float(), peer_likelihood, atol=1e-4, rtol=0)
    decoded = viterbi(lattice)
    for n, peer_path in enumerate(peer.decode(lattice.emissions, mask=mask)):
        assert decoded[: len(peer_path), n].tolist() == peer_path


def test_sequences_of_a_batch_do_not_touch_each_other():
    one, other = random_lattice(1), random_lattice(2)
    together = ForwardBackward(stack(one, other)).expectations()
    alone = ForwardBackward(one).expectations()
    torch.testing.assert_close(together.unary[:, :4], alone.unary)
    assert viterbi(stack(one, other))[:, :4].equal(viterbi(one))


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize("scale", [0.1, 3.0, 6.0])
def test_matrix_products_say_what_log_space_says(monkeypatch, large, scale):
    lattice = constrain(random_lattice(5, length=30, n_tags=9, large=large, scale=scale))
    tags = viterbi(lattice)
    assert lattice.is_near()
    near = ForwardBackward(lattice)
    monkeypatch.setattr(lattice_module, "NEAR", -1.0)
    assert not lattice.is_near()
    far = ForwardBackward(lattice)
    torch.testing.assert_close(near.log_partition(), far.log_partition(), atol=1e-3, rtol=1e-6)
    torch.testing.assert_close(near.unary(), far.unary(), atol=1e-4, rtol=0)
    torch.testing.assert_close(near.pairwise(), far.pairwise(), atol=1e-4, rtol=0)
    for one, other in zip(near.path_steps(tags), far.path_steps(tags), strict=True):
        active = lattice.active()
        torch.testing.assert_close(one[active], other[active], atol=1e-3, rtol=1e-4)


def test_far_scores_stay_in_log_space():
    assert not random_lattice(5, scale=200.0).is_near()
    lattice = constrain(random_lattice(5, length=1))
    assert lattice.is_near()
    # The forbidden does not count, whatever else there is.
    lattice.emissions[0, 0, 0] = NEAR
    assert not lattice.is_near()


def test_padding_never_overflows():
    lattice = constrain(random_lattice(3, length=40, n_sequences=8, n_tags=9, scale=200.0))
    expected = ForwardBackward(lattice).expectations()
    assert expected.pairwise.isfinite().all()
    counts = expected.pairwise.sum(dim=(1, 2))
    torch.testing.assert_close(counts, lattice.lengths.float() - 1, atol=1e-3, rtol=0)


def test_stays_exact_on_a_very_long_sequence():
    lattice = constrain(random_lattice(3, length=4_000, n_sequences=1, scale=4.0))
    unary = ForwardBackward(lattice).unary()
    torch.testing.assert_close(unary.sum(dim=2), torch.ones(4_000, 1), atol=1e-4, rtol=0)
    path = viterbi(lattice)[:, 0].numpy()
    assert legal_transitions(5)[path[:-1], path[1:]].all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(0, 3))
def test_illegal_sequences_are_impossible(seed, length, n_labels):
    lattice = constrain(
        random_lattice(seed, length=length, n_sequences=3, n_tags=1 + 4 * n_labels, scale=50.0)
    )
    decoded = viterbi(lattice).T.numpy()
    for n, path in enumerate(decoded):
        path = path[: int(lattice.lengths[n])]
        rows, starts, ends, labels = tags_to_spans(path[None])
        assert (rows == 0).all()
        spans = list(zip(starts.tolist(), ends.tolist(), labels.tolist(), strict=True))
        assert spans_to_tags(spans, len(path)).tolist() == path.tolist()


@given(st.data())
def test_spans_and_tags_are_two_forms_of_one_thing(data):
    length = data.draw(st.integers(1, 30))
    cuts = data.draw(st.lists(st.integers(0, length), unique=True).map(sorted))
    spans = [
        (start, end, data.draw(st.integers(0, 3)))
        for start, end in itertools.pairwise(cuts)
        if data.draw(st.booleans())
    ]
    tags = spans_to_tags(spans, length)
    assert legal_transitions(17)[tags[:-1], tags[1:]].all()
    assert legal_starts(17)[tags[0]] and legal_ends(17)[tags[-1]]
    _, starts, ends, labels = tags_to_spans(tags[None])
    assert list(zip(starts.tolist(), ends.tolist(), labels.tolist(), strict=True)) == spans


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_the_only_path_may_have_fallen_far_behind(large):
    """An entity of 150 unknown tokens, each 40 worse inside than outside, whose end is known."""
    length, n_tags = 150, 5
    outside, inside, end = 0, 2, 3
    emissions = torch.zeros(length, 1, n_tags)
    emissions[:, :, outside] = 40.0
    shape = (length - 1, 1, n_tags, n_tags) if large else (1, n_tags, n_tags)
    lattice = constrain(Lattice(emissions, torch.zeros(shape), torch.tensor([length])))
    allowed = torch.ones(length, 1, n_tags, dtype=torch.bool)
    allowed[-1] = False
    allowed[-1, :, end] = True
    # Begin it at the first token: then nothing but this entity is left.
    allowed[0] = False
    allowed[0, :, 1] = True
    allowed[1:-1, :, 1] = allowed[1:-1, :, 4] = False
    expected = ForwardBackward(lattice.allow(allowed)).expectations()
    assert all(
        values.isfinite().all()
        for values in (expected.log_partition, expected.unary, expected.pairwise)
    )
    # From B only I and E follow, and only I goes on.
    path = torch.tensor([1, *[inside] * (length - 2), end])[:, None]
    sure = path_expectations(lattice, path)
    torch.testing.assert_close(expected.log_partition, sure.log_partition, atol=1e-3, rtol=0)
    torch.testing.assert_close(expected.unary, sure.unary, atol=1e-5, rtol=0)
