"""A packaged pipeline, installed elsewhere and loaded in another process, answers alike."""

import json
import os
import subprocess
import sys

import pytest
import spacy
from conftest import ROOT, SAMPLE_HEADS
from real_data import CORPORA, needs
from spacy.cli.package import package

#: Run in the other process: reads texts from standard input, answers on standard output.
ANSWER = """
import json, sys, spacy
nlp = spacy.load("en_bioner_sample")
texts = json.load(sys.stdin)
json.dump([[[*map(str, (e.start_char, e.end_char, e.label_))] for e in doc.ents]
           + [[head, *map(str, (s.start_char, s.end_char, s.label_))]
              for head in sorted(doc.spans) for s in doc.spans[head]]
           for doc in nlp.pipe(texts)], sys.stdout)
"""


def sentences(path):
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    lines = [block.splitlines() for block in blocks if block and "-DOCSTART-" not in block]
    return [" ".join(line.split("\t")[0] for line in block) for block in lines]


@pytest.fixture(scope="module")
def installed(sample_run, tmp_path_factory):
    """The folder that the wheel of the sample pipeline was installed to."""
    folder = tmp_path_factory.mktemp("package")
    package(
        sample_run / "model" / "model-best",
        folder,
        name="bioner_sample",
        version="0.0.1",
        create_sdist=False,
        create_wheel=True,
    )
    (wheel,) = folder.rglob("*.whl")
    site = folder / "site"
    options = ["--no-deps", "--no-index", "--quiet", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    return site


def check(sample_run, installed, texts):
    nlp = spacy.load(sample_run / "model" / "model-best")
    expected = [
        [[*map(str, (ent.start_char, ent.end_char, ent.label_))] for ent in doc.ents]
        + [
            [head, *map(str, (span.start_char, span.end_char, span.label_))]
            for head in sorted(doc.spans)
            for span in doc.spans[head]
        ]
        for doc in nlp.pipe(texts)
    ]
    answer = subprocess.run(
        [sys.executable, "-c", ANSWER],
        input=json.dumps(texts),
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"},
    )
    assert sum(map(len, expected)) > len(texts) / 4, "too few entities to compare"
    assert json.loads(answer.stdout) == expected


@pytest.mark.slow
def test_sample_sentences(sample_run, installed):
    paths = [ROOT / "assets" / "corpora" / head / "test.tsv" for head in SAMPLE_HEADS]
    check(sample_run, installed, [text for path in paths for text in sentences(path)])


@pytest.mark.slow
@needs(CORPORA)
def test_500_real_sentences(sample_run, installed):
    check(sample_run, installed, sentences(CORPORA / "BC5CDR-IOBES" / "devel.tsv")[:500])
