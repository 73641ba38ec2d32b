"""bioner-mtl annotate: every token once, with the answer that the pipeline gives."""

import shutil

import pytest
import spacy
import torch
from annotating import annotate_file, run
from conftest import GOLD, make_pipeline
from spacy.tokens import Doc
from tagged import read_strictly, token_spans

from spacy_bioner_mtl.annotate.documents import DOCUMENTS_PER_CHUNK, answer, choose_heads
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.record import Record, Word
from spacy_bioner_mtl.formats.tokens import read_tokens

SENTENCES = [words.split() for words, _ in GOLD]
SOURCE = "\n\n".join("\n".join(words) for words in SENTENCES)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.tsv"
    path.write_text(SOURCE, encoding="utf-8")
    return path


@pytest.fixture
def model(tmp_path, trained):
    trained.to_disk(tmp_path / "model")
    return tmp_path / "model"


def sentence(words):
    """A sentence of a file of tokens."""
    spans, offset = [], 0
    for word in words:
        spans.append(Word(offset, offset + len(word)))
        offset += len(word) + 1
    return Record("", " ".join(words), words=spans)


def columns_of(path):
    """The lines of a file of columns, sentence by sentence."""
    blocks = path.read_text(encoding="utf-8").removesuffix("\n\n").split("\n\n")
    return [[line.split("\t") for line in block.split("\n")] for block in blocks]


@pytest.mark.parametrize(
    "ending", ["", "\n", "\n\n", "\n\n\n\n", "\n \n", "\n\n-DOCSTART-\n", "\n\n-DOCSTART-\tO\n\n"]
)
def test_last_sentence_is_answered_whatever_ends_the_file(tmp_path, trained, ending):
    source = tmp_path / "source.tsv"
    source.write_text(SOURCE + ending, encoding="utf-8")
    report = annotate_file(trained, source, tmp_path / "out.tsv")
    assert [[word for word, _ in rows] for rows in columns_of(tmp_path / "out.tsv")] == SENTENCES
    assert (tmp_path / "out.tsv").read_text(encoding="utf-8").endswith("\n\n")
    assert report.documents == len(SENTENCES)
    assert report.words == sum(map(len, SENTENCES))


def test_labels_that_are_there_are_ignored(tmp_path, trained, source):
    labelled = tmp_path / "labelled.tsv"
    labelled.write_text(
        "\n".join(f"{line}\tNN\tB-Wrong" if line else "" for line in SOURCE.split("\n")),
        encoding="utf-8",
    )
    annotate_file(trained, source, tmp_path / "one.tsv")
    annotate_file(trained, labelled, tmp_path / "other.tsv")
    assert (tmp_path / "one.tsv").read_text() == (tmp_path / "other.tsv").read_text()


def test_columns_are_what_the_pipeline_finds(tmp_path, trained, source):
    out = tmp_path / "out.tsv"
    heads = [head.name for head in trained.get_pipe("bioner_mtl").heads]
    for choice in (*heads, "merged"):
        annotate_file(trained, source, out, head=choice)
        found = [token_spans(sentence) for sentence in read_strictly(out)]
        docs = [trained(Doc(trained.vocab, words=words)) for words in SENTENCES]
        expected = [
            [
                (span.start, span.end, span.label_)
                for span in (doc.ents if choice == "merged" else doc.spans[choice])
            ]
            for doc in docs
        ]
        assert any(expected) and found == expected
        gold = [[tuple(span) for span in heads.get(choice, [])] for _, heads in GOLD]
        assert choice == "merged" or all(
            set(spans) <= set(answers) for spans, answers in zip(gold, found, strict=True)
        )


def test_all_heads_side_by_side(tmp_path, trained, source):
    annotate_file(trained, source, tmp_path / "all.tsv", head="all")
    heads = choose_heads(trained, "all")
    assert heads == [head.name for head in trained.get_pipe("bioner_mtl").heads]
    for column, head in enumerate(heads, start=1):
        annotate_file(trained, source, tmp_path / "one.tsv", head=head)
        assert [
            [(row[0], row[column]) for row in rows] for rows in columns_of(tmp_path / "all.tsv")
        ] == [[tuple(row) for row in rows] for rows in columns_of(tmp_path / "one.tsv")]


