"""Every head on every corpus that has a label it knows."""

import shutil

import pytest
import srsly
from conftest import GOLD, make_examples, make_pipeline, save_docbin, train

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.evaluate.gold_docs import evaluate_pipeline
from spacy_bioner_mtl.evaluate.matrix import annotate_corpora, make_matrix
from spacy_bioner_mtl.pipeline.loading import load_pipeline

#: What a pipeline that has learned GOLD does not get right in full.
OWN = [
    *GOLD,
    ("Aspirin and BRAC4 in the liver .", {"genes": [(0, 1, "GENE"), (2, 3, "GENE")]}),
    ("Rats with renal failure .", {"medicine": [(0, 1, "Chemical"), (2, 3, "Disease")]}),
]
#: The same gold under other names: of heads, of labels, and in another case.
OTHER = [
    (words, {"mine": [(s, e, label.upper()) for spans in heads.values() for s, e, label in spans]})
    for words, heads in OWN
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A pipeline that has learned GOLD half."""
    nlp = make_pipeline()
    examples = make_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 25)
    path = tmp_path_factory.mktemp("matrix") / "half"
    nlp.to_disk(path)
    return path


@pytest.fixture
def corpora(tmp_path, model):
    nlp = load_pipeline(str(model))
    for name, gold in (("own", OWN), ("other", OTHER)):
        save_docbin(tmp_path / "gold" / f"{name}.spacy", nlp, gold)
    return tmp_path / "gold"


def cells_of(cells):
    return {(cell.corpus, cell.label, cell.head): cell for cell in cells}


def test_a_head_on_its_own_corpus_has_the_scores_of_evaluate(model, corpora):
    nlp = load_pipeline(str(model))
    cells = cells_of(make_matrix(nlp, [corpora / "own.spacy"], {}))
    assert set(cells) == {
        ("own", "GENE", "genes"),
        ("own", "Chemical", "medicine"),
        ("own", "Disease", "medicine"),
    }
    scores = evaluate_pipeline(nlp, [corpora / "own.spacy"]).scores
    for (_, label, head), cell in cells.items():
        wanted = scores[f"spans_{head}_per_type"][label]
        assert (cell.precision, cell.recall, cell.f_score) == pytest.approx(
            (wanted["p"], wanted["r"], wanted["f"])
        )
    assert any(0 < cell.f_score < 1 for cell in cells.values()), "too easy"


def test_labels_are_the_same_whatever_their_case(model, corpora):
    nlp = load_pipeline(str(model))
    cells = cells_of(make_matrix(nlp, [corpora], {}))
    own, other = cells["own", "Disease", "medicine"], cells["other", "DISEASE", "medicine"]
    # The other corpus says of all texts whether there is a disease, and finds more that are none.
    assert other.recall == own.recall
    assert other.gold == own.gold == 4
    assert other.precision <= own.precision


def test_a_map_brings_labels_together_or_leaves_them_out(model, corpora):
    nlp = load_pipeline(str(model))
    labels = {"GENE": "thing", "Chemical": "Thing", "CHEMICAL": None, "Disease": None}
    cells = cells_of(make_matrix(nlp, [corpora], labels))
    assert {("own", "thing", "genes"), ("own", "thing", "medicine")} <= set(cells)
    assert not [key for key in cells if key[1] in ("Disease", "CHEMICAL")]
    assert cells["other", "thing", "medicine"].gold == 6


def test_files_of_one_name_are_told_apart_by_their_folders(model, corpora):
    nlp = load_pipeline(str(model))
    for part in ("dev", "test"):
        (corpora / part).mkdir()
        shutil.copy(corpora / "own.spacy", corpora / part)
    paths = [corpora / "dev", corpora / "test", corpora / "other.spacy"]
    names = [name for name, _ in annotate_corpora(nlp, paths)]
    assert names == ["dev/own", "test/own", "other"]


def test_the_command_shows_and_saves_it(model, corpora, tmp_path, capsys):
    output = tmp_path / "matrix.json"
    with pytest.raises(SystemExit) as exit_info:
        main(["matrix", str(model), str(corpora), "--output", str(output)])
    assert not exit_info.value.code
    shown = capsys.readouterr().out
    assert [word for word in ("own", "other", "GENE", "medicine") if word in shown]
    saved = srsly.read_json(output)
    assert len(saved) == 6
    assert {cell["head"] for cell in saved} == {"genes", "medicine"}


def test_nothing_in_common_is_said(model, tmp_path, capsys):
    nlp = load_pipeline(str(model))
    save_docbin(tmp_path / "organs.spacy", nlp, [("A b", {"mine": [(0, 1, "Organ")]})])
    with pytest.raises(SystemExit) as exit_info:
        main(["matrix", str(model), str(tmp_path / "organs.spacy")])
    assert exit_info.value.code == 1
    assert "--map" in capsys.readouterr().err
