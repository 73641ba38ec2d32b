"""Spans that have one of two brackets."""

import re

import pytest
import spacy
from conftest import found, make_examples, make_pipeline, train
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc

from spacy_bioner_mtl.pipeline.brackets import drop_unbalanced, is_balanced
from spacy_bioner_mtl.pipeline.spans import FoundSpan

VOCAB = spacy.blank("en").vocab


def reduces_to_nothing(text):
    """What is_balanced says, found otherwise: pairs without anything between them vanish."""
    brackets = re.sub(r"[^()\[\]{}]", "", text)
    while (shorter := re.sub(r"\(\)|\[\]|\{\}", "", brackets)) != brackets:
        brackets = shorter
    return not brackets


@given(st.text("()[]{}a", max_size=12))
def test_brackets_are_balanced_when_pairs_vanish(text):
    assert is_balanced(text) == reduces_to_nothing(text)


def span(start, end):
    return FoundSpan(start, end, "Gene", "H", 0.5)


@given(
    st.lists(st.sampled_from(["IL-2", "(", ")", "(a)", "[3H]", "b)", "é"]), min_size=1, max_size=9),
    st.lists(st.booleans(), min_size=9, max_size=9),
    st.data(),
)
def test_what_is_kept_is_what_reads_balanced(words, spaces, data):
    doc = Doc(VOCAB, words, spaces[: len(words)])
    bounds = st.tuples(st.integers(0, len(words) - 1), st.integers(1, len(words)))
    pairs = data.draw(st.lists(bounds.filter(lambda each: each[0] < each[1]), max_size=5))
    spans = [span(*pair) for pair in pairs]
    kept = [each for each in spans if reduces_to_nothing(doc[each.start : each.end].text)]
    assert drop_unbalanced([doc, doc], [spans, []]) == [kept, []]


@pytest.mark.parametrize(
    ("end", "kept"), [(1, True), (2, False), (3, False), (4, True), (5, False)]
)
def test_a_mention_has_both_brackets_or_none(end, kept):
    doc = Doc(VOCAB, ["IL-2", "(", "alpha", ")", ")"])
    (left,) = drop_unbalanced([doc], [[span(0, end)]])
    assert left == ([span(0, end)] if kept else [])


def test_a_component_drops_them_unless_told_otherwise():
    nlp = make_pipeline()
    gold = {"genes": [(0, 2, "GENE"), (3, 7, "GENE")]}
    examples = make_examples(nlp, [("( TKR2 and IL ( alpha ) binds .", gold)] * 4)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    doc = Doc(nlp.vocab, [token.text for token in examples[0].predicted])
    pipe = nlp.get_pipe("bioner_mtl")
    with pipe.settings(balanced_brackets=False):
        assert found(nlp(doc.copy()), ["genes"]) == [
            ("genes", 0, 2, "GENE"),
            ("genes", 3, 7, "GENE"),
        ]
    answer = nlp(doc.copy())
    assert found(answer, ["genes"]) == [("genes", 3, 7, "GENE")]
    assert [ent.text for ent in answer.ents] == ["IL ( alpha )"]
    assert len(answer.spans["genes"].attrs["scores"]) == 1
