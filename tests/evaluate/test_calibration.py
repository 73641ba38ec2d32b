"""bioner-mtl calibrate: outcomes counted as the scorer counts, and temperatures found again."""

import re

import numpy as np
import pytest
import spacy
import srsly
import torch
import typer
from conftest import GOLD, make_example, make_examples, make_pipeline, train
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin, Span
from typer.testing import CliRunner

from spacy_bioner_mtl.cli.calibrate import calibrate as command
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate import calibration
from spacy_bioner_mtl.evaluate.calibration import (
    TRIED,
    best_temperature,
    calibrate,
    fit_temperatures,
    judge_spans,
    measure,
)
from spacy_bioner_mtl.evaluate.gold_docs import annotate_gold, count_mentions
from spacy_bioner_mtl.pipeline.spans import UNKNOWN_LABEL, UNKNOWN_SUFFIX

#: Words that are genes in seven of ten sentences, whatever stands around them.
NAMES = ["TKR2", "BRAC4", "MOX1", "DELT9"]
PLACES = ["kidney", "liver", "heart", "lung"]


def save(path, examples):
    DocBin(docs=[example.reference for example in examples]).to_disk(path)
    return path


def doubtful(nlp, count, seed):
    """Sentences of which nobody could tell for certain whether they have a gene."""
    generator = np.random.default_rng(seed)
    examples = []
    for _ in range(count):
        name, place = generator.choice(NAMES), generator.choice(PLACES)
        spans = [(2, 3, "GENE")] if generator.random() < 0.7 else []
        examples.append(make_example(nlp, f"Loss of {name} in the {place} .", {"genes": spans}))
    return examples


@pytest.fixture(scope="module")
def honest():
    """A pipeline that has learned how often such words are genes."""
    nlp = make_pipeline()
    examples = doubtful(nlp, 300, 0)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 30)
    return nlp


@given(
    st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), max_size=60),
    st.integers(1, 20),
)
def test_measures_are_what_their_definitions_say(spans, n_bins):
    scores = np.array([score for score, _ in spans])
    right = np.array([right for _, right in spans], dtype=bool)
    result = measure(scores, right, n_bins)
    assert result.spans == len(spans) == sum(each.spans for each in result.bins)
    if not spans:
        assert result.error == result.brier == 0.0 and not result.bins
        return
    assert result.brier == pytest.approx(sum((s - r) ** 2 for s, r in spans) / len(spans))
    total = 0.0
    for each in result.bins:
        inside = [
            (s, r) for s, r in spans if min(int(s * n_bins), n_bins - 1) == round(each.low * n_bins)
        ]
        assert len(inside) == each.spans > 0
        assert each.mean_score == pytest.approx(np.mean([s for s, _ in inside]))
        assert each.share_right == pytest.approx(np.mean([r for _, r in inside]))
        assert each.low - 1e-9 <= each.mean_score <= each.high + 1e-9
        total += abs(sum(s for s, _ in inside) - sum(r for _, r in inside))
    assert result.error == pytest.approx(total / len(spans))
    assert 0.0 <= result.error <= 1.0


