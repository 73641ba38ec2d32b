"""Who wants the texts alone gets every one of them, whatever is annotated in them."""

import json

import pytest

from spacy_bioner_mtl.formats.record import Record
from spacy_bioner_mtl.formats.registry import FORMATS

ODD = [
    {"id": "1", "infons": {"type": "X"}, "text": "zink", "locations": [{"offset": 0, "length": 4}]},
    {"id": "2", "infons": {}, "text": "Zinc", "locations": [{"offset": 0, "length": 4}]},
    {"infons": {"type": "X"}, "text": "", "locations": [{"offset": 900, "length": 0}]},
    {"locations": "none"},
    None,
]
PUBTATOR = [
    "1\t0\t4\tzinc\tX",
    "1\t1\t5\tZinc\tX",
    "1\t0\t400\tZinc\tX",
    "1\t4\t4\t\tX",
    "1\t0\t4\tZinc",
    "1\tzero\tfour\tZinc\tX",
    "2\t0\t4\tZinc\tX",
]
XML = [
    '<annotation id="1"><infon key="type">X</infon><location offset="0" length="4"/><text>zink'
    "</text></annotation>",
    '<annotation id="1"><location offset="0" length="4"/><text>Zinc</text></annotation>',
    '<annotation><infon>X</infon><location offset="a"/></annotation>',
    '<annotation id="1"><infon key="type">X</infon><location offset="99" length="4"/>'
    "<text>&zinc;</text></annotation>",
    '<relation><node refid="1"/></relation>',
]
SPANS = [
    {"start": 0, "end": 400, "label": "X"},
    {"start": 2, "end": 2, "label": "X"},
    {"start": 0, "end": 4},
    {"label": "X"},
    [0, 4],
]


def in_xml(annotation):
    passage = f"<passage><offset>0</offset><text>Zinc</text>{annotation}</passage>"
    return (
        '<?xml version="1.0"?><!DOCTYPE collection SYSTEM "BioC.dtd"><collection>'
        f"<document><id>1</id>{passage}</document></collection>"
    )


def in_json(annotation):
    passage = {"offset": 0, "text": "Zinc", "annotations": [annotation]}
    return json.dumps({"documents": [{"id": "1", "passages": [passage]}]})


CASES = [("pubtator", f"1|t|Zinc\n{line}\n") for line in PUBTATOR]
CASES += [("pubtator", f"1|t|Zinc\n\n{line}\n") for line in PUBTATOR[:-1]]
CASES += [("bioc-xml", in_xml(each)) for each in XML]
CASES += [("bioc-json", in_json(each)) for each in ODD]
CASES += [
    ("jsonl", json.dumps({"id": 1, "text": "Zinc", key: [each]}))
    for each in SPANS
    for key in ("spans", "entities", "label")
]
CASES += [("jsonl", json.dumps({"id": 1, "text": "Zinc", "spans": "no list"}))]
CASES += [("conll", "Zinc\tX-\n"), ("conll", "Zinc\tI-X\tE-Y\n")]


@pytest.mark.parametrize(("name", "content"), CASES)
def test_odd_annotations_lose_no_text(tmp_path, name, content):
    path = tmp_path / "source"
    path.write_text(content, encoding="utf-8")
    (record,) = FORMATS[name].load_reader()(path, gold=False)
    assert isinstance(record, Record)
    assert (record.text, record.mentions) == ("Zinc", {})


def test_annotations_of_brat_are_not_opened(tmp_path):
    (tmp_path / "1.txt").write_text("Zinc")
    (tmp_path / "1.ann").write_bytes(b"T1\tX 0 400\tzink\xff\n")
    (record,) = FORMATS["brat"].load_reader()(tmp_path / "1.txt", gold=False)
    assert record == Record("1", "Zinc")


def test_tags_in_the_text_are_taken_out(tmp_path):
    (tmp_path / "1").write_text("<X> Zinc </X>\n")
    (record,) = FORMATS["inline"].load_reader()(tmp_path / "1", gold=False)
    assert record == Record("1", "Zinc")


def test_what_a_json_object_says_besides_stays(tmp_path):
    fields = {"id": 1, "text": "Zinc", "label": ["of the text"], "entities": [{"id": 1}]}
    fields |= {"relations": [{"from_id": 1, "to_id": 1}], "meta": {"year": 2020}, "spans": None}
    (tmp_path / "1").write_text(json.dumps(fields))
    (record,) = FORMATS["jsonl"].load_reader()(tmp_path / "1", gold=False)
    assert record.meta == {"id": 1, "label": ["of the text"], "meta": {"year": 2020}}


def test_lean_collections_of_json(tmp_path):
    passages = [{"offset": 0, "text": "Zinc", "infons": None}, {"offset": 5, "text": "Tin"}]
    (tmp_path / "1").write_text(json.dumps({"PubTator3": [{"passages": passages}]}))
    for gold in (False, True):
        (record,) = FORMATS["bioc-json"].load_reader()(tmp_path / "1", gold=gold)
        assert record.text == "Zinc\nTin"


def test_what_makes_the_text_unreadable_is_told(tmp_path):
    (tmp_path / "1").write_bytes(b"1|t|Zi\xffnc\n1\t0\t4\tZinc\tX\n\n2|t|Tin\n2\t0\t3\tT\xffn\tX\n")
    bad, good = FORMATS["pubtator"].load_reader()(tmp_path / "1", gold=False)
    assert "not UTF-8" in bad.reason
    assert good.text == "Tin"


ONE, TWO = "<text>Zinc helps.</text>", "<text>So it does.</text>"
BARE = [
    ("bioc-xml", f"<passage>{ONE}</passage><passage><offset>x</offset>{TWO}</passage>"),
    (
        "bioc-xml",
        f"<passage><infon>title</infon><offset>0</offset>{ONE}</passage>"
        f"<passage><offset>12</offset>{TWO}</passage>",
    ),
    (
        "bioc-xml",
        "<passage><offset>0</offset>"
        f"<sentence>{ONE}</sentence><sentence>{TWO}</sentence></passage>",
    ),
    ("bioc-json", {"passages": [{"text": "Zinc helps."}, {"offset": None, "text": "So it does."}]}),
    (
        "bioc-json",
        {
            "infons": ["x"],
            "passages": [
                {"infons": "title", "offset": 0, "text": "Zinc helps."},
                {"text": "So it does."},
            ],
        },
    ),
]


@pytest.mark.parametrize(("name", "document"), BARE)
def test_texts_of_bioc_need_neither_offsets_nor_keys(name, document, tmp_path):
    if name == "bioc-xml":
        content = f"<collection><document><id>1</id>{document}</document></collection>"
    else:
        content = json.dumps({"documents": [{"id": "1", **document}]})
    path = tmp_path / "source"
    path.write_text(content, encoding="utf-8")
    (record,) = FORMATS[name].load_reader()(path, gold=False)
    assert isinstance(record, Record), record
    assert record.text.split() == ["Zinc", "helps.", "So", "it", "does."]
