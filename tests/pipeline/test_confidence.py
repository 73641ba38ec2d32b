"""How sure the heads are of an entity, and that it is found again wherever the document goes."""

import pickle

import pytest
from conftest import GOLD, make_pipeline
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.tokens.underscore import Underscore

from spacy_bioner_mtl.pipeline.confidence import entity_scores, register_extension

TEXT = GOLD[5][0]


def scores(doc):
    return [ent._.bioner_score for ent in doc.ents]


def own_scores(doc):
    """What the groups say of what TEXT has: a gene, then a disease."""
    return [doc.spans[head].attrs["scores"][0] for head in ("genes", "medicine")]


def test_an_entity_has_the_score_of_its_span(trained):
    doc = trained(TEXT)
    assert scores(doc) == own_scores(doc) == entity_scores(doc)
    assert all(0.5 < score <= 1 for score in scores(doc))
    assert trained("Nothing .").ents == () and entity_scores(trained("Nothing .")) == []


WAYS = {
    "bytes": lambda doc: Doc(doc.vocab).from_bytes(doc.to_bytes()),
    "DocBin": lambda doc: next(DocBin(docs=[doc]).get_docs(doc.vocab)),
    "copy": lambda doc: doc.copy(),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("renamed", [False, True])
def test_scores_come_along(trained_bytes, way, renamed):
    merge = {"@misc": "spacy_bioner_mtl.type_map.v1", "labels": {"GENE": "Gene"} if renamed else {}}
    doc = make_pipeline(config={"merge": merge}).from_bytes(trained_bytes)(TEXT)
    again = WAYS[way](doc)
    assert again.ents[0].label_ == ("Gene" if renamed else "GENE")
    assert scores(again) == own_scores(doc) == entity_scores(again)


def test_merged_tokens_do_not_matter(trained_bytes):
    nlp = make_pipeline().from_bytes(trained_bytes)
    expected = scores(nlp(TEXT))
    nlp.add_pipe("merge_entities")
    doc = nlp(TEXT)
    assert [token.text for token in doc][-2] == "renal failure"
    assert scores(doc) == expected == entity_scores(doc)


def test_what_another_component_found_is_unknown(trained_bytes):
    nlp = make_pipeline().from_bytes(trained_bytes)
    doc = Doc(nlp.vocab, words=TEXT.split())
    # One in the place of a head's, under another label, and one that no head has.
    doc.ents = [Span(doc, 0, 1, label="ORGAN"), Span(doc, 1, 2, label="VERB")]
    nlp.get_pipe("bioner_mtl")(doc)
    assert [ent.label_ for ent in doc.ents] == ["ORGAN", "VERB", "Disease"]
    assert scores(doc) == entity_scores(doc) == [None, None, own_scores(doc)[1]]
    assert Doc(nlp.vocab, words=["bare"])[0:1]._.bioner_score is None


def test_of_several_groups_the_highest_score_counts():
    nlp = make_pipeline()
    doc = Doc(nlp.vocab, words=["heart", "failure"])
    span = Span(doc, 0, 2, label="Disease")
    for name, attrs in (
        ("low", {"scores": [0.2]}),
        ("high", {"scores": [0.7]}),
        ("renamed", {"scores": [0.9], "renamed": [["Disease", "Illness"]]}),
        ("without", {}),
        ("broken", {"scores": []}),
    ):
        doc.spans[name] = SpanGroup(doc, name=name, attrs=attrs, spans=[span])
    doc.spans["other"] = SpanGroup(
        doc, attrs={"scores": [1.0]}, spans=[Span(doc, 0, 1, label="Disease")]
    )
    doc.ents = [span]
    assert scores(doc) == entity_scores(doc) == [0.9]
    doc.ents = [Span(doc, 0, 2, label="Illness")]
    assert scores(doc) == entity_scores(doc) == [0.9]
    doc.spans.pop("renamed")
    assert scores(doc) == entity_scores(doc) == [None]


def test_without_scores_nothing_is_known(trained_bytes):
    nlp = make_pipeline().from_bytes(trained_bytes)
    nlp.get_pipe("bioner_mtl").cfg["scores"] = False
    doc = nlp(TEXT)
    assert len(doc.ents) == 2 and scores(doc) == [None, None]


def test_the_extension_is_registered_once_and_goes_to_other_processes():
    before = Span.get_extension("bioner_score")
    register_extension()
    assert Span.get_extension("bioner_score") == before
    # nlp.pipe sends this to its processes.
    state = pickle.loads(pickle.dumps(Underscore.get_state()))
    assert any("bioner_score" in extensions for extensions in state)
