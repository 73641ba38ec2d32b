"""Texts in UTF-16 and UTF-32 are never read as UTF-8 that is full of NUL."""

import codecs
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.encoding import find_wide_encoding
from spacy_bioner_mtl.formats.registry import FORMATS

TEXTS = [
    "Zinc shortened the cold.",
    "No",
    "\u039f \u03c8\u03b5\u03c5\u03b4\u03ac\u03c1\u03b3\u03c5\u03c1\u03bf\u03c2 \u03ba\u03b1\u03b9",
    "\u0426\u0438\u043d\u043a \u0438 \u043a\u0430\u0448\u0435\u043b\u044c.",
    "\u041a\u0430\u0448\u0435\u043b\u044c",
    "TNF-\u03b1 \u2265 5 \u00b5g \U0001f9ea",
]
WIDE = ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
MARKS = {"utf-16": "UTF-16LE", "utf-32": "UTF-32LE"}
OF_LINES = {
    "conll": "{}\tO\n",
    "inline": "{}\n",
    "text": "{}",
    "lines": "{}\n",
    "jsonl": '{{"text": "{}"}}\n',
    "doccano": '{{"text": "{}"}}\n',
    "pubtator": "1|t|{}\n",
    "bioc-json": '{{"id": "1", "passages": [{{"offset": 0, "text": "{}"}}]}}\n',
    "brat": "{}",
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("encoding", [*WIDE, *MARKS])
def test_wide_texts_are_recognised(text, encoding):
    expected = MARKS.get(encoding, encoding.upper().replace("-LE", "LE").replace("-BE", "BE"))
    assert find_wide_encoding(text.encode(encoding)) == expected
    assert find_wide_encoding((text * 1_000).encode(encoding)) == expected


@pytest.mark.parametrize("text", [*TEXTS, "", "\ufeffmarked"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1251", "utf-8-sig"])
def test_others_are_not(text, encoding):
    content = text.encode(encoding, errors="ignore")
    assert find_wide_encoding(content) == ""
    assert find_wide_encoding(content + b"\0") == ""


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n")))
def test_a_text_without_controls_never_is(text):
    assert find_wide_encoding(text.encode()) == ""


@pytest.mark.parametrize("name", OF_LINES)
@pytest.mark.parametrize("encoding", [*WIDE, *MARKS])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_readers_refuse_them(tmp_path, name, encoding, pack):
    read = FORMATS[name].load_reader()
    path = tmp_path / "source.txt"
    for text in TEXTS:
        path.write_bytes(pack(OF_LINES[name].format(text).encode(encoding)))
        for gold in (True, False):
            with pytest.raises(InputError, match=r"source\.txt: this is UTF-.*iconv -f UTF-"):
                list(read(path, gold))


def test_annotations_of_brat_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("Zinc")
    (tmp_path / "a.ann").write_bytes("T1\tX 0 4\tZinc\n".encode("utf-16-le"))
    read = FORMATS["brat"].load_reader()
    with pytest.raises(InputError, match=r"a\.ann: this is UTF-16LE"):
        list(read(tmp_path / "a.txt"))
    (record,) = read(tmp_path / "a.txt", gold=False)
    assert record.text == "Zinc"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["bioc-xml", "pubmed"])
def test_xml_may_be_in_utf16(tmp_path, encoding, name):
    content = {
        "bioc-xml": "<collection><document><id>1</id><passage><offset>0</offset><text>β &g;</text>"
        "</passage></document><document><id>2</id><passage><offset>0</offset><text>β</text>"
        "</passage></document></collection>",
        "pubmed": "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article>"
        "<ArticleTitle>&g;</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
        "<PubmedArticle><MedlineCitation><PMID>2</PMID><Article><ArticleTitle>β</ArticleTitle>"
        "</Article></MedlineCitation></PubmedArticle></PubmedArticleSet>",
    }[name]
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    path = tmp_path / "source.xml"
    for head, start in (('<?xml version="1.0" encoding="UTF-16"?>', b""), ("", mark)):
        path.write_bytes(start + (head + content).encode(encoding))
        bad, good = FORMATS[name].load_reader()(path, gold=False)
        assert "&g;" in bad.reason
        assert (good.id, good.text) == ("2", "β")
