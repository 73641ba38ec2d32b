"""The merge policy, by its properties."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner_mtl.decode import FoundSpan
from spacy_bioner_mtl.merge import configure_head_priority, configure_highest_score

highest_score = configure_highest_score()

SPANS = st.lists(
    st.builds(
        lambda start, length, label, head, score: FoundSpan(
            start, start + length, label, head, score
        ),
        st.integers(0, 20),
        st.integers(1, 6),
        st.sampled_from("XYZ"),
        st.sampled_from(["genes", "medicine", "species"]),
        # Few values, so that there are ties.
        st.sampled_from([0.1, 0.5, 0.5000001, 0.9, 1.0]),
    ),
    max_size=12,
)


HEADS = ["genes", "medicine", "species"]
POLICIES = st.one_of(
    st.just(highest_score),
    st.permutations(HEADS).flatmap(
        lambda heads: st.integers(0, 3).map(lambda n: configure_head_priority(list(heads[:n])))
    ),
)


def overlap(one, other):
    return one.start < other.end and other.start < one.end


@given(SPANS, POLICIES)
def test_kept_spans_do_not_overlap_and_stand_in_order(candidates, policy):
    kept = policy(candidates)
    for one, other in itertools.pairwise(kept):
        assert one.end <= other.start
    assert set(kept) <= set(candidates)


@given(SPANS)
def test_what_is_dropped_crosses_something_at_least_as_probable(candidates):
    kept = highest_score(candidates)
    for span in set(candidates) - set(kept):
        assert any(overlap(span, other) and other.score >= span.score for other in kept)


@given(SPANS, POLICIES, st.randoms())
def test_the_order_of_candidates_does_not_matter(candidates, policy, random):
    shuffled = list(candidates)
    random.shuffle(shuffled)
    assert policy(shuffled) == policy(candidates)


@given(SPANS, st.permutations(HEADS), st.integers(0, 3))
def test_what_is_dropped_crosses_a_span_of_a_head_at_least_as_trusted(candidates, heads, n):
    trusted = list(heads[:n])
    ranks = {head: trusted.index(head) if head in trusted else n for head in HEADS}
    kept = configure_head_priority(trusted)(candidates)
    for span in set(candidates) - set(kept):
        assert any(
            overlap(span, other)
            and (ranks[other.head], -other.score) <= (ranks[span.head], -span.score)
            for other in kept
        )


def test_a_head_named_first_wins_against_a_higher_score():
    gene, protein = FoundSpan(0, 1, "GENE", "genes", 0.4), FoundSpan(0, 2, "protein", "cells", 0.9)
    assert configure_head_priority(["genes", "cells"])([protein, gene]) == [gene]
    assert configure_head_priority(["genes"])([protein, gene]) == [gene]
    assert configure_head_priority(["cells"])([protein, gene]) == [protein]


@given(SPANS, POLICIES)
def test_merging_twice_is_merging_once(candidates, policy):
    kept = policy(candidates)
    assert policy(kept) == kept


def test_ties_go_to_the_longer_then_the_first_then_the_name():
    short, long = FoundSpan(0, 1, "X", "a", 0.5), FoundSpan(0, 3, "X", "b", 0.5)
    assert highest_score([short, long]) == [long]
    early, late = FoundSpan(0, 2, "X", "b", 0.5), FoundSpan(1, 3, "X", "a", 0.5)
    assert highest_score([late, early]) == [early]
    one, other = FoundSpan(0, 2, "X", "a", 0.5), FoundSpan(0, 2, "X", "b", 0.5)
    assert highest_score([other, one]) == [one]
