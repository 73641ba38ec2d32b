"""Formats told from content and names, or refused."""

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import HEAD_SIZE, Source, open_source
from spacy_bioner_mtl.formats.recognise import recognise

PROSE = "Zinc lozenges shortened the cold.\nNo effect on the cough was seen.\n"
CONTENTS = {
    "pubtator": ["\n7|t|Zinc and cough\n7|a|None.\n7\t0\t4\tZinc\tChemical\n"],
    "pubmed": [
        "<PubmedArticleSet></PubmedArticleSet>",
        '<?xml version="1.0"?>\n<!-- a note -->\n<!DOCTYPE PubmedArticleSet>\n<PubmedArticleSet>',
        '<?xml version="1.0"?><PubmedBookArticleSet >',
    ],
    "bioc-xml": [
        '<?xml version="1.0"?><!DOCTYPE collection SYSTEM "BioC.dtd"><collection><source/>',
        "\ufeff<collection>",
    ],
    "bioc-json": [
        '{"source": "", "documents": [{"id": "1", "passages": []}]}',
        '{\n  "source": "",\n  "documents": [\n    {"text": "Zinc"}',
        '{"PubTator3": [{"id": "1"',
        '[{"source": "", "documents": []}]',
        '{"id": "1", "passages": []}\n{"id": "2", "passages": []}\n',
    ],
    "jsonl": [
        '{"text": "Zinc", "spans": []}\n{"text": "cough"}\n',
        '\n{"id": 1, "data": "Zinc", "label": [[0, 4, "Chemical"]]}',
        '{"text": "' + "Zinc " * HEAD_SIZE + '"}\n',
    ],
    "inline": [
        "<Chemical> Zinc </Chemical> and cough .\n",
        "No entity here.\nBut <Disease>dry cough</Disease> here.\n",
    ],
    "conll": [
        "Zinc\tS-Chemical\nand\tO\n",
        "-DOCSTART- -X- O O\n\nZinc NN I-NP B-Chemical\nand CC O O\n",
        "Zinc\tB\nand\tO\n",
        "Zinc\tb-Chemical\nand\to\n",
        "Zinc\tNN\nand\tCC\n",
        "Zinc\nand\ncough\n\nNone\n",
        "# sent_id = 1\n# text = Zinc and\n1\tZinc\tzinc\tNOUN\tNN\t_\t0\troot\t_\t_\n",
        "###MEDLINE:1\n\nZinc\tB-Chemical\n",
        # The reader tells of the line that is wrong.
        "Zinc\tS-Chemical\nand\tX-\ncough\n",
    ],
}


@pytest.fixture
def file(tmp_path):
    def write(content, name="file"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Source(path)

    return write


@pytest.mark.parametrize(
    ("name", "content"), [(name, each) for name, some in CONTENTS.items() for each in some]
)
def test_content_tells_the_format(file, name, content):
    assert recognise(file(content)).name == name
    assert recognise(file(gzip.compress(content.encode(), mtime=0))).name == name


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (PROSE, r"looks like prose.*--from lines \(a document a line\) or --from text"),
        ("Zinc\n", "looks like prose"),
        ("Growth of <i>E. coli</i> at 10<sup>5</sup> cells.\n", "looks like prose"),
        ("Zinc and I\nshort lines of prose\n", "looks like prose"),
        ("12\tZinc shortened the cold.\n13\tNo effect on it.\n", "looks like prose"),
        ("", "nothing in this file tells its format"),
        (" \n\n", "nothing in this file"),
        ("<!DOCTYPE html><html><body>Zinc", "looks like HTML"),
        ('<?xml version="1.0"?><articles>', "looks like XML, but neither"),
        ('{"title": "Zinc"}\n', "looks like JSON, but neither"),
        ('[\n {"text": "Zinc"}\n]', "looks like JSON, but neither"),
        (PROSE.encode("utf-16"), "this is UTF-16LE, not UTF-8; convert it"),
        ("Кашель и цинк\n".encode("utf-16-be"), "this is UTF-16BE, not UTF-8"),
    ],
)
def test_what_cannot_be_told_is_refused(file, content, what):
    with pytest.raises(InputError, match=f"(?s)file: .*{what}"):
        recognise(file(content))


def test_xml_may_be_utf16(file):
    for encoding in ("utf-16", "utf-16-le"):
        source = file('<?xml version="1.0" encoding="UTF-16"?><collection>'.encode(encoding))
        assert recognise(source).name == "bioc-xml"


def test_names_tell_what_content_cannot(file):
    text, annotations = file(PROSE, "a.txt"), file("T1\tX 0 4\tZinc\n", "a.ann")
    assert recognise(text).name == "brat"
    assert recognise(annotations).name == "brat"
    file(PROSE, "b.txt")
    with pytest.raises(InputError, match="prose"):
        recognise(Source(text.path.with_name("b.txt")))


def test_standard_input_is_looked_at_and_read(monkeypatch):
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(CONTENTS["jsonl"][0].encode())))
    monkeypatch.setattr(sys, "stdin", stream)
    source = Source(Path("-"))
    assert recognise(source).name == "jsonl"
    with open_source(source) as opened:
        assert opened.read().decode() == CONTENTS["jsonl"][0]
    assert not stream.buffer.closed


def test_folders(tmp_path):
    for name in ("a.tsv", "b.tsv", "deep/c.tsv", ".hidden.jsonl", "README.md"):
        path = tmp_path / "one" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Zinc\tO\nand\tO\n" if name.endswith("tsv") else "text")
    assert recognise(Source(tmp_path / "one")).name == "conll"
    (tmp_path / "one" / "d.jsonl").write_text(json.dumps({"text": "Zinc"}))
    with pytest.raises(InputError, match=r"several formats \(.*a\.tsv like conll, .*d\.jsonl like"):
        recognise(Source(tmp_path / "one"))
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no file in this folder"):
        recognise(Source(tmp_path / "none"))


def test_folders_of_brat_may_hold_texts_without_annotations(tmp_path):
    for name in ("a.txt", "b.txt", "b.ann", "page.html"):
        (tmp_path / name).write_text(PROSE)
    assert recognise(Source(tmp_path)).name == "brat"
    (tmp_path / "c.jsonl").write_text('{"text": "Zinc"}')
    with pytest.raises(InputError, match="several formats"):
        recognise(Source(tmp_path))


def test_a_folder_with_prose_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text(PROSE)
    with pytest.raises(InputError, match=r"a\.txt: this looks like prose"):
        recognise(Source(tmp_path))


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        recognise(Source(tmp_path / "none"))
