"""Gold documents of sources of any format, and the count of what is wrong in them."""

import io
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.gold_records import (
    GoldOptions,
    GoldReport,
    find_unknown,
    read_sources,
)
from spacy_bioner_mtl.formats.record import SOURCE_HEAD, Flaw, FlawKind, Record, Word
from spacy_bioner_mtl.formats.registry import FORMATS, find_gold_format

ENTITY = {"start": 0, "end": 4, "label": "Chemical"}
BIOC_XML = (
    "<collection><document><id>1</id><passage><offset>0</offset><text>Zinc cough</text>"
    '<annotation id="1"><infon key="type">Chemical</infon><location offset="0" length="4"/>'
    "<text>Zinc</text></annotation></passage></document></collection>"
)
ANNOTATION = {"infons": {"type": "Chemical"}, "locations": [{"offset": 0, "length": 4}]}
CONTENTS = {
    "conll": "Zinc\tS-Chemical\ncough\tO\n",
    "inline": "<Chemical>Zinc</Chemical> cough\n",
    "jsonl": json.dumps({"text": "Zinc cough", "spans": [ENTITY]}),
    "doccano": json.dumps({"text": "Zinc cough", "label": [[0, 4, "Chemical"]]}),
    "pubtator": "1|t|Zinc cough\n1\t0\t4\tZinc\tChemical\n",
    "bioc-xml": BIOC_XML,
    "bioc-json": json.dumps(
        {
            "documents": [
                {"passages": [{"offset": 0, "text": "Zinc cough", "annotations": [ANNOTATION]}]}
            ]
        }
    ),
    "brat": "Zinc cough",
}


def save(folder, name, stem="gold"):
    path = folder / f"{stem}{FORMATS[name].suffixes[0]}"
    path.write_text(CONTENTS[name], encoding="utf-8")
    if name == "brat":
        path.with_suffix(".ann").write_text("T1\tChemical 0 4\tZinc\n")
    return path


def read(*sources, **options):
    report = GoldReport()
    records = [record for _, record in read_sources(sources, GoldOptions(**options), report)]
    return records, report


def test_every_format_with_mentions_is_tried():
    with_mentions = [each.name for each in FORMATS.values() if each.reader and each.gold]
    assert sorted(with_mentions) == sorted(CONTENTS)


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("told", [True, False])
def test_every_format_has_gold(tmp_path, name, told):
    path = save(tmp_path, name)
    (record,), report = read(path, source_format=name if told else None)
    assert record.text == "Zinc cough"
    (mention,) = record.mentions[SOURCE_HEAD]
    assert (mention.start, mention.end, mention.label) == (0, 4, "Chemical")
    assert not report.flaws and not report.left_out
    assert report.schemes == {str(path): "IOBES" if name == "conll" else "offsets"}


@pytest.mark.parametrize("name", ["lines", "text", "pubmed"])
def test_formats_without_mentions_are_refused(tmp_path, name):
    with pytest.raises(InputError, match=f"{name} holds no mentions; --from takes conll, inline"):
        find_gold_format(name)


@pytest.mark.parametrize("name", [name for name in CONTENTS if name != "brat"])
def test_pipes_are_read_once(tmp_path, name):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    content = CONTENTS[name] * 2 if name in ("conll", "pubtator") else CONTENTS[name]
    writer = threading.Thread(target=lambda: path.write_text(content))
    writer.start()
    records, _ = read(path)
    writer.join()
    assert "Zinc cough" in records[0].text


def test_standard_input(monkeypatch):
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(CONTENTS["conll"].encode())))
    monkeypatch.setattr(sys, "stdin", stream)
    (record,), _ = read(Path("-"))
    assert record.text == "Zinc cough"


