"""Files of one token a line: every token once, whatever the file looks like."""

import gzip
import io
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tagged import read_strictly, token_spans, words_of

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.encoding import find_wide_encoding
from spacy_bioner_mtl.formats.record import Mention, Record, Word
from spacy_bioner_mtl.formats.tokens import read_tokens, write_label_columns

#: Tokens of a file with tabs: anything in which no line, column or file begins or ends.
WORDS = st.text(
    st.characters(exclude_characters="\0\r\n\t\v\f\ufeff", exclude_categories=["Cs"]), min_size=1
).filter(lambda word: word == word.strip(" ") and not word.startswith(("-DOCSTART-", "#")))
#: Tokens that can stand on a line of their own.
LONE_WORDS = WORDS.filter(lambda word: not any(character.isspace() for character in word))


def lists_of_sentences(words):
    return st.lists(st.lists(words, min_size=1, max_size=4), min_size=1, max_size=5)


def spans_of(*words):
    """Words of a text in which they are joined by single spaces."""
    starts = [len(" ".join(words[:index])) + bool(index) for index in range(len(words))]
    return [Word(start, start + len(word)) for start, word in zip(starts, words, strict=True)]


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "source.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "ending", ["", "\n", "\n\n", "\n\n\n\n", "\n \n", "\n\n-DOCSTART-\n", "\n\n-DOCSTART-\tO\n\n"]
)
def test_the_last_sentence_is_read_whatever_ends_the_file(file, ending):
    records = list(read_tokens(file("A\nrat\n\nIt\nsleeps" + ending)))
    assert [words_of(record) for record in records] == [["A", "rat"], ["It", "sleeps"]]


@given(
    st.one_of(
        st.tuples(lists_of_sentences(WORDS), st.just("\tNN\tO")),
        st.tuples(lists_of_sentences(LONE_WORDS), st.sampled_from(["", " ", "\t", " NN O"])),
    ),
    st.sampled_from(["", "\n", "\n\n", "\n\n\n"]),
)
@settings(deadline=None)
def test_any_token_is_read_and_written_as_it_is(tmp_path_factory, given_file, ending):
    sentences, further_columns = given_file
    path = tmp_path_factory.mktemp("tokens") / "source.tsv"
    text = "\n\n".join("\n".join(word + further_columns for word in words) for words in sentences)
    content = (text + ending).encode()
    assume(not find_wide_encoding(content))
    path.write_bytes(content)
    # Without being told, numbers alone pass for those of tokens or sentences.
    read = list(read_tokens(path, word_column=1))
    assert [words_of(record) for record in read] == sentences
    assert [record.text for record in read] == [" ".join(words) for words in sentences]
    for record in read:
        record.mentions = {"H": []}
    path.write_bytes("".join(write_label_columns(read)).encode())
    assert [words_of(record) for record in read_tokens(path)] == sentences


def test_a_sentence_is_a_record_without_labels(file):
    first, second = read_tokens(file("-DOCSTART-\tO\n\nA\tDT\tB-Wrong\nrat\tNN\tO\n\nIt\n"))
    assert first == Record("", "A rat", words=[Word(0, 1), Word(2, 5)], document=1)
    assert second == Record("", "It", words=[Word(0, 2)], document=1)


def test_documents_stay_apart(file):
    path = file("-DOCSTART-\tO\n\nA\nrat\n-DOCSTART-\nA\nmouse\n\nIt\n")
    before = [(words_of(record), record.document) for record in read_tokens(path)]
    assert before == [(["A", "rat"], 1), (["A", "mouse"], 2), (["It"], 2)]
    records = list(read_tokens(path))
    for record in records:
        record.mentions = {"one": [], "two": []}
    written = "".join(write_label_columns(records))
    assert written.startswith("-DOCSTART-\tO\tO\n\nA\tO\tO\n")
    assert [(words_of(one), one.document) for one in read_tokens(file(written))] == before


def test_compressed_files_and_standard_input(file, monkeypatch):
    (record,) = read_tokens(file(gzip.compress("A\nβ\n".encode(), mtime=0)))
    assert record.text == "A β"
    monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO("A\nβ\n".encode())))
    )
    (record,) = read_tokens(Path("-"))
    assert record.text == "A β"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "source.tsv: no token in this file"),
        (b"\n-DOCSTART-\n\n", "source.tsv: no token in this file"),
        (b"a\n\n\tO\n", "source.tsv:3: no token in the first column"),
        (b"a\nb\xff\n", r"source.tsv:2: not UTF-8 \(byte 3 of the file\)"),
        (b"a\nb\0\n", "source.tsv:2: a NUL character"),
        (b"a\nb\rc\n", "source.tsv:2: a carriage return inside the line"),
        (gzip.compress(b"a\n" * 1000, mtime=0)[:-9], "source.tsv: damaged or cut off"),
    ],
)
def test_faulty_files(file, content, message):
    with pytest.raises(InputError, match=message):
        list(read_tokens(file(content)))


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.tsv: cannot be read"):
        list(read_tokens(tmp_path / "none.tsv"))


