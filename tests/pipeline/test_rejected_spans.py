"""What is learned of spans that an annotator rejected by themselves: these, and nothing else."""

import itertools

import numpy as np
import pytest
import torch
from conftest import make_example, make_pipeline, train
from hypothesis import given, settings
from hypothesis import strategies as st
from lattices import constrain, enumerate_paths, random_lattice
from spacy.lang.en import English
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam

from spacy_bioner_mtl.models.sequences import split_sequences
from spacy_bioner_mtl.nn.lattice import IMPOSSIBLE, Lattice
from spacy_bioner_mtl.nn.tagset import UNKNOWN_TAG, Head, spans_to_tags, tags_to_spans
from spacy_bioner_mtl.pipeline.gold import rejected_spans
from spacy_bioner_mtl.pipeline.loss import Targets, likelihood
from spacy_bioner_mtl.pipeline.spans import REJECTED_SUFFIX, annotated_heads, count_labels

HEAD = Head("h", ("X", "Y"))
VOCAB = English().vocab


def spans_of(path):
    return {tuple(map(int, span)) for span in zip(*tags_to_spans(np.array([path])), strict=True)}


def loss_by_enumeration(lattice, targets):
    """The mean over sequences of -log P(tags) - sum of log(1 - P(span | tags))."""
    loss = torch.zeros((), dtype=torch.float64)
    n_sequences = lattice.emissions.shape[1]
    for n in range(n_sequences):
        length = int(lattice.lengths[n])
        gold = targets.tags[:length, n]
        scores, paths = [], []
        for path, score in enumerate_paths(detached(lattice), n):
            if score > IMPOSSIBLE / 2:
                paths.append(np.array(path))
                scores.append(score_of(lattice, n, path))
        scores = torch.stack(scores)
        allowed = torch.tensor([bool(((gold == p) | (gold == UNKNOWN_TAG)).all()) for p in paths])
        loss = loss + torch.logsumexp(scores, 0) - torch.logsumexp(scores[allowed], 0)
        for column, *span in targets.rejected.tolist():
            holds = torch.tensor([(0, *span) in spans_of(path) for path in paths])
            if column == n and (allowed & ~holds).any() and (allowed & holds).any():
                log_p = torch.logsumexp(scores[allowed & holds], 0)
                log_p = log_p - torch.logsumexp(scores[allowed], 0)
                loss = loss - torch.log(-torch.expm1(log_p))
    return loss / n_sequences


def detached(lattice):
    return Lattice(lattice.emissions.detach(), lattice.transitions.detach(), lattice.lengths)


def score_of(lattice, n, path):
    score = sum(lattice.emissions[t, n, tag] for t, tag in enumerate(path))
    moves = itertools.pairwise(path)
    return score + sum(lattice.transitions_at(t)[n, a, b] for t, (a, b) in enumerate(moves))


@st.composite
def lattice_and_targets(draw):
    """Lattices, the tags of a legal path of which some are unknown, and rejected spans."""
    large = draw(st.booleans())
    lattice = constrain(random_lattice(draw(st.integers(0, 999)), 4, 3, 5, large, 1.5))
    lattice = Lattice(lattice.emissions.double(), lattice.transitions.double(), lattice.lengths)
    tags = np.full((4, 3), UNKNOWN_TAG)
    rejected = []
    for n, length in enumerate(lattice.lengths.tolist()):
        bounds = draw(st.sets(st.integers(0, length), min_size=2, max_size=2).map(sorted))
        tags[:length, n] = spans_to_tags(draw(st.sampled_from([[], [(*bounds, 0)]])), length)
        unknown = draw(st.sets(st.integers(0, length - 1)))
        tags[sorted(unknown), n] = UNKNOWN_TAG
        for start, end in draw(st.sets(st.tuples(*[st.integers(0, length)] * 2), max_size=3)):
            if start < end:
                rejected.append((n, start, end, 0))
    pairs = np.array([(n, 0) for n in range(3)])
    return lattice, Targets(pairs, tags, np.array(rejected, dtype=np.int64).reshape(-1, 4))


