"""The merge policies, by their properties."""

import itertools
import pickle

import pytest
import spacy
from conftest import GOLD, make_pipeline
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.pipeline.merge import (
    configure_agreement,
    configure_head_priority,
    configure_highest_score,
    configure_longest_first,
    configure_only_heads,
    configure_type_map,
    configure_whole_names,
)
from spacy_bioner_mtl.pipeline.spans import FoundSpan

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
    # Two spans of one head never differ in their score alone.
    unique_by=lambda span: span[:4],
)
#: The same where nobody asked for scores.
UNSCORED = SPANS.map(lambda spans: [span._replace(score=None) for span in spans])


HEADS = ["genes", "medicine", "species"]
POLICIES = st.one_of(
    st.just(highest_score),
    st.permutations(HEADS).flatmap(
        lambda heads: st.integers(0, 3).map(lambda n: configure_head_priority(list(heads[:n])))
    ),
    st.just(configure_longest_first()),
    st.just(configure_agreement()),
)
LABEL_MAPS = st.dictionaries(st.sampled_from("XYZ"), st.sampled_from(["X", "W", None]))


def overlap(one, other):
    return one.start < other.end and other.start < one.end


@given(st.one_of(SPANS, UNSCORED), POLICIES)
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


@given(st.one_of(SPANS, UNSCORED), POLICIES, st.randoms())
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


@given(SPANS)
def test_what_is_dropped_crosses_something_at_least_as_long(candidates):
    kept = configure_longest_first()(candidates)
    for span in set(candidates) - set(kept):
        assert any(
            overlap(span, other)
            and (other.end - other.start, other.score) >= (span.end - span.start, span.score)
            for other in kept
        )


@given(UNSCORED)
def test_without_scores_the_longer_wins(candidates):
    assert highest_score(candidates) == configure_longest_first()(candidates)


@given(SPANS, LABEL_MAPS, POLICIES)
def test_a_type_map_renames_and_leaves_out_and_another_policy_decides(candidates, labels, policy):
    renamed = [
        span._replace(label=labels.get(span.label, span.label))
        for span in candidates
        if labels.get(span.label, "") is not None
    ]
    assert configure_type_map(labels, policy)(candidates) == policy(renamed)
    if policy is highest_score:
        assert configure_type_map(labels)(candidates) == policy(renamed)


def combined(candidates, place):
    """Noisy-or of the heads that find a place and label, and how many they are."""
    scores = {}
    for span in candidates:
        if (span.start, span.end, span.label) == place:
            scores[span.head] = max(span.score, scores.get(span.head, 0.0))
    missed = 1.0
    for score in scores.values():
        missed *= 1.0 - score
    return 1.0 - missed, len(scores)


@given(SPANS, st.integers(1, 3))
def test_heads_that_agree_are_stronger_together(candidates, minimum):
    kept = configure_agreement(minimum)(candidates)
    places = {(span.start, span.end, span.label) for span in kept}
    assert len(places) == len(kept) and set(kept) <= set(candidates)
    for span in kept:
        _, n_heads = combined(candidates, (span.start, span.end, span.label))
        assert n_heads >= minimum
        twins = [twin for twin in candidates if twin[:3] == span[:3]]
        assert span.score == max(twin.score for twin in twins)
    for span in candidates:
        score, n_heads = combined(candidates, span[:3])
        if n_heads >= minimum and span[:3] not in places:
            assert any(
                overlap(span, other) and combined(candidates, other[:3])[0] >= score - 1e-12
                for other in kept
            )


def test_two_heads_outvote_a_surer_one():
    one, two = FoundSpan(0, 2, "X", "a", 0.6), FoundSpan(0, 2, "X", "b", 0.7)
    sure = FoundSpan(1, 3, "X", "c", 0.8)
    assert configure_agreement()([one, sure, two]) == [two]
    assert configure_agreement()([one, sure]) == [sure]
    assert configure_agreement(2)([one, sure, two]) == [two]
    assert configure_agreement(3)([one, sure, two]) == []
    # Other labels are another opinion, until a map makes them one.
    other = two._replace(label="Y")
    assert configure_agreement()([one, sure, other]) == [sure]
    mapped = configure_type_map({"Y": "X"}, configure_agreement())
    assert mapped([one, sure, other]) == [two]
    # Without scores, heads are counted.
    unscored = [span._replace(score=None) for span in (one, sure, two)]
    assert configure_agreement()(unscored) == [unscored[0]]


