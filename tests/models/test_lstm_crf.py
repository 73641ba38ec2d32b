"""Answers do not depend on batching; odd documents; overfitting; what is unknown stays open."""

import numpy as np
import pytest
import torch
from conftest import GOLD, fresh, make_example, make_examples, make_pipeline, train
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc

import spacy_bioner_mtl.pipeline.windows as windows_module
from spacy_bioner_mtl.models import batching
from spacy_bioner_mtl.models.sequences import split_sequences
from spacy_bioner_mtl.models.types import Query
from spacy_bioner_mtl.nn.vocabulary import LONGEST_WORD, Vocabulary

WORDS = ["TKR2", "renal", "failure", "in", "of", "a", "(+)-cis-3,4-dihydroxy", "ü", ".", "mice"]


@pytest.fixture(scope="module", params=["word", "sentence"])
def untrained(request):
    """Random weights of some size: every sequence has its own answer."""
    nlp = make_pipeline(characters=request.param, crf="large")
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 4)
    return nlp


def emissions_of(nlp, docs):
    """Scores per (sequence, head), whatever the batches were."""
    pipe = nlp.get_pipe("bioner_mtl")
    sequences = split_sequences(docs)
    pairs = np.array([(s, h) for s in range(len(sequences)) for h in range(len(pipe.heads))])
    scores = {}
    for answer in pipe.model.predict(Query(docs, sequences, pairs)):
        for column, (sequence, head) in enumerate(answer.pairs.tolist()):
            length = int(answer.lattice.lengths[column])
            assert length == sequences.lengths[sequence]
            scores[sequence, head] = (
                answer.lattice.emissions[:length, column],
                answer.lattice.transitions[: length - 1, column],
            )
    assert scores.keys() == {tuple(pair) for pair in pairs.tolist()}
    return scores


def assert_close(one, other):
    for mine, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(mine, theirs, atol=2e-5, rtol=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    sentences=st.lists(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=9), min_size=2, max_size=6
    ),
    seed=st.integers(0, 99),
)
def test_a_sentence_alone_scores_as_in_any_batch(untrained, sentences, seed):
    docs = [Doc(untrained.vocab, words=words) for words in sentences]
    order = np.random.default_rng(seed).permutation(len(docs))
    together = emissions_of(untrained, docs)
    shuffled = emissions_of(untrained, [docs[index] for index in order])
    for (sequence, head), scores in shuffled.items():
        assert_close(scores, together[order[sequence], head])
    for index, doc in enumerate(docs):
        for (_, head), scores in emissions_of(untrained, [doc]).items():
            assert_close(scores, together[index, head])


def test_training_pass_without_dropout_scores_like_prediction(untrained):
    docs = [Doc(untrained.vocab, words=words.split()) for words, _ in GOLD]
    pipe = untrained.get_pipe("bioner_mtl")
    sequences = split_sequences(docs)
    pairs = np.array([(s, h) for s in range(len(sequences)) for h in range(2)])
    predicted = emissions_of(untrained, docs)
    pipe.model.attrs["dropout_rate"] = 0.0
    (answer,), _ = pipe.model.begin_update(Query(docs, sequences, pairs))
    for column, (sequence, head) in enumerate(pairs.tolist()):
        length = sequences.lengths[sequence]
        torch.testing.assert_close(
            answer.lattice.emissions[:length, column],
            predicted[sequence, head][0],
            atol=2e-5,
            rtol=1e-4,
        )


@pytest.mark.parametrize(("at_once", "per_query"), [(1, 1), (9, 4), (16, 10_000), (10_000, 7)])
def test_chunks_do_not_change_answers(untrained, monkeypatch, at_once, per_query):
    texts = [words for words, _ in GOLD] * 2 + ["", " ", "TKR2"]

    def answers():
        return [
            [
                (head, span.start, span.end, span.label_, pytest.approx(score, abs=1e-4))
                for head, group in doc.spans.items()
                for span, score in zip(group, group.attrs["scores"], strict=True)
            ]
            for doc in list(untrained.pipe(texts, batch_size=5))
        ]

    expected = answers()
    assert sum(map(len, expected)) > 4
    monkeypatch.setattr(batching, "TOKENS_AT_ONCE", at_once)
    monkeypatch.setattr(windows_module, "TOKENS_PER_QUERY", per_query)
    assert answers() == expected


def test_sentences_are_sequences_of_their_own(untrained):
    first, second = GOLD[3][0].split(), GOLD[0][0].split()
    whole = Doc(
        untrained.vocab,
        words=first + second,
        sent_starts=[index in (0, len(first)) for index in range(len(first) + len(second))],
    )
    apart = emissions_of(
        untrained, [Doc(untrained.vocab, words=first), Doc(untrained.vocab, words=second)]
    )
    together = emissions_of(untrained, [whole])
    assert together.keys() == apart.keys()
    for key, scores in together.items():
        assert_close(scores, apart[key])


def test_white_space_tokens_do_not_disturb(trained):
    plain = Doc(trained.vocab, words=GOLD[3][0].split())
    spaced = Doc(trained.vocab, words=["\n", "Mice", "with", "  ", *GOLD[3][0].split()[2:], " "])
    trained(plain)
    trained(spaced)
    texts = [
        [[token.text for token in span if not token.is_space] for span in doc.ents]
        for doc in (plain, spaced)
    ]
    assert texts[0] == texts[1] == [["renal", "failure"], ["aspirin"]]


