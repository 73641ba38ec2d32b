"""How answers and gold differ."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nervaluate import Evaluator

from spacy_bioner_mtl.report.mistakes import Kind, Pair, measure_agreement, pair_mentions
from spacy_bioner_mtl.report.traits import is_short_form, make_traits


def kinds(gold, found):
    return [pair.kind for pair in pair_mentions(set(gold), set(found))]


@pytest.mark.parametrize(
    ("gold", "found", "wanted"),
    [
        ([(0, 2, "A")], [(0, 2, "A")], [Kind.RIGHT]),
        ([(0, 2, "A")], [(1, 2, "A")], [Kind.BOUNDARY]),
        ([(0, 2, "A")], [(0, 2, "B")], [Kind.TYPE]),
        ([(0, 2, "A")], [(1, 3, "B")], [Kind.BOTH]),
        ([(0, 2, "A")], [(2, 3, "A")], [Kind.MISSED, Kind.INVENTED]),
        ([], [], []),
        # One long answer is meant for one of two mentions; the other was missed.
        ([(0, 1, "A"), (2, 5, "A")], [(0, 5, "A")], [Kind.MISSED, Kind.BOUNDARY]),
        # The same bounds come before the same label.
        ([(0, 2, "A")], [(0, 2, "B"), (1, 2, "A")], [Kind.TYPE, Kind.INVENTED]),
    ],
)
def test_kinds(gold, found, wanted):
    assert kinds(gold, found) == wanted


spans = st.sets(
    st.tuples(st.integers(0, 8), st.integers(1, 3), st.sampled_from("AB")).map(
        lambda one: (one[0], one[0] + one[1], one[2])
    ),
    max_size=6,
)


@given(spans, spans)
def test_each_mention_has_one_place(gold, found):
    pairs = pair_mentions(gold, found)
    assert sorted(pair.gold for pair in pairs if pair.gold) == sorted(gold)
    assert sorted(pair.found for pair in pairs if pair.found) == sorted(found)
    for pair in pairs:
        assert (pair.gold is None) == (pair.kind is Kind.INVENTED)
        assert (pair.found is None) == (pair.kind is Kind.MISSED)
    assert Pair(Kind.RIGHT, None, None) not in pairs


def flat(mentions):
    """Those that share no token with one before them."""
    kept, end = [], 0
    for mention in sorted(mentions):
        if mention[0] >= end:
            kept.append(mention)
            end = mention[1]
    return kept


def as_nervaluate(mentions):
    return [{"start": s, "end": e - 1, "label": label} for s, e, label in mentions]


@given(spans, spans)
def test_f1_is_that_of_nervaluate_where_mentions_meet_one_to_one(gold, found):
    gold, found = flat(gold), flat(found)
    pairs = pair_mentions(set(gold), set(found))
    meetings = [(g, f) for g in gold for f in found if g[0] < f[1] and f[0] < g[1]]
    if not gold or not found or len(meetings) > len({g for g, _ in meetings}):
        return
    if len(meetings) > len({f for _, f in meetings}):
        return
    scores = Evaluator([as_nervaluate(gold)], [as_nervaluate(found)], tags=["A", "B"]).evaluate()
    overall = scores["overall"]
    agreement = measure_agreement(pair.kind for pair in pairs)
    assert agreement.exact == pytest.approx(overall["strict"].f1)
    assert agreement.of_type == pytest.approx(overall["ent_type"].f1)


def test_nothing_at_all_scores_nothing():
    agreement = measure_agreement([])
    assert (agreement.exact, agreement.overlapping, agreement.of_type) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("text", ["TNF", "IL-2", "p53", "E2F1"])
def test_short_forms(text):
    assert is_short_form(text)


@pytest.mark.parametrize("text", ["gout", "tumour necrosis factor", "A", "interleukin-2", "T cell"])
def test_no_short_forms(text):
    assert not is_short_form(text)


def test_traits_tell_what_was_seen_only_if_it_is_known():
    assert not [name for name in make_traits(None) if "seen" in name]
    traits = make_traits({"tnf-alpha"})
    having = {name for name, has in traits.items() if has("TNF-alpha")}
    assert having == {"one word", "with a Greek letter", "seen in training"}
    assert {name for name, has in traits.items() if has("IL 2 receptor")} == {
        "three words and more",
        "with a digit",
        "not seen in training",
    }
    assert all(re.fullmatch("[A-Za-z ]+", name) for name in traits)
