"""Second scores, shared by all occurrences of a word in a document."""

import numpy as np
import pytest
import spacy
import torch
from conftest import GOLD, make_example, make_examples, make_pipeline, train
from spacy.tokens import Doc
from thinc.api import set_dropout_rate

import spacy_bioner_mtl.model as model_module
from spacy_bioner_mtl.document_context import Occurrences
from spacy_bioner_mtl.model import Query
from spacy_bioner_mtl.nn.network import HeadLayer
from spacy_bioner_mtl.sequences import split_sequences
from spacy_bioner_mtl.training.loss import gold_targets, likelihood

#: Documents of two sequences, with words that occur in both, in other letters, and elsewhere.
TEXTS = ["Aspirin helps . Take aspirin daily .", "Nothing helps . aspirin", "b"]
STARTS = [(0, 3), (0, 3), (0,)]


def make_docs(vocab):
    return [
        Doc(vocab, words=words, sent_starts=[i in starts for i in range(len(words))])
        for words, starts in zip(map(str.split, TEXTS), STARTS, strict=True)
    ]


def with_context(**model):
    """A pipeline whose context scores are not all zero, as they are before training."""
    nlp = make_pipeline(document_context=True, **model)
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    torch.manual_seed(1)
    for head in nlp.get_pipe("bioner_mtl").network.head_layers:
        torch.nn.init.normal_(head.context.weight)
    return nlp


def test_means_by_enumeration():
    docs = make_docs(spacy.blank("en").vocab)
    sequences = split_sequences(docs)
    pairs = [(s, h) for s in range(len(sequences)) for h in (0, 2)][:-1]
    lengths = torch.tensor([len(sequence.tokens) for sequence in sequences])
    first = np.cumsum([0, *map(len, docs)])
    tokens = torch.zeros((int(lengths.max()), len(sequences)), dtype=torch.int64)
    for column, sequence in enumerate(sequences):
        where = torch.as_tensor(sequence.tokens + first[sequence.doc])
        tokens[: len(where), column] = where
    asked, heads = torch.tensor(pairs).T
    scores = torch.randn(len(tokens), len(pairs), 4)
    occurrences = Occurrences(docs, n_heads=3)
    index = occurrences.index(tokens, lengths, asked, heads)
    # In two batches or in one: what belongs together is found in the other batch, too.
    parts = occurrences.average([scores[:, :3], scores[:, 3:]], [index[:, :3], index[:, 3:]])
    (whole,) = occurrences.average([scores], [index])
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    places = {}
    for column, (s, head) in enumerate(pairs):
        for row, token in enumerate(sequences[s].tokens.tolist()):
            word = docs[sequences[s].doc][token].lower_
            places.setdefault((sequences[s].doc, word, head), []).append((row, column))
    assert max(map(len, places.values())) == 2
    for group in places.values():
        mean = torch.stack([scores[place] for place in group]).mean(dim=0)
        for place in group:
            torch.testing.assert_close(whole[place], mean)


@pytest.mark.parametrize("crf", ["small", "large"])
@pytest.mark.parametrize("share", ["none", "both"])
def test_gradients_pass_through_the_means(crf, share):
    nlp = with_context(crf=crf, share=share)
    pipe = nlp.get_pipe("bioner_mtl")
    pipe.network.double()
    words = "TKR2 and aspirin . aspirin with TKR2"
    gold = {"genes": [(0, 1, "GENE")], "medicine": [(4, 5, "Chemical")]}
    starts = [index in (0, 4) for index in range(7)]
    examples = [make_example(nlp, words, gold, starts), *make_examples(nlp, GOLD[1:2])]
    docs = [example.predicted for example in examples]
    sequences = split_sequences(docs)
    targets = gold_targets(examples, pipe.network.heads, sequences)
    query = Query(docs, sequences, targets.pairs)
    set_dropout_rate(pipe.model, 0.0)

    def loss():
        answers, backprop = pipe.model.begin_update(query)
        value, gradients = likelihood(answers[0].lattice, targets)
        return value, lambda: backprop(gradients)

    loss()[1]()
    for name, parameter in pipe.network.named_parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        flat, index = parameter.data.view(-1), int(gradient.abs().argmax())
        kept, values = float(flat[index]), []
        for step in (2e-3, -2e-3):
            flat[index] = kept + step
            values.append(loss()[0])
        flat[index] = kept
        numeric = (values[0] - values[1]) / 4e-3
        assert float(gradient.view(-1)[index]) == pytest.approx(numeric, rel=2e-2, abs=1.5e-3), name


def test_chunks_and_company_do_not_change_answers(monkeypatch):
    nlp = with_context()

    def answers(docs):
        return [
            [
                (head, span.start, span.end, span.label_, pytest.approx(score, abs=1e-4))
                for head, group in doc.spans.items()
                for span, score in zip(group, group.attrs["scores"], strict=True)
            ]
            for doc in nlp.pipe(docs)
        ]

    together = answers(make_docs(nlp.vocab))
    assert sum(map(len, together)) > 3
    assert [answers([doc])[0] for doc in make_docs(nlp.vocab)] == together
    monkeypatch.setattr(model_module, "TOKENS_AT_ONCE", 4)
    assert answers(make_docs(nlp.vocab)) == together


@pytest.mark.parametrize("context", [True, False])
def test_another_sentence_tells_what_a_word_is(context):
    """The second sentences are alike: only the first tell whether the word is a gene or a drug."""
    gold = [
        (f"{kind} {name} . we saw {name} here", [1, 5] if kind == "gene" else [])
        for name in ["ab", "ba", "bb", "aa"]
        for kind in ["gene", "drug"]
    ]
    nlp = make_pipeline(document_context=context)
    starts = [index in (0, 3) for index in range(7)]
    examples = [
        make_example(nlp, words, {"genes": [(at, at + 1, "GENE") for at in places]}, starts)
        for words, places in gold
    ]
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    found = []
    for words, places in gold:
        doc = nlp(Doc(nlp.vocab, words=words.split(), sent_starts=starts))
        found.append([span.start for span in doc.spans["genes"]] == places)
    assert all(found) is context


@pytest.mark.parametrize("kind", ["small", "large"])
def test_growing_heads_keep_their_context_scores(kind):
    head = HeadLayer(5, 6, kind, context=True)
    torch.nn.init.normal_(head.context.weight)
    grown = head.grow(9)
    assert grown.context.weight[:5].equal(head.context.weight)
    assert grown.context.weight[5:].abs().sum() == 0
    assert HeadLayer(5, 6, kind).grow(9).context is None
