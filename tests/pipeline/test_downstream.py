"""Other components before and after ours, and other people's."""

import pytest
import spacy
from conftest import make_examples, make_pipeline, train
from negspacy.negation import Negex  # noqa: F401
from spacy.kb import InMemoryLookupKB
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

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


def test_entities_of_others_have_no_score(nlp):
    """Unless one of our heads found the same characters with the same label."""
    ruler = nlp.add_pipe("entity_ruler", before="bioner_mtl")
    ruler.add_patterns(
        [{"label": "VERB", "pattern": "denies"}, {"label": "Disease", "pattern": "asthma"}]
    )
    doc = nlp("patient denies asthma .")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [
        ("denies", "VERB"),
        ("asthma", "Disease"),
    ]
    (score,) = doc.spans["diseases"].attrs["scores"]
    assert [ent._.bioner_score for ent in doc.ents] == [None, score]


def test_scores_are_found_after_tokens_were_merged(nlp):
    nlp.add_pipe("merge_entities")
    doc = nlp("no evidence of renal failure .")
    assert [len(ent) for ent in doc.ents] == [1]
    assert doc.ents[0]._.bioner_score == doc.spans["diseases"].attrs["scores"][0] > 0.5


def test_without_scores_other_components_see_the_same_entities(nlp):
    nlp.add_pipe("negex", config={"ent_types": ["Disease"]})
    texts = [text for text, _ in TEXTS]
    before = [[(ent.text, ent._.negex) for ent in doc.ents] for doc in nlp.pipe(texts)]
    nlp.get_pipe("bioner_mtl").cfg["scores"] = False
    docs = list(nlp.pipe(texts))
    assert [[(ent.text, ent._.negex) for ent in doc.ents] for doc in docs] == before
    assert {ent._.bioner_score for doc in docs for ent in doc.ents} == {None}
    assert any(before)


def test_documents_survive_a_docbin(nlp):
    doc = nlp("renal failure was found .")
    (again,) = DocBin(docs=[doc]).get_docs(nlp.vocab)
    assert [ent.text for ent in again.ents] == ["renal failure"]
    assert again.spans["diseases"].attrs["scores"] == doc.spans["diseases"].attrs["scores"]


@pytest.mark.parametrize("reader", ["merge_entities", "entity_linker"])
def test_the_pipeline_analysis_knows_what_we_assign(nlp, reader):
    nlp.add_pipe(reader)
    assert not nlp.analyze_pipes()["problems"][reader]
    nlp.remove_pipe("bioner_mtl")
    assert "doc.ents" in nlp.analyze_pipes()["problems"][reader]


#: What spaCy's own ner is taught: beside, across and inside our entities.
NER_TEXTS = [
    ("patient denies asthma .", [(0, 1, "PERSON")]),
    ("there is heart failure .", [(2, 3, "ORGAN")]),
    ("nothing else was found .", [(3, 4, "VERB")]),
    ("renal failure was found .", [(1, 3, "EVENT")]),
]
#: Text, our entities and those of ner, each alone.
ALONE = {
    "patient denies asthma .": ({("asthma", "Disease")}, {("patient", "PERSON")}),
    "there is heart failure .": ({("heart failure", "Disease")}, {("heart", "ORGAN")}),
    "nothing else was found .": (set(), {("found", "VERB")}),
    "renal failure was found .": ({("renal failure", "Disease")}, {("failure was", "EVENT")}),
}


#: Entities that cross one of the other component.
CROSSING = {"heart", "heart failure", "failure was", "renal failure"}


@pytest.fixture(scope="module")
def weights_of_ner():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("ner")
    examples = []
    for words, spans in NER_TEXTS:
        reference = Doc(nlp.vocab, words=words.split())
        reference.set_ents(
            [Span(reference, first, end, label=label) for first, end, label in spans]
        )
        examples.append(Example(Doc(nlp.vocab, words=words.split()), reference))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    for text, (_, theirs) in ALONE.items():
        assert entities(nlp(text)) == theirs
    return nlp.get_pipe("ner").to_bytes()


def entities(doc):
    return {(ent.text, ent.label_) for ent in doc.ents}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("first", ["ner", "bioner_mtl"])
def test_entities_of_spacy_ner_and_ours(nlp, weights_of_ner, first, overwrite):
    """Who comes first keeps its entities; the other adds what does not cross them.

    Unless we come second and are told to overwrite.
    """
    place = {"before": "bioner_mtl"} if first == "ner" else {"last": True}
    nlp.add_pipe("ner", **place).from_bytes(weights_of_ner)
    nlp.get_pipe("bioner_mtl").cfg["overwrite"] = overwrite
    for text, (ours, theirs) in ALONE.items():
        doc = nlp(text)
        if first == "ner" and overwrite:
            assert entities(doc) == ours
        elif first == "ner":
            assert entities(doc) == theirs | {ent for ent in ours if ent[0] not in CROSSING}
        else:
            # What ner finds beside entities that are there may be less than alone.
            assert ours <= entities(doc) <= ours | theirs
            assert {ent for ent in theirs if ent[0] not in CROSSING} <= entities(doc)
        assert {span.text for span in doc.spans["diseases"]} == {text for text, _ in ours}
        for ent in doc.ents:
            assert (ent._.bioner_score is None) == ((ent.text, ent.label_) not in ours)


