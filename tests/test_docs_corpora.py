"""docs/corpora.md: its examples are gold of what it says, for all commands."""

import re
from pathlib import Path

import pytest
from conftest import ROOT
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_bioner_mtl.cli import main

PAGE = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w*\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
FORMATS = re.findall(r"^### .*", PAGE, re.MULTILINE)
SOURCES = [name for name in FILES if name not in ("note.ann", "corpora.yml")]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        Path(name).write_text(content, encoding="utf-8")
    return tmp_path


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    return caught.value.code or 0


def read(path):
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def test_every_format_has_an_example():
    named = {name for heading in FORMATS for name in re.findall(r"`([\w-]+)`", heading)}
    assert named == {
        "conll",
        "pubtator",
        "brat",
        "jsonl",
        "doccano",
        "bioc-xml",
        "bioc-json",
        "inline",
    }
    assert len(SOURCES) == len(named)


@pytest.mark.parametrize("name", SOURCES)
def test_examples_convert(folder, name):
    assert run("convert", name, "one.spacy", "--head", "H", "--strict") == 0
    assert run("convert", name, "types.spacy", "--by-type", "--strict") == 0
    for doc in read("one.spacy"):
        found = [(span.text, span.label_) for span in doc.spans["H"]]
        assert found in ([("Zinc", "Chemical"), ("dry cough", "Disease")], [])
        assert bool(found) is ("Zinc" in doc.text)
    for doc in read("types.spacy"):
        assert sorted(doc.spans) == ["Chemical", "Disease"]


def test_the_list_converts(folder):
    Path("notes").mkdir()
    for name in ("note.txt", "note.ann"):
        Path(name).rename(Path("notes") / name)
    assert run("convert-corpora", "corpora.yml", "out") == 0
    assert [sorted(doc.spans) for doc in read("out/train/notes.spacy")] == [["findings"]]
    assert [sorted(doc.spans) for doc in read("out/train/tokens.spacy")] == [
        ["Chemical", "Disease"]
    ]
