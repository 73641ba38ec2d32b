"""``bioner-mtl silver``: gold documents of a consensus, file by file."""

import pytest
import spacy
import srsly
from annotating import make_sources, tree, write_lines
from conftest import GOLD, found, make_pipeline, train
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_bioner_mtl.cli import main
from spacy_bioner_mtl.pipeline.spans import REJECTED_SUFFIX, UNKNOWN_SUFFIX
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


def make_gold(path, *annotations):
    """A converted corpus of GOLD's texts, annotated for what is given."""
    docs = DocBin()
    for text, _ in GOLD:
        doc = Doc(Vocab(), words=text.split())
        for name, spans in annotations:
            doc.spans[name] = [Span(doc, *span) for span in spans if span[1] <= len(doc)]
        docs.add(doc)
    docs.to_disk(path)
    return path


def test_a_converted_corpus_keeps_its_own_annotation(model, tmp_path):
    # Of the heads that teachers have, one of another opinion, and one that they do not have.
    own = [
        ("genes", [(0, 1, "GENE")]),
        ("genes" + UNKNOWN_SUFFIX, [(1, 4, "-")]),
        ("genes" + REJECTED_SUFFIX, [(2, 4, "GENE")]),
        ("cells", []),
    ]
    (tmp_path / "gold" / "deeper").mkdir(parents=True)
    source = make_gold(tmp_path / "gold" / "deeper" / "a.spacy", *own)
    assert silver(model, tmp_path / "gold", tmp_path / "out", "--sure", 0.5) == 0
    docs = read(tmp_path / "out" / "deeper" / "a.spacy")
    for doc, before, (_, gold) in zip(docs, read(source), GOLD, strict=True):
        assert [token.text for token in doc] == [token.text for token in before]
        for name, spans in own:
            assert [(s.start, s.end, s.label_) for s in doc.spans[name]] == spans
        spans = [(s.start, s.end, s.label_) for s in doc.spans["medicine"]]
        assert spans == gold.get("medicine", spans)
    assert any(doc.spans["medicine"] for doc in docs)
    # A file is read as a folder is, and the name of the format does as well.
    for more in ([], ["--from", "docbin"]):
        assert silver(model, source, tmp_path / "a.spacy", "--sure", 0.5, *more) == 0
        assert [doc.to_json() for doc in read(tmp_path / "a.spacy")] == [
            doc.to_json() for doc in docs
        ]


def test_what_is_no_converted_corpus(model, tmp_path, capsys):
    (tmp_path / "a.spacy").write_bytes(b"damaged")
    assert silver(model, tmp_path / "a.spacy", tmp_path / "out.spacy") == 1
    assert "a.spacy: this is no DocBin" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out.spacy").exists()
    # It is for teachers alone: `annotate` would lose its annotation.
    with pytest.raises(SystemExit) as exit_info:
        main(["annotate", str(model), str(tmp_path / "a.spacy"), "x", "--from", "docbin"])
    assert exit_info.value.code == 1
    assert "unknown format 'docbin'" in " ".join(capsys.readouterr().err.split())


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