def test_documents_stay_apart(tmp_path, trained):
    source, out = tmp_path / "source.tsv", tmp_path / "out.tsv"
    source.write_text("-DOCSTART-\tO\n\nA\nrat\n-DOCSTART-\nA\nmouse\n\nIt\n", encoding="utf-8")
    annotate_file(trained, source, out, head="all")
    before = [(record.text, record.document) for record in read_tokens(source)]
    assert before == [("A rat", 1), ("A mouse", 2), ("It", 2)]
    assert [(record.text, record.document) for record in read_tokens(out)] == before
    assert out.read_text(encoding="utf-8").startswith("-DOCSTART-\tO\tO\n\nA\t")
    annotate_file(trained, source, out, target_format="inline")
    without_tags = [
        " ".join(piece for piece in line.split(" ") if piece[:1] != "<")
        for line in out.read_text(encoding="utf-8").split("\n")
    ]
    assert without_tags == ["A rat", "", "A mouse", "It", ""]


def test_a_sentence_of_the_file_is_answered_as_evaluation_answers_it(trained):
    """It is one document without marks, like those of a DocBin; the pipeline may divide it."""
    nlp = make_pipeline()
    nlp.add_pipe("abstract_sentences", before="bioner_mtl")
    nlp.get_pipe("bioner_mtl").from_bytes(trained.get_pipe("bioner_mtl").to_bytes())
    record = sentence(["The", "mice", "had", "renal", "failure", ".", "TKR2", "delays", "growth"])
    doc = nlp(Doc(nlp.vocab, words=record.text.split()))
    assert len(list(doc.sents)) == 2
    (answered,) = answer(nlp, [record], ["merged"])
    assert [
        (mention.start, mention.end, mention.label) for mention in answered.mentions["merged"]
    ] == [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
    assert doc.ents and not answered.sentence_starts


def test_the_vocab_does_not_grow(trained):
    sentences = (sentence([f"word{i}"]) for i in range(DOCUMENTS_PER_CHUNK + 10))
    before = len(list(trained.vocab)), len(trained.vocab.strings)
    answers = list(answer(trained, sentences, ["merged"]))
    assert len(answers) == DOCUMENTS_PER_CHUNK + 10
    assert (len(list(trained.vocab)), len(trained.vocab.strings)) == before


@pytest.mark.parametrize("source_format", ["conll", "text"])
def test_merged_tokens_are_refused(tmp_path, source, copy_of_trained, source_format):
    copy_of_trained.add_pipe("merge_entities")
    out = tmp_path / "out.tsv"
    out.write_text("as it was")
    with pytest.raises(InputError, match=r"merges or splits tokens.*merge_entities"):
        annotate_file(copy_of_trained, source, out, source_format=source_format)
    assert out.read_text() == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.tsv", "source.tsv"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "source.tsv: no token in this file"),
        (b"\n-DOCSTART-\n\n", "source.tsv: no token in this file"),
        (b"a\n\n\tO\n", "source.tsv:3: no token in the first column"),
        (b"a\nb\xff\n", "source.tsv:2: not UTF-8"),
    ],
)
def test_faulty_source(tmp_path, trained, content, message):
    (tmp_path / "source.tsv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        annotate_file(trained, tmp_path / "source.tsv", tmp_path / "out.tsv")
    assert [path.name for path in tmp_path.iterdir()] == ["source.tsv"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "gens"}, "no head 'gens'.*genes, medicine"),
        ({"head": "all", "target_format": "inline"}, "--head all does not fit --to inline"),
        ({"source_format": "xml"}, "unknown format 'xml'; --from takes conll"),
        ({"source_format": "html"}, "unknown format 'html'; --from takes conll"),
        ({"target_format": "xml"}, "unknown format 'xml'; --to takes conll, inline"),
        ({"target_format": "pubmed"}, "unknown format 'pubmed'; --to takes conll, inline"),
    ],
)
def test_faulty_request(tmp_path, trained, source, options, message):
    with pytest.raises(InputError, match=message):
        annotate_file(trained, source, tmp_path / "out.tsv", **options)
    assert not (tmp_path / "out.tsv").exists()


