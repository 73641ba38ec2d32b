"""Weights by which repeated strings are judged: found again, and put into a pipeline."""

import numpy as np
import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.evaluate import consistency_weights
from spacy_bioner_mtl.evaluate.consistency_weights import fit_consistency, fit_logistic

WORDS = [
    "BRAC4",
    "is",
    "expressed",
    "in",
    "the",
    "kidney",
    ".",
    "Nothing",
    "was",
    "found",
    "in",
    "brac4",
    ".",
]


def test_known_weights_are_found_again():
    random = np.random.default_rng(0)
    values = random.normal(size=(20_000, 2)) * 3.0
    logits = 0.6 * values[:, 0] + 0.3 * values[:, 1] - 0.5
    right = random.random(len(values)) < 1.0 / (1.0 + np.exp(-logits))
    assert fit_logistic(values, right) == pytest.approx([0.6, 0.3, -0.5], abs=0.05)


def starts(doc):
    return [token.is_sent_start for token in doc]


@pytest.fixture
def gold(trained, tmp_path):
    """Of BRAC4 in both spellings: half of the documents have both, half have none."""
    docs = []
    for number in range(40):
        doc = Doc(trained.vocab, words=WORDS, sent_starts=[i in (0, 7) for i in range(len(WORDS))])
        both = [Span(doc, start, start + 1, label="GENE") for start in (0, 11)]
        doc.spans["genes"] = both if number % 4 else []
        docs.append(doc)
    DocBin(docs=docs).to_disk(tmp_path / "gold.spacy")
    return tmp_path / "gold.spacy"


def test_heads_of_which_enough_is_known_get_weights(trained, gold, monkeypatch):
    assert fit_consistency(trained, [gold]) == {}
    monkeypatch.setattr(consistency_weights, "LEAST", 10)
    fits = fit_consistency(trained, [gold])
    assert set(fits) == {"genes"} and fits["genes"].helps
    weights = {"genes": fits["genes"].weights}
    for settings, f1 in (({}, fits["genes"].before), (weights, fits["genes"].after)):
        with trained.get_pipe("bioner_mtl").settings(consistency=settings):
            examples = [
                Example(Doc(trained.vocab, words=WORDS, sent_starts=starts(doc)), doc)
                for doc in DocBin().from_disk(gold).get_docs(trained.vocab)
            ]
            assert trained.evaluate(examples)["spans_genes_f"] == pytest.approx(f1)
    with trained.get_pipe("bioner_mtl").settings(consistency=weights):
        doc = trained(Doc(trained.vocab, words=WORDS))
    # Three in four are right, whatever the network thinks of the small letters.
    assert [span.text for span in doc.spans["genes"]] == ["BRAC4", "brac4"]
    assert doc.spans["genes"].attrs["scores"] == pytest.approx([0.75, 0.75], abs=0.1)


def test_heads_that_find_less_by_them_get_none(trained, gold, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(consistency_weights, "LEAST", 10)
    # Nothing is likely any more.
    monkeypatch.setattr(consistency_weights, "fit_logistic", lambda *_: [0.0, 0.0, -1.0])
    fit = fit_consistency(trained, [gold])["genes"]
    assert fit.after < fit.before and not fit.helps
    with trained.get_pipe("bioner_mtl").settings(consistency={"genes": fit.weights}):
        trained.to_disk(tmp_path / "model")
    model, output = str(tmp_path / "model"), tmp_path / "fit.json"
    arguments = [model, str(gold), "--fit", "--consistency", "--output", str(output)]
    with pytest.raises(SystemExit) as stop:
        main(["calibrate", *arguments])
    printed = capsys.readouterr().out
    assert stop.value.code == 0 and srsly.read_json(output)["consistency"] == {"genes": None}
    assert '.cfg["consistency"].pop("genes", None)' in printed
    assert spacy.load(model).get_pipe("bioner_mtl").cfg["consistency"]
    with pytest.raises(SystemExit) as stop:
        main(["calibrate", *arguments, "--into", model])
    assert stop.value.code == 0
    assert spacy.load(model).get_pipe("bioner_mtl").cfg["consistency"] == {}
    row = [f"{100 * fit.before:.2f}", f"{100 * fit.after:.2f}", "no"]
    assert any(line.split() == ["genes", *row] for line in printed.splitlines())


def test_the_command_puts_them_into_a_pipeline(trained, gold, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(consistency_weights, "LEAST", 10)
    trained.to_disk(tmp_path / "model")
    model, output = str(tmp_path / "model"), str(tmp_path / "fit.json")
    arguments = [model, str(gold), "--fit", "--consistency", "--into", model, "--output", output]
    with pytest.raises(SystemExit) as stop:
        main(["calibrate", *arguments])
    assert stop.value.code == 0, capsys.readouterr().err
    saved = srsly.read_json(output)
    cfg = spacy.load(tmp_path / "model").get_pipe("bioner_mtl").cfg
    assert cfg["consistency"] == saved["consistency"] and set(saved["consistency"]) == {"genes"}
    assert cfg["temperatures"]["genes"] == saved["temperatures"]["genes"]


def test_into_takes_a_folder_before_anything_is_measured(tmp_path, gold, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["calibrate", "en_bioner_mtl", str(gold), "--fit", "--into", "en_bioner_mtl"])
    assert stop.value.code == 1 and "no such folder" in capsys.readouterr().err
    assert not (tmp_path / "en_bioner_mtl").exists()
