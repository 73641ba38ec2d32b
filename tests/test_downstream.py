"""Other components before and after ours, and other people's."""

import pytest
from conftest import make_examples, make_pipeline, train
from negspacy.negation import Negex  # noqa: F401

TEXTS = [
    ("no evidence of renal failure .", {"diseases": [(3, 5, "Disease")]}),
    ("renal failure was found .", {"diseases": [(0, 2, "Disease")]}),
    ("there is heart failure .", {"diseases": [(2, 4, "Disease")]}),
    ("patient denies asthma .", {"diseases": [(2, 3, "Disease")]}),
    ("nothing else was found .", {"diseases": []}),
]


@pytest.fixture(scope="module")
def weights_of_diseases():
    nlp = make_pipeline()
    examples = make_examples(nlp, TEXTS)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 50)
    return nlp.get_pipe("bioner_mtl").to_bytes()


@pytest.fixture
def nlp(weights_of_diseases):
    nlp = make_pipeline()
    nlp.get_pipe("bioner_mtl").from_bytes(weights_of_diseases)
    nlp.add_pipe("sentencizer", first=True)
    return nlp


def test_negspacy_reads_our_entities(nlp):
    nlp.add_pipe("negex", config={"ent_types": ["Disease"]})
    doc = nlp("no evidence of renal failure . there is heart failure .")
    assert [(ent.text, ent._.negex) for ent in doc.ents] == [
        ("renal failure", True),
        ("heart failure", False),
    ]
    doc = nlp("patient denies asthma .")
    assert [(ent.text, ent._.negex) for ent in doc.ents] == [("asthma", True)]


def test_merge_entities_follows(nlp):
    nlp.add_pipe("merge_entities")
    doc = nlp("renal failure was found .")
    assert [token.text for token in doc] == ["renal failure", "was", "found", "."]
    assert doc[0].ent_type_ == "Disease"


def test_an_entity_ruler_before_us_wins_unless_overwritten(nlp):
    ruler = nlp.add_pipe("entity_ruler", before="bioner_mtl")
    ruler.add_patterns([{"label": "ORGAN", "pattern": "heart", "id": "h1"}])
    doc = nlp("there is heart failure .")
    assert [(ent.text, ent.label_, ent.ent_id_) for ent in doc.ents] == [("heart", "ORGAN", "h1")]
    assert [span.text for span in doc.spans["diseases"]] == ["heart failure"]
    nlp.get_pipe("bioner_mtl").cfg["overwrite"] = True
    doc = nlp("there is heart failure .")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("heart failure", "Disease")]


def test_an_entity_ruler_after_us_adds(nlp):
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "VERB", "pattern": "found"}])
    doc = nlp("renal failure was found .")
    assert [ent.text for ent in doc.ents] == ["renal failure", "found"]


def test_documents_survive_a_docbin(nlp):
    from spacy.tokens import DocBin

    doc = nlp("renal failure was found .")
    (again,) = DocBin(docs=[doc]).get_docs(nlp.vocab)
    assert [ent.text for ent in again.ents] == ["renal failure"]
    assert again.spans["diseases"].attrs["scores"] == doc.spans["diseases"].attrs["scores"]


def test_the_pipeline_analysis_knows_what_we_assign(nlp):
    nlp.add_pipe("merge_entities")
    problems = nlp.analyze_pipes()["problems"]
    assert not problems["merge_entities"]