def test_paths_that_cannot_work(tmp_path, trained, source):
    for out, message in ((source, "the file to annotate itself"), (tmp_path, "this is a folder")):
        with pytest.raises(InputError, match=message):
            annotate_file(trained, source, out)
    with pytest.raises(InputError, match="there is no such file"):
        annotate_file(trained, tmp_path / "missing.tsv", tmp_path / "out.tsv")
    assert source.read_text(encoding="utf-8") == SOURCE


def test_command_line(tmp_path, model, source, capsys):
    out = tmp_path / "new" / "out.tsv"
    assert run(model, source, out, "--from", "conll", "--head", "all") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "token, genes, medicine" in shown
    assert f"{len(SENTENCES)} documents, {sum(map(len, SENTENCES))} words" in shown
    assert [[row[0] for row in rows] for rows in columns_of(out)] == SENTENCES
    assert {len(row) for rows in columns_of(out) for row in rows} == {3}
    assert [path.name for path in out.parent.iterdir()] == ["out.tsv"]


def test_a_file_without_a_document_is_named(tmp_path, model, capsys):
    source, texts = tmp_path / "source", {"a.xml": "", "b.xml": "", "c.xml": "<document><id>1</id>"}
    source.mkdir()
    texts["c.xml"] += "<passage><offset>0</offset><text>Zinc</text></passage></document>"
    for name, text in texts.items():
        (source / name).write_text(f"<collection>{text}</collection>")
    assert run(model, source, tmp_path / "out", "--from", "bioc-xml") == 0
    assert "No document in 2 files: a.xml, b.xml" in "".join(capsys.readouterr())
    assert run(model, source / "a.xml", tmp_path / "a.tsv", "--from", "bioc-xml") == 0
    assert f"No document in 1 file: {source / 'a.xml'}" in "".join(capsys.readouterr())


def broken_models(model):
    """Copies of a pipeline, each with one file cut in half or missing."""
    for file in sorted(path.relative_to(model) for path in model.rglob("*") if path.is_file()):
        for damage in ("cut", "missing"):
            copy = model.with_name(f"{damage}-{file.name}")
            shutil.copytree(model, copy)
            content = (copy / file).read_bytes()
            if damage == "cut" and len(content) > 100:
                (copy / file).write_bytes(content[: len(content) // 2])
                yield copy
            elif damage == "missing" and file.name in ("meta.json", "config.cfg", "model"):
                (copy / file).unlink()
                yield copy


def test_damaged_models_give_one_line(tmp_path, model, source, capsys):
    copies = list(broken_models(model))
    names = [copy.name for copy in copies]
    assert {"cut-model", "missing-model", "cut-config.cfg", "cut-meta.json"} <= set(names)
    for copy in copies:
        assert run(copy, source, tmp_path / "out.tsv") == 1, copy.name
        captured = capsys.readouterr()
        assert captured.err.count("\n") == 1 and "Traceback" not in captured.err, copy.name
        assert f"{copy}: cannot be loaded" in captured.err
        assert not (tmp_path / "out.tsv").exists()


def test_what_is_no_pipeline(tmp_path, source, capsys):
    blank = spacy.blank("en")
    blank.add_pipe("sentencizer")
    blank.to_disk(tmp_path / "blank")
    (tmp_path / "empty").mkdir()
    for name, message in (
        (tmp_path / "nowhere", "cannot be loaded"),
        (tmp_path / "empty", "cannot be loaded"),
        (source, "cannot be loaded"),
        ("no_such_package", "cannot be loaded"),
        (tmp_path / "blank", "no component 'bioner_mtl', only: sentencizer"),
    ):
        assert run(name, source, tmp_path / "out.tsv") == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and f"{name}: " in error and message in error


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(tmp_path, model, source, capsys):
    assert run(model, source, tmp_path / "out.tsv", "--gpu-id", "0") == 1
    assert "GPU 0 cannot be used" in capsys.readouterr().err
