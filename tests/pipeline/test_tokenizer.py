import copy
import multiprocessing
import pickle
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
import spacy
import spacy.language
from hypothesis import given
from hypothesis import strategies as st
from real_data import CORPORA, PUBTATOR, needs
from spacy.language import Language
from spacy.tokenizer import Tokenizer

from spacy_bioner_mtl.pipeline.tokenizer import _TOKEN, BioTokenizer, configure_bio_tokenizer

NAME = "spacy_bioner_mtl.BioTokenizer.v1"
VOCAB = spacy.blank("en").vocab
TOKENIZER = BioTokenizer(VOCAB)

# Everything a Doc can store, with a bias to what is hard: white space, marks, joiners.
texts = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(" \n\t\u00a0\u2003aZ5_-.(\u0301\u0338\u200d\u00ad\ufe0f\ufeff"),
    )
)


def words(text: str) -> list[str]:
    return [token.text for token in TOKENIZER(text)]


@pytest.fixture
def nlp() -> Language:
    if NAME not in spacy.registry.tokenizers:
        spacy.registry.tokenizers(NAME, func=configure_bio_tokenizer)
    return spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": NAME}}})


@given(texts)
def test_nothing_of_the_text_is_lost(text):
    doc = TOKENIZER(text)
    assert doc.text == text
    assert all(text[token.idx : token.idx + len(token)] == token.text for token in doc)


@given(texts)
def test_a_token_is_all_white_space_or_has_none(text):
    for token in TOKENIZER(text):
        spaces = [character.isspace() for character in token.text]
        assert all(spaces) or not any(spaces)


@given(texts)
def test_a_token_has_letters_and_digits_or_one_sign(text):
    for token in TOKENIZER(text):
        base = [c for c in token.text if unicodedata.category(c) not in ("Mn", "Mc", "Me", "Cf")]
        if not token.is_space and not all(character.isalnum() for character in base):
            assert len(base) == 1


@given(texts)
def test_no_token_boundary_between_two_letters_or_digits(text):
    starts = {token.idx for token in TOKENIZER(text)}
    for offset in range(1, len(text)):
        if text[offset - 1].isalnum() and text[offset].isalnum():
            assert offset not in starts


@given(st.text("ab5 \n\t\u00a0\u2003"))
def test_white_space_is_treated_as_spacy_treats_it(text):
    # Without rules for punctuation, spaCy's own tokenizer splits at white space only.
    reference = Tokenizer(VOCAB)(text)
    doc = TOKENIZER(text)
    assert [(t.text, t.whitespace_) for t in doc] == [(t.text, t.whitespace_) for t in reference]


@given(texts)
def test_spacys_own_tokenizer_finds_the_same_infixes(text):
    reference = Tokenizer(VOCAB, infix_finditer=_TOKEN.finditer)(text)
    doc = TOKENIZER(text)
    assert [(t.text, t.whitespace_) for t in doc] == [(t.text, t.whitespace_) for t in reference]


@given(texts)
def test_tokens_stay_as_they_are_when_joined_by_spaces(text):
    tokens = [token.text for token in TOKENIZER(text) if not token.is_space]
    assert words(" ".join(tokens)) == tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5-HT(2A), H2 and CYP2D6*4", "5 - HT ( 2A ) , H2 and CYP2D6 * 4"),
        ("Parkinson's (PD)", "Parkinson ' s ( PD )"),
        ("snake_case p<0.05", "snake _ case p < 0 . 05"),
        ("PKC-δ, 3 mm² of H₂O", "PKC - δ , 3 mm² of H₂O"),
        ("IFN-λ≥10µg/ml", "IFN - λ ≥ 10µg / ml"),
    ],
)
def test_signs_are_split_off_and_letters_stay_with_digits(text, expected):
    assert words(text) == expected.split()


def test_every_combining_mark_stays_with_its_word():
    marks = [
        chr(point)
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)).startswith("M")
    ]
    assert [mark for mark in marks if len(TOKENIZER(f"a{mark}b")) != 1] == []