@pytest.mark.parametrize("characters", ["word", "sentence"])
@pytest.mark.parametrize("crf", ["small", "large"])
def test_documents_of_any_length_and_emptiness(characters, crf):
    nlp = make_pipeline(characters=characters, crf=crf)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    huge = "x" * 100_000
    lengths = [
        ["aspirin"] * 1500,
        [],
        ["TKR2"],
        [" ", "\n\n"],
        [huge],
        ["renal"],
        [],
        *[["a"]] * 90,
    ]
    docs = [Doc(nlp.vocab, words=words) for words in lengths]
    texts = [doc.text for doc in docs]
    result = list(nlp.pipe(docs, batch_size=200))
    assert [doc.text for doc in result] == texts
    for doc in result:
        assert set(doc.spans) == {"genes", "medicine"}
        for group in doc.spans.values():
            assert len(group) == len(group.attrs["scores"])
    odd = [
        make_example(nlp, [], {"genes": []}),
        make_example(nlp, [" "], {"genes": []}),
        make_example(nlp, ["TKR2"], {"genes": [(0, 1, "GENE")]}),
        make_example(nlp, [huge, "b"], {"medicine": []}),
    ]
    for batch in ([odd[0]], [odd[1]], [odd[2]], odd):
        losses = train(nlp, batch, 1)
        assert np.isfinite(losses["bioner_mtl"])


def test_twenty_thousand_tokens_without_a_sentence_boundary(trained):
    sentence = GOLD[3][0].split()
    words = sentence * (20_000 // len(sentence))
    doc = trained(Doc(trained.vocab, words=words))
    starts = {span.start % len(sentence) for span in doc.spans["medicine"]}
    assert len(doc) > 19_000 and len(doc.spans["medicine"]) > 2_000 and 5 in starts
    assert all(0 < score <= 1 for score in doc.spans["medicine"].attrs["scores"])


@pytest.mark.parametrize("share", ["none", "characters", "words", "both"])
@pytest.mark.parametrize("crf", ["small", "large"])
def test_one_batch_is_learned_by_heart(share, crf):
    nlp = make_pipeline(share=share, crf=crf, minimum_count=2)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    scores = nlp.evaluate(fresh(nlp, examples))
    assert scores["spans_genes_f"] == scores["spans_medicine_f"] == scores["bioner_macro_f"] == 1.0


def test_five_heads_learn_from_partially_annotated_documents():
    kinds = ["alpha", "beta", "gamma", "delta", "epsilon"]
    gold = [
        (f"the {kind} word and {other} stand here", {kind: [(1, 2, kind.upper())]})
        for kind in kinds
        for other in kinds
        if other != kind
    ]
    nlp = make_pipeline()
    examples = make_examples(nlp, gold)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    scores = nlp.evaluate(fresh(nlp, examples))
    assert [scores[f"spans_{kind}_f"] for kind in kinds] == [1.0] * 5


@pytest.mark.parametrize("masked", [True, False])
def test_unknown_tokens_are_never_learned_as_outside(masked):
    """The context says "entity"; a word that is unknown wherever it occurs may well be one."""
    context = "patients took {} daily ."
    known = ["aspirin", "ibuprofen", "codeine", "morphine"]
    gold = [(context.format(word), {"drugs": [(2, 3, "Drug")]}) for word in known]
    nlp = make_pipeline()
    examples = make_examples(nlp, gold)
    hidden = [make_example(nlp, context.format("zolamine"), {"drugs": []}) for _ in range(4)]
    if masked:
        for example in hidden:
            example.reference.spans["drugs:unknown"] = [example.reference[2:3]]
    nlp.initialize(lambda: [*examples, *hidden])
    assert [head.name for head in nlp.get_pipe("bioner_mtl").heads] == ["drugs"]
    train(nlp, [*examples, *hidden], 60)
    assert [span.text for span in nlp(context.format("aspirin")).ents] == ["aspirin"]
    assert [span.text for span in nlp(context.format("zolamine")).ents] == ["zolamine"] * masked


def test_a_document_of_unknown_tokens_alone_has_no_gradient():
    nlp = make_pipeline()
    example = make_example(nlp, GOLD[0][0], {"genes": []})
    example.reference.spans["genes:unknown"] = [example.reference[:]]
    teach = make_examples(nlp)
    nlp.initialize(lambda: teach)
    losses = {}
    nlp.get_pipe("bioner_mtl").update([example], losses=losses)
    assert losses["bioner_mtl"] == pytest.approx(0.0, abs=1e-5)
    for parameter in nlp.get_pipe("bioner_mtl").network.parameters():
        if parameter.grad is not None:
            assert float(parameter.grad.to_dense().abs().max()) < 1e-5


@given(st.lists(st.text(min_size=1, max_size=6), max_size=20), st.integers(1, 3))
def test_the_vocabulary_does_not_depend_on_order(words, minimum_count):
    options = {"minimum_count": minimum_count, "caseless": True, "with_words": True}
    one = Vocabulary.count(words, **options)
    assert one == Vocabulary.count(reversed(words), **options)
    for form in one.words:
        assert sum(word.lower() == form for word in words) >= minimum_count


def test_very_long_words_keep_both_ends():
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    extractor = nlp.get_pipe("bioner_mtl").network.extractor
    word = "r" * 50 + "a" * 900 + "n" * 50
    features = extractor.words(np.array([7], dtype=np.uint64), {7: word})
    assert features.n_characters.tolist() == [LONGEST_WORD]
    rows = features.characters[:, 0]
    assert len(set(rows[:20])) == len(set(rows[20:])) == 1 and rows[0] != rows[-1]
