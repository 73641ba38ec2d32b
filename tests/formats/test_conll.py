from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_data import CORPORA, needs
from schemes_written import write_tagged
from tagged import read_strictly, words_of

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.conll import group_sentences, read_conll
from spacy_bioner_mtl.formats.record import SOURCE_HEAD, FlawKind, Mention, Record, Word, join_words
from spacy_bioner_mtl.formats.tokens import write_label_columns

FEVER = "Fever\tS-Disease\nfollowed\tO\nacute\tB-Disease\nliver\tI-Disease\nfailure\tE-Disease\n"


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "corpus.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def tokens(sentences):
    return [words_of(sentence) for sentence in sentences]


def entities(record):
    return [(record.text[one.start : one.end], one.label) for one in record.mentions[SOURCE_HEAD]]


def lines_repaired(records):
    flaws = [flaw for record in records for flaw in record.flaws]
    assert {flaw.kind for flaw in flaws} <= {FlawKind.TAG_ORDER}
    return [int(flaw.place.rpartition(":")[2]) for flaw in flaws]


def test_words_and_entities_are_read(file):
    sentences = list(read_conll(file(FEVER + "\nRest\tO\n")))
    assert [sentence.scheme for sentence in sentences] == ["IOBES", "IOBES"]
    assert tokens(sentences) == [["Fever", "followed", "acute", "liver", "failure"], ["Rest"]]
    assert entities(sentences[0]) == [("Fever", "Disease"), ("acute liver failure", "Disease")]
    assert lines_repaired(sentences) == []


@pytest.mark.parametrize(
    "content",
    [
        "a\tO\n\nb\tO\n",
        "a\tO\n\nb\tO",
        "a\tO\r\n\r\nb\tO\r\n",
        "\ufeffa\tO\n\nb\tO\n",
        "\n\n \na\tO\n\t\n\n  \nb\tO\n\n\n",
        "a\tO\n\xa0\nb\tO",
        "a O\n\nb O",
        "a\tNN\tO\n\nb\tx\ty\tO\n",
        "a x y O \n\nb  O\n",
        "a\tO\t\n\nb\tO  \n",
    ],
)
def test_layout_does_not_matter(file, content):
    conll = read_conll(file(content))
    assert tokens(conll) == [["a"], ["b"]]


def test_words_may_hold_blanks_where_tabs_separate(file):
    conll = list(read_conll(file("type 2 diabetes\tNN\tS-Disease\n\xa0\tO\n\u2028x\tO\n")))
    assert tokens(conll) == [["type 2 diabetes", "\xa0", "\u2028x"]]
    (record,) = group_sentences(conll)
    assert record.text == "type 2 diabetes \xa0 \u2028x"
    assert record.mentions == {SOURCE_HEAD: [Mention(0, 15, "Disease")]}