def test_a_mark_stays_with_the_sign_it_is_drawn_on():
    assert words("a=\u0338b") == ["a", "=\u0338", "b"]


@pytest.mark.parametrize("joiner", ["\u00ad", "\u200c", "\u200d", "\u2060"])
def test_joiners_do_not_break_a_word(joiner):
    assert words(f"hyper{joiner}tension") == [f"hyper{joiner}tension"]
    assert words(f"-{joiner}a") == ["-", joiner, "a"]


@pytest.mark.parametrize("separator", ["\u200b", "\ufeff", "\u200e"])
def test_other_invisible_characters_are_tokens_of_their_own(separator):
    assert words(f"{separator}aspirin{separator}") == [separator, "aspirin", separator]


def test_empty_text():
    assert len(TOKENIZER("")) == 0


def test_white_space_only():
    assert words(" \n ") == [" \n "]


def test_very_long_token():
    assert len(TOKENIZER("a\u0301" * 200_000)) == 1


def test_a_lone_surrogate_is_replaced_and_reported():
    with pytest.warns(UserWarning, match=r"2 lone surrogate"):
        doc = TOKENIZER("a\ud800 b \udfff")
    assert doc.text == "a\ufffd b \ufffd"


def test_pipe_keeps_the_order():
    assert [doc.text for doc in TOKENIZER.pipe(["a-b", "", "c"])] == ["a-b", "", "c"]


def check(nlp: Language) -> None:
    assert isinstance(nlp.tokenizer, BioTokenizer)
    assert nlp.tokenizer.vocab is nlp.vocab
    assert [token.text for token in nlp("IL-2")] == ["IL", "-", "2"]


def test_pipeline_survives_disk_bytes_pickle_and_copies(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    check(spacy.load(tmp_path))
    check(type(nlp).from_config(nlp.config).from_bytes(nlp.to_bytes()))
    check(pickle.loads(pickle.dumps(nlp)))
    check(copy.deepcopy(nlp))


def test_pickled_alone():
    assert [token.text for token in pickle.loads(pickle.dumps(TOKENIZER))("IL-2")] == [
        "IL",
        "-",
        "2",
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_two_spawned_processes(nlp, monkeypatch):
    monkeypatch.setattr(spacy.language, "mp", multiprocessing.get_context("spawn"))
    text = "5-HT and IL2."
    docs = list(nlp.pipe([text] * 4, n_process=2, batch_size=2))
    assert [[token.text for token in doc] for doc in docs] == [words(text)] * 4


def corpus_tokens(path: Path) -> Iterator[str]:
    with path.open(encoding="utf8") as lines:
        for line in lines:
            if line.strip():
                yield line.split("\t")[0]


@needs(CORPORA)
@pytest.mark.parametrize("corpus", ["BC2GM-IOBES", "BC5CDR-IOBES", "NCBI-disease-IOBES"])
def test_corpus_tokens_are_not_split_further(corpus):
    tokens = list(corpus_tokens(CORPORA / corpus / "devel.tsv"))
    assert len(tokens) > 20_000
    assert words(" ".join(tokens)) == tokens


@needs(PUBTATOR)
@pytest.mark.parametrize(("corpus", "missed"), [("BC5CDR", 10), ("NCBIdisease", 2)])
def test_mentions_in_raw_text_lie_on_token_boundaries(corpus, missed):
    starts: set[int] = set()
    ends: set[int] = set()
    outside = 0
    title = ""
    path = PUBTATOR / f"{corpus}_TrainDev.PubTator"
    for line in path.read_text(encoding="utf8").splitlines():
        kind = line.split("|", 2)
        if len(kind) == 3 and kind[1] == "t":
            title = kind[2]
        elif len(kind) == 3 and kind[1] == "a":
            doc = TOKENIZER(f"{title}\n{kind[2]}")
            starts = {token.idx for token in doc}
            ends = {token.idx + len(token) for token in doc}
        elif len(fields := line.split("\t")) > 4:
            outside += int(fields[1]) not in starts or int(fields[2]) not in ends
    # What is left are chemicals glued to a number (one in 2,000) and two spans cut short.
    assert outside == missed
