import gzip
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_data import PUBTATOR, needs

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.pubtator import read_pubtator as read_records
from spacy_bioner_mtl.formats.pubtator import write_pubtator
from spacy_bioner_mtl.formats.recognise import recognise
from spacy_bioner_mtl.formats.record import (
    SOURCE_HEAD,
    BadRecord,
    FlawKind,
    Mention,
    Passage,
    Record,
    Word,
    strict,
)

TITLE = "11|t|Zinc and cough"
ABSTRACT = "11|a|Dry cough | or none."


def read_pubtator(path, head):
    """Gold of one head, without identifiers, up to the first bad document."""
    for record in strict(read_records(path)):
        mentions = [replace(mention, identifier="") for mention in record.mentions[SOURCE_HEAD]]
        yield replace(record, mentions={head: mentions})


@pytest.fixture
def file(tmp_path):
    def write(*lines):
        path = tmp_path / "corpus.txt"
        path.write_bytes("\n".join(lines).encode())
        return path

    return write


def test_documents_are_read(file):
    path = file(
        "",
        TITLE,
        ABSTRACT,
        "11\t0\t4\tZinc\tChemical\tD1",
        "11\t9\t14\tcough\tDisease",
        "11\t15\t24\tDry cough\tDisease\tD2|D3\tdry|cough",
        "11\t19\t24\tcough\tDisease\t-1",
        "11\t19\t24\tcough\tDisease\tD2",
        "11\tCID\tD1\tD2",
        "11\tAssociation\tD1\tD2\tNovel",
        "11\tAssociation\t672\t-\tNo",
        "11\tCPR:3\tArg1:T1\tArg2:T2",
        "",
        "",
        "12|t|Title only",
        "13|t|Without a blank line",
        "13|a|",
        "13\t0\t7\tWithout\tX\t",
    )
    first, second, third = read_pubtator(path, "H")
    assert first == Record(
        id="11",
        text="Zinc and cough\nDry cough | or none.",
        mentions={
            "H": [
                Mention(0, 4, "Chemical"),
                Mention(9, 14, "Disease"),
                Mention(15, 24, "Disease"),
                Mention(19, 24, "Disease"),
                Mention(19, 24, "Disease"),
            ]
        },
        passages=[Passage(0, 14, "title"), Passage(15, 35, "abstract")],
    )
    assert second == Record(
        id="12", text="Title only", mentions={"H": []}, passages=[Passage(0, 10, "title")]
    )
    assert third.text == "Without a blank line"
    assert third.mentions == {"H": [Mention(0, 7, "X")]}
    assert third.passages == [Passage(0, 20, "title"), Passage(20, 20, "abstract")]
    identifiers = [mention.identifier for mention in next(read_records(path)).mentions[SOURCE_HEAD]]
    assert identifiers == ["D1", "", "D2|D3", "-1", "D2"]