@pytest.mark.parametrize("name", CONTENTS)
def test_a_folder_is_read_sorted_and_the_rest_is_named(tmp_path, name):
    (tmp_path / "deep").mkdir()
    paths = [save(tmp_path / "deep", name, "a"), save(tmp_path, name, "b")]
    (tmp_path / "README.md").write_text("About")
    (tmp_path / ".hidden").write_text("About")
    records, report = read(tmp_path)
    assert [record.text for record in records] == ["Zinc cough"] * 2
    assert list(report.schemes) == sorted(map(str, paths))
    assert report.skipped == [tmp_path / "README.md"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.symlink_to("gold.jsonl"), "it is a link, which is not followed"),
        (lambda path: path.symlink_to(".", target_is_directory=True), "it is a link, which is not"),
        (os.mkfifo, "it is a pipe, not a file"),
    ],
)
def test_what_may_belong_to_a_folder_and_cannot_be_read(tmp_path, make, reason):
    save(tmp_path, "jsonl")
    make(tmp_path / "other.jsonl")
    with pytest.raises(InputError) as caught:
        read(tmp_path, source_format="jsonl")
    assert f"{tmp_path}: not all of this folder can be read (" in str(caught.value)
    assert f"{tmp_path / 'other.jsonl'}: {reason}" in str(caught.value)


def test_annotations_without_a_text(tmp_path):
    save(tmp_path, "brat")
    (tmp_path / "lost.ann").write_text("")
    with pytest.raises(
        InputError, match=r"lost\.ann: the file of text beside it, of the same name"
    ):
        read(tmp_path)


def test_flaws_are_counted_by_kind_with_their_first_places(tmp_path):
    path = tmp_path / "gold.txt"
    odd = ["0\t4\tzinc\tX", *["0\t4\tTin\tX"] * 5, "0\t0\t\tX"]
    path.write_text("1|t|Zinc cough\n" + "".join(f"1\t{each}\n" for each in odd))
    (record,), report = read(path)
    assert report.rows() == [
        ("written otherwise than in the text", "1", "used", f"{path}:2"),
        ("another text at the offsets", "5", "unknown", f"{path}:3, {path}:4, {path}:5"),
        ("empty", "1", "unknown", f"{path}:8"),
    ]
    assert (report.unusable, report.odd) == (6, 1)
    assert len(record.mentions[SOURCE_HEAD]) == 1
    with pytest.raises(InputError, match=f"{path}:3: mention is 'Tin', but"):
        read(path, strict=True)


def test_mentions_in_pieces_are_unknown_from_their_first_to_their_last(tmp_path):
    path = save(tmp_path, "brat")
    path.write_text("dry or wet cough")
    path.with_suffix(".ann").write_text("T1\tX 0 3;11 16\tdry cough\nT2\tX 7 16\twet cough\n")
    (record,), report = read(path)
    assert [(one.start, one.end) for one in record.mentions[SOURCE_HEAD]] == [(7, 16)]
    assert report.count(FlawKind.IN_PIECES) == 1
    assert find_unknown(record, {}) == [Word(0, 16)]
    with pytest.raises(InputError, match=r"document 'gold': the mention of 'X' at 0-16 is in sev"):
        read(path, strict=True)


def test_documents_that_are_no_gold_are_left_out_by_reason(tmp_path):
    path = tmp_path / "gold.jsonl"
    lines = [
        {"text": "a", "spans": [], "answer": "accept"},
        {"text": "b", "spans": [], "answer": "reject"},
        {"text": "c", "spans": [], "answer": "ignore"},
        {"text": "d"},
        {"text": "e"},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    (record,), report = read(path)
    assert record.text == "a"
    assert report.describe_left_out() == "1 ignored, 2 not annotated, 1 rejected"
    path.write_text("\n".join(map(json.dumps, lines[1:])))
    with pytest.raises(InputError, match=r"gold.jsonl: no gold document \(1 ignored, 2 not annot"):
        read(path)


def test_what_is_unknown_for_a_label():
    pieces = [Word(0, 1), Word(2, 3), Word(4, 5), Word(6, 7)]
    flaws = [
        Flaw(FlawKind.EMPTY, "", "", label, (piece,))
        for label, piece in zip(["A", "B", ""], pieces[1:], strict=True)
    ]
    record = Record("", "a b c d", unknown={SOURCE_HEAD: pieces[:1]}, flaws=flaws)
    assert find_unknown(record, {}) == pieces
    assert find_unknown(record, {}, "A") == [pieces[0], pieces[1], pieces[3]]
    assert find_unknown(record, {"B": "A"}, "A") == pieces
    assert find_unknown(record, {"B": None, "A": ""}) == [pieces[0], pieces[3]]
