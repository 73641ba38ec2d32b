"""Writing the dev documents whenever a head improves, through the real `spacy train`."""

import spacy
from conftest import GOLD, SAMPLE_HEADS, make_example, make_examples
from spacy.tokens import Span
from spacy.training import Corpus

from spacy_bioner_mtl.pipeline.scorer import score_heads
from spacy_bioner_mtl.training.callbacks import AnnotatingScorer


def test_heads_that_improved_have_a_file(sample_run, sample_docbins):
    best = spacy.load(sample_run / "model" / "model-best")
    examples = list(Corpus(sample_docbins / "dev")(best))
    scores = best.evaluate(examples)
    improved = {head for head in SAMPLE_HEADS if scores[f"spans_{head}_f"] > 0}
    written = {path.stem for path in (sample_run / "annotated").iterdir()}
    assert improved and improved <= written <= set(SAMPLE_HEADS)
    assert all(path.suffix == ".tsv" for path in (sample_run / "annotated").iterdir())


def test_a_file_holds_the_documents_of_its_head(sample_run, sample_docbins):
    nlp = spacy.blank("en")
    for path in (sample_run / "annotated").iterdir():
        gold = list(Corpus(sample_docbins / "dev" / f"{path.stem}.spacy")(nlp))
        words = [token.text for example in gold for token in example.reference]
        lines = path.read_text(encoding="utf8").splitlines()
        rows = [line.split("\t") for line in lines if line and not line.startswith("-DOCSTART-")]
        assert [row[0] for row in rows] == words
        assert any(row[1] != "O" for row in rows)


def test_the_saved_pipeline_knows_nothing_of_it(sample_run):
    for name in ("model-best", "model-last"):
        saved = spacy.load(sample_run / "model" / name)
        scorer = saved.config["components"]["bioner_mtl"]["scorer"]
        assert scorer == {"@scorers": "spacy_bioner_mtl.heads_scorer.v1"}
        assert saved.get_pipe("bioner_mtl").scorer is score_heads


class Scores:
    """A scorer that returns what it is told."""

    def __init__(self, *values):
        self.values = iter(values)

    def __call__(self, examples, **_):
        return {"spans_genes_f": next(self.values)}


def test_files_change_only_when_the_score_rises(trained, tmp_path):
    examples = make_examples(trained, GOLD[:3])
    for example in examples:
        trained.get_pipe("bioner_mtl")(example.predicted)
    scorer = AnnotatingScorer(Scores(0.0, 0.5, 0.4, 0.5, 0.6), tmp_path)
    path = tmp_path / "genes.tsv"
    states = []
    for _ in range(5):
        path.unlink(missing_ok=True)
        assert set(scorer(iter(examples))) == {"spans_genes_f"}
        states.append(path.exists())
    assert states == [False, True, False, False, True]
    assert "S-GENE" in path.read_text(encoding="utf8")
    assert {file.name for file in tmp_path.iterdir()} == {"genes.tsv"}


class AllScores:
    """A scorer that is content with every head, more and more."""

    score = 0.0

    def __call__(self, examples, **_):
        self.score += 0.1
        return {f"spans_{name}_f": self.score for eg in examples for name in eg.reference.spans}


ODD_NAMES = ["../../outside", "/etc/outside", "n" * 300, "a b", "a_b", "Genes", "genes", "", "con"]


def test_names_of_heads_are_no_paths(tmp_path):
    nlp = spacy.blank("en")
    examples = [make_example(nlp, "TKR2 binds", {name: [(0, 1, "X")]}) for name in ODD_NAMES]
    for example, name in zip(examples, ODD_NAMES, strict=True):
        example.predicted.spans[name] = [Span(example.predicted, 0, 1, "X")]
    folder = tmp_path / "deep" / "er" / "annotated"
    scorer = AnnotatingScorer(AllScores(), folder)
    scorer(examples)
    names = sorted(path.name for path in folder.iterdir())
    assert len({name.casefold() for name in names}) == len(ODD_NAMES), "no two share a file"
    assert "Genes.tsv" in names and "a_b.tsv" in names
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.parent for path in files} == {folder}
    scorer(examples[::-1])
    assert sorted(path.name for path in folder.iterdir()) == names, (
        "the next time they are the same"
    )
