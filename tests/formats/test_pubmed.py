import gzip
import re
import subprocess
import sys

import pytest

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.pubmed import read_pubmed
from spacy_bioner_mtl.formats.record import BadRecord, Passage, Record

HEADER = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle//EN" "https://nowhere.invalid/x.dtd">
"""


@pytest.fixture
def file(tmp_path):
    def write(*records, header=HEADER, root="PubmedArticleSet"):
        path = tmp_path / "pubmed.xml"
        content = "\n".join([f"{header}<{root}>", *records, f"</{root}>"])
        path.write_text(content, encoding="utf-8")
        return path

    return write


def article(pmid, title="", *sections, more="", version=1):
    abstract = f"<Abstract>{''.join(sections)}</Abstract>" if sections else ""
    return (
        f'<PubmedArticle><MedlineCitation Status="MEDLINE"><PMID Version="{version}">{pmid}</PMID>'
        "<DateRevised><Year>2020</Year></DateRevised><Article><Journal><Title>Journal</Title>"
        f"</Journal><ArticleTitle>{title}</ArticleTitle>{abstract}"
        f"<AuthorList><Author><LastName>Nobody</LastName></Author></AuthorList></Article>{more}"
        "<CommentsCorrectionsList><CommentsCorrections><PMID>999</PMID></CommentsCorrections>"
        "</CommentsCorrectionsList></MedlineCitation><PubmedData><ReferenceList><Reference>"
        "<ArticleIdList><ArticleId>998</ArticleId></ArticleIdList></Reference></ReferenceList>"
        "</PubmedData></PubmedArticle>"
    )


def section(text, label=""):
    label = f' Label="{label}" NlmCategory="{label}"' if label else ""
    return f"<AbstractText{label}>{text}</AbstractText>"


def test_title_and_abstract(file):
    (record,) = read_pubmed(file(article(1, "Zinc for cough.", section("It helps &lt; 5%."))))
    assert record == Record(
        "1",
        "Zinc for cough.\nIt helps < 5%.",
        passages=[Passage(0, 15, "title"), Passage(16, 30, "abstract")],
    )


def test_records_inside_of_other_elements(file):
    path = file("<Wrapper>", article(1, "Lost?"), "</Wrapper>", article(2, "Good"))
    bad, good = read_pubmed(path)
    assert good.id == "2"
    assert bad.reason.startswith(f"{path}:5: a 'PubmedArticle' inside of 'Wrapper', where it")


def test_a_root_inside_of_the_root_is_no_record(file):
    path = file(
        "<PubmedArticleSet>", article(1, "Lost?"), "</PubmedArticleSet>", article(2, "Good")
    )
    bad, good = read_pubmed(path)
    assert good.id == "2"
    assert "a 'PubmedArticle' inside of 'PubmedArticleSet', where it" in bad.reason


def test_structured_abstract(file):
    sections = [
        section("Cough is bad.", "AIM OF THE STUDY"),
        section("", "DESIGN"),
        section("We gave zinc.", "METHODS"),
        section("Fine.", "UNLABELLED"),
        section("No label."),
    ]
    (record,) = read_pubmed(file(article(1, "Zinc.", *sections)))
    assert record.text == (
        "Zinc.\nAIM OF THE STUDY: Cough is bad.\nMETHODS: We gave zinc.\nFine.\nNo label."
    )
    parts = [
        (record.text[one.start : one.end], one.kind, one.meta.get("label"))
        for one in record.passages
    ]
    assert parts == [
        ("Zinc.", "title", None),
        ("AIM OF THE STUDY: Cough is bad.", "abstract", "AIM OF THE STUDY"),
        ("METHODS: We gave zinc.", "abstract", "METHODS"),
        ("Fine.", "abstract", None),
        ("No label.", "abstract", None),
    ]


@pytest.mark.parametrize(
    ("title", "sections", "expected"),
    [
        ("Only a title", [], ["title"]),
        ("Only a title", [section("")], ["title"]),
        ("Only a title", [section("[Not Available].")], ["title"]),
        ("", [section("Only text.")], ["abstract"]),
        ("[Not Available].", [section("Only text.")], ["abstract"]),
        ("[In Process Citation]", [section("Only text.")], ["abstract"]),
        ("[Zinc for cough].", [], ["title"]),
    ],
)
def test_what_is_missing(file, title, sections, expected):
    (record,) = read_pubmed(file(article(1, title, *sections)))
    assert [one.kind for one in record.passages] == expected
    assert record.passages[0].end == len(record.text) > 0


def test_what_is_left_out(file):
    more = (
        '<OtherAbstract Language="ger"><AbstractText>Anders.</AbstractText></OtherAbstract>'
        "<VernacularTitle>Titel</VernacularTitle>"
    )
    text = section("Text.") + "<CopyrightInformation>(c) Nobody</CopyrightInformation>"
    records = [article(1, "Zinc.", text, more=more), "<DeleteCitation><PMID>7</PMID>"]
    (record,) = read_pubmed(file(*records, "<PMID>8</PMID></DeleteCitation>"))
    assert (record.id, record.text) == ("1", "Zinc.\nText.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10<sup>-6</sup> M <i>in <b>vivo</b></i>, CO<sub>2</sub>", "10-6 M in vivo, CO2"),
        ("\n      One\n\t  two \r\n  three  \n ", "One two three"),
        ("one  two\tthree\N{NO-BREAK SPACE} \N{THIN SPACE}four\u2028five", None),
        ("a<!-- left out -->b<?also this?>c<![CDATA[<d>]]>", "abc<d>"),
        ("p<mml:math xmlns:mml='urn:m'>\n <mml:mi>x</mml:mi>\n</mml:math>q", "p x q"),
        ("\N{GREEK SMALL LETTER BETA}&#x3b2;\U0001f9eae\u0301", None),
    ],
)
def test_markup_and_layout(file, text, expected):
    expected = expected or text.replace("&#x3b2;", "\N{GREEK SMALL LETTER BETA}")
    (record,) = read_pubmed(file(article(1, text, section(text))))
    assert record.text == f"{expected}\n{expected}"


def test_versions_are_all_given(file):
    records = read_pubmed(
        file(article(1, "Old"), article(2, "Other"), article(1, "New", version=2))
    )
    assert [(one.id, one.text) for one in records] == [("1", "Old"), ("2", "Other"), ("1", "New")]


def book(pmid, *titles, text="Text."):
    return (
        f"<PubmedBookArticle><BookDocument><PMID>{pmid}</PMID><Book><Publisher/>"
        f"<BookTitle>The book</BookTitle></Book>{''.join(titles)}"
        f"<Abstract>{section(text)}</Abstract></BookDocument></PubmedBookArticle>"
    )


@pytest.mark.parametrize("root", ["PubmedArticleSet", "PubmedBookArticleSet"])
def test_books(file, root):
    chapter = "<ArticleTitle>The chapter</ArticleTitle>"
    one, two = read_pubmed(file(book(1, chapter), book(2), root=root))
    assert (one.id, one.text) == ("1", "The chapter\nText.")
    assert (two.id, two.text) == ("2", "The book\nText.")


@pytest.mark.parametrize(
    ("content", "id", "what"),
    [
        (article(5), "5", "record 5 has neither title nor abstract"),
        (article(5, "[Not Available]."), "5", "record 5 has neither title nor abstract"),
        (article(5, " \n ", section("\N{NO-BREAK SPACE}")), "5", "neither title nor abstract"),
        (article("x\ny"), "x y", "record x y has neither title nor abstract"),
        (article("", "Title"), "", "a record without PMID"),
        ("<PubmedArticle/>", "", "a record without PMID"),
        (article(5, "a &beta; b"), "5", "record 5 refers to the entity &beta;"),
    ],
)
def test_bad_records_do_not_lose_others(file, content, id, what):
    path = file(article(1, "One"), content, article(2, "Two"))
    one, bad, two = read_pubmed(path)
    assert (one.text, two.text) == ("One", "Two")
    assert isinstance(bad, BadRecord)
    assert bad.id == id
    assert bad.reason.startswith(f"{path}:5: ")
    assert what in bad.reason


def test_malformed_xml(file):
    path = file(article(1, "One"), article(2, "Two"), "<PubmedArticle></Oops>")
    records = read_pubmed(path)
    assert [next(records).id, next(records).id] == ["1", "2"]
    with pytest.raises(InputError, match=re.escape(f"{path}:6: malformed or cut off XML")):
        next(records)


def test_malformed_xml_is_told_of_on_one_line(file):
    with pytest.raises(InputError, match="malformed or cut off XML") as caught:
        list(read_pubmed(file("-->", header="<!-- One\nTwo --", root="PubmedArticleSet")))
    assert "One Two" in str(caught.value) and "\n" not in str(caught.value)


def test_lines_beyond_the_16_bits_of_old_parsers(file):
    path = file("\n" * 70_000, article("", "One"), "<PubmedArticle>")
    records = read_pubmed(path)
    assert next(records).reason.startswith(f"{path}:70005: ")
    with pytest.raises(InputError, match=re.escape(f"{path}:70007: ")):
        next(records)


def test_gzip_cut_off(file, tmp_path):
    content = file(*(article(i, f"Title {i * 7919}") for i in range(500))).read_bytes()
    path = tmp_path / "cut.xml.gz"
    path.write_bytes(gzip.compress(content, mtime=0)[:-30])
    read = []
    with pytest.raises(InputError, match=r"cut\.xml\.gz: damaged or cut off"):
        read.extend(read_pubmed(path))
    assert [one.id for one in read] == [str(i) for i in range(len(read))]
    assert len(read) > 100


def test_other_xml(file):
    path = file(root="collection")
    with pytest.raises(InputError, match="'collection' where 'PubmedArticleSet' or"):
        list(read_pubmed(path))


def test_only_deletions(file):
    assert list(read_pubmed(file("<DeleteCitation><PMID>7</PMID></DeleteCitation>"))) == []


def test_external_entities_are_not_loaded(file, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    header = f'<!DOCTYPE PubmedArticleSet [<!ENTITY a SYSTEM "{secret.as_uri()}">]>'
    (record,) = read_pubmed(file(article(1, "x&a;y"), header=header))
    assert isinstance(record, BadRecord)


def test_records_inside_of_entities_are_none(file):
    declared = article(7, "Seven").replace('"', "'")
    header = f'<!DOCTYPE PubmedArticleSet [<!ENTITY a "{declared}">]>'
    bad, good = read_pubmed(file(article(1, "x&a;y"), article(2, "Two"), header=header))
    assert (bad.id, good.id, good.text) == ("1", "2", "Two")
    assert "refers to the entity &a;" in bad.reason


def write_records(path, n):
    """A file of all constructions mixed."""
    text = "Zinc <i>in vivo</i> was given; 10<sup>-6</sup> mol, in &lt; 5 of all cases. " * 12
    mixed = [
        article("{}", "Title {}", section(text, "METHODS"), section(text, "RESULTS")),
        article("{}", "Title {}", section(text)),
        article("{}", "[Not Available].", section(text)),
        article("{}", "\n   Only a title\n   {}\n"),
        article("{}", "", more=f"<OtherAbstract>{section(text)}</OtherAbstract>"),
        book("{}", "<ArticleTitle>Chapter {}</ArticleTitle>", text=text),
        article("{}", "Title &alpha; {}", section(text)),
    ]
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        file.write(f"{HEADER}<PubmedArticleSet>\n")
        for i in range(n):
            file.write(mixed[i % len(mixed)].replace("{}", str(i)))
            file.write("\n")
        file.write("<DeleteCitation>")
        file.writelines(f"<PMID>{i}</PMID>\n" for i in range(n // 10))
        file.write("</DeleteCitation></PubmedArticleSet>\n")


MEASURE = """
import resource, sys
from pathlib import Path
from spacy_bioner_mtl.formats.pubmed import read_pubmed
from spacy_bioner_mtl.formats.record import BadRecord
for path in sys.argv[1:]:
    good = bad = 0
    for record in read_pubmed(Path(path)):
        bad += isinstance(record, BadRecord)
        good += not isinstance(record, BadRecord)
    print(good, bad, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_file(tmp_path):
    """The parser's memory is not Python's, so that the process is measured."""
    pytest.importorskip("resource")
    sizes = [3_500, 35_000]
    paths = [tmp_path / f"{n}.xml.gz" for n in sizes]
    for path, n in zip(paths, sizes, strict=True):
        write_records(path, n)
    command = [sys.executable, "-c", MEASURE, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    counts = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert [(good, bad) for good, bad, _ in counts] == [(n * 5 // 7, n * 2 // 7) for n in sizes]
    unit = 1 if sys.platform == "darwin" else 1024
    growth = (counts[1][2] - counts[0][2]) * unit
    # The nine tenths of the file that come on top are more than 40 MB of text.
    assert growth < 3_000_000