def test_line_ends_and_byte_order_mark(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_bytes(f"\ufeff{TITLE}\r\n{ABSTRACT}\r\n11\t0\t4\tZinc\tChemical\r\n\r\n".encode())
    (record,) = read_pubtator(path, "H")
    assert record.id == "11"
    assert record.mentions["H"] == [Mention(0, 4, "Chemical")]


def test_offsets_count_code_points(file):
    (record,) = read_pubtator(file("1|t|\U0001f9ea β-ester", "1\t2\t9\tβ-ester\tChemical"), "H")
    assert record.mentions["H"] == [Mention(2, 9, "Chemical")]


def test_signs_of_a_mention_are_not_compared(file):
    path = file('1|t|so-called "dry" cough', "1\t10\t21\t dry  cough\tDisease")
    (record,) = read_pubtator(path, "H")
    assert record.mentions["H"] == [Mention(10, 21, "Disease")]


WHOLE = [Word(0, 35)]


@pytest.mark.parametrize(
    ("line", "kind", "what", "unknown"),
    [
        ("11\t0\t4\tZink\tChemical", "OTHER_TEXT", "'Zink', but the text at its", [Word(0, 4)]),
        (
            "11\t0\t4\tZin\tChemical",
            "OTHER_TEXT",
            "mention is 'Zin', but",
            [Word(0, 3), Word(0, 4)],
        ),
        ("11\t1\t5\tZinc\tChemical", "OTHER_TEXT", "is 'Zinc', but", [Word(0, 4), Word(1, 5)]),
        ("11\t0\t99\tZinc\tChemical", "OUTSIDE", "offsets 0-99", [Word(0, 4), Word(0, 35)]),
        ("11\t99\t104\tCough\tX", "OUTSIDE", "offsets 99-104", [Word(9, 14), Word(19, 24)]),
        ("11\t99\t104\tColds\tX", "OUTSIDE", "outside of the text of 35", WHOLE),
        ("11\t4\t4\t\tChemical", "EMPTY", "offsets 4-4", [Word(3, 5)]),
        ("11\t-3\t4\tZinc\tChemical", "OUTSIDE", "offsets -3-4", [Word(0, 4)]),
        ("11\t0\t4\tZinc\t ", "NO_TYPE", "has no type", [Word(0, 4)]),
        ("11\t0\tfour\tZinc\tChemical", "MALFORMED", "'four' are not whole numbers", [Word(0, 4)]),
        ("11\tx9\t14\tcough\tX", "MALFORMED", "'x9' and", [Word(9, 14), Word(19, 24)]),
        ("11\tO\t4\tZinc\tX", "MALFORMED", "'O' and '4' are", [Word(0, 4)]),
        ("11\tx0\ty\tcold\tX", "MALFORMED", "'x0' and 'y' are", WHOLE),
        ("11\tone\tfour", "MALFORMED", "not a mention", WHOLE),
        ("11\t0\t4\tZinc", "MALFORMED", "not a mention", WHOLE),
        ("12\t0\t4\tZinc\tChemical", "MALFORMED", "'12' inside document '11'", WHOLE),
    ],
)
def test_flaws(file, line, kind, what, unknown):
    good = "11\t9\t14\tcough\tDisease"
    path = file(TITLE, ABSTRACT, good, line, "12|t|Next", "12\t0\t4\tNext\tX")
    first, second = read_records(path)
    assert first.mentions == {SOURCE_HEAD: [Mention(9, 14, "Disease")]}
    (flaw,) = first.flaws
    assert (flaw.kind, flaw.place) == (FlawKind[kind], f"{path}:4")
    assert flaw.reason.startswith(f"{path}:4: ") and what in flaw.reason
    assert list(flaw.unknown) == unknown
    assert second.mentions == {SOURCE_HEAD: [Mention(0, 4, "X")]} and not second.flaws


@pytest.mark.parametrize("line", ["12|a|Other", "11|a|Again"])
def test_texts_that_cannot_be_told_apart(file, line):
    what = {"1": "'12' inside document '11'", "A": "a second abstract"}[
        "1" if line.startswith("12") else "A"
    ]
    path = file(TITLE, ABSTRACT, line, "12|t|Next", "12\t0\t4\tNext\tX")
    for gold in (True, False):
        bad, good = read_records(path, gold=gold)
        assert bad.id == "11"
        assert bad.reason.startswith(f"{path}:3: ") and what in bad.reason
        assert (good.id, good.text) == ("12", "Next")


@pytest.mark.parametrize(
    "line",
    [
        "and no fever.",
        "no\tfever, but pain",
        "11|A|Dry cough",
        "11|abstract|Dry cough",
        "11|f|In full",
        "11",
        "11 0 4 Zinc Chemical",
    ],
)
def test_texts_on_lines_of_their_own(file, line):
    path = file(TITLE, line, "11\t0\t4\tZinc\tChemical", "12|t|Next", "12\t0\t4\tNext\tX")
    for gold in (True, False):
        bad, good = read_records(path, gold=gold)
        assert bad.id == "11"
        assert bad.reason.startswith(f"{path}:2: neither title, abstract nor annotation")
        assert "on one line each, ID|t|TITLE" in bad.reason
        assert (good.id, good.text) == ("12", "Next")


def test_texts_after_a_blank_line(file):
    for gold in (True, False):
        good, bad = read_records(file(TITLE, "", "and no fever."), gold=gold)
        assert good.text == "Zinc and cough" and "corpus.txt:3: no title before" in bad.reason


@pytest.mark.parametrize("said", ["zinc", "ZINC", " zinc "])
def test_mentions_that_are_written_otherwise(file, said):
    (record,) = read_records(file(TITLE, f"11\t0\t4\t{said}\tChemical"))
    assert record.mentions == {SOURCE_HEAD: [Mention(0, 4, "Chemical")]}
    assert [flaw.kind for flaw in record.flaws] == [FlawKind.WRITTEN_OTHERWISE]
    assert record.flaws[0].unknown == ()


@pytest.mark.parametrize(
    ("damage", "what"),
    [(b"\xff", "not UTF-8"), (b"\0", "a NUL character"), (b"\r", "a carriage return inside")],
)
@pytest.mark.parametrize("line", [1, 2])
def test_damaged_lines(tmp_path, damage, what, line):
    lines = [TITLE.encode(), ABSTRACT.encode(), b"", b"12|t|Next", b""]
    lines[line - 1] += damage + b"x"
    path = tmp_path / "corpus.txt"
    path.write_bytes(b"\n".join(lines))
    bad, good = read_records(path)
    assert isinstance(bad, BadRecord) and bad.id == "11"
    assert bad.reason.startswith(f"{path}:{line}: {what}")
    assert good.id == "12"


def test_lines_without_a_title(file):
    path = file(TITLE, "", "12\t0\t4\tZinc\tChemical")
    with pytest.raises(InputError, match=r"corpus.txt:3: no title before"):
        list(read_pubtator(path, "H"))
    path = file("12|a|Abstract", "12\t0\t4\tZinc\tChemical", TITLE, "", "12\t0\t1\tx\tX")
    first, second, third = read_records(path)
    assert (first.id, second.id, third.id) == ("12", "11", "12")
    assert first.reason.startswith(f"{path}:1: no title before")
    assert third.reason.startswith(f"{path}:5: no title before")


def test_a_blank_line_before_mentions_parts_nothing(file):
    mention = "11\t0\t4\tZinc\tChemical"
    for lines in ([TITLE, "", mention], [TITLE, ABSTRACT, "", "", mention, "", "12|t|Next"]):
        assert next(read_pubtator(file(*lines), "H")).mentions == {"H": [Mention(0, 4, "Chemical")]}


def test_compressed_files(tmp_path):
    path = tmp_path / "corpus.PubTator.gz"
    path.write_bytes(gzip.compress(f"{TITLE}\n{ABSTRACT}\n".encode(), mtime=0))
    assert recognise(Source(path)).name == "pubtator"
    assert [record.id for record in read_records(path)] == ["11"]


def test_no_document(file):
    with pytest.raises(InputError, match="no document"):
        list(read_pubtator(file("", ""), "H"))


@pytest.mark.parametrize(
    ("first", "expected"), [(TITLE, True), ("11|a|x", False), ("a\tO", False), ("a |t| b O", False)]
)
def test_recognised_by_the_first_line(file, first, expected):
    try:
        found = recognise(Source(file("", first))).name
    except InputError:
        found = ""
    assert (found == "pubtator") is expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("ab| \n\r\t\0\ufeff\u2028"), max_size=8), data=st.data())
