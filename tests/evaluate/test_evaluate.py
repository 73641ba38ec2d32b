"""bioner-mtl evaluate: the numbers of spaCy's own command, for all heads at once."""

import re
import shutil

import pytest
import srsly
from conftest import GOLD, make_example, make_pipeline, save_docbin, train
from spacy.cli.evaluate import evaluate as spacy_evaluate

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate.gold_docs import evaluate_pipeline
from spacy_bioner_mtl.pipeline.loading import load_pipeline

#: Gold that the pipeline below does not get right in full.
HARD = [
    ("Loss of BRAC4 delays growth .", {"genes": [(2, 3, "GENE")]}),
    ("Aspirin and BRAC4 in the liver .", {"genes": [(0, 1, "GENE"), (2, 3, "GENE")]}),
    ("Renal failure follows aspirin .", {"medicine": [(0, 2, "Disease"), (3, 4, "Chemical")]}),
    (
        "Rats with renal failure got TKR2 .",
        {"genes": [(5, 6, "GENE")], "medicine": [(1, 2, "Chemical"), (2, 3, "Disease")]},
    ),
]
#: One of the few scores that differ from run to run.
SPEED = "speed"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A pipeline that has learned GOLD half."""
    nlp = make_pipeline()
    examples = [make_example(nlp, words, heads) for words, heads in GOLD]
    nlp.initialize(lambda: examples)
    train(nlp, examples, 25)
    path = tmp_path_factory.mktemp("model") / "half"
    nlp.to_disk(path)
    return path


@pytest.fixture
def corpora(tmp_path, model):
    nlp = load_pipeline(str(model))
    save_docbin(tmp_path / "test" / "hard.spacy", nlp, HARD)
    save_docbin(tmp_path / "test" / "deeper" / "gold.spacy", nlp, GOLD)
    return tmp_path / "test"


def shown_rows(text):
    """The rows of the table on the screen: name and the four numbers."""
    found = re.findall(r"^( *\S.*?) +([\d.]+) +([\d.]+) +([\d.]+) +([\d,]+)$", text, re.M)
    return {name: (*values[:3], int(values[3])) for name, *values in found}


def test_numbers_are_those_of_spacy_evaluate(model, corpora):
    ours = evaluate_pipeline(load_pipeline(str(model)), [corpora]).scores
    values = set()
    for head in ("genes", "medicine"):
        theirs = spacy_evaluate(str(model), corpora, spans_key=head)
        for part in "prf":
            assert ours[f"spans_{head}_{part}"] == theirs[f"spans_{head}_{part}"]
            values.add(ours[f"spans_{head}_{part}"])
        assert ours[f"spans_{head}_per_type"] == theirs[f"spans_{head}_per_type"]
    assert any(0 < value < 1 for value in values), "too easy to tell right from wrong"


def test_files_count_as_one_corpus(model, corpora):
    nlp = load_pipeline(str(model))
    together = evaluate_pipeline(nlp, [corpora])
    files = [corpora / "hard.spacy", corpora / "deeper"]
    apart = evaluate_pipeline(nlp, files)
    assert apart.gold == together.gold
    assert {**apart.scores, SPEED: 0} == {**together.scores, SPEED: 0}
    assert together.documents == len(HARD) + len(GOLD)
    assert together.tokens == sum(len(words.split()) for words, _ in HARD + GOLD)


def test_gold_mentions_are_counted_per_head_and_label(model, corpora):
    gold = evaluate_pipeline(load_pipeline(str(model)), [corpora]).gold
    expected: dict = {"genes": {}, "medicine": {}}
    for _, heads in HARD + GOLD:
        for head, spans in heads.items():
            for _, _, label in spans:
                expected[head][label] = expected[head].get(label, 0) + 1
    assert gold == expected


def test_command_prints_and_saves(tmp_path, model, corpora, capsys):
    output = tmp_path / "metrics" / "scores.json"
    with pytest.raises(SystemExit) as exit_info:
        main(["evaluate", str(model), str(corpora), "--output", str(output)])
    assert not exit_info.value.code
    scores = srsly.read_json(output)
    rows = shown_rows(capsys.readouterr().out)
    order = ["genes", "  GENE", "medicine", "  Chemical", "  Disease", "macro average"]
    assert list(rows) == order

    def percent(values):
        return tuple(f"{100 * value:.2f}" for value in values)

    for head in ("genes", "medicine"):
        counts = scores["gold_mentions"][head]
        values = [scores[f"spans_{head}_{part}"] for part in "prf"]
        assert rows[head] == (*percent(values), sum(counts.values()))
        for label, per_type in scores[f"spans_{head}_per_type"].items():
            values = [per_type[part] for part in "prf"]
            assert rows[f"  {label}"] == (*percent(values), counts[label])
    means = [
        (scores[f"spans_genes_{part}"] + scores[f"spans_medicine_{part}"]) / 2 for part in "prf"
    ]
    assert rows["macro average"][:3] == percent(means)


def test_scores_go_into_the_meta_of_the_pipeline(tmp_path, model, corpora):
    copied = tmp_path / "model"
    shutil.copytree(model, copied)
    before = srsly.read_json(copied / "meta.json")
    with pytest.raises(SystemExit) as exit_:
        main(["evaluate", str(copied), str(corpora), "--into-meta"])
    assert exit_.value.code == 0
    after = srsly.read_json(copied / "meta.json")
    expected = evaluate_pipeline(load_pipeline(str(copied)), [corpora]).scores
    expected.pop(SPEED)
    # JSON has ten digits.
    expected = srsly.json_loads(srsly.json_dumps(expected))
    assert after.pop("performance") == expected and 0 < expected["spans_genes_f"] < 1
    before.pop("performance", None)
    assert after == before


def test_scores_of_an_installed_pipeline_have_no_meta_to_go_into(corpora, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["evaluate", "en_some_pipeline", str(corpora), "--into-meta"])
    assert exit_.value.code == 1
    assert "Name the folder that spacy train wrote" in " ".join(capsys.readouterr().err.split())


def test_a_head_that_the_pipeline_lacks_is_named(tmp_path, model, capsys):
    nlp = load_pipeline(str(model))
    path = save_docbin(
        tmp_path / "new.spacy", nlp, [*GOLD, ("HeLa cells .", {"cells": [(0, 2, "c")]})]
    )
    with pytest.raises(SystemExit):
        main(["evaluate", str(model), str(path)])
    captured = capsys.readouterr().out
    assert "lacks these heads, and scores 0 on them: cells" in captured
    assert shown_rows(captured)["cells"] == ("0.00", "0.00", "0.00", 1)


def test_what_is_no_corpus(tmp_path, model):
    nlp = load_pipeline(str(model))
    (tmp_path / "empty").mkdir()
    (tmp_path / "corpus.tsv").write_text("a\tO\n")
    (tmp_path / "cut.spacy").write_bytes(
        save_docbin(tmp_path / "x.spacy", nlp, GOLD).read_bytes()[:50]
    )
    unannotated = save_docbin(tmp_path / "bare.spacy", nlp, [("Nothing .", {})])
    for path, message in (
        (tmp_path / "missing.spacy", "neither a .spacy file nor a folder"),
        (tmp_path / "empty", "neither a .spacy file nor a folder"),
        (tmp_path / "corpus.tsv", "neither a .spacy file nor a folder"),
        (tmp_path / "cut.spacy", "cannot be read as documents"),
        (unannotated, "no document is annotated for any head"),
    ):
        with pytest.raises(InputError, match=message) as error:
            evaluate_pipeline(nlp, [path])
        assert str(path) in str(error.value)


def test_nothing_is_saved_when_it_fails(tmp_path, model, capsys):
    output = tmp_path / "scores.json"
    with pytest.raises(SystemExit) as exit_info:
        main(["evaluate", str(model), str(tmp_path / "no.spacy"), "--output", str(output)])
    assert exit_info.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not output.exists()
