"""Texts of training sets that stand in test sets: found, counted, and left out."""

import pytest
import srsly
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.corpora.leakage import TestSets, find_overlaps, find_runs
from spacy_bioner_mtl.formats.record import Record, Word

ABSTRACT = (
    "Gland cells of 12 mice were stained with a new dye. They took it up within two hours, and "
    "kept it for nine days. We conclude that the dye can mark these cells for a week."
)
OTHER = (
    "Bones of old horses break more often than those of young ones. A diet of fresh grass did "
    "not change that in any of the three groups that we have followed for ten years."
)


@pytest.fixture
def tests():
    sets = TestSets()
    sets.add("A test", [ABSTRACT])
    return sets


def stands(tests, text):
    return tests.hold(Record("1", text))


def test_runs_do_not_depend_on_case_punctuation_and_tokens():
    tokens = ABSTRACT.replace(".", " .").replace(",", " ,").upper()
    assert find_runs(tokens) == find_runs(ABSTRACT)
    assert len(find_runs(ABSTRACT)) == len(ABSTRACT.split()) - 7


def test_texts_without_eight_words():
    assert len(find_runs("Too short.")) == 1
    assert find_runs("too short") != find_runs("too long")
    assert find_runs(" .\n") == []


def test_the_same_document_stands_in_the_test_set(tests):
    assert stands(tests, ABSTRACT)
    assert not stands(tests, OTHER)
    assert not stands(tests, "")


def test_half_of_a_document_is_enough(tests):
    words = ABSTRACT.split()
    assert stands(tests, " ".join(words[:20]))
    # 13 of 26 runs of the text, and 13 of 12 of 26 with one word less
    assert stands(tests, " ".join(words[:20] + OTHER.split()[:13]))
    assert not stands(tests, " ".join(words[:19] + OTHER.split()[:14]))


def test_a_document_that_holds_one_of_the_test_set(tests):
    assert stands(tests, " ".join([OTHER, OTHER, OTHER, ABSTRACT]))


def test_overlaps_are_counted_by_document_sentence_and_run(tests):
    tests.add("B test", [OTHER])
    first = ABSTRACT.split(". ")[0] + "."
    records = [Record("same", ABSTRACT), Record("part", f"{first} {OTHER[:70]}"), Record("", "No")]
    overlaps = find_overlaps(records, tests)
    assert set(overlaps) == {"A test", "B test"}
    assert (overlaps["A test"].documents, overlaps["A test"].sentences) == (1, 4)
    assert overlaps["A test"].runs == len(find_runs(ABSTRACT)) + len(find_runs(first))
    assert overlaps["A test"].examples[0][:2] == (1.0, "same")
    assert overlaps["B test"].documents == 0


def test_sentences_of_the_source_are_used(tests):
    words = ABSTRACT.replace(".", " .").replace(",", " ,").split()
    text = " ".join(words)
    ends = [sum(map(len, words[: i + 1])) + i for i in range(len(words))]
    tokens = [Word(end - len(word), end) for word, end in zip(words, ends, strict=True)]
    (overlap,) = find_overlaps(
        [Record("", text, words=tokens, sentence_starts=[0, len(words) - 3])], tests
    ).values()
    assert overlap.sentences == 1  # the second has three words


@pytest.fixture
def lists(tmp_path, monkeypatch):
    """Two lists: a document of the first's training set stands in the second's test set."""
    monkeypatch.chdir(tmp_path)

    def pubtator(name, *texts):
        (tmp_path / name).write_text("".join(f"{i}|t|{t}\n\n" for i, t in enumerate(texts)))

    pubtator("train.txt", ABSTRACT, OTHER)
    pubtator("devel.txt", ABSTRACT.lower())
    pubtator("test.txt", "Nothing of that at all.")
    pubtator("other.txt", ABSTRACT)
    entry = {"name": "Glands", "head": "organ", "format": "pubtator"}
    files = {split: f"{split}.txt" for split in ("train", "devel", "test")}
    srsly.write_yaml("one.yml", {"corpora": [{**entry, "files": files}]})
    srsly.write_yaml("two.yml", {"corpora": [{**entry, "files": {"test": "other.txt"}}]})


def run(*arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return stop.value.code


def documents(path):
    return [doc.text for doc in DocBin().from_disk(path).get_docs(Vocab())]


def test_the_command_compares_all_lists(lists, capsys):
    assert run("leakage", "one.yml", "two.yml", "--output", "leaks.json") == 0
    printed = capsys.readouterr().out
    assert "one: Glands train" in printed and "100% of '0'" in printed
    result = srsly.read_json("leaks.json")
    assert set(result) == {"one: Glands train", "one: Glands devel"}
    assert result["one: Glands train"]["two: Glands test"]["documents"] == 1
    assert run("leakage", "one.yml") == 0
    assert "No run of eight words" in capsys.readouterr().out


def test_convert_without_leaks(lists, capsys):
    assert run("convert-corpora", "one.yml", "kept", "--drop-leaks") == 0
    assert documents("kept/train/Glands.spacy") == [ABSTRACT, OTHER]
    capsys.readouterr()
    only = ("--split", "train", "--split", "test")
    options = ("--drop-leaks", "--test-sets", "two.yml", *only)
    assert run("convert-corpora", "one.yml", "out", *options) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 documents left out, since they stand in a test set" in printed
    assert documents("out/train/Glands.spacy") == [OTHER]
    # A test set stands in itself.
    assert len(documents("out/test/Glands.spacy")) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--test-sets", "two.yml"], "--test-sets belongs to --drop-leaks"),
        (["--drop-leaks", "--test-sets", "two.yml"], "every document stands in a test set"),
    ],
)
def test_what_cannot_be_left_out_is_refused(lists, capsys, options, message):
    assert run("convert-corpora", "one.yml", "out", *options) == 1
    assert message in " ".join(capsys.readouterr().err.split())