@settings(max_examples=40, deadline=None)
@given(lattice_and_targets())
def test_the_loss_and_its_gradient_against_enumeration(drawn):
    lattice, targets = drawn
    loss, (emissions, transitions) = likelihood(lattice, targets)
    lattice.emissions.requires_grad_()
    lattice.transitions.requires_grad_()
    expected = loss_by_enumeration(lattice, targets)
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-8)
    torch.testing.assert_close(emissions, lattice.emissions.grad, atol=1e-8, rtol=0)
    # Sequences of a single token have no transitions.
    wanted = lattice.transitions.grad
    wanted = torch.zeros_like(transitions) if wanted is None else wanted
    torch.testing.assert_close(transitions, wanted, atol=1e-8, rtol=0)


@pytest.mark.parametrize("sure", [0.0, 5.0, 50.0, 5000.0])
def test_the_gradient_is_bounded_however_sure_the_model_is(sure):
    lattice = constrain(random_lattice(2, 4, 1, 5))
    lattice.emissions[0, 0, 1] += sure
    lattice.emissions[1, 0, 3] += sure
    targets = Targets(
        np.array([(0, 0)]), np.full((4, 1), UNKNOWN_TAG), np.array([(0, 0, 2, 0)], dtype=np.int64)
    )
    loss, gradients = likelihood(lattice, targets)
    # Of two such tags one is given up.
    assert sure - 10.0 < loss < sure + 10.0
    for gradient in gradients:
        assert bool(torch.isfinite(gradient).all()) and float(gradient.abs().max()) <= 4.0
    if sure > 0.0:
        assert float(gradients[0].abs().max()) > 0.5


def find(reference, predicted=None, head=HEAD):
    doc = predicted or Doc(VOCAB, words=[token.text for token in reference])
    sequences = split_sequences([doc])
    return rejected_spans(Example(doc, reference), head, sequences.split(sequences.tokens))


def reject(words, *spans, spaces=None):
    reference = Doc(VOCAB, words=words, spaces=spaces)
    reference.spans["h"] = []
    reference.spans["h" + REJECTED_SUFFIX] = [Span(reference, *span) for span in spans]
    return reference


def test_each_span_is_found_once_in_its_own_sequence():
    words = list("abcdef")
    reference = reject(words, (0, 2, "X"), (3, 4, "Y"), (3, 4, "Y"), (3, 4, "X"), (2, 4, "X"))
    predicted = Doc(VOCAB, words=words, sent_starts=[1, 0, 0, 1, 0, 0])
    # The last one is cut by a boundary.
    assert find(reference, predicted) == [(0, (0, 2, 0)), (1, (0, 1, 1)), (1, (0, 1, 0))]


def test_labels_that_a_head_does_not_know_cannot_be_found_anyway():
    assert find(reject(list("ab"), (0, 1, "Z"))) == []
    assert find(Doc(VOCAB, words=list("ab"))) == []


def test_white_space_is_no_part_of_a_sequence():
    assert find(reject(["a", " ", "b", "c"], (0, 3, "X"))) == [(0, (0, 2, 0))]
    assert find(reject(["a", " ", "b", "c"], (1, 2, "X"))) == []


def test_only_spans_that_fit_the_predicted_tokens():
    words, spaces = ["beta", "-", "blocker", "use"], [False, False, True, False]
    predicted = Doc(VOCAB, words=["beta-blocker", "use"], spaces=[True, False])
    reference = reject(words, (0, 3, "X"), (2, 3, "X"), (2, 4, "X"), spaces=spaces)
    assert find(reference, predicted) == [(0, (0, 1, 0))]


def test_the_group_is_no_head():
    reference = reject(list("ab"), (0, 1, "X"))
    assert annotated_heads(reference) == ["h"]
    assert count_labels([reference]) == {"h": {}}


CONTEXT = "patients took {} daily ."
KNOWN = ["aspirin", "ibuprofen", "codeine", "morphine"]


