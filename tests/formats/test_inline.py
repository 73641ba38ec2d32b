"""Entities marked inline: the text comes back as it was."""

import gzip
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_bioner_mtl.formats.inline import read_inline, write_inline
from spacy_bioner_mtl.formats.record import SOURCE_HEAD, BadRecord, Mention, Record, Word

#: Texts of any characters, those that mean something to the format among them.
TEXTS = st.text(
    st.sampled_from("ab <>/&;#10\n\r\t\0\ufeff\u2028\u00a0\U0001f9ea\u0301")
    | st.characters(exclude_categories=["Cs"]),
    min_size=1,
)
LABELS = st.sampled_from(["Disease", "cell_type", "/", "/x", "Gene/Protein", "A & B", "<b>", "\n"])


@st.composite
def mentions_of(draw, text):
    """Mentions of a text that do not overlap."""
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    return [
        Mention(start, end, draw(LABELS)) for start, end in pairwise(cuts) if draw(st.booleans())
    ]


@st.composite
def raw_records(draw):
    text = draw(TEXTS)
    return Record("", text, {"H": draw(mentions_of(text))})


@st.composite
def token_records(draw):
    tokens = st.text(
        st.sampled_from("ab<>/&;\u00a0") | st.characters(exclude_categories=["Cs", "Z", "Cc"]),
        min_size=1,
        max_size=4,
    )
    words = draw(st.lists(tokens, min_size=1, max_size=6))
    text = " ".join(words)
    spans, offset = [], 0
    for word in words:
        spans.append(Word(offset, offset + len(word)))
        offset += len(word) + 1
    cuts = sorted(draw(st.sets(st.integers(0, len(words)), max_size=6)))
    mentions = [
        Mention(spans[start].start, spans[end - 1].end, draw(LABELS))
        for start, end in pairwise(cuts)
    ]
    return Record("", text, {"H": mentions}, words=spans)


@given(st.lists(raw_records() | token_records(), min_size=1, max_size=4))
@settings(deadline=None)
def test_what_is_written_is_read_again(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("inline") / "out.txt"
    path.write_bytes("".join(write_inline(records)).encode())
    read = list(read_inline(path))
    assert [record.text for record in read] == [record.text for record in records]
    assert [record.mentions for record in read] == [
        {SOURCE_HEAD: record.mentions["H"]} for record in records
    ]


def words_at(*offsets):
    return [Word(*pair) for pair in offsets]


def test_sentences_of_tokens_and_their_documents():
    records = [
        Record(
            "",
            "acute liver failure after aspirin",
            {"H": [Mention(26, 33, "Chemical"), Mention(0, 19, "Disease")]},
            words=words_at((0, 5), (6, 11), (12, 19), (20, 25), (26, 33)),
            document=1,
        ),
        Record(
            "",
            "B C",
            {"H": [Mention(0, 1, "x"), Mention(2, 3, "y")]},
            words=words_at((0, 1), (2, 3)),
            document=1,
        ),
        Record("", "p < 3", {"H": []}, words=words_at((0, 1), (2, 3), (4, 5)), document=2),
    ]
    assert "".join(write_inline(records)) == (
        "<Disease> acute liver failure </Disease> after <Chemical> aspirin </Chemical>\n"
        "<x> B </x> <y> C </y>\n"
        "\n"
        "p &lt; 3\n"
    )


def test_raw_text_is_marked_where_it_stands():
    words = words_at((0, 5), (6, 10), (10, 11), (11, 12), (12, 15))
    records = [
        Record("7", "Acute gout.\nYes", {"H": [Mention(0, 10, "Disease")]}, {}, words, [0, 4]),
        Record("8", "", {"H": []}, words=[], document=1),
        Record("9", " R&D ", {}, document=2),
    ]
    written = "".join(write_inline(records))
    assert written == "<Disease>Acute gout</Disease>.&#10;Yes\n\n R&amp;D \n"


def test_lines_are_numbered_and_documents_counted(tmp_path):
    path = tmp_path / "source.txt"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf\na\n\n\n<x> b </x>\nc\r\n", mtime=0))
    read = list(read_inline(path))
    assert [(record.id, record.text, record.document) for record in read] == [
        ("2", "a", 0),
        ("5", "b", 1),
        ("6", "c", 1),
    ]
    assert read[1].mentions == {SOURCE_HEAD: [Mention(0, 1, "x")]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("p < 3", "'<' at character 3 is not part of a tag; write &lt;"),
        ("p > 3", "'>' at character 3 is not part of a tag"),
        ("<>x</>", "'<' at character 1 is not part of a tag"),
        ("a <x> b", "<x> is not closed; write </x>"),
        ("a </x> b", "</x> closes nothing"),
        ("<x> a </y>", "</y> closes nothing"),
        ("<x> a <y> b </y> </x>", "<y> inside <x>; entities cannot nest"),
        ("<x> </x>", "nothing between <x> and its end"),
        ("R&D", "'&' without &amp;"),
        ("&nbsp;", "'&' without &amp;"),
        ("&#55296;", "'&' without &amp;"),
        ("&#9999999;", "'&' without &amp;"),
        (b"\xff", "not UTF-8 (byte 5 of the file)"),
        ("a\0", "a NUL character"),
    ],
)
def test_a_line_at_fault_does_not_lose_the_others(tmp_path, line, message):
    path = tmp_path / "source.txt"
    path.write_bytes(b"one\n\n" + (line if isinstance(line, bytes) else line.encode()) + b"\ntwo\n")
    first, bad, last = read_inline(path)
    assert (first.text, last.text) == ("one", "two")
    assert isinstance(bad, BadRecord) and bad.id == "3"
    assert bad.reason.startswith(f"{path}:3: ") and message in bad.reason


@pytest.mark.parametrize(
    ("mentions", "message"),
    [
        ({"one": [], "two": []}, "record '7': mentions of several heads"),
        ({"H": [Mention(0, 2, "X"), Mention(1, 3, "Y")]}, "record '7': mention 1-3 overlaps"),
        ({"H": [Mention(0, 2, "")]}, "record '7': the mention at 0-2 has no label"),
        ({"H": [Mention(0, 4, "X")]}, "record '7': mention 0-4 .*outside of the text of 3"),
    ],
)
def test_records_that_cannot_be_written(mentions, message):
    with pytest.raises(ValueError, match=message):
        list(write_inline([Record("7", "abc", mentions)]))
