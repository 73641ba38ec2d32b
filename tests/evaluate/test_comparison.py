"""Two pipelines, or several seeds of each, on gold documents."""

import re

import pytest
import srsly
from conftest import GOLD, make_example, make_pipeline, train
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate.comparison import compare_pipelines
from spacy_bioner_mtl.evaluate.gold_docs import annotate_gold, count_mentions, evaluate_pipeline
from spacy_bioner_mtl.evaluate.significance import p_value
from spacy_bioner_mtl.pipeline.loading import load_pipeline


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two pipelines, the first with one head only, and a folder of gold documents."""
    folder = tmp_path_factory.mktemp("models")
    genes = [(words, {"genes": heads["genes"]}) for words, heads in GOLD if "genes" in heads]
    for name, gold, steps in (("one", genes, 6), ("two", GOLD, 60)):
        nlp = make_pipeline()
        examples = [make_example(nlp, words, heads) for words, heads in gold]
        nlp.initialize(lambda: examples)  # noqa: B023
        train(nlp, examples, steps)
        nlp.to_disk(folder / name)
    (folder / "docs").mkdir()
    docs = [make_example(nlp, words, heads).reference for words, heads in GOLD]
    for number, part in enumerate((docs[:2], docs[2:])):
        DocBin(docs=part, store_user_data=False).to_disk(folder / "docs" / f"{number}.spacy")
    return folder


def test_pipelines_are_compared_on_the_heads_they_share(models):
    one, two, docs = models / "one", models / "two", models / "docs"
    (comparison,) = compare_pipelines([str(one)], [str(two)], docs, rounds=500)
    assert (comparison.head, comparison.documents) == ("genes", 4)
    scores = [
        evaluate_pipeline(load_pipeline(str(model)), [docs]).scores["spans_genes_f"]
        for model in (one, two)
    ]
    assert [comparison.f_a, comparison.f_b] == pytest.approx(scores)
    assert scores[0] < scores[1]
    counts = [
        count_mentions(annotate_gold(load_pipeline(str(model)), [docs]), "genes")
        for model in (one, two)
    ]
    assert comparison.p_value == pytest.approx(p_value(*counts, rounds=500))
    right = [(rows[:, 0] == rows[:, 1]) & (rows[:, 0] == rows[:, 2]) for rows in counts]
    assert comparison.only("A") == (right[0] & ~right[1]).sum()
    assert comparison.only("B") == (right[1] & ~right[0]).sum() > 0


def test_command_prints_and_saves(tmp_path, models, capsys):
    output = tmp_path / "deeper" / "comparison.json"
    arguments = [str(models / name) for name in ("one", "two", "docs")]
    with pytest.raises(SystemExit) as exit_info:
        main(["compare", *arguments, "--rounds", "500", "--seed", "2", "--output", str(output)])
    assert not exit_info.value.code
    saved = srsly.read_json(output)
    (comparison,) = compare_pipelines(
        [arguments[0]], [arguments[1]], models / "docs", rounds=500, seed=2
    )
    values = saved["heads"]["genes"]
    assert {key: pytest.approx(value) for key, value in values.items()} == comparison.to_json()
    assert (saved["rounds"], saved["seed"]) == (500, 2)
    pattern = r"^genes +([\d.]+) +([\d.]+) +([+-][\d.]+) +([\d.]+) +4 +(\d+) +(\d+) *$"
    row = re.search(pattern, capsys.readouterr().out, re.M)
    assert row
    assert float(row[3]) == pytest.approx(float(row[2]) - float(row[1]), abs=0.011)
    assert row[4] == f"{comparison.p_value:.4f}"


def test_what_cannot_be_compared(tmp_path, models):
    one, two = str(models / "one"), str(models / "two")
    nlp = load_pipeline(two)
    other = tmp_path / "other.spacy"
    DocBin(docs=[make_example(nlp, *GOLD[3]).reference]).to_disk(other)
    with pytest.raises(InputError, match=r"that both .*\(none\) and .*\(medicine\) have"):
        compare_pipelines([one], [two], other)
    with pytest.raises(InputError, match="give 1 or more"):
        compare_pipelines([one], [two], other, rounds=0)
    with pytest.raises(InputError, match=r"neither a .* file nor a folder"):
        compare_pipelines([one], [two], tmp_path / "missing.spacy")
    with pytest.raises(InputError, match="cannot be loaded"):
        compare_pipelines([one], [str(tmp_path / "missing")], other)
    with pytest.raises(InputError, match="2 pipelines and the other 1"):
        compare_pipelines([one, one], [two], other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "docs.spacy"], "docs.spacy: this is read"),
        (["--sentences", "docs.spacy"], "docs.spacy: this is read"),
        (["--sentences", "a", "--output", "a"], "a: this is to be written twice"),
        (["--sentences", "."], "this is a folder"),
    ],
)
def test_nothing_is_overwritten(models, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    docs = tmp_path / "docs.spacy"
    docs.write_bytes((models / "docs" / "0.spacy").read_bytes())
    before = docs.read_bytes()
    with pytest.raises(SystemExit) as exit_info:
        main(["compare", "one", "two", "docs.spacy", *options])
    assert exit_info.value.code == 1
    assert message in " ".join(capsys.readouterr().err.split())
    assert docs.read_bytes() == before


def test_several_seeds(models, tmp_path):
    one, two, docs = str(models / "one"), str(models / "two"), models / "docs"
    (single,) = compare_pipelines([one], [two], docs, rounds=500)
    (same,) = compare_pipelines([one, one], [two, two], docs, rounds=500)
    assert (same.f_a, same.f_b) == pytest.approx((single.f_a, single.f_b))
    assert same.seeds_a == [single.f_a] * 2
    assert same.p_value == pytest.approx(single.p_value)
    assert same.differences == single.differences
    # Who has the same two pipelines on both sides finds no difference, and no sentence.
    (none,) = compare_pipelines([one, two], [two, one], docs, rounds=500)
    assert none.f_a == none.f_b
    assert none.p_value == 1
    assert not none.differences
    output = tmp_path / "seeds.json"
    with pytest.raises(SystemExit) as exit_info:
        main(
            [
                "compare",
                one,
                two,
                str(docs),
                "--more-a",
                one,
                "--more-b",
                two,
                "--output",
                str(output),
            ]
        )
    assert not exit_info.value.code
    assert srsly.read_json(output)["heads"]["genes"]["seeds_b"] == [single.f_b] * 2


def test_sentences_that_one_side_gets_right(models, tmp_path, capsys):
    """A document of two sentences, of which the better pipeline alone gets the first right."""
    two = str(models / "two")
    nlp = load_pipeline(two)
    words = [GOLD[0][0].split(), GOLD[1][0].split()]
    doc = Doc(
        Vocab(),
        words=[*words[0], *words[1]],
        sent_starts=[place == 0 for sentence in words for place in range(len(sentence))],
    )
    doc.spans["genes"] = [
        Span(doc, start + offset, end + offset, label=label)
        for offset, (_, gold) in zip((0, len(words[0])), GOLD[:2], strict=True)
        for start, end, label in gold.get("genes", ())
    ]
    path = tmp_path / "doc.spacy"
    DocBin(docs=[doc]).to_disk(path)
    saved = tmp_path / "deeper" / "sentences.jsonl"
    with pytest.raises(SystemExit) as exit_info:
        main(["compare", str(models / "one"), two, str(path), "--sentences", str(saved)])
    assert not exit_info.value.code
    rows = list(srsly.read_jsonl(saved))
    counted = compare_pipelines([str(models / "one")], [two], path)[0]
    assert len(rows) == len(counted.differences) == counted.only("B") + counted.only("A")
    assert rows
    for row in rows:
        assert row["head"] == "genes"
        assert row["right"] == "B"
        assert row["text"].strip() in {" ".join(sentence) for sentence in words}
        answer = nlp(row["text"].strip())
        spans = [[s.start_char, s.end_char, s.label_] for s in answer.spans["genes"]]
        assert spans == row["gold"] != row["wrong"]
    assert f"{len(rows)} sentences that one side alone" in " ".join(capsys.readouterr().out.split())
