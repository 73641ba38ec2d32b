"""Scores per head against independent counts."""

import random
import warnings

import pytest
from conftest import make_examples, make_pipeline
from hypothesis import given, settings
from nervaluate import Evaluator
from predictions import NLP, documents, example_of
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_bioner_mtl.pipeline.scorer import make_heads_scorer

score_heads = make_heads_scorer()


def tags(length, spans):
    row = ["O"] * length
    for start, end, label in spans:
        row[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return row


@settings(deadline=None, max_examples=60)
@given(documents())
def test_scores_are_those_of_conlleval_seqeval_and_nervaluate(pairs):
    scores = score_heads([example_of(n, {"h": gold}, {"h": found}) for n, gold, found in pairs])
    correct = sum(len(set(gold) & set(found)) for _, gold, found in pairs)
    n_gold = sum(len(gold) for _, gold, _ in pairs)
    n_found = sum(len(found) for _, _, found in pairs)
    precision = correct / n_found if n_found else 0.0
    recall = correct / n_gold if n_gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if correct else 0.0
    assert scores["spans_h_p"] == pytest.approx(precision)
    assert scores["spans_h_r"] == pytest.approx(recall)
    assert scores["spans_h_f"] == pytest.approx(f1)
    truth = [tags(n, gold) for n, gold, _ in pairs]
    guess = [tags(n, found) for n, _, found in pairs]
    if n_gold and n_found:
        options = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
        assert scores["spans_h_p"] == pytest.approx(precision_score(truth, guess, **options))
        assert scores["spans_h_r"] == pytest.approx(recall_score(truth, guess, **options))
        assert scores["spans_h_f"] == pytest.approx(f1_score(truth, guess, **options))
        strict = Evaluator(truth, guess, tags=["X", "Y"], loader="list").evaluate()
        assert scores["spans_h_f"] == pytest.approx(strict["overall"]["strict"].f1)
    for label, values in scores["spans_h_per_type"].items():
        of_label = [
            ({s for s in gold if s[2] == label}, {s for s in found if s[2] == label})
            for _, gold, found in pairs
        ]
        correct = sum(len(gold & found) for gold, found in of_label)
        n = sum(len(gold) for gold, _ in of_label)
        assert values["r"] == pytest.approx(correct / n if n else 0.0)


def test_a_head_is_scored_only_where_it_is_annotated():
    right = (0, 2, "X")
    examples = [
        example_of(4, {"a": [right]}, {"a": [right], "b": [(2, 3, "Y")]}),
        example_of(4, {"b": [right]}, {"a": [right, (2, 3, "X")], "b": [right]}),
    ]
    scores = score_heads(examples)
    assert scores["spans_a_p"] == scores["spans_b_p"] == scores["bioner_macro_f"] == 1.0


def test_an_empty_group_counts_false_positives():
    scores = score_heads([example_of(3, {"a": []}, {"a": [(0, 1, "X")]})])
    assert scores["spans_a_p"] == scores["spans_a_f"] == 0.0
    examples = [
        example_of(3, {"a": []}, {"a": [(0, 1, "X")]}),
        example_of(3, {"a": [(0, 1, "X")]}, {"a": [(0, 1, "X")]}),
    ]
    assert score_heads(examples)["spans_a_p"] == 0.5


def test_a_wrong_label_is_wrong():
    scores = score_heads([example_of(3, {"a": [(0, 1, "X")]}, {"a": [(0, 1, "Y")]})])
    assert scores["spans_a_f"] == 0.0
    assert set(scores["spans_a_per_type"]) == {"X", "Y"}


def test_the_mean_is_over_heads_not_over_mentions():
    right, wrong = (0, 1, "X"), (1, 2, "X")
    examples = [example_of(3, {"a": [right]}, {"a": [right]}) for _ in range(9)]
    examples.append(example_of(3, {"b": [right]}, {"b": [wrong]}))
    scores = score_heads(examples)
    assert (scores["spans_a_f"], scores["spans_b_f"]) == (1.0, 0.0)
    assert scores["bioner_macro_f"] == scores["bioner_macro_p"] == 0.5


def test_without_predictions_scores_are_zero_never_none():
    examples = [example_of(3, {"a": [(0, 1, "X")], "b": []}, {}), example_of(2, {"b": []}, {})]
    scores = score_heads(examples)
    for head in ("a", "b"):
        assert [scores[f"spans_{head}_{part}"] for part in "prf"] == [0.0] * 3
        assert isinstance(scores[f"spans_{head}_per_type"], dict)
    assert scores["bioner_macro_f"] == 0.0


def test_nothing_annotated_is_zero_too():
    for examples in ([], [example_of(3, {}, {"a": [(0, 1, "X")]})]):
        assert score_heads(examples) == {f"bioner_macro_{part}": 0.0 for part in "prf"}


def test_groups_of_unknown_tokens_are_no_heads():
    example = example_of(3, {"a": []}, {})
    example.reference.spans["a:unknown"] = [Span(example.reference, 0, 1, label="-")]
    assert "spans_a:unknown_f" not in score_heads([example])


def test_rejected_spans_change_no_score():
    gold, found = {"h": [(0, 1, "X")]}, {"h": [(0, 1, "X"), (3, 5, "X"), (5, 6, "Y")]}
    example = example_of(6, gold, found)
    example.reference.spans["h:unknown"] = [Span(example.reference, 3, 5, label="-")]
    before = score_heads([example])
    assert before["spans_h_p"] == 0.5
    example.reference.spans["h:rejected"] = [Span(example.reference, 3, 5, label="X")]
    assert score_heads([example]) == before


def test_predictions_in_another_tokenisation_are_aligned_by_characters():
    reference = Doc(NLP.vocab, words=["a-b", "c"], spaces=[True, False])
    reference.spans["h"] = [Span(reference, 0, 1, label="X")]
    predicted = Doc(NLP.vocab, words=["a", "-", "b", "c"], spaces=[False, False, True, False])
    predicted.spans["h"] = [Span(predicted, 0, 3, label="X")]
    assert score_heads([Example(predicted, reference)])["spans_h_f"] == 1.0


def test_the_untrained_component_has_all_scores_at_step_zero():
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    random.seed(0)
    scores = nlp.evaluate(examples)
    for key in ("bioner_macro_f", "spans_genes_f", "spans_medicine_p", "bioner_macro_r"):
        assert isinstance(scores[key], float)


def test_tokens_of_unknown_status_are_not_scored():
    example = example_of(6, {"h": [(0, 1, "X")]}, {"h": [(0, 1, "X"), (3, 5, "X")]})
    assert score_heads([example])["spans_h_p"] == 0.5
    gold = example.reference
    gold.spans["h:unknown"] = [Span(gold, 4, 5, "-")]
    scores = score_heads([example])
    assert scores["spans_h_p"] == scores["spans_h_r"] == 1.0


def test_scores_of_0_that_tell_nothing_are_said(trained):
    examples = make_examples(trained, [("TKR2 grows .", {})])
    with pytest.warns(UserWarning, match="None of the 1 documents to score is annotated"):
        scores = trained.evaluate(examples)
    assert scores["bioner_macro_f"] == 0.0
    examples = make_examples(trained, [("TKR2 grows .", {"geens": [(0, 1, "GENE")]})])
    with pytest.warns(UserWarning, match="score 0: geens. Its span groups are: genes, medicine"):
        scores = trained.evaluate(examples)
    assert scores["spans_geens_f"] == 0.0


def test_no_documents_at_all_are_said(trained):
    with pytest.warns(UserWarning, match="None of the 0 documents to score"):
        assert trained.get_pipe("bioner_mtl").score([])["bioner_macro_f"] == 0.0


def test_what_is_annotated_for_known_heads_is_scored_without_a_word(trained):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert trained.evaluate(make_examples(trained))["bioner_macro_f"] > 0.9
