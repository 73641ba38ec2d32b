"""Three counts agree: our scorer, ``spacy evaluate``, conlleval's way on exported files."""

import pytest
from conftest import ROOT, SAMPLE_HEADS, make_pipeline, train
from real_data import CORPORA, marks
from spacy.cli.evaluate import evaluate as spacy_evaluate
from spacy.training import Corpus

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.corpora.convert import convert_files
from spacy_bioner_mtl.evaluate.gold_docs import evaluate_pipeline
from spacy_bioner_mtl.pipeline.loading import load_pipeline


def chunks(path):
    """Every entity of a CoNLL file as (sentence, first, last, type), read as conlleval does."""
    found, sentence, position = set(), 0, 0
    started, kind = None, None

    def close(last):
        if started is not None:
            found.add((sentence, started, last, kind))

    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if not line.strip():
            close(position - 1)
            started, sentence, position = None, sentence + bool(position), 0
            continue
        if line.startswith("-DOCSTART-"):
            continue
        prefix, _, label = line.split()[-1].partition("-")
        if prefix in ("", "O") or prefix in "BSU" or label != kind:
            close(position - 1)
            started = None
        if prefix != "O" and started is None:
            started, kind = position, label
        if prefix in ("E", "S", "L", "U"):
            close(position)
            started = None
        position += 1
    return found


def f_score(gold, predicted):
    return 200 * len(gold & predicted) / (len(gold) + len(predicted))


def check(model, source, docs, head, tmp_path):
    answer = tmp_path / f"{head}.tsv"
    arguments = [str(model), str(source), str(answer), "--from", "conll", "--to", "conll"]
    with pytest.raises(SystemExit) as exit_:
        main(["annotate", *arguments, "--head", head])
    assert exit_.value.code == 0
    ours = evaluate_pipeline(load_pipeline(str(model)), [docs]).scores[f"spans_{head}_f"]
    theirs = spacy_evaluate(str(model), docs, spans_key=head)[f"spans_{head}_f"]
    counted = f_score(chunks(source), chunks(answer))
    assert 0 < counted < 100
    assert round(100 * ours, 2) == round(100 * theirs, 2) == round(counted, 2)


@pytest.mark.parametrize("head", SAMPLE_HEADS)
def test_on_the_sample_corpora(sample_run, head, tmp_path):
    # The converted corpus keeps one sentence to a document, as the exported file has them.
    source = ROOT / "assets" / "corpora" / head / "test.tsv"
    docs = tmp_path / "test.spacy"
    convert_files([source], docs, head=head, sentences_per_doc=1)
    check(sample_run / "model" / "model-best", source, docs, head, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "head"),
    [
        pytest.param("NCBI-disease-IOBES", "NCBI-disease", marks=marks(CORPORA)),
        pytest.param("JNLPBA", "JNLPBA", marks=marks(CORPORA)),
    ],
)
def test_on_real_corpora(folder, head, tmp_path):
    nlp = make_pipeline(characters="word", hidden_width=32)
    train_docs, test_docs = tmp_path / "train.spacy", tmp_path / "test.spacy"
    convert_files([CORPORA / folder / "devel.tsv"], train_docs, head=head, sentences_per_doc=1)
    convert_files([CORPORA / folder / "test.tsv"], test_docs, head=head, sentences_per_doc=1)
    examples = list(Corpus(train_docs)(nlp))[:100]
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    model = tmp_path / "model"
    nlp.to_disk(model)
    check(model, CORPORA / folder / "test.tsv", test_docs, head, tmp_path)
