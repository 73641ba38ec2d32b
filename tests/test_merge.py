"""The merge policy, by its properties."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner_mtl.decode import FoundSpan
from spacy_bioner_mtl.merge import configure_highest_score

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


def overlap(one, other):
    return one.start < other.end and other.start < one.end


@given(SPANS)
def test_kept_spans_do_not_overlap_and_stand_in_order(candidates):
    kept = highest_score(candidates)
    for one, other in itertools.pairwise(kept):
        assert one.end <= other.start
    assert set(kept) <= set(candidates)


@given(SPANS)
def test_what_is_dropped_crosses_something_at_least_as_probable(candidates):
    kept = highest_score(candidates)
    for span in set(candidates) - set(kept):
        assert any(overlap(span, other) and other.score >= span.score for other in kept)


@given(SPANS, st.randoms())
def test_the_order_of_candidates_does_not_matter(candidates, random):
    shuffled = list(candidates)
    random.shuffle(shuffled)
    assert highest_score(shuffled) == highest_score(candidates)


@given(SPANS)
def test_merging_twice_is_merging_once(candidates):
    kept = highest_score(candidates)
    assert highest_score(kept) == kept


def test_ties_go_to_the_longer_then_the_first_then_the_name():
    short, long = FoundSpan(0, 1, "X", "a", 0.5), FoundSpan(0, 3, "X", "b", 0.5)
    assert highest_score([short, long]) == [long]
    early, late = FoundSpan(0, 2, "X", "b", 0.5), FoundSpan(1, 3, "X", "a", 0.5)
    assert highest_score([late, early]) == [early]
    one, other = FoundSpan(0, 2, "X", "a", 0.5), FoundSpan(0, 2, "X", "b", 0.5)
    assert highest_score([other, one]) == [one]
