"""What several components say together."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from conftest import GOLD, make_examples, make_pipeline, train
from lattices import constrain, enumerate_paths, random_lattice
from spacy.tokens import Doc

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.nn.crf import ForwardBackward
from spacy_bioner_mtl.nn.network import CHARACTER_FEATURES
from spacy_bioner_mtl.nn.tagset import Head
from spacy_bioner_mtl.pipeline import consensus as module
from spacy_bioner_mtl.pipeline.consensus import Consensus
from spacy_bioner_mtl.pipeline.spans import UNKNOWN_SUFFIX

SURE = 0.9


@pytest.fixture(scope="module")
def other():
    """A pipeline that has learned less than `trained`, and nothing of medicine."""
    nlp = make_pipeline(seed=1)
    examples = make_examples(nlp, [(text, {"genes": gold["genes"]}) for text, gold in GOLD[:3]])
    nlp.initialize(lambda: examples)
    train(nlp, examples, 20)
    return nlp


def pipe(nlp):
    return nlp.get_pipe("bioner_mtl")


def texts(nlp):
    return [Doc(nlp.vocab, words=text.split()) for text, _ in GOLD]


def groups(doc):
    return {name: [(s.start, s.end, s.label_) for s in group] for name, group in doc.spans.items()}


@pytest.mark.parametrize("large", [False, True])
def test_the_mean_of_scores_is_the_geometric_mean_of_probabilities(large):
    lattices = [constrain(random_lattice(seed, large=large)) for seed in (1, 2)]
    for lattice in lattices:
        lattice.lengths[:] = 5
    lattices = [constrain(lattice) for lattice in lattices]
    unary = ForwardBackward(module._mean(lattices)).unary()
    for n in range(4):
        one, two = (dict(enumerate_paths(lattice, n)) for lattice in lattices)
        products = {path: math.exp((one[path] + two[path]) / 2) for path in one}
        total = sum(products.values())
        for token in range(5):
            for tag in range(5):
                expected = sum(p for path, p in products.items() if path[token] == tag) / total
                assert float(unary[token, n, tag]) == pytest.approx(expected, abs=1e-5)


def test_both_kinds_of_crf_have_a_mean():
    small, large = random_lattice(1), random_lattice(1, large=True)
    large.transitions = small.transitions.expand(4, -1, -1, -1)
    for lattices in ([small, large], [large, small]):
        mean = module._mean(lattices)
        assert torch.allclose(mean.transitions_at(2), small.transitions)
        assert torch.allclose(mean.emissions, small.emissions)


@pytest.mark.parametrize("number", [1, 2])
def test_a_pipeline_with_itself_says_what_it_says_alone(trained, number):
    alone = list(trained.pipe(texts(trained)))
    together = Consensus([pipe(trained)] * number, SURE).annotate(texts(trained))
    for doc, same in zip(together, alone, strict=True):
        for head in ("genes", "medicine"):
            found = zip(same.spans[head], same.spans[head].attrs["scores"], strict=True)
            sure = [(s.start, s.end, s.label_) for s, score in found if score >= SURE]
            assert groups(doc)[head] == sure
            unknown = {start for start, *_ in groups(doc)[head + UNKNOWN_SUFFIX]}
            unsure = {s.start for s in same.spans[head]} - {start for start, *_ in sure}
            assert unsure <= unknown
            assert not unknown & {token for start, end, _ in sure for token in range(start, end)}


def test_nobody_is_sure_of_what_pipelines_disagree_on(trained, other):
    doc = Consensus([pipe(trained), pipe(other)], SURE).annotate(texts(trained))[3]
    # The other one never heard of kidneys and aspirin, but it has no head for them either.
    assert groups(doc)["medicine"] == [(2, 4, "Disease"), (5, 6, "Chemical")]
    flip = make_pipeline()
    flip.from_bytes(trained.to_bytes())
    layers = pipe(flip).network.head_layers
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.mul_(-1.0)
    doc = Consensus([pipe(trained), pipe(flip)], SURE).annotate(texts(trained))[3]
    assert groups(doc)["medicine"] == []
    # All scores cancel out: every tag is as good as any other.
    assert len(groups(doc)["medicine" + UNKNOWN_SUFFIX]) == len(doc)


def test_a_lower_bound_leaves_less_open(trained, other):
    counts = []
    for sure in (0.0, 0.6, 0.99, 1.0):
        docs = Consensus([pipe(trained), pipe(other)], sure).annotate(texts(trained))
        counts.append(sum(len(doc.spans["genes" + UNKNOWN_SUFFIX]) for doc in docs))
    assert counts[0] == 0
    assert all(fewer <= more for fewer, more in pairwise(counts))
    assert counts[-1] > 0


def test_temperatures_and_heads_that_are_switched_off_count(copy_of_trained):
    nlp = copy_of_trained
    plain = Consensus([pipe(nlp)], SURE).annotate(texts(nlp))
    pipe(nlp).cfg["temperatures"] = {"genes": 50.0}
    docs = Consensus([pipe(nlp)], SURE).annotate(texts(nlp))
    assert not any(doc.spans["genes"] for doc in docs)
    assert [groups(doc)["medicine"] for doc in docs] == [groups(doc)["medicine"] for doc in plain]
    pipe(nlp).cfg["active_heads"] = ["genes"]
    consensus = Consensus([pipe(nlp)], SURE)
    assert [head.name for head in consensus.heads] == ["genes"]
    assert list(consensus.annotate(texts(nlp))[0].spans) == ["genes", "genes" + UNKNOWN_SUFFIX]
    pipe(nlp).cfg["active_heads"] = []
    with pytest.raises(InputError, match="no head is switched on"):
        Consensus([pipe(nlp)], SURE)


def test_a_pipeline_without_a_head_to_ask_has_no_say(trained, copy_of_trained):
    pipe(copy_of_trained).cfg["active_heads"] = []
    docs = Consensus([pipe(copy_of_trained), pipe(trained)], SURE).annotate(texts(trained))
    alone = Consensus([pipe(trained)], SURE).annotate(texts(trained))
    assert [groups(doc) for doc in docs] == [groups(doc) for doc in alone]


def test_what_was_cached_of_words_is_dropped(trained, other):
    stores = [pipe(nlp).network.word_store for nlp in (trained, other)]
    for nlp in (trained, other):
        list(nlp.pipe(texts(nlp)))
    assert all(store.size(CHARACTER_FEATURES) for store in stores)
    Consensus([pipe(trained), pipe(other)], SURE).annotate(texts(trained))
    assert not any(store.size(CHARACTER_FEATURES) for store in stores)


def test_labels_may_come_in_another_order_and_must_be_the_same(trained, copy_of_trained):
    there, here = Head("x", ("A", "B", "C")), Head("x", ("C", "A", "B"))
    order = module._tag_order(there, here)
    assert order == [0, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8]
    assert np.argsort(order)[module._tag_order(there, here)].tolist() == list(range(13))
    pipe(copy_of_trained).add_label("Symptom", head="medicine")
    with pytest.raises(InputError, match=r"'medicine'.*Chemical, Disease in one.*Symptom in ano"):
        Consensus([pipe(trained), pipe(copy_of_trained)], SURE)


def test_long_documents_are_read_in_windows(trained, monkeypatch):
    monkeypatch.setattr("spacy_bioner_mtl.pipeline.windows.WINDOW", 24)
    monkeypatch.setattr("spacy_bioner_mtl.pipeline.windows.MARGIN", 6)
    words = " ".join([GOLD[1][0], GOLD[3][0]] * 9).split()
    (alone,) = trained.pipe([Doc(trained.vocab, words=words)])
    (doc,) = Consensus([pipe(trained)], 0.5).annotate([Doc(trained.vocab, words=words)])
    for head in ("genes", "medicine"):
        assert len(doc.spans[head]) > 5
        found = zip(alone.spans[head], alone.spans[head].attrs["scores"], strict=True)
        assert groups(doc)[head] == [(s.start, s.end, s.label_) for s, p in found if p >= 0.5]