def test_forbidden_tags_are_read_like_conlleval_and_counted(file):
    sentences = list(read_conll(file("a\tO\nb\tI-X\nc\tS-X\n\nd\tE-X\ne\tB-X\n")))
    assert [entities(sentence) for sentence in sentences] == [
        [("b", "X"), ("c", "X")],
        [("d", "X"), ("e", "X")],
    ]
    assert lines_repaired(sentences) == [2, 3, 5, 6]


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("a\tO\nb\tB-X\nc\tO\n\nd\tO\ne\tI-X\n", 6, "'I-X' may not follow 'O' in IOB2"),
        ("a\tB-X\nb\tI-Y\n", 2, "'I-Y' may not follow 'B-X' in IOB2"),
        ("\nI\tE-X\n", 2, "'E-X' may not begin a sentence in IOBES"),
        ("a\tS-X\nb\tB-X\n\n", 2, "'B-X' leaves an entity unfinished"),
    ],
)
def test_strict_rejects_forbidden_tags(file, content, line, what):
    path = file(content)
    assert lines_repaired(read_conll(path)) == [line]
    with pytest.raises(InputError) as caught:
        read_strictly(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert what in str(caught.value)


def test_strict_accepts_what_is_legal(file):
    assert len(read_strictly(file(FEVER))) == 1


SIX = "-DOCSTART-\tO\n\na\tO\n\nb\tS-X\n\nc\tO\n\n-DOCSTART- -X- O O\n-DOCSTART-\n\nd\tO\n\ne\tO\n"


@pytest.mark.parametrize(
    ("content", "size", "texts"),
    [
        (SIX, None, ["a b c", "d e"]),
        (SIX, 1, ["a", "b", "c", "d", "e"]),
        (SIX, 2, ["a b", "c", "d e"]),
        (SIX, 9, ["a b c", "d e"]),
        ("a\tO\n-DOCSTART-\nb\tO\n", None, ["a", "b"]),
        ("a\tO\n\nb\tO\n\nc\tO\n", None, ["a", "b", "c"]),
        ("a\tO\n\nb\tO\n\nc\tO\n", 2, ["a b", "c"]),
    ],
)
def test_sentences_are_grouped(file, content, size, texts):
    records = list(group_sentences(read_conll(file(content)), size))
    assert [record.text for record in records] == texts
    for record in records:
        assert record.sentence_starts == list(range(len(record.words)))
        assert list(record.mentions) == [SOURCE_HEAD]


def test_offsets_and_unknown_words(file):
    (record,) = group_sentences(read_conll(file("ab\t-\nc\tS-X\n\nde\tO\nf\t-\n")), 2)
    assert record.text == "ab c de f"
    assert words_of(record) == ["ab", "c", "de", "f"]
    assert record.sentence_starts == [0, 2]
    assert record.mentions == {SOURCE_HEAD: [Mention(3, 4, "X")]}
    assert record.unknown == {SOURCE_HEAD: [Word(0, 2), Word(8, 9)]}


WORDS = st.text(
    st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=4
) | st.sampled_from(["type 2", "-", "O", "#"])


@st.composite
def records(draw):
    """A tokenised record with mentions and unknown words that do not touch each other."""
    sentences = draw(st.lists(st.lists(WORDS, min_size=1, max_size=5), min_size=1, max_size=3))
    words, mentions, unknown, starts, offset = [], [], [], [], 0
    for sentence in sentences:
        starts.append(len(words))
        first = len(words)
        for text in sentence:
            words.append(Word(offset, offset + len(text)))
            offset += len(text) + 1
        position = 0
        while position < len(sentence):
            end = draw(st.integers(position + 1, len(sentence)))
            kind = draw(st.sampled_from(["O", "-", "Gene", "cell-line"]))
            if kind == "-":
                unknown.extend(words[first + position : first + end])
            elif kind != "O":
                last = words[first + end - 1]
                mentions.append(Mention(words[first + position].start, last.end, kind))
            position = end
    text = " ".join(word for sentence in sentences for word in sentence)
    unknown_words = {SOURCE_HEAD: unknown} if unknown else {}
    return Record("", text, {SOURCE_HEAD: mentions}, unknown_words, words, starts)


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "IOBES", "BILUO"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=records())
def test_what_is_written_is_read_again(file, scheme, record):
    path = file(write_tagged(record, scheme))
    (again,) = group_sentences(read_strictly(path), 99)
    assert replace(again, scheme="") == record


def test_every_record_ends_its_sentence():
    one = Record("", "a b", {"H": []}, words=[Word(0, 1), Word(2, 3)], sentence_starts=[0, 1])
    none = Record("", "", {"H": []}, words=[])
    assert "".join(write_label_columns([one, none, one])) == "a\tO\n\nb\tO\n\n" * 2


def test_white_space_is_no_token():
    text = "a\n\nb \tc d"
    words = [Word(0, 1), Word(1, 3), Word(3, 4), Word(4, 6), Word(6, 9)]
    record = Record("", text, {"H": [Mention(1, 6, "X")]}, words=words, sentence_starts=[0, 1, 3])
    assert "".join(write_label_columns([record])) == "a\tO\n\nb\tS-X\n\nc d\tO\n\n"


