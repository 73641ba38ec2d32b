"""``bioner-mtl silver``: gold documents of a consensus, file by file."""

import pytest
import spacy
import srsly
from annotating import make_sources, tree, write_lines
from conftest import GOLD, found, make_pipeline, train
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.pipeline.spans import UNKNOWN_SUFFIX
from spacy_bioner_mtl.training.sentence_corpus import configure_sentence_corpus


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher")
    trained.to_disk(folder)
    return folder


def silver(*arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["silver", *map(str, arguments)])
    return exit_info.value.code or 0


def read(path):
    return list(DocBin().from_disk(path).get_docs(Vocab()))


def test_a_file_becomes_a_docbin(model, tmp_path, capsys):
    source = write_lines(tmp_path / "texts.txt", *(text for text, _ in GOLD), "", GOLD[0][0])
    out = tmp_path / "silver.spacy"
    assert silver(model, model, source, out, "--from", "lines", "--sure", 0.5) == 0
    docs = read(out)
    assert [" ".join(token.text for token in doc) for doc in docs[:2]] == [
        text for text, _ in GOLD[:2]
    ]
    for doc, (_, gold) in zip(docs, GOLD, strict=False):
        for head, spans in gold.items():
            assert [(s.start, s.end, s.label_) for s in doc.spans[head]] == spans
    assert "Heads: genes, medicine" in capsys.readouterr().out
    # Of another bound, more is open.
    assert silver(model, source, out, "--from", "lines", "--sure", 1.0) == 0
    assert not any(doc.spans["genes"] for doc in read(out))
    assert any(doc.spans["genes" + UNKNOWN_SUFFIX] for doc in read(out))


def test_a_pipeline_learns_from_it(model, trained, tmp_path):
    source = write_lines(tmp_path / "texts.txt", *(text for text, _ in GOLD))
    out = tmp_path / "silver.spacy"
    assert silver(model, source, out, "--from", "lines") == 0
    nlp = make_pipeline(seed=5)
    examples = list(configure_sentence_corpus(out)(nlp))
    assert all(isinstance(each, Example) for each in examples)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 60)
    # Where the teacher was sure of what it had learned, the student says the same.
    for (text, gold), silver_doc in zip(GOLD, read(out), strict=True):
        for head in gold:
            sure = [(s.start, s.end, s.label_) for s in silver_doc.spans[head]]
            assert sure == gold[head]
            assert {(head, *span) for span in sure} <= set(found(nlp(text)))


def test_a_folder_goes_on_where_it_stopped(model, tmp_path, capsys):
    source = make_sources(tmp_path / "source", 4, 5)
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert silver(model, model, source, whole, "--from", "lines") == 0
    assert sorted(path.name for path in whole.glob("*.spacy")) == [
        f"part{number:02}.spacy" for number in range(4)
    ]
    assert silver(model, model, source, out, "--from", "lines", "--processes", 2) == 0
    (out / "part02.spacy").unlink()
    (out / "part03.spacy").write_bytes(b"damaged")
    capsys.readouterr()
    assert silver(model, model, source, out, "--from", "lines") == 0
    assert "2 files were finished before" in capsys.readouterr().out
    assert tree(out) == tree(whole)
    manifest = srsly.read_json(out / "manifest.json")
    assert len(manifest["teachers"]) == 2
    assert manifest["sure"] == 0.9
    # Other teachers, or another bound, are another folder.
    assert silver(model, source, out, "--from", "lines") == 1
    assert silver(model, model, source, out, "--from", "lines", "--sure", 0.8) == 1
    assert tree(out) == tree(whole)


def test_mistakes_are_one_message(model, tmp_path, capsys):
    source = write_lines(tmp_path / "texts.txt", "Aspirin .")
    assert silver(model, source, tmp_path / "out.tsv", "--from", "lines") == 1
    assert "end its name in .spacy" in " ".join(capsys.readouterr().err.split())
    assert silver(model, source, tmp_path / "x.spacy", "--sure", 1.5) == 2
    nlp = spacy.load(model)
    nlp.config["nlp"]["tokenizer"] = {"@tokenizers": "spacy_bioner_mtl.BioTokenizer.v1"}
    other = tmp_path / "other"
    nlp.to_disk(other)
    assert silver(model, other, source, tmp_path / "x.spacy", "--from", "lines") == 1
    assert "its tokenizer is not that of" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "x.spacy").exists()
