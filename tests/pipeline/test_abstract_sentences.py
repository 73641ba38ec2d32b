import copy
import pickle
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from real_data import CORPORA, PUBTATOR, needs
from spacy.tokens import Doc

from spacy_bioner_mtl.pipeline.abstract_sentences import (
    MAX_BRACKET_TOKENS,
    AbstractSentences,
    find_sentence_starts,
)
from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer

NLP = spacy.blank("en")
TOKENIZER = BioTokenizer(NLP.vocab)


def sentences_of_text(text: str) -> list[str]:
    doc = AbstractSentences()(TOKENIZER(text))
    return [sentence.text.strip() for sentence in doc.sents]


def sentences_of_words(text: str) -> list[str]:
    words = text.split()
    starts = [*find_sentence_starts(words, [True] * len(words)), len(words)]
    return [" ".join(words[start:end]) for start, end in pairwise(starts)]


def as_words(text: str) -> str:
    """The text as the corpora give it: every token followed by a space."""
    return " ".join(token.text for token in TOKENIZER(text) if not token.is_space)


# A "|" marks the boundaries; each example is tried as raw text and as the corpora's tokens.
EXAMPLES = [
    # What ends a sentence
    "Aspirin relieved the pain. |It was given twice.",
    "Is it toxic? |No effect was seen! |We stopped.",
    "The dose was halved (see below). |Nausea disappeared.",
    "Rats were weighed. |12 animals died.",
    "Cells were stained. |(+)-Limonene had no effect.",
    "Cells were lysed. |mRNA was then isolated.",
    "Purity was 95%. |Yields were low.",
    # Abbreviations in the middle of a sentence
    "Growth of E. coli and of S. Typhimurium stopped.",
    "It differs, cf. Figure two, from Fig. 3 and refs. 4 to 6.",
    "We compared drug A vs. Placebo and 12 vs. 14 mice.",
    "Some solvents, e.g. DMSO, i.e. Polar ones, were used.",
    "Smith et al. Described it; approx. 20 rats and ca. 30 mice were used.",
    "Spores of Bacillus sp. Strain two and of Salmonella subsp. Arizonae grew.",
    "It is no. 7 of a list, on p. 12, by Dr. Miller of the St. Mary hospital.",
    "It appeared in J. Biol. Chem. and in Proc. Natl. Acad. Sci. last year.",
    "The U.S. Department of health paid.",
    # The same at the end of one: a word that opens sentences settles it
    "This was shown by Smith et al. |The effect was small.",
    "They were born in the U.S. |However, they left.",
    "Rats got 5 mg/kg i.p. |In controls nothing happened.",
    "They carry hepatitis C. |Ribavirin was given.",
    "It grew at 37 °C. |Growth was slow.",
    # Numbers
    "The mean was 0.5 (p<0.05) or 1.25 mg.",
    "1. The first item of a list.",
    "It was observed at day E18.5 and on PU.1 sites.",
    # Brackets
    "Two drugs (aspirin. Also known as ASA. Cheap) were given. |Both worked.",
    "One [see ref. 3. In print] agrees. |Others do not.",
    "An item 1) is no bracket. |This is a sentence.",
    # Headings
    "BACKGROUND: Pain is common. |METHODS: Rats were used. |RESULTS: It fell.",
    "We gave it i.v. |MATERIALS AND METHODS: Rats were used.",
    # PubMed's note stays with what it cut off
    "The effect was large. (ABSTRACT TRUNCATED AT 250 WORDS)",
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_rules_on_raw_text(example):
    expected = [sentence.strip() for sentence in example.split("|")]
    assert sentences_of_text(example.replace("|", "")) == expected


@pytest.mark.parametrize("example", EXAMPLES)
def test_rules_on_tokens_of_a_corpus(example):
    expected = [as_words(sentence) for sentence in example.split("|")]
    assert sentences_of_words(as_words(example.replace("|", ""))) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ends in 1999. 12 rats died.", ["Ends in 1999.", "12 rats died."]),
        ("See BRCA1. TP53 differs.", ["See BRCA1.", "TP53 differs."]),
        ("Complex A.The next", ["Complex A.The next"]),
        ('He said "stop." Then left.', ['He said "stop."', "Then left."]),
        ('It ended. "Quoted" it was.', ["It ended.", '"Quoted" it was.']),
    ],
)
def test_raw_text_tells_more_by_its_spaces(text, expected):
    assert sentences_of_text(text) == expected


