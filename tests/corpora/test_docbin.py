import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin
from spacy.training import Corpus
from spacy.vocab import Vocab

from spacy_bioner_mtl.corpora.docs import doc_to_record, record_to_doc
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.record import Mention, Record, Word
from spacy_bioner_mtl.pipeline.spans import REJECTED_SUFFIX, UNKNOWN_SUFFIX, annotated_heads
from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer

VOCAB = Vocab()


def spans(doc, key):
    return [(span.start, span.end, span.label_) for span in doc.spans[key]]


def stored(doc):
    """The document as a training run reads it: through a DocBin, with another vocabulary."""
    doc_bin = DocBin().from_bytes(DocBin(store_user_data=False, docs=[doc]).to_bytes())
    (again,) = doc_bin.get_docs(Vocab())
    return again


def tokenised(**kwargs):
    words = [Word(0, 3), Word(4, 9), Word(10, 11), Word(12, 15)]
    return Record(id="", text="dry cough . end", words=words, sentence_starts=[0, 3], **kwargs)


def test_tokenised_records_keep_tokens_sentences_and_spans():
    record = tokenised(mentions={"Disease": [Mention(0, 9, "Symptom")], "Gene": []})
    doc, unaligned = record_to_doc(record, VOCAB)
    for one in (doc, stored(doc)):
        assert [token.text for token in one] == ["dry", "cough", ".", "end"]
        assert [token.is_sent_start for token in one] == [True, False, False, True]
        assert one.has_unknown_spaces
        assert set(one.spans) == {"Disease", "Gene"}
        assert spans(one, "Disease") == [(0, 2, "Symptom")]
        assert spans(one, "Gene") == []
        assert annotated_heads(one) == ["Disease", "Gene"]
    assert len(unaligned) == 0


def test_training_keeps_the_gold_tokens():
    record = Record("", "5-HT", {"H": [Mention(0, 4, "X")]}, words=[Word(0, 4)])
    doc, _ = record_to_doc(record, VOCAB)
    corpus = Corpus("unused: the documents are given here")
    (example,) = corpus.make_examples(spacy.blank("en"), [stored(doc)])
    assert [token.text for token in example.predicted] == ["5-HT"]


def test_unknown_tokens_have_a_group_of_their_own():
    record = tokenised(mentions={"H": []}, unknown={"H": [Word(4, 9), Word(12, 15)]})
    doc, unaligned = record_to_doc(record, VOCAB)
    assert spans(stored(doc), "H" + UNKNOWN_SUFFIX) == [(1, 2, "-"), (3, 4, "-")]
    assert annotated_heads(doc) == ["H"]
    assert len(unaligned) == 0


def test_mentions_that_cut_tokens_leave_all_they_touch_unknown():
    record = tokenised(mentions={"H": [Mention(5, 11, "X"), Mention(12, 15, "X")], "other": []})
    doc, unaligned = record_to_doc(record, VOCAB)
    assert len(unaligned) == 1
    assert spans(doc, "H") == [(3, 4, "X")]
    assert spans(doc, "H" + UNKNOWN_SUFFIX) == [(1, 3, "-")]
    assert "other" + UNKNOWN_SUFFIX not in doc.spans


def test_a_mention_is_known_in_a_text_that_is_unknown():
    text = Word(0, len(tokenised().text))
    record = tokenised(mentions={"H": [Mention(4, 9, "X")]}, unknown={"H": [text]})
    doc, _ = record_to_doc(record, VOCAB)
    assert spans(doc, "H") == [(1, 2, "X")]
    assert spans(doc, "H" + UNKNOWN_SUFFIX) == [(0, 1, "-"), (2, len(doc), "-")]


def test_rejected_spans_have_a_group_of_their_own():
    rejected = [Mention(0, 9, "X"), Mention(4, 9, "Y"), Mention(5, 9, "X")]
    known = {"mentions": {"H": [], "other": []}, "unknown": {"H": [Word(0, 9)]}}
    doc, unaligned = record_to_doc(tokenised(**known, rejected={"H": rejected}), VOCAB)
    for one in (doc, stored(doc)):
        # The last one cuts a token.
        assert spans(one, "H" + REJECTED_SUFFIX) == [(0, 2, "X"), (1, 2, "Y")]
        assert spans(one, "H" + UNKNOWN_SUFFIX) == [(0, 2, "-")]
        assert annotated_heads(one) == ["H", "other"]
        assert set(one.spans) == {"H", "H" + UNKNOWN_SUFFIX, "H" + REJECTED_SUFFIX, "other"}
        again = doc_to_record(one, annotated_heads(one))
        assert again.rejected == {"H": rejected[:2]}
        assert again.unknown == known["unknown"]
    assert len(unaligned) == 0


def test_raw_text_needs_a_tokenizer():
    with pytest.raises(ValueError, match="needs a tokenizer"):
        record_to_doc(Record("", "text"), VOCAB)


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_texts_without_words(text):
    doc, unaligned = record_to_doc(Record("", text, {"H": []}), VOCAB, BioTokenizer(VOCAB))
    assert doc.text == text
    assert annotated_heads(doc) == ["H"]
    assert len(unaligned) == 0


@pytest.mark.parametrize("head", ["", " ", "G:unknown", "G:rejected", "all", "merged", "source"])
def test_names_that_no_head_may_have(head):
    with pytest.raises(InputError, match="cannot name a head"):
        record_to_doc(tokenised(mentions={head: []}), VOCAB)


@given(data=st.data(), text=st.text(st.sampled_from("ab1- \n(β"), max_size=30))
def test_offsets_survive_in_raw_text(data, text):
    offsets = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    pairs = data.draw(st.lists(offsets.filter(lambda pair: pair[0] < pair[1]))) if text else []
    mentions = [Mention(start, end, "X") for start, end in pairs]
    doc, unaligned = record_to_doc(Record("", text, {"H": mentions}), VOCAB, BioTokenizer(VOCAB))
    aligned = [pair for pair in pairs if doc.char_span(*pair) is not None]
    assert [(span.start_char, span.end_char) for span in doc.spans["H"]] == aligned
    assert len(unaligned) == len(pairs) - len(aligned)
    unknown = {token.i for span in doc.spans.get("H" + UNKNOWN_SUFFIX, []) for token in span}
    assert unknown == {
        token.i
        for start, end in set(pairs) - set(aligned)
        for token in doc
        if token.idx < end and token.idx + len(token) > start
    }


@given(data=st.data(), lengths=st.lists(st.integers(1, 3), min_size=1, max_size=8))
def test_word_offsets_need_not_be_those_of_the_document(data, lengths):
    """Words of a record may stand apart by any white space, or none at all."""
    words, text = [], ""
    for length in lengths:
        text += data.draw(st.sampled_from(["", " ", "\n  "]))
        words.append(Word(len(text), len(text) + length))
        text += "x" * length
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    mention = Mention(words[first].start, words[last].end, "X")
    doc, unaligned = record_to_doc(Record("", text, {"H": [mention]}, words=words), VOCAB)
    assert spans(doc, "H") == [(first, last + 1, "X")]
    assert len(unaligned) == 0
