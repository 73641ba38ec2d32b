import json
import re

import pytest

pytest.importorskip("bioc")

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.bioc_json import read_bioc_json
from spacy_bioner_mtl.formats.record import SOURCE_HEAD, FlawKind, Mention, Record, Word


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "corpus.json"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def as_json(id="1", text="Zinc", **changes):
    value = {"id": id, "infons": {}, "passages": [], "relations": []}
    value["passages"] = [
        {
            "offset": 0,
            "infons": {},
            "text": text,
            "sentences": [],
            "relations": [],
            "annotations": [
                {
                    "id": "A",
                    "infons": {"type": "Chemical", "identifier": None, "valid": True},
                    "text": text,
                    "locations": [{"offset": 0, "length": len(text)}],
                }
            ],
        }
    ]
    return {**value, **changes}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda one, two: json.dumps({"documents": [one, two]}),
        lambda one, two: json.dumps({"documents": [one, two]}, indent=1),
        lambda one, two: "\n\n" + json.dumps({"PubTator3": [one, two]}),
        lambda one, two: json.dumps([{"documents": [one]}, {"documents": [two]}]),
        lambda one, two: json.dumps([one, two], indent=2) + "\n",
        lambda one, two: f"{json.dumps(one)}\n\n{json.dumps(two)}\n",
        lambda one, two: f"{json.dumps([one])}\n{json.dumps([two])}",
        lambda one, two: f"\ufeff{json.dumps([one, two])}",
    ],
)
def test_layouts_of_json(file, wrap):
    one, two = read_bioc_json(file(wrap(as_json("1"), as_json("2"))))
    assert one == Record("1", "Zinc", {SOURCE_HEAD: [Mention(0, 4, "Chemical")]})
    assert two.id == "2"


@pytest.mark.parametrize(
    ("value", "id", "what"),
    [
        ({"id": "b"}, "b", "'passages' is missing"),
        ({}, "", "'passages' is missing"),
        ("text", "", "of another type"),
        (None, "", "of another type"),
        (as_json("b", text="\ud800"), "b", "half of a surrogate pair at 0"),
        (as_json("b", text="Zinc\0"), "b", "a NUL character (character 5), as in UTF-16"),
        (as_json("b", passages=[{**as_json()["passages"][0], "text": 5}]), "b", "of another type"),
    ],
)
def test_bad_documents_of_json(file, value, id, what):
    path = file(json.dumps({"documents": [as_json("a"), value, as_json("c")]}, indent=1))
    first, bad, last = read_bioc_json(path)
    assert (first.id, bad.id, last.id) == ("a", id, "c")
    assert bad.reason.startswith(f"{path}: document {id!r}: ")
    assert what in bad.reason


def test_a_key_that_is_there_twice(file):
    twice = json.dumps(as_json("b"))[:-1] + ', "passages": []}'
    path = file("\n".join([json.dumps(as_json("a")), twice]))
    good, bad = read_bioc_json(path)
    assert good.id == "a"
    assert bad.reason.startswith(f"{path}:2: no JSON (the key 'passages' twice in one object; put")


PASSAGE = as_json()["passages"][0]


@pytest.mark.parametrize("gold", [True, False])
@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"text": "One", "passages": []}, "its 'text' is not where BioC has texts"),
        ({"text": "One", "passages": [PASSAGE]}, "its 'text' is not where BioC has texts"),
        ({"passages": []}, "no passage with a text in it"),
        ({"passages": [{"offset": 0, "Text": "One"}]}, "its 'Text' is not where BioC has texts"),
        ({"passages": [PASSAGE], "Passages": [PASSAGE]}, "its 'Passages' is not where"),
        ({"passages": [], "sentences": [PASSAGE]}, "its 'sentences' is not where"),
    ],
)
def test_texts_at_places_where_they_would_be_lost(file, gold, value, what):
    path = file(json.dumps([{"id": "a", **value}, as_json("b")]))
    bad, good = read_bioc_json(path, gold=gold)
    assert good.id == "b"
    assert bad.reason.startswith(f"{path}:1: document 'a': {what}")


