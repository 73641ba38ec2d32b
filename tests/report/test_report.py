"""``bioner-mtl report``: one page, from the pipeline and gold documents."""

import json

import numpy as np
import pytest
from browser import needs_browser, open_page
from conftest import GOLD, make_examples, make_pipeline, save_docbin, train, train_samples

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate.gold_docs import evaluate_pipeline
from spacy_bioner_mtl.pipeline.loading import load_pipeline
from spacy_bioner_mtl.report.data import read_curves, report_heads
from spacy_bioner_mtl.report.mistakes import Kind

HARD = [
    *GOLD,
    ("Aspirin and BRAC4 in the <liver> .", {"genes": [(0, 1, "GENE"), (2, 3, "GENE")]}),
    ("Rats with renal failure .", {"medicine": [(0, 1, "Chemical"), (1, 4, "Disease")]}),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A pipeline that has learned GOLD, documents, and what a training saved of its scores."""
    folder = tmp_path_factory.mktemp("report")
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    nlp.to_disk(folder / "model")
    save_docbin(folder / "test.spacy", nlp, HARD)
    save_docbin(folder / "train.spacy", nlp, GOLD[:2])
    rows = [{"step": n, "score": 0.1, "heads": {"genes": n / 10, "x": 0.0}} for n in range(3)]
    (folder / "scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def report(*arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["report", *map(str, arguments)])
    return exit_info.value.code or 0


def test_the_numbers_are_those_of_evaluate(files):
    nlp = load_pipeline(str(files / "model"))
    scores = evaluate_pipeline(nlp, [files / "test.spacy"]).scores
    reports = report_heads(nlp, [files / "test.spacy"], [files / "train.spacy"])
    assert [each.name for each in reports] == ["genes", "medicine"]
    for each in reports:
        key = f"spans_{each.name}"
        found = (each.precision, each.recall, each.f_score, each.agreement.exact)
        wanted = [scores[f"{key}_{part}"] for part in "prff"]
        assert found == pytest.approx(wanted)
        for label, values in scores[f"{key}_per_type"].items():
            assert each.per_label[label] == pytest.approx(values["f"])
        assert each.interval[0] <= each.f_score <= each.interval[1]
        assert each.kinds.total() - each.kinds[Kind.INVENTED] == each.gold
        assert each.agreement.exact <= each.agreement.of_type <= each.agreement.overlapping
        assert each.calibration is not None


def test_what_is_wrong_is_told(files):
    nlp = load_pipeline(str(files / "model"))
    genes, medicine = report_heads(nlp, [files / "test.spacy"], [files / "train.spacy"])
    assert dict(genes.missed) == {"Aspirin": 1}
    assert genes.traits["seen in training"][1] + genes.traits["not seen in training"][1] == 6
    # The training documents of the report are annotated for genes alone.
    assert "seen in training" not in medicine.traits
    wrong = medicine.kinds.total() - medicine.kinds[Kind.RIGHT]
    assert 0 < wrong == len(medicine.missed) + len(medicine.invented) + len(medicine.confused)
    texts = {each.gold.text for each in medicine.sentences}
    assert any("Rats with renal failure" in text for text in texts)


def test_the_interval_is_that_of_samples_of_documents(files):
    nlp = load_pipeline(str(files / "model"))
    genes, _ = report_heads(nlp, [files / "test.spacy"])
    low, high = genes.interval
    assert 0.0 < low < genes.f_score < high <= 1.0


@needs_browser
def test_the_page_opens_without_a_network(files, tmp_path, capsys):
    page = tmp_path / "page.html"
    arguments = [files / "model", files / "test.spacy", "--output", page]
    options = ["--train", files / "train.spacy", "--scores", files / "scores.jsonl"]
    assert report(*arguments, *options) == 0
    assert "Page saved" in capsys.readouterr().out
    shown, asked = open_page(page, tmp_path)
    assert not asked
    # Each chart has drawn itself, of two layers or three.
    for chart in shown.split('class="plotly-graph-div')[1:]:
        assert 'class="main-svg"' in chart
    assert shown.count('class="plotly-graph-div') == 5
    for heading in ("Learning curves", "Heads on other corpora", "What is hard"):
        assert f">{heading}</h2>" in shown
    assert "&lt;liver&gt;" in shown
    assert "<liver>" not in shown


@needs_browser
def test_the_browser_tells_what_a_page_asks_for(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<img src="http://example.org/x.png">')
    _, asked = open_page(page, tmp_path)
    assert asked == {"http://example.org/x.png"}


def test_without_curves_or_training_documents_their_parts_are_left_out(files, tmp_path):
    page = tmp_path / "page.html"
    assert report(files / "model", files / "test.spacy", "--output", page) == 0
    content = page.read_text(encoding="utf-8")
    assert "Learning curves" not in content
    assert "seen in training" not in content


def test_the_logger_saves_the_curves(sample_docbins, tmp_path, capsys):
    path = tmp_path / "deep" / "scores.jsonl"
    logger = {"@loggers": "spacy_bioner_mtl.ProgressLogger.v1", "scores": str(path)}
    changes = {"training.logger": logger, "training.optimizer.learn_rate.total_steps": 4}
    train_samples(sample_docbins, tmp_path / "run", {**changes, "training.eval_frequency": 2})
    curves = read_curves(path)
    assert set(curves) == {"cell_biology", "chemicals", "diseases", "drug_effects", "genes"}
    assert [step for step, _ in curves["genes"]] == [0, 2, 4]
    shown = capsys.readouterr().out
    assert f"genes {100 * curves['genes'][-1][1]:.2f}" in shown
    assert all(0.0 <= f <= 1.0 for points in curves.values() for _, f in points)
    assert np.isfinite([f for points in curves.values() for _, f in points]).all()


@pytest.mark.parametrize("content", ["", "{", '{"step": 1}', "[1]", '{"heads": {"x": 1}}'])
def test_what_are_no_scores_is_refused(tmp_path, content):
    path = tmp_path / "scores.jsonl"
    path.write_text(content)
    if not content:
        assert read_curves(path) == {}
        return
    with pytest.raises(InputError, match=r"training\.logger\.scores"):
        read_curves(path)


def test_documents_of_other_heads_are_refused(files, tmp_path, capsys):
    nlp = load_pipeline(str(files / "model"))
    other = save_docbin(tmp_path / "other.spacy", nlp, [("A b", {"mine": [(0, 1, "GENE")]})])
    assert report(files / "model", other, "--output", tmp_path / "page.html") == 1
    assert "no document is annotated for a head" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("command", ["report", "matrix"])
def test_gold_is_not_overwritten(files, tmp_path, capsys, command):
    gold = tmp_path / "gold.spacy"
    gold.write_bytes((files / "test.spacy").read_bytes())
    with pytest.raises(SystemExit) as exit_info:
        main([command, str(files / "model"), str(gold), "--output", str(gold)])
    assert exit_info.value.code == 1
    assert "name another file" in capsys.readouterr().err
    assert gold.read_bytes() == (files / "test.spacy").read_bytes()