def test_words_cannot_break_their_line():
    record = Record("", "a\tb\nc", {"H": [Mention(0, 5, "X")]}, words=[Word(0, 5)])
    assert list(write_label_columns([record])) == ["a b c\tS-X\n", "\n"]


def test_a_mention_is_never_cut_by_a_sentence():
    words = [Word(0, 1), Word(2, 3), Word(4, 5)]
    record = Record("", "a b c", {"H": [Mention(0, 3, "X")]}, {}, words, [0, 1, 2])
    assert "".join(write_label_columns([record])) == "a\tB-X\nb\tE-X\n\nc\tO\n\n"


@pytest.mark.parametrize(
    "mentions",
    [
        [Mention(0, 5, "X"), Mention(3, 5, "Y")],
        [Mention(0, 1, "X")],
        [Mention(1, 2, "X")],
        [Mention(1, 5, "X")],
    ],
)
def test_mentions_that_conll_cannot_hold(mentions):
    record = Record("7", "ab cd", {"H": mentions}, words=[Word(0, 2), Word(3, 5)])
    with pytest.raises(InputError, match=r"record '7'.*overlaps another or cuts a word"):
        list(write_label_columns([record]))


ODD = st.text(st.sampled_from("a# \t\n\r\0\v\u2028-"), min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ODD, min_size=1, max_size=3), ODD)
def test_odd_words_and_labels_are_read_again_or_refused(file, texts, label):
    text, words = join_words(texts)
    mention = Mention(words[0].start, words[0].end, label)
    try:
        written = "".join(write_label_columns([Record("", text, {"H": [mention]}, words=words)]))
    except InputError:
        odd = [each for each in texts if "\0" in each or not each.strip(" \t\v\f\r\n")]
        assert odd or label != label.strip() or not set("\t\n\r\0").isdisjoint(label)
        return
    (record,) = read_strictly(file(written))
    breaks = str.maketrans("\t\n\r", "   ")
    assert words_of(record) == [each.translate(breaks).strip(" \v\f") for each in texts]
    assert entities(record) == [(words_of(record)[0], label)]


@pytest.mark.parametrize("label", ["", " ", " X", "X ", "a\tb", "a\nb", "a\rb", "X\0"])
def test_labels_that_conll_cannot_hold(label):
    record = Record("7", "ab", {"H": [Mention(0, 2, label)]}, words=[Word(0, 2)])
    with pytest.raises(InputError, match=r"record '7': the label .* rename it"):
        list(write_label_columns([record]))


@pytest.mark.parametrize("text", ["a\0", "\t", "-DOCSTART-x"])
def test_words_that_conll_cannot_hold(text):
    record = Record("7", text, {"H": []}, words=[Word(0, len(text))])
    with pytest.raises(InputError, match=r"record '7': the word .* cannot stand in a file of tok"):
        list(write_label_columns([record]))


def test_raw_text_cannot_be_written():
    with pytest.raises(ValueError, match="not tokenised"):
        list(write_label_columns([Record("7", "ab")]))


@needs(CORPORA)
@pytest.mark.parametrize(
    ("corpus", "scheme", "sentences", "tokens", "mentions"),
    [
        ("NCBI-disease-IOBES/train", "IOBES", 5424, 135_701, 5134),
        ("NCBI-disease-IOBES/devel", "IOBES", 923, 23_969, 787),
        ("NCBI-disease-IOBES/test", "IOBES", 940, 24_497, 960),
        ("JNLPBA/train", "IOB2", 16_807, 445_090, 46_750),
        ("JNLPBA/devel", "IOB2", 1739, 47_461, 4551),
        ("JNLPBA/test", "IOB2", 3856, 101_039, 8662),
    ],
)
def test_published_corpora(corpus, scheme, sentences, tokens, mentions):
    records = read_strictly(CORPORA / f"{corpus}.tsv")
    assert {record.scheme for record in records} == {scheme}
    assert len(records) == sentences
    assert sum(len(record.words) for record in records) == tokens
    assert sum(len(record.mentions[SOURCE_HEAD]) for record in records) == mentions