def test_bad_lines_of_json(file):
    lines = [json.dumps(as_json("a")), "{", json.dumps({"id": "b"}), json.dumps(as_json("c"))]
    path = file("\n".join(lines))
    first, second, third, last = read_bioc_json(path)
    assert (first.id, last.id) == ("a", "c")
    assert second.reason.startswith(f"{path}:2: no JSON")
    assert third.reason.startswith(f"{path}:3: document 'b'")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b'{"documents": [\n\n}', 3),
        (b'{"documents": [\n{"id": "\xff"}]}', 2),
        (b"<collection>\n</collection>", 1),
        (b"[" * 200_000, 1),
        (b'{"documents": [],\n"documents": []}', 1),
    ],
)
def test_malformed_json(file, content, line):
    path = file(content)
    with pytest.raises(InputError, match=re.escape(f"{path}:{line}: no JSON")):
        list(read_bioc_json(path))


GOOD = as_json()["passages"][0]["annotations"][0]


@pytest.mark.parametrize(
    ("changes", "kind", "what"),
    [
        ({"text": "Zink"}, "OTHER_TEXT", "is 'Zink', but the text"),
        ({"infons": {}}, "NO_TYPE", "has no type"),
        ({"infons": None}, "NO_TYPE", "has no type"),
        ({"infons": {"type": ["Chemical"]}}, "MALFORMED", "has a type that is no string"),
        ({"infons": {"type": 5}}, "MALFORMED", "has a type that is no string"),
        ({"infons": []}, "MALFORMED", "'infons' of another type"),
        ({"text": 5}, "MALFORMED", "'text' that is no string"),
        ({"locations": {}}, "MALFORMED", "'locations' of another type"),
        ({"locations": [3]}, "MALFORMED", "without whole numbers"),
        ({"locations": [{"offset": 0}]}, "MALFORMED", "without whole numbers"),
        ({"locations": [{"offset": "0", "length": 4}]}, "MALFORMED", "without whole numbers"),
        ({"locations": []}, "MALFORMED", "has no location"),
        ({"locations": None, "text": "Tin"}, "MALFORMED", "has no location"),
        ({"locations": [], "text": None}, "MALFORMED", "has no location"),
        (None, "MALFORMED", "is no object"),
    ],
)
def test_flaws(file, changes, kind, what):
    odd = None if changes is None else {**GOOD, **changes}
    passages = [{"offset": 0, "text": "Zinc", "annotations": [odd, GOOD]}]
    (record,) = read_bioc_json(file(json.dumps({"documents": [{"id": 1, "passages": passages}]})))
    assert record.mentions == {SOURCE_HEAD: [Mention(0, 4, "Chemical")]}
    (flaw,) = record.flaws
    assert flaw.kind is FlawKind[kind]
    assert flaw.place.endswith("corpus.json:1: document '1'") and what in flaw.reason
    assert list(flaw.unknown) == [Word(0, 4)]


def test_an_annotation_without_a_location_may_be_wherever_its_text_is(file):
    passage = {"offset": 0, "text": "Zinc or zinc", "annotations": [{**GOOD, "locations": []}]}
    (record,) = read_bioc_json(file(json.dumps([{"id": 1, "passages": [passage]}])))
    (flaw,) = record.flaws
    assert (flaw.label, flaw.unknown) == ("Chemical", (Word(0, 4), Word(8, 12)))


def test_an_object_in_place_of_a_list_is_a_list_of_one(file):
    sentence = {"offset": 0, "text": "Zinc", "annotations": GOOD}
    for passages in ([{"offset": 0, "sentences": sentence}], sentence, {"sentences": [sentence]}):
        (record,) = read_bioc_json(file(json.dumps([{"id": "1", "passages": passages}])))
        assert record == Record("1", "Zinc", {SOURCE_HEAD: [Mention(0, 4, "Chemical")]})


@pytest.mark.parametrize("odd", ["Zinc", 5, True])
def test_what_is_no_list(file, odd):
    path = file(json.dumps([{"id": "1", "passages": [{"text": "Zinc", "annotations": odd}]}]))
    (record,) = read_bioc_json(path)
    assert [(flaw.kind, flaw.unknown) for flaw in record.flaws] == [
        (FlawKind.MALFORMED, (Word(0, 4),))
    ]
    assert list(read_bioc_json(path, gold=False)) == [Record("1", "Zinc")]
    for gold in (True, False):
        (bad,) = read_bioc_json(file(json.dumps([{"passages": [{"sentences": odd}]}])), gold=gold)
        assert "of another type than BioC's" in bad.reason


def test_annotations_of_the_document_as_a_whole_are_no_mentions(file):
    (record,) = read_bioc_json(file(json.dumps([as_json(annotations=[{"infons": {}}])])))
    assert record.mentions == {SOURCE_HEAD: [Mention(0, 4, "Chemical")]}
    assert not record.flaws