@pytest.mark.parametrize("text", ["in SU . TM constructs", "in 1999 . 12 rats", "P < . 05 was"])
def test_tokens_that_may_belong_together_stay_together(text):
    assert sentences_of_words(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A title\n\nthe text", ["A title", "the text"]),
        ("A title\r\n\r\nthe text", ["A title", "the text"]),
        ("An (open\n\nbracket. Then) closed", ["An (open", "bracket.", "Then) closed"]),
        ("A broken\nLine", ["A broken\nLine"]),
        ("One ends.\nTwo follows", ["One ends.", "Two follows"]),
        ("Rats vs.\nMice", ["Rats vs.\nMice"]),
        ("No stop here\nRESULTS: None", ["No stop here", "RESULTS: None"]),
        ("No stop here\nDNA: none", ["No stop here\nDNA: none"]),
    ],
)
def test_line_breaks(text, expected):
    assert sentences_of_text(text) == expected


def test_white_space_stays_with_the_sentence_before():
    doc = AbstractSentences()(TOKENIZER("One.\n\n  Two."))
    assert [sentence.text for sentence in doc.sents] == ["One.\n\n  ", "Two."]


@pytest.mark.parametrize("text", ["\n\nOne ends. Two follows", "\n\n1. The first item"])
def test_white_space_at_the_beginning_is_part_of_the_first_sentence(text):
    doc = AbstractSentences()(TOKENIZER(text))
    assert "".join(sentence.text_with_ws for sentence in doc.sents) == text
    assert sentences_of_text(text) == sentences_of_text(text.strip())


def test_a_bracket_that_never_closes_is_ignored():
    filler = "and more " * MAX_BRACKET_TOKENS
    assert len(sentences_of_text(f"A (slip. Then {filler}. The end).")) == 3


@pytest.mark.parametrize("text", ["", " ", "\n\n", ".", ". . .", "\n\n.\n\n", "(", ")", '"'])
def test_texts_without_a_sentence(text):
    doc = AbstractSentences()(TOKENIZER(text))
    assert doc.has_annotation("SENT_START")
    assert "".join(sentence.text_with_ws for sentence in doc.sents) == text


tokens = st.sampled_from([*'.!?()[]"', "''", "A", "a", "The", "5", "E", "et", "al", "\n", "\n\n"])


@given(st.lists(st.tuples(tokens, st.booleans()), max_size=40))
def test_starts_are_ascending_and_follow_a_stop(pairs):
    words = [word for word, _ in pairs]
    starts = find_sentence_starts(words, [space for _, space in pairs])
    assert starts[:1] == ([0] if words else [])
    assert all(first < second for first, second in pairwise(starts))
    for start in starts[1:]:
        assert not words[start].isspace()
        assert not all(word.isspace() for word in words[:start])
        before = [word for word in words[:start] if word not in (*')]"', "''")]
        assert before[-1] in (".", "!", "?") or before[-1].isspace()


def test_every_token_is_marked():
    doc = AbstractSentences()(TOKENIZER("One. Two three."))
    assert [token.is_sent_start for token in doc] == [True, False, True, False, False]
    assert doc.has_annotation("SENT_START", require_complete=True)


@pytest.mark.parametrize(
    ("overwrite", "expected"), [(False, [True, True, False, True]), (True, [True, False] * 2)]
)
def test_boundaries_of_the_document_are_kept_unless_told_otherwise(overwrite, expected):
    doc = Doc(NLP.vocab, words=["a", ".", "The", "b"], sent_starts=[None, True, False, True])
    expected = [True, False, True, False] if overwrite else expected
    doc = AbstractSentences(overwrite=overwrite)(doc)
    assert [token.is_sent_start for token in doc] == expected


def test_missing_boundaries_are_filled_in():
    doc = Doc(NLP.vocab, words=["a", ".", "The", "b"], sent_starts=[None, None, None, True])
    doc = AbstractSentences()(doc)
    assert [token.is_sent_start for token in doc] == [True, False, True, True]


