"""Gold span groups as tags: whatever cannot be told is unknown, never outside."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.lang.en import English
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.models.sequences import split_sequences
from spacy_bioner_mtl.nn.tagset import (
    UNKNOWN_TAG,
    Head,
    legal_ends,
    legal_starts,
    legal_transitions,
)
from spacy_bioner_mtl.pipeline.gold import gold_tags

HEAD = Head("h", ("X", "Y"))
VOCAB = English().vocab
O, B, I, E, S = range(5)  # noqa: E741
U = UNKNOWN_TAG


def tags_of(words, spans, predicted=None, unknown=(), sent_starts=None, spaces=None):
    """Tags of all sequences; spans are (start, end, label), unknown (start, end)."""
    reference = Doc(VOCAB, words=words, spaces=spaces)
    reference.spans["h"] = [Span(reference, *span) for span in spans]
    if unknown:
        reference.spans["h:unknown"] = [Span(reference, *span, label="-") for span in unknown]
    doc = predicted or Doc(VOCAB, words=words, spaces=spaces, sent_starts=sent_starts)
    sequences = split_sequences([doc])
    tags = gold_tags(Example(doc, reference), HEAD, sequences.split(sequences.tokens))
    return [each.tolist() for each in sequences.split(tags)]


def test_spans_of_all_lengths():
    spans = [(0, 1, "X"), (1, 3, "X"), (3, 6, "Y")]
    assert tags_of(list("abcdefg"), spans) == [[S, B, E, B + 4, I + 4, E + 4, O]]


def test_an_empty_group_says_outside():
    assert tags_of(list("abc"), []) == [[O, O, O]]


def test_unknown_tokens_win_over_spans():
    assert tags_of(list("abcd"), [(0, 3, "X")], unknown=[(1, 2), (3, 4)]) == [[B, U, E, U]]


@pytest.mark.parametrize("words", [["a", " ", "b", "c"], ["a", "\n\n", "b", "c"]])
def test_white_space_is_no_part_of_a_sequence(words):
    assert tags_of(words, [(0, 3, "X")]) == [[B, E, O]]
    assert tags_of(words, [(0, 2, "X")]) == [[S, O, O]]
    assert tags_of(words, [(1, 3, "X")]) == [[O, S, O]]
    assert tags_of(words, [(1, 2, "X")]) == [[O, O, O]]


def test_documents_without_tokens_have_no_sequences():
    assert tags_of([], []) == []
    assert tags_of([" ", "\n"], [(0, 1, "X")]) == []


def test_spans_across_sentences_are_unknown_in_both():
    words = list("abcdef")
    tags = tags_of(words, [(1, 4, "X"), (5, 6, "Y")], sent_starts=[1, 0, 0, 1, 0, 0])
    assert tags == [[O, U, U], [U, O, S + 4]]
    tags = tags_of(words, [(0, 6, "X")], sent_starts=[1, 0, 1, 0, 1, 0])
    assert tags == [[U, U], [U, U], [U, U]]


def test_spans_that_end_at_a_boundary_are_whole():
    tags = tags_of(list("abcd"), [(0, 2, "X"), (2, 4, "X")], sent_starts=[1, 0, 1, 0])
    assert tags == [[B, E], [B, E]]


def test_of_overlapping_spans_the_longest_stays():
    assert tags_of(list("abcd"), [(0, 2, "X"), (1, 4, "Y")]) == [[O, B + 4, I + 4, E + 4]]
    assert tags_of(list("abcd"), [(1, 2, "X"), (0, 4, "Y")]) == [[B + 4, I + 4, I + 4, E + 4]]


def test_unknown_labels_are_an_error():
    with pytest.raises(InputError, match="'h' does not know the label 'Z'"):
        tags_of(list("abc"), [(0, 1, "Z")])


def test_misaligned_spans_are_unknown():
    words, spaces = ["beta", "-", "blocker", "use"], [False, False, True, False]
    predicted = Doc(VOCAB, words=["beta-blocker", "use"], spaces=[True, False])
    assert tags_of(words, [(0, 3, "X")], predicted, spaces=spaces) == [[S, O]]
    predicted = Doc(VOCAB, words=["beta-blocker", "use"], spaces=[True, False])
    assert tags_of(words, [(2, 3, "X")], predicted, spaces=spaces) == [[U, O]]
    predicted = Doc(VOCAB, words=["beta-blocker", "use"], spaces=[True, False])
    assert tags_of(words, [(0, 1, "X"), (3, 4, "Y")], predicted, spaces=spaces) == [[U, S + 4]]


def test_finer_predicted_tokens_hold_the_whole_span():
    predicted = Doc(
        VOCAB, words=["beta", "-", "blocker", "use"], spaces=[False, False, True, False]
    )
    tags = tags_of(["beta-blocker", "use"], [(0, 1, "X")], predicted, spaces=[True, False])
    assert tags == [[B, I, E, O]]


def test_unknown_tokens_are_found_in_another_tokenisation():
    predicted = Doc(VOCAB, words=["a", "-", "b", "c"], spaces=[False, False, True, False])
    tags = tags_of(["a-b", "c"], [], predicted, unknown=[(0, 1)], spaces=[True, False])
    assert tags == [[U, U, U, O]]


@st.composite
def retokenised(draw):
    """One text, two tokenisations, gold spans and unknown tokens, sentence starts."""
    text = draw(st.text("ab ", min_size=1, max_size=14).filter(lambda text: text.strip()))
    text = " ".join(text.split())

    def tokenise():
        words, spaces = [], []
        for chunk in text.split(" "):
            cuts = sorted(draw(st.sets(st.integers(1, max(1, len(chunk) - 1)), max_size=3)))
            cuts = [cut for cut in cuts if cut < len(chunk)]
            parts = [chunk[i:j] for i, j in itertools.pairwise([0, *cuts, len(chunk)])]
            words.extend(parts)
            spaces.extend([False] * (len(parts) - 1) + [True])
        spaces[-1] = False
        return Doc(VOCAB, words=words, spaces=spaces)

    reference, predicted = tokenise(), tokenise()
    n = len(reference)
    bounds = st.tuples(st.integers(0, n - 1), st.integers(1, n)).filter(lambda ab: ab[0] < ab[1])
    spans = draw(st.lists(st.tuples(bounds, st.sampled_from(["X", "Y"])), max_size=4))
    reference.spans["h"] = [Span(reference, *ab, label=label) for ab, label in spans]
    unknown = draw(st.lists(bounds, max_size=2))
    reference.spans["h:unknown"] = [Span(reference, *ab, label="-") for ab in unknown]
    for token in predicted:
        token.is_sent_start = token.i == 0 or draw(st.booleans())
    return Example(predicted, reference)


@given(retokenised())
def test_every_tokenisation_leaves_a_legal_path_and_no_false_outside(example):
    doc, gold = example.predicted, example.reference
    sequences = split_sequences([doc])
    tags = sequences.split(gold_tags(example, HEAD, sequences.split(sequences.tokens)))
    n_tags = HEAD.n_tags
    legal, first, last = legal_transitions(n_tags), legal_starts(n_tags), legal_ends(n_tags)
    covered = set()
    for span in [*gold.spans["h"], *gold.spans["h:unknown"]]:
        covered.update(range(span.start_char, span.end_char))
    dropped = gold.spans["h"]
    for tokens, values in zip(sequences.split(sequences.tokens), tags, strict=True):
        assert len(values) == len(tokens)
        allowed = (values[:, None] == np.arange(n_tags)) | (values[:, None] == U)
        reachable = allowed[0] & first
        for t in range(1, len(values)):
            reachable = (reachable[:, None] & legal).any(axis=0) & allowed[t]
        assert (reachable & last).any()
        for token, tag in zip(tokens.tolist(), values.tolist(), strict=True):
            touches = any(
                char in covered for char in range(doc[token].idx, doc[token].idx + len(doc[token]))
            )
            if not touches:
                assert tag == O
            elif tag == O:
                # Only a span that a longer one has displaced may leave a token outside.
                assert len(dropped) > 1
