"""Lines of 200,000 characters that regular expressions of quadratic time would not get through."""

import json

import pytest

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.record import BadRecord
from spacy_bioner_mtl.formats.registry import FORMATS
from spacy_bioner_mtl.formats.scores import parse_score

LENGTH = 200_000
PIECES = [
    "1",
    ".",
    "1.",
    " ",
    "<",
    "</",
    "<a",
    "&",
    "&#",
    "|",
    "\t",
    "#",
    "-",
    "1-",
    "=",
    ";",
    "1 1;",
]
LONG = [(piece * LENGTH)[:LENGTH] for piece in PIECES]
LONG += [f"{text}x" for text in LONG]


@pytest.mark.parametrize("text", ["1", "0.5", ".5", "12.25e-3", "1e5"])
def test_numbers_are_scores(text):
    assert parse_score(text) == float(text)


@pytest.mark.parametrize(
    "text", ["", ".", "1.", "-1", "nan", "inf", "1e", "1.2.3", "1e999", "9" * 99]
)
def test_others_are_not(text):
    assert parse_score(text) is None


@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_no_number_takes_long(text):
    assert parse_score(text) is None


def in_xml(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return (
        "<collection><document><id>1</id><passage><offset>0</offset><text>Zinc</text>"
        f'<annotation id="1"><infon key="type">X</infon><infon key="score">{escaped}</infon>'
        f'<location offset="0" length="4"/><text>{escaped}</text></annotation>'
        "</passage></document></collection>"
    )


CONTENTS = {
    "lines": "{}",
    "inline": "{}",
    "pubtator": "{0}|t|{0}\n{0}\t0\t4\t{0}\t{0}\n",
    "conll": "{0}\n{0}\tO\n",
}


@pytest.mark.parametrize("name", [*CONTENTS, "bioc-xml", "bioc-json", "jsonl", "brat"])
@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_no_line_takes_long(tmp_path, name, text):
    path = tmp_path / "source.txt"
    span = {"start": 0, "end": 4, "label": text, "text": text, "head": text}
    if name == "bioc-xml":
        content = in_xml(text)
    elif name == "bioc-json":
        infons = {"type": text, "score": text, "identifier": text}
        one = {"infons": infons, "text": text, "locations": [{"offset": 0, "length": 4}]}
        passage = {"offset": 0, "text": "Zinc", "annotations": [one]}
        content = json.dumps({"documents": [{"id": "1", "passages": [passage]}]})
    elif name == "jsonl":
        content = json.dumps({"text": "Zinc", "spans": [span], "answer": text})
    elif name == "brat":
        content = "Zinc"
        lines = [f"T1\t{text} 0 4\t{text}", f"T2\tX {text}\tZinc", f"N1\tReference T1 {text}\tx"]
        lines += [f"#1\tAnnotatorNotes T1\thead={text}; score={text}", f"#2\t{text}\t{text}"]
        path.with_suffix(".ann").write_text("\n".join(lines))
    else:
        content = CONTENTS[name].format(text)
    path.write_text(content)
    read = FORMATS[name].load_reader(**({"label": "X"} if name == "conll" else {}))
    for gold in (True, False):
        try:
            records = list(read(path, gold))
        except InputError:
            continue
        assert all(isinstance(one, BadRecord) or len(one.text) >= 4 for one in records)