#: Texts, the concepts of their diseases, and these. Two meanings of one name show in the context.
LINKED = [
    ("no evidence of renal failure .", "D01", "renal failure"),
    ("there is heart failure .", "D02", "heart failure"),
    ("patient denies asthma .", "D03", "asthma"),
    ("there is asthma .", "D04", "asthma"),
]
CONCEPTS = {"renal failure": ["D01"], "heart failure": ["D02"], "asthma": ["D03", "D04"]}


def make_knowledge_base(vocab):
    knowledge_base = InMemoryLookupKB(vocab, entity_vector_length=4)
    identifiers = sorted({one for some in CONCEPTS.values() for one in some})
    for index, identifier in enumerate(identifiers):
        vector = [float(place == index) for place in range(4)]
        knowledge_base.add_entity(entity=identifier, freq=10, entity_vector=vector)
    for alias, candidates in CONCEPTS.items():
        knowledge_base.add_alias(
            alias=alias, entities=candidates, probabilities=[1 / len(candidates)] * len(candidates)
        )
    return knowledge_base


@pytest.mark.parametrize("use_gold_ents", [True, False])
def test_an_entity_linker_links_our_entities(nlp, use_gold_ents):
    """With use_gold_ents = False it learns from the entities that we find, too."""
    config = {"entity_vector_length": 4, "use_gold_ents": use_gold_ents, "n_sents": 0}
    linker = nlp.add_pipe("entity_linker", config=config)
    examples = []
    for words, identifier, text in LINKED:
        reference = nlp.make_doc(words)
        reference[0].is_sent_start = True
        start = words.index(text)
        reference.set_ents(
            [reference.char_span(start, start + len(text), "Disease", kb_id=identifier)]
        )
        examples.append(Example(nlp.make_doc(words), reference))
    linker.initialize(lambda: examples, nlp=nlp, kb_loader=make_knowledge_base)
    optimizer = Adam(0.01)
    for _ in range(30):
        nlp.update(
            examples,
            sgd=optimizer,
            annotates=["sentencizer", "bioner_mtl"],
            exclude=["bioner_mtl"],
        )
    for words, identifier, text in LINKED:
        doc = nlp(words)
        assert [(ent.text, ent.kb_id_) for ent in doc.ents] == [(text, identifier)]
        assert doc.ents[0]._.bioner_score > 0.5
        # Links are a matter of doc.ents: spans of the heads stay as they were found.
        assert [(span.text, span.kb_id_) for span in doc.spans["diseases"]] == [(text, "")]
    doc = nlp("there is heart failure . there is renal failure .")
    assert [ent.kb_id_ for ent in doc.ents] == ["D02", "D01"]


#: A gene inside a disease.
NESTED = [
    ("TKR2 deficiency is rare .", {"genes": [(0, 1, "GENE")], "diseases": [(0, 2, "Disease")]}),
    ("BRAC4 deficiency kills .", {"genes": [(0, 1, "GENE")], "diseases": [(0, 2, "Disease")]}),
    ("TKR2 helps .", {"genes": [(0, 1, "GENE")], "diseases": []}),
    ("nothing helps .", {"genes": [], "diseases": []}),
]


@pytest.fixture(scope="module")
def weights_of_nested():
    nlp = make_pipeline()
    examples = make_examples(nlp, NESTED)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    return nlp.get_pipe("bioner_mtl").to_bytes()


@pytest.mark.parametrize(
    ("trusted", "entity"), [("genes", "TKR2"), ("diseases", "TKR2 deficiency")]
)
def test_nested_entities_stay_in_the_span_groups(weights_of_nested, trusted, entity):
    merge = {"@misc": "spacy_bioner_mtl.head_priority.v1", "heads": [trusted]}
    nlp = make_pipeline(config={"merge": merge})
    nlp.get_pipe("bioner_mtl").from_bytes(weights_of_nested)
    ruler = nlp.add_pipe("span_ruler", config={"spans_key": "ruler"})
    ruler.add_patterns([{"label": "STATE", "pattern": "deficiency"}])
    found = {"genes": ["TKR2"], "diseases": ["TKR2 deficiency"], "ruler": ["deficiency"]}
    doc = nlp("TKR2 deficiency is rare .")
    assert [ent.text for ent in doc.ents] == [entity]
    assert {head: [span.text for span in doc.spans[head]] for head in doc.spans} == found
    assert doc.ents[0]._.bioner_score == doc.spans[trusted].attrs["scores"][0]
    # spaCy's retokenizer keeps the characters of span groups, not their tokens.
    nlp.add_pipe("merge_entities")
    doc = nlp("TKR2 deficiency is rare .")
    assert {
        head: [doc.text[span.start_char : span.end_char] for span in doc.spans[head]]
        for head in doc.spans
    } == found
    assert [ent.text for ent in doc.ents] == [entity]
    assert doc.ents[0]._.bioner_score == doc.spans[trusted].attrs["scores"][0]
