"""What is too large for memory is refused with the name of the limit, and loses no other."""

import gzip
import json

import pytest
from lxml import etree

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats import bioc_json, encoding, lines, xml_stream
from spacy_bioner_mtl.formats.record import BadRecord
from spacy_bioner_mtl.formats.registry import FORMATS

LONG = "Zinc " * 100


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(lines, "LONGEST_LINE", 200)
    monkeypatch.setattr(lines, "MIB", 16)
    monkeypatch.setattr(encoding, "LARGEST_TEXT", 200)
    monkeypatch.setattr(bioc_json, "LARGEST_JSON", 200)
    monkeypatch.setattr(xml_stream, "_CHUNK", 64)
    monkeypatch.setattr(xml_stream, "LARGEST_XML_RECORD", 200)


def in_bioc(number, text):
    return {"id": str(number), "passages": [{"offset": 0, "text": text}]}


LINES = {
    "lines": "{}\n",
    "inline": "{}\n",
    "jsonl": '{{"text": "{}"}}\n',
    "pubtator": "9|t|{}\n\n",
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_long_line_loses_no_other(tmp_path, small, name, pack, end):
    path = tmp_path / "source"
    content = "".join(LINES[name].format(each) for each in ("one", LONG, "two")) + LONG + end
    path.write_bytes(pack(content.encode()))
    found = list(FORMATS[name].load_reader()(path, gold=False))
    assert [one.text for one in found if not isinstance(one, BadRecord)] == ["one", "two"]
    bad = [one.reason for one in found if isinstance(one, BadRecord)]
    assert len(bad) == 2
    assert all("more than LONGEST_LINE (200 bytes) in one line; break it" in each for each in bad)
    assert str(path) + (":3" if name == "pubtator" else ":2") in bad[0]


def test_a_line_of_just_the_limit_is_read(tmp_path, small):
    path = tmp_path / "source"
    path.write_text(f"{'a' * 200}\n{'b' * 201}\n")
    good, bad = FORMATS["lines"].load_reader()(path)
    assert good.text == "a" * 200 and bad.id == "2"


def test_later_places_are_those_of_the_file(tmp_path, small):
    path = tmp_path / "source"
    path.write_bytes(LONG.encode() + b"\nfa\xff\n")
    _, bad = FORMATS["lines"].load_reader()(path)
    assert f"{path}:2: not UTF-8 (byte {len(LONG) + 3} of the file)" in bad.reason


def test_a_long_line_ends_a_file_of_tokens(tmp_path, small):
    path = tmp_path / "source"
    path.write_text(f"one\n{LONG}\ntwo\n")
    with pytest.raises(InputError, match="source:2: more than LONGEST_LINE"):
        list(FORMATS["conll"].load_reader()(path, gold=False))


@pytest.mark.parametrize("name", ["text", "brat"])
def test_large_texts(tmp_path, small, name):
    path = tmp_path / "source.txt"
    path.write_text(LONG)
    (bad,) = FORMATS[name].load_reader()(path)
    assert "more than LARGEST_TEXT (200 bytes) in one document" in bad.reason
    path.write_text("a" * 200)
    (good,) = FORMATS[name].load_reader()(path)
    assert len(good.text) == 200


@pytest.mark.parametrize("indent", [None, 1])
def test_large_json(tmp_path, small, indent):
    path = tmp_path / "source.json"
    path.write_text(json.dumps([in_bioc(number, "Zinc") for number in range(50)], indent=indent))
    with pytest.raises(InputError, match=r"source.json: more than LARGEST_JSON \(200 bytes\)"):
        list(FORMATS["bioc-json"].load_reader()(path))


def test_long_lines_of_json(tmp_path, small):
    path = tmp_path / "source.json"
    documents = [in_bioc(1, "one"), in_bioc(2, LONG), in_bioc(3, "three")]
    path.write_text("\n".join(map(json.dumps, documents)))
    one, bad, three = FORMATS["bioc-json"].load_reader()(path)
    assert (one.text, three.text) == ("one", "three")
    assert f"{path}:2: more than LONGEST_LINE" in bad.reason


def record(number, inner=""):
    return (
        f"<PubmedArticle><MedlineCitation><PMID>{number}</PMID><Article><ArticleTitle>Zinc {inner}"
        "</ArticleTitle></Article></MedlineCitation></PubmedArticle>\n"
    )


@pytest.fixture
def most(monkeypatch):
    """The most elements that were in the tree at a time."""
    counts = [0]

    class Chunks(xml_stream._Chunks):
        def read(self, size):
            if self.root is not None:
                counts[0] = max(counts[0], sum(1 for _ in self.root.iter()))
            return super().read(size)

    monkeypatch.setattr(xml_stream, "_Chunks", Chunks)
    return counts


def test_large_records_of_xml(tmp_path, small, most):
    path = tmp_path / "source.xml"
    inner = "<i/>" * 20_000 + "<b><i/></b>" * 5_000 + "text " * 20_000
    path.write_text(
        "<PubmedArticleSet>\n" + record(1) + record(2, inner) + record(3) + "</PubmedArticleSet>"
    )
    one, bad, three = FORMATS["pubmed"].load_reader()(path)
    assert (one.id, three.id) == ("1", "3")
    assert f"{path}:3: more than LARGEST_XML_RECORD (200 bytes) in one record" in bad.reason
    assert most[0] < 200


@pytest.mark.parametrize(
    "other", ["<Other/>", "<Other><i/>text</Other>", "<Other a='b'>\n</Other>"]
)
def test_elements_beside_the_records_do_not_stay(tmp_path, small, most, other):
    path = tmp_path / "source.xml"
    path.write_text(
        "<PubmedArticleSet>" + other * 20_000 + record(1) + other * 20_000 + "</PubmedArticleSet>"
    )
    (one,) = FORMATS["pubmed"].load_reader()(path)
    assert one.text == "Zinc"
    assert most[0] < 200


@pytest.mark.parametrize("size", [1, 7, 50, 100_000])
def test_what_is_dropped_is_not_missed(tmp_path, monkeypatch, size):
    """The same with pieces of any size."""
    monkeypatch.setattr(xml_stream, "_CHUNK", size)
    path = tmp_path / "source.xml"
    path.write_text("<a>" + "".join(f"<b>{n}<c>{n}</c></b><d/>" for n in range(300)) + "</a>")
    found = xml_stream.iter_elements(path, ("a",), ("b",))
    assert [etree.tostring(one, with_tail=False) for one in found] == [
        b"<b>%d<c>%d</c></b>" % (n, n) for n in range(300)
    ]