def test_what_is_written_is_read_or_refused(file, text, data):
    label = data.draw(st.sampled_from(["X", " X", "X ", "", "a\0", "\u2028"]))
    mentions = [Mention(0, 1, label)] if text.strip("\n") else []
    try:
        written = "".join(write_pubtator([Record("7", text, {"H": mentions})]))
    except InputError as error:
        assert "\0" in text or (mentions and label != "X"), error
        return
    (record,) = read_records(file(written))
    # The first line break parts title and abstract; the others, and tabs, are spaces then.
    parts = [re.sub("[\n\r\t]", " ", part) for part in text.split("\n", maxsplit=1)]
    assert record.text == "\n".join([parts[0], *filter(None, parts[1:])])
    assert [one.label for one in record.mentions[SOURCE_HEAD]] == [one.label for one in mentions]


TEXT = st.text(st.characters(exclude_characters="\r\n\t\0", exclude_categories=["Cs"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), title=TEXT, abstract=TEXT)
def test_what_is_written_is_read_again(file, data, title, abstract):
    text = f"{title}\n{abstract}" if abstract else title
    offsets = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    pairs = data.draw(
        st.lists(offsets.filter(lambda pair: pair[0] < pair[1]) if text else st.nothing())
    )
    labels = data.draw(st.lists(st.sampled_from("XY"), min_size=len(pairs), max_size=len(pairs)))
    mentions = {Mention(*pair, label) for pair, label in zip(pairs, labels, strict=True)}
    heads = {
        "X": [mention for mention in mentions if mention.label == "X"],
        "Y": [mention for mention in mentions if mention.label == "Y"],
    }
    path = file("".join(write_pubtator([Record("1", text, heads), Record("", "next", {})])))
    record, following = read_pubtator(path, "H")
    assert (record.id, record.text) == ("1", text)
    assert set(record.mentions["H"]) == mentions
    assert len(record.mentions["H"]) == len(mentions)
    assert (following.id, following.text, following.mentions) == ("2", "next", {"H": []})


def test_later_line_breaks_become_spaces(file):
    (record,) = read_pubtator(file("".join(write_pubtator([Record("1", "a\nb\nc\td\r\n")]))), "H")
    assert record.text == "a\nb c d  "


@pytest.mark.parametrize("identifier", ["a|b", "a\tb", "a\nb"])
def test_identifiers_that_break_the_format(identifier):
    with pytest.raises(InputError, match="identifiers hold no bar"):
        list(write_pubtator([Record(identifier, "text")]))


def test_labels_that_break_the_format():
    for mention in (Mention(0, 1, "a\tb"), Mention(0, 1, "X", identifier="D1\n")):
        with pytest.raises(InputError, match=r"record '7'.* holds a tab, a line break or"):
            list(write_pubtator([Record("7", "text", {"H": [mention]})]))


FILE = """11|t|Zinc and cough\x0b
11|a| Dry cough | or\u2028none.\x20
11\t0\t4\tZinc\tChemical\tD1|D2
11\t9\t14\tcough\tDisease

12|t|Title only

13|t|
13|a|No title
13\t1\t3\tNo\tX\t-1
13\t1\t3\tNo\tX\tD9

14|t|An empty abstract
14|a|

15|t|
15|a|

"""


def test_a_file_comes_back_as_it_was(file):
    assert "".join(write_pubtator(read_records(file(FILE)))) == FILE


def test_mentions_of_several_heads_are_written_once():
    mentions = {
        "one": [Mention(5, 6, "Y"), Mention(0, 4, "X", 0.5), Mention(0, 4, "Y")],
        "two": [Mention(0, 4, "X", 0.9), Mention(0, 4, "Y", identifier="D1")],
    }
    lines = list(write_pubtator([Record("7", "Zinc 2", mentions)]))
    assert lines[2:] == [
        "7\t0\t4\tZinc\tX\n",
        "7\t0\t4\tZinc\tY\tD1\n",
        "7\t5\t6\t2\tY\n",
        "\n",
    ]


@pytest.mark.parametrize(
    ("text", "passages", "title", "abstract"),
    [
        ("A\tb c d", [(0, 3, "title"), (4, 7, "abstract")], "A b", "c d"),
        ("A b c d", [(0, 3, "title"), (4, 5, "abstract"), (6, 7, "abstract")], "A b", "c d"),
        ("A\nb c", [(0, 3, "title"), (4, 5, "abstract")], "A b", "c"),
        ("A\nb c", [(2, 3, "title"), (4, 5, "abstract")], "A", "b c"),
        ("A\n\nbc", [(0, 1, "title"), (3, 5, "abstract")], "A", " bc"),
        ("A b\ncd", [(0, 1, "title"), (1, 6, "abstract")], "A b", "cd"),
        ("A-b\ncd", [(0, 1, "title"), (2, 6, "abstract")], "A-b", "cd"),
        ("A b\ncd", [(0, 1, "title")], "A b", "cd"),
        ("A\nb", [(0, 3, "title")], "A b", None),
        ("A\nb", [(0, 3, "abstract")], "A", "b"),
        ("A b", [], "A b", ""),
    ],
)
def test_where_the_title_ends(text, passages, title, abstract):
    record = Record("7", text, passages=[Passage(*passage) for passage in passages])
    written = "".join(write_pubtator([record]))
    expected = f"7|t|{title}\n" + (f"7|a|{abstract}\n" if abstract is not None else "")
    assert written == f"{expected}\n"


@needs(PUBTATOR)
@pytest.mark.parametrize(
    ("name", "documents", "mentions"),
    [
        ("BC5CDR_Test", 500, 9796),
        ("BC5CDR_TrainDev", 1000, 18_974),
        ("NCBIdisease_Test", 100, 960),
        ("NCBIdisease_TrainDev", 693, 5932),
    ],
)
def test_published_corpora(name, documents, mentions):
    records = list(read_pubtator(PUBTATOR / f"{name}.PubTator", "H"))
    assert len(records) == documents
    assert sum(len(record.mentions["H"]) for record in records) == mentions


def text_lines(content):
    return [line for line in content.split(b"\n") if line.split(b"|")[1:2] in ([b"t"], [b"a"])]


@needs(PUBTATOR)
@pytest.mark.parametrize("name", ["BC5CDR_Test", "NCBIdisease_Test", "NCBIdisease_TrainDev"])
def test_published_corpora_come_back(tmp_path, name):
    source, out = PUBTATOR / f"{name}.PubTator", tmp_path / "out.PubTator"
    before = list(read_records(source))
    out.write_bytes("".join(write_pubtator(before)).encode())
    assert text_lines(out.read_bytes()) == text_lines(source.read_bytes())
    for one, other in zip(before, read_records(out), strict=True):
        # What is written has the text of the document itself in its mentions.
        assert other == replace(one, mentions=other.mentions, flaws=[])
        assert set(other.mentions[SOURCE_HEAD]) == set(one.mentions[SOURCE_HEAD])