@settings(deadline=None, max_examples=20)
@given(st.floats(0.5, 4.0), st.integers(0, 100))
def test_a_known_temperature_is_found(true, seed):
    """Outcomes drawn from probabilities that were then sharpened or flattened."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(1.0, 2.0, size=20_000)
    right = generator.random(len(logits)) < 1 / (1 + np.exp(-logits))
    scores = np.stack([1 / (1 + np.exp(-logits * true / tried)) for tried in TRIED])
    assert best_temperature(scores, right) == pytest.approx(true, rel=0.1)


def test_the_best_of_all_may_be_the_last_that_is_tried():
    logits = np.linspace(-3, 3, 50)
    scores = np.stack([1 / (1 + np.exp(-logits / tried)) for tried in TRIED])
    assert best_temperature(scores, logits > 0) == TRIED[0]
    assert best_temperature(scores, logits < 0) == TRIED[-1]


def test_outcomes_are_those_that_the_scorer_counts(trained, tmp_path):
    gold = make_examples(trained)
    gold.append(make_example(trained, "TKR2 and BRAC4 .", {"genes": [(0, 1, "GENE")]}))
    gold.append(make_example(trained, "Severe heart failure .", {"medicine": [(0, 3, "Disease")]}))
    unknown = make_example(trained, "TKR2 protects from BRAC4 .", {"genes": []}).reference
    unknown.spans["genes" + UNKNOWN_SUFFIX] = [Span(unknown, 0, 1, label=UNKNOWN_LABEL)]
    docs = [example.reference for example in gold] + [unknown]
    DocBin(docs=docs).to_disk(tmp_path / "gold.spacy")
    paths = [tmp_path]
    judged = judge_spans(trained, paths, [{}])
    examples = annotate_gold(trained, paths)
    assert list(judged) == ["genes", "medicine"]
    for head, each in judged.items():
        right, found, _ = count_mentions(examples, head).sum(axis=0)
        assert (each.right.sum(), len(each.right)) == (right, found)
        assert each.scores.shape == (1, found)
        assert right > 0
    assert not all(each.right.all() for each in judged.values())


def test_gold_of_another_tokenisation_counts_as_in_scoring(trained, tmp_path):
    words = ["TKR", "2", "protects", "from", "renal", "failure."]
    reference = Doc(trained.vocab, words=words, spaces=[False, True, True, True, True, False])
    reference.spans["genes"] = [Span(reference, 0, 2, label="GENE")]
    reference.spans["medicine"] = [Span(reference, 4, 6, label="Disease")]
    DocBin(docs=[reference]).to_disk(tmp_path / "gold.spacy")
    judged = judge_spans(trained, [tmp_path], [{}])
    examples = annotate_gold(trained, [tmp_path])
    for head, each in judged.items():
        right, found, _ = count_mentions(examples, head).sum(axis=0)
        assert (each.right.sum(), len(each.right)) == (right, found)
    assert judged["genes"].right.tolist() == [True]


def test_probabilities_are_those_of_the_pipeline(copy_of_trained, tmp_path):
    nlp = copy_of_trained
    save(tmp_path / "gold.spacy", make_examples(nlp))
    nlp.get_pipe("bioner_mtl").cfg["temperatures"]["genes"] = 3.0
    docs = [nlp(text) for text, heads in GOLD if "genes" in heads]
    expected = [score for doc in docs for score in doc.spans["genes"].attrs["scores"]]
    # What is dropped or switched off in the pipeline is measured all the same.
    nlp.get_pipe("bioner_mtl").cfg.update(
        {"thresholds": {"genes": 1.0}, "active_heads": ["medicine"], "scores": False}
    )
    result = calibrate(nlp, [tmp_path])["genes"]
    assert result.spans == len(expected)
    assert result.mean_score == pytest.approx(np.mean(expected), abs=1e-6)
    assert nlp.get_pipe("bioner_mtl").cfg["active_heads"] == ["medicine"]


def test_a_distortion_is_taken_back(honest, tmp_path):
    save(tmp_path / "dev.spacy", doubtful(honest, 1_000, 1))
    save(tmp_path / "test.spacy", doubtful(honest, 1_000, 2))
    nlp = make_pipeline().from_bytes(honest.to_bytes())
    # Three times as sure of everything.
    with torch.no_grad():
        layer = nlp.get_pipe("bioner_mtl").network.head_layers[0]
        for parameter in layer.parameters():
            parameter *= 3.0
    before = dict(nlp.get_pipe("bioner_mtl").cfg["temperatures"])
    fit = fit_temperatures(nlp, [tmp_path / "dev.spacy"])
    assert nlp.get_pipe("bioner_mtl").cfg["temperatures"] == before == {"genes": 1.0}
    assert fit.temperatures["genes"] == pytest.approx(3.0, rel=0.25)
    assert fit.before["genes"].share_right == fit.after["genes"].share_right
    before = calibrate(nlp, [tmp_path / "test.spacy"])["genes"]
    nlp.get_pipe("bioner_mtl").cfg["temperatures"] = fit.temperatures
    after = calibrate(nlp, [tmp_path / "test.spacy"])["genes"]
    assert after.error < 0.06 < 0.15 < before.error
    assert after.brier < before.brier
    # Fitting what fits finds the same.
    again = fit_temperatures(nlp, [tmp_path / "dev.spacy"])
    assert again.temperatures == fit.temperatures
    assert again.before == fit.after


def test_a_head_that_is_never_wrong_keeps_its_temperature(trained, tmp_path):
    save(tmp_path / "gold.spacy", make_examples(trained)[:4])
    assert fit_temperatures(trained, [tmp_path]).temperatures == {"genes": 1.0, "medicine": 1.0}


def test_what_stands_behind_the_component_is_left_out(copy_of_trained, tmp_path):
    nlp = copy_of_trained
    save(tmp_path / "gold.spacy", make_examples(nlp))
    expected = calibrate(nlp, [tmp_path])
    nlp.add_pipe("merge_entities")
    assert calibrate(nlp, [tmp_path]) == expected
    assert nlp.pipe_names == ["bioner_mtl", "merge_entities"]


def test_documents_in_batches_are_measured_as_one(trained, tmp_path, monkeypatch):
    save(tmp_path / "gold.spacy", make_examples(trained) * 2)
    expected = calibrate(trained, [tmp_path])
    monkeypatch.setattr(calibration, "DOCS_AT_ONCE", 3)
    for head, each in calibrate(trained, [tmp_path]).items():
        assert each.spans == expected[head].spans
        assert each.brier == pytest.approx(expected[head].brier, abs=1e-5)


def test_what_cannot_be_measured(trained, tmp_path):
    foreign = make_example(trained, "HeLa cells .", {"cells": [(0, 2, "cell")]})
    path = save(tmp_path / "cells.spacy", [foreign])
    with pytest.raises(InputError, match=r"cells\.spacy: no document .* genes, medicine"):
        calibrate(trained, [path])
    with pytest.raises(InputError, match=r"no\.spacy: neither a \.spacy file nor a folder"):
        calibrate(trained, [tmp_path / "no.spacy"])
    with pytest.raises(InputError, match="0 bins hold no spans"):
        calibrate(trained, [path], n_bins=0)
    with pytest.raises(InputError, match="-1 bins hold no spans"):
        fit_temperatures(trained, [path], n_bins=-1)


def run(*arguments):
    app = typer.Typer()
    app.command()(command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_command_prints_and_saves(honest, tmp_path):
    honest.to_disk(tmp_path / "model")
    save(tmp_path / "dev.spacy", doubtful(honest, 100, 1))
    expected = calibrate(honest, [tmp_path / "dev.spacy"], n_bins=5)["genes"]
    output = tmp_path / "out" / "numbers.json"
    result = run(tmp_path / "model", tmp_path / "dev.spacy", "--bins", 5, "--output", output)
    assert result.exit_code == 0, result.output
    rows = re.findall(r"^( *\S+) +([\d,]+) +([\d.]+) +([\d.]+)", result.output, re.M)
    lines = [("genes", expected)]
    lines += [(f"  {each.low:.2f}-{each.high:.2f}", each) for each in expected.bins]
    assert rows == [
        (name, f"{e.spans:,}", f"{100 * e.mean_score:.1f}", f"{100 * e.share_right:.1f}")
        for name, e in lines
    ]
    saved = srsly.read_json(output)["heads"]["genes"]
    assert saved == srsly.json_loads(srsly.json_dumps(expected.to_json()))


def test_the_lines_that_the_command_prints_work(honest, tmp_path):
    honest.to_disk(tmp_path / "model")
    save(tmp_path / "dev.spacy", doubtful(honest, 100, 1))
    output = tmp_path / "fit.json"
    result = run(tmp_path / "model", tmp_path / "dev.spacy", "--fit", "--output", output)
    assert result.exit_code == 0, result.output
    saved = srsly.read_json(output)
    assert set(saved) == {"temperatures", "before", "after"}
    code = result.output[
        result.output.index("nlp = spacy.load") : result.output.index("In the con")
    ]
    names = {"spacy": spacy}
    exec(code.replace("nlp.to_disk(...)", ""), names)
    assert names["nlp"].get_pipe("bioner_mtl").cfg["temperatures"] == saved["temperatures"]
    _, lines = result.output.split("[components.bioner_mtl.temperatures]")
    lines = "[components.bioner_mtl.temperatures]" + "".join(re.findall(r"\n.* = .*", lines))
    config = spacy.util.Config().from_str(f"[components]\n[components.bioner_mtl]\n{lines}")
    assert config["components"]["bioner_mtl"]["temperatures"] == saved["temperatures"]


def test_temperatures_can_be_put_into_a_twin(honest, tmp_path):
    for name in ("model", "twin"):
        honest.to_disk(tmp_path / name)
    save(tmp_path / "dev.spacy", doubtful(honest, 100, 1))
    result = run(tmp_path / "model", tmp_path / "dev.spacy", "--fit", "--into", tmp_path / "twin")
    assert result.exit_code == 0, result.output
    expected = fit_temperatures(honest, [tmp_path / "dev.spacy"]).temperatures
    twin = spacy.load(tmp_path / "twin").get_pipe("bioner_mtl").cfg["temperatures"]
    assert {head: twin[head] for head in expected} == expected
    before = spacy.load(tmp_path / "model").get_pipe("bioner_mtl").cfg["temperatures"]
    assert before != twin
    refused = run(tmp_path / "model", tmp_path / "dev.spacy", "--into", tmp_path / "twin")
    assert refused.exit_code == 1 and "belong to --fit" in str(refused.exception or refused.output)
