"""An undeclared entity costs its own record, whatever the prolog of its file is."""

import pytest
from lxml import etree

from spacy_bioner_mtl.formats.pubmed import read_pubmed
from spacy_bioner_mtl.formats.xml_prolog import name_dtd

DECLARATIONS = [
    "",
    '<?xml version="1.0"?>\n',
    '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n',
    "<?xml version='1.0' standalone='no'?>",
]
DOCTYPES = [
    "",
    "<!DOCTYPE PubmedArticleSet>\n",
    "<!DOCTYPE\n  PubmedArticleSet\n>\n",
    '<!DOCTYPE PubmedArticleSet [\n<!ENTITY known "zinc">\n]>\n',
    '<!DOCTYPE PubmedArticleSet[<!ENTITY known "a>b"><!-- ]> -->]>',
    '<!DOCTYPE PubmedArticleSet SYSTEM "pubmed.dtd">\n',
    '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD" "pubmed.dtd">\n',
    "<!-- <!DOCTYPE no> -->\n<?note <no> ?>\n<!DOCTYPE PubmedArticleSet>\n",
]
RECORDS = (
    "<PubmedArticleSet>\n<PubmedArticle><MedlineCitation><PMID>6</PMID><Article><ArticleTitle>"
    "TNF-&alpha;</ArticleTitle></Article></MedlineCitation></PubmedArticle>\n"
    "<PubmedArticle><MedlineCitation><PMID>7</PMID><Article><ArticleTitle>R&amp;D"
    "</ArticleTitle></Article></MedlineCitation></PubmedArticle>\n</PubmedArticleSet>\n"
)


@pytest.mark.parametrize("declaration", DECLARATIONS)
@pytest.mark.parametrize("doctype", DOCTYPES)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_an_undeclared_entity_loses_its_record_alone(tmp_path, declaration, doctype, mark):
    path = tmp_path / "source.xml"
    path.write_text(mark + declaration + doctype + RECORDS, encoding="utf-8")
    line = (declaration + doctype).count("\n") + 2
    bad, good = read_pubmed(path)
    assert bad.id == "6" and "&alpha;" in bad.reason
    assert bad.reason.startswith(f"{path}:{line}: ")
    assert (good.id, good.text) == ("7", "R&D")


@pytest.mark.parametrize("declaration", DECLARATIONS)
@pytest.mark.parametrize("doctype", DOCTYPES)
def test_nothing_else_changes(declaration, doctype):
    start = (declaration + doctype + "<PubmedArticleSet><a>text</a></PubmedArticleSet>").encode()
    changed = name_dtd(start)
    assert changed.count(b"\n") == start.count(b"\n")
    trees = [etree.fromstring(each) for each in (start, changed)]
    assert etree.tostring(trees[0]) == etree.tostring(trees[1])
    if "SYSTEM" in doctype or "PUBLIC" in doctype:
        assert changed == start.replace(b'standalone="yes"', b'standalone="no"')


@pytest.mark.parametrize(
    "start", [b"", b"no XML", b"<", b"<!-- cut", b"<?xml cut", b"\xff\xfe<", b"</a>"]
)
def test_what_has_no_prolog_stays(start):
    assert name_dtd(start) == start


@pytest.mark.parametrize(
    "piece", [b"<!-- ", b"<!-- a -->", b"<?a ?>", b" ", b"<?xml standalone=", b"<!DOCTYPE a "]
)
def test_a_long_prolog_takes_no_long_time(piece):
    assert name_dtd(piece * 20_000) == piece * 20_000
    assert name_dtd(b"<!DOCTYPE a" + b" " * 60_000) == b"<!DOCTYPE a" + b" " * 60_000
