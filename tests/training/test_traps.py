"""What bites in `spacy train`: the real loop, on the sample corpora."""

import os
import signal
import subprocess
import sys
import time

import pytest
import spacy
import srsly
from conftest import (
    SAMPLE_CONFIG,
    SAMPLE_HEADS,
    TRAINING,
    fresh,
    make_examples,
    make_pipeline,
    same_weights,
    train_samples,
    weights,
)
from spacy.cli.init_pipeline import init_labels_cli
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example


@pytest.fixture
def run(sample_run):
    return sample_run / "model"


def test_training_runs_and_saves_what_it_measured(run, sample_docbins):
    for name in ("model-best", "model-last"):
        nlp = spacy.load(run / name)
        assert [head.name for head in nlp.get_pipe("bioner_mtl").heads] == sorted(SAMPLE_HEADS)
    nlp = spacy.load(run / "model-best")
    measured = nlp.meta["performance"]
    assert measured["bioner_mtl_loss"] > 0
    again = nlp.evaluate(list(Corpus(sample_docbins / "dev")(nlp)))
    assert again["bioner_macro_f"] == pytest.approx(measured["bioner_macro_f"], abs=1e-6)
    assert measured["bioner_macro_f"] > 0.15


def test_the_same_seed_gives_the_same_weights(run, sample_docbins, tmp_path):
    """The first run also had a callback: watching does not change what is watched."""
    train_samples(sample_docbins, tmp_path)
    for name in ("model-last", "model-best"):
        one, other = spacy.load(run / name), spacy.load(tmp_path / name)
        assert same_weights(weights(one), weights(other))


def test_training_from_label_files_is_the_same_training(run, sample_docbins, tmp_path):
    labels = tmp_path / "labels"
    init_labels_cli(
        Context(
            f"--paths.train={sample_docbins / 'train'}", f"--paths.dev={sample_docbins / 'dev'}"
        ),
        SAMPLE_CONFIG,
        labels,
        code_path=None,
        verbose=False,
        use_gpu=-1,
    )
    path = labels / "bioner_mtl.json"
    assert list(srsly.read_json(path)["heads"]) == sorted(SAMPLE_HEADS)
    nlp = train_samples(
        sample_docbins,
        tmp_path / "model",
        {
            "initialize.components.bioner_mtl.labels": {
                "@readers": "spacy.read_labels.v1",
                "path": str(path),
            },
            "training.optimizer.learn_rate.total_steps": 2,
            "training.eval_frequency": 2,
        },
    )
    reference = spacy.load(run / "model-last").get_pipe("bioner_mtl")
    assert nlp.get_pipe("bioner_mtl").label_data == reference.label_data


class Context:
    """What the command line function wants of typer's context: more arguments."""

    def __init__(self, *arguments):
        self.args = list(arguments)


def test_a_batch_without_annotated_documents_does_not_stop_training(tmp_path):
    nlp = spacy.blank("en")
    for split in ("train", "dev"):
        docs = [eg.reference for eg in make_examples(nlp)]
        if split == "train":
            docs = docs[:1] + [
                Doc(nlp.vocab, words=["nothing", "known", str(n)]) for n in range(30)
            ]
            docs += [Doc(nlp.vocab), Doc(nlp.vocab, words=[" "])]
        (tmp_path / split).mkdir()
        DocBin(docs=docs).to_disk(tmp_path / split / "docs.spacy")
    trained = train_samples(
        tmp_path,
        tmp_path / "model",
        # One document a batch: most batches teach nothing.
        {
            "training.batcher.size": 3,
            "training.optimizer.learn_rate.total_steps": 12,
            "training.eval_frequency": 3,
        },
    )
    assert trained.meta["performance"]["bioner_mtl_loss"] >= 0


def test_documents_with_other_tokens_train(tmp_path):
    """Raw text that the pipeline's tokenizer cuts otherwise than the gold."""
    nlp = make_pipeline()
    reference = Doc(nlp.vocab, words=["beta-blocker-X", "use"], spaces=[True, False])
    reference.spans["drugs"] = [reference[0:1]]
    reference.spans["drugs"] = [reference.char_span(0, 14, label="Drug")]
    predicted = nlp.make_doc("beta-blocker-X use")
    assert len(predicted) != len(reference)
    examples = [Example(predicted, reference)]
    nlp.initialize(lambda: examples)
    losses = {}
    nlp.update(examples, losses=losses)
    assert losses["bioner_mtl"] > 0


def test_killing_a_run_corrupts_nothing(sample_docbins, tmp_path):
    config = spacy.util.load_config(SAMPLE_CONFIG, overrides=TRAINING)
    config["paths"]["train"] = str(sample_docbins / "train")
    config["paths"]["dev"] = str(sample_docbins / "dev")
    config["training"]["optimizer"]["learn_rate"]["total_steps"] = 100_000
    config["training"]["eval_frequency"] = 2
    config.to_disk(tmp_path / "config.cfg")
    program = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from spacy.cli.train import train\n"
        "train(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "config.cfg", tmp_path / "model"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    best = tmp_path / "model" / "model-best" / "bioner_mtl" / "model"
    deadline = time.monotonic() + 90
    while not best.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert best.exists()
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    nlp = train_samples(
        sample_docbins,
        tmp_path / "model",
        {"training.optimizer.learn_rate.total_steps": 4, "training.eval_frequency": 2},
    )
    loaded = spacy.load(tmp_path / "model" / "model-best")
    assert loaded.get_pipe("bioner_mtl").heads == nlp.get_pipe("bioner_mtl").heads
    leftovers = [path for path in (tmp_path / "model").rglob("*") if "partial" in path.name]
    assert not leftovers


def test_the_score_weights_of_the_factory_are_those_of_the_scorer():
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    scores = nlp.evaluate(fresh(nlp, examples))
    for key in nlp.config["training"]["score_weights"]:
        assert scores[key] is not None
