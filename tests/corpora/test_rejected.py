"""Spans that an annotator rejected by themselves, from Prodigy's lines to training examples."""

import json
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.corpora.convert import convert_files
from spacy_bioner_mtl.models.sequences import split_sequences
from spacy_bioner_mtl.nn.tagset import UNKNOWN_TAG, Head
from spacy_bioner_mtl.pipeline.loss import gold_targets
from spacy_bioner_mtl.training.sentence_corpus import configure_sentence_corpus

TEXT = "Zinc eased dry cough."
ZINC = {"start": 0, "end": 4, "label": "Chemical"}
COUGH = {"start": 11, "end": 20, "label": "Disease"}
U = UNKNOWN_TAG


def write(*lines):
    Path("asked.jsonl").write_text(
        "".join(json.dumps({"text": TEXT, **line}) + "\n" for line in lines)
    )


def ask(span, answer, view="ner"):
    return {"spans": [span], "answer": answer, "_view_id": view}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def convert(capsys, *options):
    """Convert the lines; gives back the groups of each document, and what was printed."""
    with pytest.raises(SystemExit) as caught:
        main(["convert", "asked.jsonl", "out.spacy", *options])
    captured = capsys.readouterr()
    assert caught.value.code in (0, None), captured.err
    groups = [
        {name: [(span.text, span.label_) for span in group] for name, group in doc.spans.items()}
        for doc in DocBin().from_disk("out.spacy").get_docs(Vocab())
    ]
    return groups, " ".join((captured.out + captured.err).split())


def test_from_prodigy_to_the_gold_of_a_training_step(capsys):
    write(ask(COUGH, "reject"), ask(ZINC, "accept"), ask(ZINC, "reject", "ner_manual"))
    groups, output = convert(capsys, "--head", "H")
    assert groups == [
        {"H": [], "H:unknown": [(TEXT, "-")], "H:rejected": [("dry cough", "Disease")]},
        {"H": [("Zinc", "Chemical")], "H:unknown": [("eased dry cough.", "-")]},
    ]
    assert "1 rejected spans, which training learns not to find" in output
    # The line of a manual interface says of all spans together that they are wrong.
    assert "1 rejected" in output.replace("1 rejected spans", "")
    nlp = spacy.blank("en")
    examples = list(configure_sentence_corpus("out.spacy")(nlp))
    sequences = split_sequences([example.predicted for example in examples])
    heads = [Head("G", ("Gene",)), Head("H", ("Chemical", "Disease"))]
    targets = gold_targets(examples, heads, sequences)
    assert targets.pairs.tolist() == [[0, 1], [1, 1]]
    assert targets.tags.T.tolist() == [[U] * 5, [4, U, U, U, U]]
    assert targets.rejected.tolist() == [[0, 2, 4, 1]]


def test_each_type_learns_its_own(capsys):
    spans = [{**COUGH, "answer": "reject"}, ZINC, {**ZINC, "label": "Gene", "answer": "reject"}]
    write({"spans": spans, "answer": "accept", "_view_id": "ner_manual"})
    (groups,), output = convert(capsys, "--head", "H", "--by-type")
    assert groups == {
        "H": [("Zinc", "Chemical")],
        "H:unknown": [("dry cough", "-")],
        "H:rejected": [("dry cough", "Disease"), ("Zinc", "Gene")],
        "Chemical": [("Zinc", "Chemical")],
        "Chemical:unknown": [("dry cough", "-")],
        "Disease": [],
        "Disease:unknown": [("Zinc", "-"), ("dry cough", "-")],
        "Disease:rejected": [("dry cough", "Disease")],
        "Gene": [],
        "Gene:unknown": [("Zinc", "-"), ("dry cough", "-")],
        "Gene:rejected": [("Zinc", "Gene")],
    }
    assert "2 rejected spans" in output


@pytest.mark.parametrize(
    ("labels", "rejected"),
    [
        ({"Disease": "Illness"}, [("dry cough", "Illness")]),
        ({"Chemical": "Drug"}, [("dry cough", "Disease")]),
        ({"Disease": None}, None),
        # Whoever rejects one of the labels may mean another.
        ({"Disease": "Illness", "Symptom": "Illness"}, None),
        ({"Symptom": "Disease"}, None),
    ],
)
def test_labels_are_renamed_unless_several_become_one(capsys, labels, rejected):
    write(ask(COUGH, "reject"), ask(ZINC, "accept"))
    Path("map.json").write_text(json.dumps(labels))
    (first, _), output = convert(capsys, "--head", "H", "--map", "map.json")
    assert first.get("H:rejected") == rejected
    assert first["H:unknown"] == [(TEXT, "-")]
    assert ("rejected spans" in output) is bool(rejected)


def test_types_of_several_labels_learn_nothing_of_one():
    write(ask(COUGH, "reject"), ask(ZINC, "reject"))
    types = {"Illness": ["Disease", "Symptom"], "Drug": ["Chemical"]}
    report = convert_files([Path("asked.jsonl")], Path("out.spacy"), by_type=True, types=types)
    assert report.rejected == 1
    first, second = DocBin().from_disk("out.spacy").get_docs(Vocab())
    assert set(first.spans) == {"Illness", "Illness:unknown", "Drug", "Drug:unknown"}
    assert [(span.text, span.label_) for span in second.spans["Drug:rejected"]] == [
        ("Zinc", "Drug")
    ]


def test_rejections_alone_name_their_types(capsys):
    write(ask(COUGH, "reject"))
    (groups,), _ = convert(capsys, "--by-type")
    assert groups == {
        "Disease": [],
        "Disease:unknown": [(TEXT, "-")],
        "Disease:rejected": [("dry cough", "Disease")],
    }
