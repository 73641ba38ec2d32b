"""``bioner-mtl report``: one page, from the pipeline and gold documents."""

import json

import numpy as np
import pytest
from browser import needs_browser, open_page
from conftest import GOLD, make_examples, make_pipeline, save_docbin, train, train_samples
from devtools import browsing

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate.calibration import calibrate
from spacy_bioner_mtl.evaluate.gold_docs import evaluate_pipeline
from spacy_bioner_mtl.pipeline.bioner_mtl import BioNERMTL
from spacy_bioner_mtl.pipeline.loading import load_pipeline
from spacy_bioner_mtl.report.data import annotate_with_scores, read_curves, report_heads
from spacy_bioner_mtl.report.mistakes import Kind

#: A word that no window holds.
LONG = "N" * 150
HARD = [
    *GOLD,
    ("Aspirin and BRAC4 in the <liver> .", {"genes": [(0, 1, "GENE"), (2, 3, "GENE")]}),
    ("Rats with renal failure .", {"medicine": [(0, 1, "Chemical"), (1, 4, "Disease")]}),
    (f"{LONG} .", {"genes": [(0, 1, "GENE")]}),
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


def look(files, train=()):
    nlp = load_pipeline(str(files / "model"))
    return report_heads(nlp, annotate_with_scores(nlp, [files / "test.spacy"]), train)


def test_the_numbers_are_those_of_evaluate(files):
    nlp = load_pipeline(str(files / "model"))
    scores = evaluate_pipeline(nlp, [files / "test.spacy"]).scores
    reports = look(files, [files / "train.spacy"])
    calibrations = calibrate(nlp, [files / "test.spacy"])
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
        own = calibrations[each.name]
        assert each.calibration.spans == own.spans > 0
        assert each.calibration.error == pytest.approx(own.error)
        assert each.calibration.share_right == pytest.approx(each.precision)


def test_what_is_wrong_is_told(files):
    genes, medicine = look(files, [files / "train.spacy"])
    assert dict(genes.missed) == {"Aspirin": 1, LONG: 1}
    assert genes.traits["seen in training"][1] + genes.traits["not seen in training"][1] == 7
    # The training documents of the report are annotated for genes alone.
    assert "seen in training" not in medicine.traits
    wrong = medicine.kinds.total() - medicine.kinds[Kind.RIGHT]
    assert 0 < wrong == len(medicine.missed) + len(medicine.invented) + len(medicine.confused)
    texts = {each.gold.text for each in medicine.sentences}
    assert any("Rats with renal failure" in text for text in texts)
    for each in (*genes.sentences, *medicine.sentences):
        assert each.wanted in each.gold.text and each.instead in each.found.text
        assert bool(each.wanted) == (each.kind is not Kind.INVENTED)
        assert bool(each.instead) == (each.kind is not Kind.MISSED)


def test_each_kind_of_mistake_has_its_sentences(files):
    for head in look(files):
        wrong = {kind for kind, count in head.kinds.items() if count and kind is not Kind.RIGHT}
        shown = [each.kind for each in head.sentences]
        assert set(shown) <= wrong
        assert shown == sorted(shown, key=list(Kind).index)
        # A sentence with mistakes of two kinds stands under the first of them.
        assert shown and shown[0] == min(wrong, key=list(Kind).index)


def test_the_pipeline_runs_once(files, tmp_path, monkeypatch):
    asked = []
    ask = BioNERMTL.ask

    def counting(self, docs, settings):
        asked.extend(docs)
        return ask(self, docs, settings)

    monkeypatch.setattr(BioNERMTL, "ask", counting)
    assert report(files / "model", files / "test.spacy", "--output", tmp_path / "page.html") == 0
    assert len(asked) == len(HARD)


def test_the_interval_is_that_of_samples_of_documents(files):
    genes, _ = look(files)
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
    assert shown.count('class="plotly-graph-div') == 4
    for heading in ("Learning curves", "Heads on corpora", "What is hard"):
        assert f">{heading}</h2>" in shown
    assert "&lt;liver&gt;" in shown
    assert "<liver>" not in shown


def widest(page, path, width):
    """Open a page in a window, all of it unfolded; returns how wide it is, and its requests."""
    page.requests.clear()
    page.show_as(width, 844, mobile=width < 600)
    page.open(path.as_uri())
    page.run("for (const each of document.querySelectorAll('details')) each.open = true")
    asked = [each for each in page.requests if each != path.as_uri()]
    return page.run("document.documentElement.scrollWidth"), asked


@needs_browser
def test_the_page_fits_a_phone_and_asks_for_nothing(files, tmp_path):
    path = tmp_path / "page.html"
    options = ["--train", files / "train.spacy", "--scores", files / "scores.jsonl"]
    assert report(files / "model", files / "test.spacy", "--output", path, *options) == 0
    wide = tmp_path / "wide.html"
    wide.write_text(path.read_text(encoding="utf-8").replace("overflow-x: auto", ""))
    with browsing(tmp_path) as page:
        for width in (1280, 390):
            wanted, asked = widest(page, path, width)
            assert 0 < wanted <= width
            assert not asked and not page.faults
            right = "(each) => each.getBoundingClientRect().right"
            charts = f"[...document.querySelectorAll('.main-svg')].map({right})"
            assert 0 < page.run(f"Math.max(...{charts})") <= width
        assert widest(page, wide, 390)[0] > 390


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
