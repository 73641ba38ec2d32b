"""Documents that a reader cuts into sentences."""

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span

from spacy_bioner_mtl.pipeline.spans import REJECTED_SUFFIX, UNKNOWN_SUFFIX
from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer
from spacy_bioner_mtl.training.sentence_corpus import configure_sentence_corpus, cut_sentences

TEXT = "Aspirin helps. It is cheap. Its dose is 0.5 g."


@pytest.fixture
def nlp():
    nlp = spacy.blank("en")
    nlp.tokenizer = BioTokenizer(nlp.vocab)
    return nlp


def annotate(doc, *spans, head="drugs"):
    doc.spans[head] = [Span(doc, start, end, label=label) for start, end, label in spans]
    return doc


def spans(doc):
    return {
        name: [(span.start, span.end, span.label_) for span in group]
        for name, group in doc.spans.items()
    }


def test_sentences_have_all_text_and_all_heads(nlp):
    doc = annotate(nlp(TEXT), (0, 1, "Drug"), (7, 9, "Dose"))
    annotate(doc, head="genes")
    sentences = cut_sentences(doc)
    assert [sentence.text for sentence in sentences] == TEXT.replace(". I", ".\nI").split("\n")
    assert " ".join(sentence.text for sentence in sentences) == TEXT
    assert spans(sentences[0]) == {"drugs": [(0, 1, "Drug")], "genes": []}
    assert spans(sentences[1]) == {"drugs": [], "genes": []}
    assert spans(sentences[2]) == {"drugs": [(0, 2, "Dose")], "genes": []}
    assert all(len(list(sentence.sents)) == 1 for sentence in sentences)


def test_a_mention_across_a_boundary_is_unknown(nlp):
    doc = annotate(nlp(TEXT), (1, 5, "Drug"))
    annotate(doc, (0, 4, "-"), head="drugs" + UNKNOWN_SUFFIX)
    first, second, third = cut_sentences(doc)
    assert spans(first) == {
        "drugs": [],
        "drugs" + UNKNOWN_SUFFIX: [(1, 3, "-"), (0, 3, "-")],
    }
    assert spans(second) == {"drugs": [], "drugs" + UNKNOWN_SUFFIX: [(0, 2, "-"), (0, 1, "-")]}
    assert spans(third) == {"drugs": []}


def test_rejected_spans_stay_where_they_are_whole(nlp):
    doc = annotate(nlp(TEXT))
    annotate(doc, (0, 1, "Drug"), (1, 5, "Drug"), (7, 9, "Dose"), head="drugs" + REJECTED_SUFFIX)
    first, second, third = cut_sentences(doc)
    assert spans(first) == {"drugs": [], "drugs" + REJECTED_SUFFIX: [(0, 1, "Drug")]}
    assert spans(second) == {"drugs": []}
    assert spans(third) == {"drugs": [], "drugs" + REJECTED_SUFFIX: [(0, 2, "Dose")]}


def test_sentences_of_the_document_count(nlp):
    doc = Doc(nlp.vocab, words=["a", ".", "B"], sent_starts=[True, False, False])
    (sentence,) = cut_sentences(annotate(doc))
    assert [token.text for token in sentence] == ["a", ".", "B"]
    assert sentence.has_unknown_spaces


def test_reader(nlp, tmp_path):
    docs = [annotate(nlp(TEXT), (0, 1, "Drug")), annotate(nlp("")), annotate(nlp("One more."))]
    words = Doc(nlp.vocab, words=["5-HT", "."])
    DocBin(docs=[*docs, annotate(words)]).to_disk(tmp_path / "docs.spacy")
    examples = list(configure_sentence_corpus(tmp_path)(nlp))
    assert len(examples) == 5
    assert [example.predicted.text for example in examples[:2]] == [
        "Aspirin helps.",
        "It is cheap.",
    ]
    assert not examples[0].predicted.spans
    assert [token.text for token in examples[4].predicted] == ["5-HT", "."]