def test_component_in_a_pipeline(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("abstract_sentences", config={"overwrite": True})
    nlp.to_disk(tmp_path)
    for other in (
        nlp,
        spacy.load(tmp_path),
        copy.deepcopy(nlp),
        pickle.loads(pickle.dumps(nlp)),
    ):
        assert other.get_pipe("abstract_sentences").overwrite
        docs = other.pipe(["It fell. We stopped.", ""])
        assert [len(list(doc.sents)) for doc in docs] == [2, 0]


def test_errors_go_to_the_error_handler():
    component = AbstractSentences()
    seen = []
    component.set_error_handler(lambda name, pipe, docs, error: seen.append((name, docs)))
    broken = object()
    component(broken)
    assert seen == [("abstract_sentences", [broken])]


def test_an_error_takes_no_other_document_along(monkeypatch):
    component = AbstractSentences()
    seen = []
    component.set_error_handler(lambda name, pipe, docs, error: seen.append((name, docs)))
    predict = component.predict

    def fail(docs):
        if any(doc.text == "broken" for doc in docs):
            raise ValueError
        return predict(docs)

    monkeypatch.setattr(component, "predict", fail)
    docs = [TOKENIZER(text) for text in ("One. Two.", "three", "broken", "four", "Five. Six.")]
    rest = list(component.pipe(docs, batch_size=2))
    sentences = [[sent.text for sent in doc.sents] for doc in rest if doc.text != "broken"]
    assert sentences == [["One.", "Two."], ["three"], ["four"], ["Five.", "Six."]]
    assert seen == [("abstract_sentences", [docs[2]])]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "One", "It fell. We stopped", "A.", " \n\n ", "No. 5 . We"]),
            st.booleans(),
        ),
        max_size=9,
    ),
    st.integers(1, 4),
    st.booleans(),
)
@settings(deadline=None)
def test_many_documents_at_a_time_are_marked_as_each_by_itself(texts, batch_size, overwrite):
    component = AbstractSentences(overwrite=overwrite)

    def make():
        docs = [TOKENIZER(text) for text, _ in texts]
        for doc, (_, marked) in zip(docs, texts, strict=True):
            for token in doc:
                if marked:
                    token.is_sent_start = token.i % 2 == 0
        return docs

    alone = [component(doc) for doc in make()]
    together = list(component.pipe(make(), batch_size=batch_size))
    assert [doc.to_array("SENT_START").tolist() for doc in together] == [
        doc.to_array("SENT_START").tolist() for doc in alone
    ]
    assert all(doc.has_annotation("SENT_START") for doc in together if len(doc))


def corpus_sentences(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    words: list[str] = []
    tags: list[str] = []
    for line in [*path.read_text(encoding="utf8").splitlines(), ""]:
        if line.strip():
            word, tag = line.split("\t")
            words.append(word)
            tags.append(tag)
        elif words:
            yield words, tags
            words, tags = [], []


@needs(CORPORA)
@pytest.mark.parametrize("corpus", ["BC5CDR-IOBES", "NCBI-disease-IOBES"])
def test_sentences_of_a_corpus_stay_whole(corpus):
    sentences = list(corpus_sentences(CORPORA / corpus / "devel.tsv"))
    split = cut = 0
    for words, tags in sentences:
        inner = find_sentence_starts(words, [True] * len(words))[1:]
        split += bool(inner)
        cut += sum(tags[start][0] in "IE" for start in inner)
    assert len(sentences) > 900
    assert split / len(sentences) < 0.002
    assert cut == 0


@needs(CORPORA)
def test_boundaries_between_sentences_of_a_corpus_are_found():
    sentences = list(corpus_sentences(CORPORA / "BC5CDR-IOBES" / "devel.tsv"))
    found = true = 0
    for first in range(0, len(sentences), 10):
        words: list[str] = []
        gold = set()
        for sentence, _ in sentences[first : first + 10]:
            gold.add(len(words))
            words += sentence
        gold -= {0}
        found += len(gold.intersection(find_sentence_starts(words, [True] * len(words))))
        true += len(gold)
    assert found / true > 0.985


@needs(PUBTATOR)
@pytest.mark.parametrize("corpus", ["BC5CDR", "NCBIdisease"])
def test_no_boundary_inside_a_mention_of_raw_text(corpus):
    path = PUBTATOR / f"{corpus}_TrainDev.PubTator"
    title = ""
    starts: list[int] = []
    mentions = crossing = 0
    for line in path.read_text(encoding="utf8").splitlines():
        kind = line.split("|", 2)
        if len(kind) == 3 and kind[1] == "t":
            title = kind[2]
        elif len(kind) == 3 and kind[1] == "a":
            doc = AbstractSentences()(TOKENIZER(f"{title} {kind[2]}"))
            starts = [sentence.start_char for sentence in doc.sents]
        elif len(fields := line.split("\t")) > 4:
            mentions += 1
            crossing += any(int(fields[1]) < start < int(fields[2]) for start in starts)
    assert mentions > 5_000
    assert crossing == 0