@pytest.mark.parametrize("minimum", [0, -1])
def test_agreement_of_no_heads_is_an_error(minimum):
    with pytest.raises(InputError, match=r"agreement\.v1: minimum is"):
        configure_agreement(minimum)


MERGES = {
    "longest": {"@misc": "spacy_bioner_mtl.longest_first.v1"},
    "map": {"@misc": "spacy_bioner_mtl.type_map.v1", "labels": {"GENE": "Gene", "Disease": None}},
    "agreement": {"@misc": "spacy_bioner_mtl.agreement.v1", "minimum": 1},
    "map of agreement": {
        "@misc": "spacy_bioner_mtl.type_map.v1",
        "labels": {"GENE": "Gene", "Disease": None},
        "policy": {"@misc": "spacy_bioner_mtl.agreement.v1", "minimum": 1},
    },
}


@pytest.mark.parametrize("merge", MERGES.values(), ids=MERGES)
def test_policies_come_from_a_config_and_go_with_the_pipeline(trained_bytes, merge, tmp_path):
    nlp = make_pipeline(config={"merge": merge}).from_bytes(trained_bytes)
    text = GOLD[5][0]
    renamed = "labels" in merge
    expected = [("TKR2", "Gene")] if renamed else [("TKR2", "GENE"), ("renal failure", "Disease")]
    twins = [nlp, pickle.loads(pickle.dumps(nlp)), to_disk(nlp, tmp_path)]
    for each in twins:
        doc = each(text)
        assert [(ent.text, ent.label_) for ent in doc.ents] == expected
        assert [span.label_ for span in doc.spans["genes"]] == ["GENE"]
        assert "Disease" in [span.label_ for span in doc.spans["medicine"]]


def to_disk(nlp, path):
    nlp.to_disk(path / "model")
    return spacy.load(path / "model")


def test_only_heads():
    drug = FoundSpan(3, 4, "Drug", "drugs", 0.2)
    long = FoundSpan(3, 6, "Drug", "more drugs", 0.1)
    others = [FoundSpan(0, 1, "Gene", "genes", 0.9), FoundSpan(3, 4, "Gene", "genes", 0.9)]
    heads = ["drugs", "more drugs", "none"]
    assert configure_only_heads(heads)([*others, long, drug]) == [drug]
    assert configure_only_heads(heads, configure_longest_first())([*others, long, drug]) == [long]
    assert configure_only_heads([])([*others, drug]) == []
    policy = pickle.loads(pickle.dumps(configure_only_heads(heads)))
    assert policy([*others, drug]) == [drug]


@given(st.one_of(SPANS, UNSCORED), POLICIES)
def test_whole_names_leave_out_what_lies_within_them(candidates, policy):
    names = [span for span in candidates if span.label == "X"]
    parts = {
        span
        for span in candidates
        if span.label == "Y"
        and any(
            set(range(span.start, span.end)) < set(range(name.start, name.end)) for name in names
        )
    }
    whole = configure_whole_names({"X": ["Y"]}, policy)
    assert whole(candidates) == policy([span for span in candidates if span not in parts])


def test_a_disease_is_not_cut_to_the_gene_in_it():
    gene = FoundSpan(0, 1, "Gene", "Gene", 0.95)
    disease = FoundSpan(0, 3, "Disease", "Disease", 0.7)
    same = FoundSpan(4, 5, "Gene", "Gene", 0.9)
    as_long = FoundSpan(4, 5, "Disease", "Disease", 0.6)
    candidates = [gene, disease, same, as_long]
    assert highest_score(candidates) == [gene, same]
    policy = configure_whole_names({"Disease": ["Gene"]})
    assert pickle.loads(pickle.dumps(policy))(candidates) == [disease, same]
    assert configure_whole_names({"Gene": ["Disease"]})(candidates) == [gene, same]