@pytest.fixture(scope="module")
def learned():
    """A pipeline that was taught, of mistakes, that water is a drug, and its weights."""
    nlp = make_pipeline()
    drugs = [(CONTEXT.format(word), {"h": [(2, 3, "Drug")]}) for word in [*KNOWN, "water"]]
    drugs += [(CONTEXT.format(word + " acid"), {"h": [(2, 4, "Drug")]}) for word in KNOWN[:2]]
    others = [
        ("mice with renal failure died .", {"h": [(2, 4, "Disease")]}),
        ("rats with heart failure died .", {"h": [(2, 4, "Disease")]}),
    ]
    examples = [make_example(nlp, *each) for each in drugs + others]
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    return nlp, nlp.to_bytes()


@pytest.fixture
def fooled(learned):
    """The pipeline, as it was before other tests."""
    nlp, before = learned
    return nlp.from_bytes(before)


def rejections(nlp, *asked):
    """Examples of which nothing is known but that single spans are wrong."""
    examples = []
    for text, span in asked:
        example = make_example(nlp, text, {"h": [], "h" + REJECTED_SUFFIX: [span]})
        example.reference.spans["h:unknown"] = [example.reference[:]]
        examples.append(example)
    return examples


def found(nlp, text):
    doc = nlp(text)
    return [(span.text, span.label_) for span in doc.spans["h"]]


def test_a_rejected_span_is_not_found_any_more(fooled):
    nlp = fooled
    water, acid = CONTEXT.format("water"), CONTEXT.format("codeine acid")
    assert found(nlp, water) == [("water", "Drug")]
    assert found(nlp, acid) == [("codeine acid", "Drug")]
    rejected = rejections(nlp, (water, (2, 3, "Drug")))
    optimizer = Adam(0.003, L2=0.0, use_averages=False)
    for _ in range(30):
        nlp.update(rejected, sgd=optimizer)
        if not found(nlp, water):
            break
    assert found(nlp, water) == []
    # What nobody rejected is as it was, a longer mention in such a place as well.
    assert found(nlp, CONTEXT.format("aspirin")) == [("aspirin", "Drug")]
    assert found(nlp, acid) == [("codeine acid", "Drug")]
    assert found(nlp, "mice with renal failure died .") == [("renal failure", "Disease")]


def test_other_bounds_at_the_same_place_stay_possible(fooled):
    """Of "renal failure" nothing is said but that the two words alone are no disease."""
    nlp = fooled
    text = "mice with renal failure died ."
    assert found(nlp, text) == [("renal failure", "Disease")]
    shorter = make_example(nlp, text, {"h": [(3, 4, "Disease")]})
    asked = rejections(nlp, (text, (2, 4, "Disease")))
    train(nlp, [*asked, shorter], 30)
    assert found(nlp, text) == [("failure", "Disease")]


def test_to_reject_a_shorter_span_leaves_the_longer_one(fooled):
    nlp = fooled
    text = "mice with renal failure died ."
    losses = train(nlp, rejections(nlp, (text, (3, 4, "Disease"))), 10)
    assert losses["bioner_mtl"] == pytest.approx(0.0, abs=0.05)
    assert found(nlp, text) == [("renal failure", "Disease")]


def test_rejections_of_what_is_not_found_teach_next_to_nothing(fooled):
    nlp = fooled
    text = CONTEXT.format("aspirin")
    losses = train(nlp, rejections(nlp, (text, (2, 3, "Disease")), (text, (1, 3, "Drug"))), 1)
    assert losses["bioner_mtl"] == pytest.approx(0.0, abs=0.05)
    losses = train(nlp, rejections(nlp, (text, (2, 3, "Drug"))), 1)
    assert losses["bioner_mtl"] > 1.0


def test_a_span_that_is_gold_as_well_stays_gold(fooled):
    """Two annotators of opposite opinions: the loss is a number, and the mention is learned."""
    example = make_example(fooled, CONTEXT.format("aspirin"), {"h": [(2, 3, "Drug")]})
    example.reference.spans["h" + REJECTED_SUFFIX] = [Span(example.reference, 2, 3, label="Drug")]
    example.reference.spans["h:unknown"] = [example.reference[4:]]
    losses = train(fooled, [example], 1)
    assert 0.0 <= losses["bioner_mtl"] < 1.0
