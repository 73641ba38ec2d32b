"""What is wrong with mentions, and what of the text is unknown because of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner_mtl.formats.flaws import MentionCheck, is_written_otherwise
from spacy_bioner_mtl.formats.record import FlawKind, Word

TEXTS = st.text(st.sampled_from("aAbB1 -.\nßé\u0301\u03b1\u0391\U0001f9ea"), max_size=30)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CXCR-1", "cxcr1"),
        ("CXCR-1", "cxcr 1"),
        ("IL-2", "il-2"),
        ("dry\ncough", "dry  cough"),
        ("e\u0301", "\u00e9"),
        ("\ufb01brosis", "fibrosis"),
        ("CO\u2082", "CO2"),
        ('"TATA" box', " TATA  box"),
        ("SARS\u2010CoV\u20102", "SARS-CoV-2"),
        ("Straße", "STRASSE"),
        ("+/-", "-/+"),
    ],
)
def test_written_otherwise(text, said):
    assert is_written_otherwise(text, said)
    assert is_written_otherwise(said, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("TNF-\u03b1", "TNF-a"),
        ("(IL-2", "IL-2"),
        ("IL-2 ", "IL2"),
        (" IL-2", "IL2"),
        ("Zinc", "Zink"),
        ("Zinc", ""),
        ("", "Zinc"),
        ("+", "--"),
        ("inc o", "Zinc"),
    ],
)
def test_another_text(text, said):
    assert not is_written_otherwise(text, said)


@given(TEXTS)
def test_every_text_is_itself(text):
    assert is_written_otherwise(text, text)


@given(TEXTS.filter(bool), st.integers(-5, 35), st.integers(-5, 35), st.none() | TEXTS)
def test_what_is_unknown(text, start, end, said):
    """It covers the offsets and the mention's text, and is everything if there is neither."""
    unknown = MentionCheck(text).find_unknown(start, end, said)
    assert all(0 <= piece.start < piece.end <= len(text) for piece in unknown)
    covered = {index for piece in unknown for index in range(piece.start, piece.end)}
    touched = set(range(max(start, 0), min(end, len(text))))
    assert touched <= covered
    wanted = (said or "").lower()
    letters = sum(map(str.isalnum, wanted))
    places = set()
    if letters >= 3 and len(text.lower()) == len(text):
        places = {
            index
            for index in range(len(text))
            if text.lower().startswith(wanted, index) and text[index].isalnum()
        }
    assert places <= covered
    if not touched and not places and start < end and not letters:
        assert covered == set(range(len(text)))


def flaw_of(check, pieces, label, said):
    before = len(check.flaws)
    is_used = check.accept(pieces, label, said, place="p", what="it")
    flaws = check.flaws[before:]
    assert len(flaws) < 2 and is_used is all(flaw.kind.is_used for flaw in flaws)
    return flaws[0] if flaws else None


def test_short_mentions_are_looked_for_as_words():
    unknown = MentionCheck("a cat has a C4 and C4a.").find_unknown(90, 92, "c4")
    assert unknown == [Word(12, 14)]


def test_a_good_mention_has_no_flaw():
    check = MentionCheck("Dry and wet cough")
    for said in (None, "Dry cough", "Dry and wet cough"):
        assert flaw_of(check, [(0, 3), (12, 17)], "X", said) is None


def test_upper_case_of_composed_letters_is_written_otherwise():
    assert "ß\u0301".upper() == "SS\u0301"
    assert is_written_otherwise("ß\u0301", "S\u015a")


@given(TEXTS.filter(bool), st.data())
def test_a_mention_with_its_own_text_fits(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    check = MentionCheck(text)
    assert flaw_of(check, [(start, end)], "X", text[start:end]) is None
    flaw = flaw_of(check, [(start, end)], "X", text[start:end].upper())
    assert flaw is None or (flaw.kind.is_used and flaw.unknown == ())


def test_the_work_grows_with_the_text_alone():
    """Every mention of a long text is wrong, said to be all of it, or in pieces far apart."""
    text = "zinc " * 40_000
    check = MentionCheck(text)
    found = 0
    for start in range(3_000):
        for pieces in (
            [(start, start + 4)],
            [(0, len(text))],
            [(0, 1), (len(text) - 1, len(text))],
        ):
            flaw = flaw_of(check, pieces, "X", "zinc zinc ?")
            assert flaw is not None and flaw.kind is FlawKind.OTHER_TEXT
            assert len(flaw.reason) < 500
            found += len(flaw.unknown)
    # The places where the text occurs are given once, and what the offsets touch each time.
    assert found <= 40_000 + 3 * 3_000


@pytest.mark.parametrize("label", ["", " ", "\n"])
def test_without_a_type_the_text_is_unknown_for_all(label):
    flaw = flaw_of(MentionCheck("dry cough"), [(0, 3)], label, "dry")
    assert flaw is not None
    assert (flaw.kind, flaw.label, flaw.unknown) == (FlawKind.NO_TYPE, "", (Word(0, 3),))


def test_places_are_given_once_for_each_type():
    check = MentionCheck("dry cough, wet cough")
    assert check.find_unknown(0, 3, "cough", "X") == [Word(0, 3), Word(4, 9), Word(15, 20)]
    assert check.find_unknown(90, 95, "Cough", "X") == []
    assert check.find_unknown(90, 95, "Cough", "Y") == [Word(4, 9), Word(15, 20)]
    assert check.find_unknown(90, 95, "cold", "X") == [Word(0, 20)]
    assert check.find_unknown(90, 95, "cold", "X") == [Word(0, 20)]