def test_a_column_for_each_head():
    words = ["acute", "liver", "failure", "after", "aspirin"]
    record = Record(
        "",
        " ".join(words),
        {"H": [Mention(26, 33, "Chemical"), Mention(0, 19, "Disease")], "L": [Mention(6, 11, "L")]},
        words=spans_of(*words),
    )
    assert "".join(write_label_columns([record])) == (
        "acute\tB-Disease\tO\n"
        "liver\tI-Disease\tS-L\n"
        "failure\tE-Disease\tO\n"
        "after\tO\tO\n"
        "aspirin\tS-Chemical\tO\n"
        "\n"
    )


@st.composite
def answered_sentences(draw):
    """Words with mentions of two heads, each of whole words that do not overlap in their head."""
    words = draw(st.lists(WORDS, min_size=1, max_size=6))
    spans = spans_of(*words)
    answers = {}
    for head in ("one", "two"):
        position, answers[head] = 0, []
        while position < len(words):
            end = draw(st.integers(position + 1, len(words)))
            label = draw(st.sampled_from(["", "Gene", "cell-line"]))
            if label:
                answers[head].append((position, end, label))
            position = end
    mentions = {
        head: [Mention(spans[start].start, spans[end - 1].end, label) for start, end, label in some]
        for head, some in answers.items()
    }
    return Record("", " ".join(words), mentions, words=spans), answers


@given(st.lists(answered_sentences(), min_size=1, max_size=4))
@settings(deadline=None)
def test_labels_stand_for_the_mentions(tmp_path_factory, sentences):
    path = tmp_path_factory.mktemp("labels") / "out.tsv"
    written = "".join(write_label_columns(record for record, _ in sentences))
    rows = [line.split("\t") for line in written.split("\n")]
    for column, head in ((1, "one"), (2, "two")):
        path.write_bytes(
            "\n".join(f"{row[0]}\t{row[column]}" if len(row) > 1 else "" for row in rows).encode()
        )
        spans = [token_spans(sentence) for sentence in read_strictly(path)]
        assert spans == [answers[head] for _, answers in sentences]


def test_raw_text_is_written_sentence_by_sentence():
    text = "No \n\n pain.\tZinc\u00a0 helps."
    words = [(0, 2), (3, 6), (6, 10), (10, 11), (11, 12), (12, 16), (16, 18), (18, 23), (23, 24)]
    record = Record(
        "7",
        text,
        {"H": [Mention(3, 10, "Symptom"), Mention(12, 16, "Chemical"), Mention(16, 18, "Nothing")]},
        words=[Word(*word) for word in words],
        sentence_starts=[0, 4],
        document=1,
    )
    empty = Record("8", "", {"H": []}, words=[], document=2)
    blank = Record("9", " \n", {"H": []}, words=[Word(0, 2)], sentence_starts=[0], document=3)
    assert "".join(write_label_columns([record, empty, blank])) == (
        "-DOCSTART-\tO\n\n"
        "No\tO\npain\tS-Symptom\n.\tO\n\n"
        "Zinc\tS-Chemical\nhelps\tO\n.\tO\n\n"
        "-DOCSTART-\tO\n\n"
        "-DOCSTART-\tO\n\n"
    )


def test_a_sentence_does_not_begin_inside_a_mention_of_any_head():
    record = Record(
        "7",
        "a b c d",
        {"one": [], "two": [Mention(2, 5, "X")]},
        words=spans_of("a", "b", "c", "d"),
        sentence_starts=[0, 2, 3],
    )
    assert "".join(write_label_columns([record])) == (
        "a\tO\tO\nb\tO\tB-X\nc\tO\tE-X\n\nd\tO\tO\n\n"
    )


def test_a_word_of_raw_text_cannot_break_its_line():
    record = Record("", "a\tb\r\nc", {"H": []}, words=[Word(0, 6)], sentence_starts=[0])
    assert list(write_label_columns([record])) == ["a b  c\tO\n", "\n"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (Record("7", "ab cd", {"H": []}), "record '7' is not tokenised"),
        (
            Record("7", "ab cd", {"H": [Mention(0, 4, "X")]}, words=spans_of("ab", "cd")),
            "record '7'.* cuts a word",
        ),
        (
            Record(
                "7",
                "ab cd",
                {"H": [Mention(0, 5, "X"), Mention(3, 5, "Y")]},
                words=spans_of("ab", "cd"),
            ),
            "record '7'.*overlaps another",
        ),
        (Record("7", "ab", {"other": []}, words=spans_of("ab")), r"record '7'.*\['other'\].*\['H'"),
    ],
)
def test_records_that_cannot_be_written(record, message):
    first = Record("6", "x", {"H": []}, words=spans_of("x"))
    with pytest.raises(ValueError, match=message):
        list(write_label_columns([first, record]))
