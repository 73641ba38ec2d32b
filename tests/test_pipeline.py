"""The trained pipeline in assets/: installed from its wheel, it does what its card says."""

import ast
import json
import os
import subprocess
import sys

import pytest
import spacy
from conftest import ROOT
from real_data import PUBTATOR, needs

from spacy_bioner_mtl.corpora.convert import convert_files
from spacy_bioner_mtl.evaluate.gold_docs import evaluate_pipeline
from spacy_bioner_mtl.formats.label_map import read_label_map

#: The labels of doc.ents, each from a head of its name.
TYPES = ["Gene", "Disease", "Chemical", "Species", "CellLine", "Variant", "CellType"]
HEADS = [*TYPES, "BC2GM", "BC5CDR", "JNLPBA", "Linnaeus", "NCBI-disease", "SPECIES-800"]
#: Sample corpora annotated like a head's training data, and the F1 that the head reaches at least.
#: They were invented for this project, and nothing of them was trained on.
SAMPLES = [
    ("genes", "BC2GM", 0.9),
    ("drug_effects", "BC5CDR", 0.9),
    ("diseases", "NCBI-disease", 0.8),
]


def wheel():
    (path,) = (ROOT / "assets").glob("en_bioner_mtl-*.whl")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The pipeline's folder, as pip installs it."""
    site = tmp_path_factory.mktemp("site")
    options = ["--no-deps", "--no-index", "--quiet", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel())], check=True)
    (meta,) = (site / "en_bioner_mtl").glob("*/meta.json")
    return meta.parent


@pytest.fixture(scope="module")
def nlp(folder):
    return spacy.load(folder)


def f_scores(nlp, source, head, tmp_path, **options):
    gold = tmp_path / f"{head}.spacy"
    convert_files([source], gold, head=head, **options)
    return evaluate_pipeline(nlp, [gold]).scores


def test_the_wheel_is_small():
    assert wheel().stat().st_size <= 35e6


def test_the_card_tells_data_licences_protocol_and_scores(folder):
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    source = json.loads((ROOT / "assets" / "en_bioner_mtl.json").read_text(encoding="utf-8"))
    assert meta["license"] and meta["sources"] == source["sources"]
    assert meta["notes"] == source["notes"] and "### Limits" in meta["notes"]
    assert all(meta["performance"][f"spans_{head}_f"] > 0.7 for head in HEADS)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert all(f"{100 * meta['performance'][f'spans_{head}_f']:.2f}" in card for head in HEADS)


@pytest.mark.parametrize(("corpus", "head", "least"), SAMPLES)
def test_own_samples(nlp, corpus, head, least, tmp_path):
    source = ROOT / "assets" / "corpora" / corpus / "test.tsv"
    assert f_scores(nlp, source, head, tmp_path)[f"spans_{head}_f"] >= least


@needs(PUBTATOR)
def test_the_ncbi_disease_test_set_scores_as_the_card_says(nlp, tmp_path):
    source = PUBTATOR / "NCBIdisease_Test.PubTator"
    labels = read_label_map(ROOT / "configs" / "ncbi_disease.yml")
    scores = f_scores(nlp, source, "NCBI-disease", tmp_path, label_map=labels)
    for part in "prf":
        key = f"spans_NCBI-disease_{part}"
        assert scores[key] == pytest.approx(nlp.meta["performance"][key], abs=1e-4)


def test_all_heads_are_calibrated_and_listed(nlp):
    config, pipe = nlp.config["components"]["bioner_mtl"], nlp.get_pipe("bioner_mtl")
    assert {head.name for head in pipe.heads} == set(HEADS)
    # spaCy overrides only what the config lists.
    assert set(config["temperatures"]) == set(config["thresholds"]) == set(HEADS)
    assert set(pipe.cfg["temperatures"]) == set(HEADS)
    assert all(temperature != 1.0 for temperature in pipe.cfg["temperatures"].values())
    assert {"Chemical", "Disease", "BC5CDR"} <= set(pipe.cfg["consistency"]) <= set(HEADS)
    assert config["merge"]["heads"] == TYPES


def test_entities_have_the_seven_labels_and_no_others(nlp):
    texts = (ROOT / "assets" / "abstracts.txt").read_text(encoding="utf-8").splitlines()
    docs = list(nlp.pipe(texts))
    assert {ent.label_ for doc in docs for ent in doc.ents} <= set(TYPES)
    assert all(set(doc.spans) == set(HEADS) for doc in docs)


def test_raw_text_gets_sentences_and_exact_offsets(nlp):
    text = "Background: BRCA1 carriers got tamoxifen (20 mg).  None had a pulmonary embolism."
    doc = nlp(text)
    assert [sent.text for sent in doc.sents][-1] == "None had a pulmonary embolism."
    found = {(text[ent.start_char : ent.end_char], ent.label_) for ent in doc.ents}
    assert {("BRCA1", "Gene"), ("tamoxifen", "Chemical")} <= found
    assert ("pulmonary embolism", "Disease") in found


def test_the_readme_shows_entities_of_three_abstracts(folder):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = readme.split("```python\n")[1].split("```")[0]
    assert "en_bioner_mtl" in code
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        cwd=ROOT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder.parent.parent)},
    )
    texts = (ROOT / "assets" / "abstracts.txt").read_text(encoding="utf-8").splitlines()
    found = [ast.literal_eval(line) for line in answer.stdout.splitlines()]
    assert len(found) == len(texts) == 3
    for text, entities in zip(texts, found, strict=True):
        assert len(entities) > 5
        assert all(text.startswith(mention, start) for mention, _, start in entities)
