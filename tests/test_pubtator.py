from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.pubtator import is_pubtator, read_pubtator, write_pubtator
from spacy_bioner_mtl.formats.record import Mention, Record

PUBTATOR = Path(__file__).parents[2] / "shared" / "pubtator"

TITLE = "11|t|Zinc and cough"
ABSTRACT = "11|a|Dry cough | or none."


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
    )
    assert second == Record(id="12", text="Title only", mentions={"H": []})
    assert third.text == "Without a blank line"
    assert third.mentions == {"H": [Mention(0, 7, "X")]}


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


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("11\t0\t4\tZink\tChemical", "mention 'Zink', but the text at 0-4 is 'Zinc'"),
        ("11\t0\t4\tZin\tChemical", "mention 'Zin', but"),
        ("11\t0\t99\tZinc\tChemical", "offsets 0-99 lie outside"),
        ("11\t4\t4\t\tChemical", "offsets 4-4 lie outside"),
        ("11\t-3\t4\tZinc\tChemical", "offsets -3-4 lie outside"),
        ("11\t0\tfour\tZinc\tChemical", "'four' are not whole numbers"),
        ("11\t0\t4\tZinc", "not a mention"),
        ("11\t0\t4\tZinc\t ", "not a mention"),
        ("11", "not a mention"),
        ("12\t0\t4\tZinc\tChemical", "'12' inside document '11'"),
        ("12|a|Other", "'12' inside document '11'"),
        ("11|a|Again", "a second abstract"),
    ],
)
def test_malformed_lines(file, line, what):
    path = file(TITLE, ABSTRACT, line)
    with pytest.raises(InputError) as caught:
        list(read_pubtator(path, "H"))
    assert str(caught.value).startswith(f"{path}:3: ")
    assert what in str(caught.value)


def test_lines_without_a_title(file):
    path = file(TITLE, "", "11\t0\t4\tZinc\tChemical")
    with pytest.raises(InputError, match=r"corpus.txt:3: no title before"):
        list(read_pubtator(path, "H"))


def test_no_document(file):
    with pytest.raises(InputError, match="no document"):
        list(read_pubtator(file("", ""), "H"))


@pytest.mark.parametrize(
    ("first", "expected"), [(TITLE, True), ("11|a|x", False), ("a\tO", False), ("a |t| b O", False)]
)
def test_recognised_by_the_first_line(file, first, expected):
    assert is_pubtator(file("", first)) is expected


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
    assert following == Record("2", "next", {"H": []})


def test_later_line_breaks_become_spaces(file):
    (record,) = read_pubtator(file("".join(write_pubtator([Record("1", "a\nb\nc\td\r\n")]))), "H")
    assert record.text == "a\nb c d  "


@pytest.mark.parametrize("identifier", ["a|b", "a\tb", "a\nb"])
def test_identifiers_that_break_the_format(identifier):
    with pytest.raises(InputError, match="identifiers hold no bar"):
        list(write_pubtator([Record(identifier, "text")]))


@pytest.mark.corpora
@pytest.mark.skipif(not PUBTATOR.exists(), reason="no mirror of the corpora")
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
