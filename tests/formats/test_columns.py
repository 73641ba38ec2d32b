"""Files of one token a line: which line is a token, and which column."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tagged import words_of

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats import columns
from spacy_bioner_mtl.formats.conll import group_sentences, read_conll
from spacy_bioner_mtl.formats.record import SOURCE_HEAD, FlawKind
from spacy_bioner_mtl.formats.tokens import read_tokens

SENTENCES = [["Dry", "cough", "."], ["No", "fever"]]


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "source.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def entities(record):
    return [(record.text[one.start : one.end], one.label) for one in record.mentions[SOURCE_HEAD]]


def lay_out(row, sentences=SENTENCES, between="\n"):
    return between.join(
        "".join(row(number, word) + "\n" for number, word in enumerate(words, start=1))
        for words in sentences
    )


CONLL_U = lay_out(lambda n, word: f"{n}\t{word}\tx\tNOUN\tNN\t_\t0\troot\t_\tO")
WITH_TOKENS = {
    "word": lay_out(lambda n, word: word),
    "word and tag": lay_out(lambda n, word: f"{word}\tO"),
    "CoNLL-2003": "-DOCSTART- -X- -X- O\n\n" + lay_out(lambda n, word: f"{word} NN B-NP O"),
    "CoNLL-U": CONLL_U,
    "CoNLL-U with comments": "# newdoc id = 1\n# sent_id = 1\n# text = Dry cough .\n" + CONLL_U,
    "CoNLL-U with ranges": CONLL_U.replace("2\tcough", "1-2\tof-the" + "\t_" * 8 + "\n2\tcough"),
    "CoNLL-U with empty nodes": CONLL_U.replace("3\t.", "2.1\telided" + "\t_" * 8 + "\n3\t."),
    "index": lay_out(lambda n, word: f"{n} {word} NN O"),
    "index in tabs": lay_out(lambda n, word: f"{n}\t{word}\tO"),
    "index and word": lay_out(lambda n, word: f"{n}\t{word}"),
    "comments": "# sent_id = 1\n" + lay_out(lambda n, word: f"{word}\tO", between="\n# 2\n"),
    "comments and blanks": "# text = a b\n" + lay_out(lambda n, word: f"{word} NN O"),
    "comments, words alone": "# text = a b\n" + lay_out(lambda n, word: word),
    "MEDLINE": "###MEDLINE:7\n\n" + lay_out(lambda n, w: w + "\tO", between="\n###MEDLINE:8\n\n"),
    "MEDLINE with blanks": "###MEDLINE:7 \n\n" + lay_out(lambda n, word: f"{word}\tO"),
    "MEDLINE, words alone": "###MEDLINE:7\n\n" + lay_out(lambda n, word: word),
    "several tags": lay_out(lambda n, word: f"{word}\tO\tB-X\t-"),
}


@pytest.mark.parametrize("name", WITH_TOKENS)
def test_tokens_are_found(file, name):
    path = file(WITH_TOKENS[name])
    assert [words_of(record) for record in read_tokens(path)] == SENTENCES
    if "alone" not in name and name not in ("word", "index and word"):
        assert [words_of(record) for record in read_conll(path)] == SENTENCES


@pytest.mark.parametrize("name", ["MEDLINE", "CoNLL-U with comments"])
def test_documents_begin_at_their_lines(file, name):
    documents = [record.document for record in read_tokens(file(WITH_TOKENS[name]))]
    assert documents == ([1, 2] if name == "MEDLINE" else [1, 1])


def test_documents_of_medline_lines_are_put_together(file):
    content = "###MEDLINE:7\n\na\tO\n\nb\tO\n\n###MEDLINE:8\n\nc\tO\n"
    assert [one.text for one in group_sentences(read_conll(file(content)))] == ["a b", "c"]


def test_a_sign_with_a_tag_is_a_token(file):
    (record,) = read_conll(file("#\tO\nno comment\tO\n#5\tS-X\n"))
    assert words_of(record) == ["#", "no comment", "#5"]
    assert entities(record) == [("#5", "X")]


def test_a_sign_among_blanks_is_a_token(file):
    (record,) = read_conll(file("# SYM O\n5 CD S-X\n"))
    assert words_of(record) == ["#", "5"]


@pytest.mark.parametrize("first", ["7", "1-{n}", "doc4", "{n}{n}", "d1.{n}"])
def test_identifiers_are_refused(file, first):
    path = file(lay_out(lambda n, word: f"{first.format(n=n)}\t{word}\tNN\tO"))
    for read in (read_tokens, read_conll):
        with pytest.raises(InputError, match=r"source.tsv:1: the first column .*--word-column"):
            list(read(path))
        assert [words_of(one) for one in read(path, word_column=2)] == SENTENCES
        if first[0].isdigit() or first == "{n}{n}":
            what = (
                r"source.tsv:1: column 1 .* numbers, and column 2 \('Dry'\) words; correct --word"
            )
            with pytest.raises(InputError, match=what):
                list(read(path, word_column=1))
        else:
            assert [words_of(one)[0][0] for one in read(path, word_column=1)] == ["d", "d"]


SHORT = [["Dry", "cough"], ["No", "fever"]]
IDENTIFIERS = {
    "s1-w1": ["s1-w1", "s1-w2", "s2-w1", "s2-w2"],
    "T1a": ["T1a", "T1b", "T2a", "T2b"],
    "hex": ["8f3a", "beef", "01c2", "9d2e"],
}


@pytest.mark.parametrize("name", IDENTIFIERS)
@pytest.mark.parametrize("after", ["\tNN\tO", ""])
def test_identifiers_of_short_sentences_are_refused(file, name, after):
    given = iter(IDENTIFIERS[name])
    path = file(lay_out(lambda n, word: f"{next(given)}\t{word}{after}", SHORT))
    for read in (read_tokens, read_conll)[: 2 if after else 1]:
        with pytest.raises(InputError, match=r"source.tsv:1: the first column .*--word-column"):
            list(read(path))
        assert [words_of(one) for one in read(path, word_column=2)] == SHORT


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            "B-Chemical\tZinc\nO\thelps\n",
            r"the first column \('B-Chemical'\) holds tags; .*--word-c",
        ),
        ("O A\nO B\nO cold\nO day\n", r"the first column \('O'\) holds tags"),
        ("S-X,NN Zinc\nO,NN is\n", None),
        ("Zinc,S-X\nhelps,O\n", r"columns parted by ',' \('Zinc,S-X'\); part them by tabs"),
        ("Zinc;NN;O\nmay;X;O\nhelp;X;O\n.;X;O\n", "columns parted by ';'"),
        ("Token\tTag\nZinc\tS-X\n", "'Token' and 'Tag' are names of columns, .*take this line out"),
        ("word POS NER\nZinc NN S-X\n", "'word' and 'NER' are names of columns"),
    ],
)
def test_columns_in_another_order_are_refused(file, content, what):
    path = file(content)
    if what is None:
        assert len(list(read_tokens(path))) == 1
        return
    with pytest.raises(InputError, match=f"source.tsv:1: {what}"):
        list(read_tokens(path))
    with pytest.raises(InputError, match=r"source.tsv:\d: "):
        list(read_conll(path))


@pytest.mark.parametrize(
    "content",
    [
        "O\tO\nB-cell\tS-X\nI\tO\nE\tO\n",
        "B-cell\nO\n",
        "I\tPRP\nO\tX\n",
        "word\tO\nTag\tO\n",
        "Token\nTag\n",
        "dead NN\nbeef NN\nface NN\ncafe NN\n",
        "1,O\n2,5\n",
        "A,B\nC,D\n",
    ],
)
def test_odd_words_are_words(file, content):
    words = [line.split()[0] for line in content.splitlines()]
    (record,) = read_tokens(file(content))
    assert words_of(record) == words


def test_words_that_begin_alike_are_words(file):
    (record,) = read_conll(file("IL2 NN B-X\nIL4 NN B-X\n"))
    assert words_of(record) == ["IL2", "IL4"]


def test_two_columns_are_a_word_and_its_tag(file):
    path = file("1\tO\n2\tS-X\n\n1\tO\n")
    assert [words_of(record) for record in read_conll(path)] == [["1", "2"], ["1"]]
    assert [words_of(record) for record in read_tokens(path)] == [["1", "2"], ["1"]]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("1 a NN O\n2 b NN O\n\n2 c NN O\n", 4),
        ("1 a NN O\n2 b NN O\n4 c NN O\n", 3),
    ],
)
def test_numbers_out_of_order_are_refused(file, content, line, monkeypatch):
    monkeypatch.setattr(columns, "LOOKED_AT", 2)
    with pytest.raises(InputError, match=rf"source.tsv:{line}: the first column is"):
        list(read_tokens(file(content)))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("a\tO\n\tO\n", 2),
        ("a\tNN\tO\n\tNN\tO\n", 2),
        ("a O\n O\n", 2),
        ("a NN O\n NN O\nb NN O\n", 2),
        ("a NN O\nb NN O\nO\n", 3),
        ("1\ta\tO\n2\t\tO\n", 2),
    ],
)
def test_a_blank_token_is_refused(file, content, line):
    for read in (read_tokens, read_conll):
        with pytest.raises(InputError, match=rf"source.tsv:{line}: (one column|no token|a word)"):
            list(read(file(content)))


def test_lines_beyond_those_looked_at_are_read(file, monkeypatch):
    monkeypatch.setattr(columns, "LOOKED_AT_CHARACTERS", 15)
    path = file(WITH_TOKENS["index"] + "\n" + WITH_TOKENS["index"])
    assert [words_of(record) for record in read_tokens(path)] == SENTENCES * 2


def test_prose_among_words_is_refused(file):
    with pytest.raises(InputError, match=r"source.tsv:3: 3 columns where other lines have one"):
        list(read_tokens(file("Dry\ncough\nNo fever .\n")))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("dry\tB\ncough\tI\n.\tO\n", ("dry cough", "NAME")),
        ("dry\tB\ncough\tE\n.\tO\n", ("dry cough", "NAME")),
        ("dry\tI\ncough\tI\n.\tO\n", ("dry cough", "NAME")),
        ("dry\tO\ncough\tU\n.\tO\n", ("cough", "NAME")),
        ("dry\tb\ncough\ti\n.\to\n", ("dry cough", "NAME")),
        ("dry\to\ncough\tb-Sign\n.\to\n", ("cough", "Sign")),
    ],
)
def test_tags_without_a_type_or_in_lower_case(file, content, found):
    (record,) = read_conll(file(content), label="NAME")
    assert entities(record) == [found]
    lower = [tag for tag in content.split()[1::2] if tag[0].islower()]
    kinds = [(flaw.kind, flaw.count) for flaw in record.flaws]
    assert kinds == ([(FlawKind.TAG_CASE, len(lower))] if lower else [])


def test_a_type_must_be_given_to_tags_without(file):
    with pytest.raises(InputError, match=r"source.tsv:2: tag 'B' has no entity type.*--label"):
        list(read_conll(file("dry\tO\ncough\tB\n")))


@pytest.mark.parametrize("content", ["a\tB\nb\tO\nc\tB-X\n", "a\tB-X\n\nb\tO\nc\tB\n"])
def test_tags_with_and_without_a_type_do_not_mix(file, content):
    line = 3 if content.startswith("a\tB\n") else 4
    with pytest.raises(InputError, match=rf"source.tsv:{line}: tag 'B.*unlike those before"):
        list(read_conll(file(content), label="NAME"))


WORD = st.text("ab1#-.", min_size=1, max_size=3).filter(lambda word: not word.startswith("#"))


@settings(deadline=None)
@given(
    st.lists(st.lists(WORD, min_size=1, max_size=4), min_size=1, max_size=4),
    st.integers(1, 3),
    st.booleans(),
)
def test_a_column_that_is_named_is_read(tmp_path_factory, sentences, column, tagged):
    path = tmp_path_factory.mktemp("columns") / "source.tsv"
    before = "x\t" * (column - 1)
    path.write_text(lay_out(lambda n, word: f"{before}{word}\tO", sentences))
    read = read_conll if tagged else read_tokens
    assert [words_of(one) for one in read(path, word_column=column)] == sentences
