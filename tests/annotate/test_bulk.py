"""Bulk annotation: every document once, exact offsets, and a fault costs nobody else."""

import dataclasses
import gzip
import json
import os
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest
import spacy
import torch
from annotating import annotate_file, make_sources, rows_of, run, tree, write_lines
from conftest import GOLD, make_pipeline
from spacy.language import Language

from spacy_bioner_mtl.annotate import Request
from spacy_bioner_mtl.annotate.annotator import ShardReport
from spacy_bioner_mtl.annotate.documents import answer
from spacy_bioner_mtl.annotate.run import _annotate_shards
from spacy_bioner_mtl.annotate.shards import Shard
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.record import BadRecord, Record
from spacy_bioner_mtl.formats.registry import FORMATS

HEADS = ["genes", "medicine"]


@Language.component("fails_on_poison")
def fails_on_poison(doc):
    """Fail as a component with a fault does: on some documents, with any exception."""
    if "poison" in doc.text:
        raise ZeroDivisionError("division by zero")
    return doc


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    trained.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def fragile_model(trained_bytes, tmp_path_factory):
    """A model that fails on the word "poison"."""
    nlp = make_pipeline()
    nlp.from_bytes(trained_bytes)
    nlp.add_pipe("fails_on_poison", first=True)
    folder = tmp_path_factory.mktemp("fragile")
    nlp.to_disk(folder)
    return folder


# Sources


def test_a_folder_becomes_a_folder(tmp_path, model, capsys):
    source, out = tmp_path / "source", tmp_path / "out"
    write_lines(source / "b.txt", "TKR2 is new", "no")
    write_lines(source / "deep" / "er" / "c.d.txt", "aspirin")
    with gzip.open(source / "deep" / "a.TXT.gz", "wt") as file:
        file.write("BRAC4\n")
    for name in (".hidden.txt", ".folder/x.txt", "notes.md", "table.tsv"):
        write_lines(source / name, "not read")
    assert run(model, source, out, "--from", "lines", "--to", "jsonl") == 0
    texts = {
        path.relative_to(out).as_posix(): [row["text"] for row in rows_of(path)]
        for path in out.rglob("*.jsonl")
    }
    assert texts == {
        "b.jsonl": ["TKR2 is new", "no"],
        "deep/a.jsonl": ["BRAC4"],
        "deep/er/c.d.jsonl": ["aspirin"],
    }
    assert not (out / "errors.jsonl").exists()
    manifest = json.loads((out / "manifest.json").read_text())
    assert [one["source"] for one in manifest["files"]] == [
        "b.txt",
        "deep/a.TXT.gz",
        "deep/er/c.d.txt",
    ]
    assert [one["documents"] for one in manifest["files"]] == [2, 1, 1]
    assert manifest["totals"]["documents"] == 4 and manifest["totals"]["files_failed"] == 0
    assert manifest["model"]["name"] == "en_pipeline" and manifest["heads"] == ["merged"]
    assert manifest["packages"]["spacy"] == spacy.__version__
    assert manifest["packages"]["torch"] == torch.__version__
    mentions = sum(len(row["spans"]) for path in out.rglob("*.jsonl") for row in rows_of(path))
    assert manifest["totals"]["mentions"] == mentions > 0
    assert "4 documents" in " ".join(capsys.readouterr().out.split())


def test_how_many_documents_there_are_is_estimated_from_the_files_that_are_done(tmp_path):
    notes = []

    class Folder:
        def annotate(self, annotator, shard, advance):
            advance(10)
            return ShardReport(shard.name, documents=9, errors=1)

    progress = SimpleNamespace(
        update=lambda count: None, set_postfix_str=lambda note, refresh: notes.append(note)
    )
    shards = []
    for name, size in (("a", 99), ("b", 299)):
        (tmp_path / name).write_bytes(b"x" * size)
        shards.append(Shard(name, tmp_path / name, tmp_path / f"{name}.out"))
    request = Request("model", tmp_path, tmp_path / "out")
    totals = [progress.total for _ in _annotate_shards(None, Folder(), request, shards, progress)]
    assert totals == [40, 20]
    assert notes == ["1 of 2 files", "2 of 2 files"]


def test_a_pattern_names_files(tmp_path, model, monkeypatch, capsys):
    for name in ("x/1.nxml", "x/2.nxml.gz", "y/1.nxml", "x/1.other", "x/odd"):
        write_lines(tmp_path / "in" / name, "aspirin")
    out = tmp_path / "in" / "out"
    arguments = [tmp_path / "in" / "*" / "[1o]*", out, "--from", "lines", "--to", "inline"]
    assert run(model, *arguments) == 1
    assert not out.exists()
    assert "x/1.other: its answers and those of x/1.nxml" in capsys.readouterr().err
    (tmp_path / "in" / "x" / "1.other").unlink()
    for _ in range(2):  # what was written the first time is not read the second time
        assert run(model, *arguments) == 0
        names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.txt"))
        assert names == ["x/1.txt", "x/odd.txt", "y/1.txt"]
    monkeypatch.chdir(tmp_path / "in" / "x")
    assert run(model, "*.gz", "here", "--from", "lines", "--to", "inline") == 0
    assert (tmp_path / "in" / "x" / "here" / "2.txt").exists()


def test_standard_input(tmp_path, model):
    out = tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "spacy_bioner_mtl", "annotate", model, "-", out]
    text = b"TKR2 protects from renal failure .\n"
    subprocess.run(
        [*command, "--from", "lines", "--to", "jsonl"], input=text, check=True, capture_output=True
    )
    (row,) = rows_of(out)
    assert row["text"] == "TKR2 protects from renal failure ." and row["spans"]
    failed = subprocess.run(
        [*command, "--from", "conll", "--to", "jsonl"], input=b"", capture_output=True
    )
    assert failed.returncode == 1 and b"-: no token in this file" in failed.stderr
    assert rows_of(out) == [row]


@pytest.mark.parametrize("target", [each.name for each in FORMATS.values() if each.writer])
def test_every_format_can_be_written(tmp_path, trained, target):
    lines = [words for words, _ in GOLD]
    source = write_lines(tmp_path / "source.txt", *lines)
    head = "all" if FORMATS[target].overlaps else "merged"
    out = tmp_path / "out"
    report = annotate_file(
        trained, source, out, source_format="lines", target_format=target, head=head, scores=True
    )
    assert report.documents == len(GOLD) and not report.errors
    chosen = HEADS if head == "all" else ["merged"]
    expected = []
    for line in lines:
        doc = trained(line)
        groups = [doc.ents] if head == "merged" else [doc.spans[name] for name in HEADS]
        expected.append({(s.start_char, s.end_char, s.label_) for group in groups for s in group})
    assert report.mentions > 0
    if not FORMATS[target].reader or target in ("conll", "inline"):
        return  # their own tests read them; others give back texts with mentions
    read = FORMATS[target].load_reader()
    paths = sorted(out.glob("*.txt"), key=lambda path: int(path.stem)) if out.is_dir() else [out]
    records = [record for path in paths for record in read(path)]
    assert [record.text.strip() for record in records] == lines
    assert [
        {(one.start, one.end, one.label) for some in record.mentions.values() for one in some}
        for record in records
    ] == expected
    if target in ("jsonl", "bioc-xml", "bioc-json", "brat"):
        heads = {name for record in records for name in record.mentions}
        assert heads <= {*chosen, "source"} and len(heads) > 1
        scores = [one.score for r in records for some in r.mentions.values() for one in some]
        assert all(0 < score <= 1 == (round(score, 4) == score) for score in scores)


# What is refused


@pytest.mark.parametrize(
    ("files", "out", "options", "message"),
    [
        (["a.txt"], "in", [], "this is the folder to annotate itself"),
        (["a.txt"], "in/out", [], "this lies in the folder to annotate"),
        (["a.txt"], ".", [], "lies in this one"),
        (["a.txt", "a.txt.gz"], "out", [], "a.txt.gz: its answers and those of a.txt would both"),
        (["errors.txt"], "out", [], "errors.jsonl, a name that annotate needs itself"),
        (["manifest.txt"], "out", ["--to", "bioc-json"], "manifest.json, a name that annotate"),
        (["a.txt", "a/b.txt"], "out", ["--to", "brat"], "would be inside of those of a.txt"),
        (["a.xml"], "out", [], "no file in this folder ends in .txt or .txt.gz"),
        (["a.txt"], "taken", [], "this is a file; name the folder"),
        (["a.txt"], "full", [], "holds files that annotate did not write"),
        (["a.txt"], "out", ["--head", "all", "--to", "html"], "--head all does not fit --to html"),
    ],
)
def test_requests_that_cannot_work(tmp_path, monkeypatch, capsys, files, out, options, message):
    monkeypatch.setattr(
        "spacy_bioner_mtl.pipeline.loading.load_pipeline", None
    )  # it does not get so far
    for name in files:
        write_lines(tmp_path / "in" / name, "aspirin")
    write_lines(tmp_path / "taken", "as it was")
    write_lines(tmp_path / "full" / "mine.txt", "as it was")
    before = tree(tmp_path)
    arguments = ["--from", "lines", "--to", "jsonl", *options]
    assert run("no_model", tmp_path / "in", tmp_path / out, *arguments) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert tree(tmp_path) == before


def test_pattern_without_files(tmp_path, capsys):
    assert run("no_model", tmp_path / "*.txt", tmp_path / "out") == 1
    assert "no file matches this pattern" in capsys.readouterr().err


def test_one_file_to_a_format_of_folders(tmp_path, trained):
    source = write_lines(tmp_path / "a.txt", "aspirin")
    options = {"source_format": "lines", "target_format": "brat"}
    annotate_file(trained, source, tmp_path / "out", **options)
    assert sorted(tree(tmp_path / "out")) == ["1.ann", "1.txt"]
    for out in (tmp_path / "out", source):
        with pytest.raises(InputError, match=r"exists already.*name a new one"):
            annotate_file(trained, source, out, **options)
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == []


# Documents that cannot be answered


def test_bad_documents_cost_nobody_else(tmp_path, fragile_model, capsys):
    source, out = tmp_path / "source", tmp_path / "out"
    good = ["TKR2 is new", "aspirin", "BRAC4", "no", "renal failure"]
    lines = [json.dumps({"id": f"g{number}", "text": text}) for number, text in enumerate(good)]
    write_lines(
        source / "a.jsonl",
        lines[0],
        '{"id": "x1"}',
        json.dumps({"id": "x2", "text": "a poison"}),
        lines[1],
        json.dumps({"id": "x|3", "text": "bar"}),
        "no JSON",
        lines[2],
    )
    (source / "b.jsonl").write_bytes(gzip.compress(lines[3].encode() * 9, mtime=0)[:-9])
    write_lines(source / "c.jsonl", *lines[3:])
    assert run(fragile_model, source, out, "--from", "jsonl", "--to", "pubtator") == 1
    error = capsys.readouterr().err
    assert "4 documents and 1 file could not be answered" in error
    assert f"{out}/errors.jsonl says why" in error
    rows = rows_of(out / "errors.jsonl")
    assert [(row["source"], row["id"]) for row in rows] == [
        ("a.jsonl", "x1"),
        ("a.jsonl", "x2"),
        ("a.jsonl", "x|3"),
        ("a.jsonl", "6"),
        ("b.jsonl", ""),
    ]
    reasons = [row["reason"] for row in rows]
    assert 'a.jsonl:2: no "text"' in reasons[0]
    assert reasons[1].startswith("a.jsonl: document 3 (x2) fails in the pipeline")
    assert "ZeroDivisionError: division by zero" in reasons[1]
    assert "a.jsonl: cannot be written" in reasons[2] and "no bar" in reasons[2]
    assert "a.jsonl:6: not JSON" in reasons[3]
    assert reasons[4].startswith("b.jsonl: damaged or cut off")
    assert not any(str(tmp_path) in reason for reason in reasons)
    read = FORMATS["pubtator"].load_reader()
    texts = [record.text for name in "ac" for record in read(out / f"{name}.pubtator")]
    assert texts == good
    assert not (out / "b.pubtator").exists()
    manifest = json.loads((out / "manifest.json").read_text())
    assert [one.get("errors") for one in manifest["files"]] == [4, None, 0]
    assert manifest["files"][1]["failed"] == reasons[4]
    assert manifest["totals"]["errors"] == 4 and manifest["totals"]["files_failed"] == 1


def test_documents_beside_a_bad_one_get_the_same_answers(fragile_model, model):
    texts = [words for words, _ in GOLD] * 3
    records = [Record(str(number), text) for number, text in enumerate(texts)]
    poisoned = [*records[:7], Record("bad", "poison"), *records[7:]]
    expected = list(answer(spacy.load(model), records, HEADS))
    answered = list(answer(spacy.load(fragile_model), poisoned, HEADS))
    bad = answered.pop(7)
    assert isinstance(bad, BadRecord) and bad.id == "bad"
    for one, other in zip(answered, expected, strict=True):
        assert dataclasses.replace(one, document=other.document) == other


def test_errors_of_a_single_file_are_beside_it(tmp_path, model, capsys):
    source, out = tmp_path / "a.jsonl", tmp_path / "out.jsonl"
    write_lines(source, '{"text": "aspirin"}', "no JSON")
    for _ in range(2):
        assert run(model, source, out, "--from", "jsonl", "--to", "jsonl") == 1
        assert "1 document could not be answered" in capsys.readouterr().err
        (row,) = rows_of(tmp_path / "out.jsonl.errors.jsonl")
        assert row["source"] == str(source) and row["id"] == "2"
        assert len(rows_of(out)) == 1
    write_lines(source, '{"text": "aspirin"}')
    assert run(model, source, out, "--from", "jsonl", "--to", "jsonl") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "out.jsonl"]


@pytest.mark.parametrize("text", ["half \ud83e of a pair", "\udfff"], ids=["inside", "alone"])
@pytest.mark.parametrize("tokenizer", ["english", "bio"])
def test_halves_of_characters_are_no_text(copy_of_trained, text, tokenizer):
    if tokenizer == "bio":
        from spacy_bioner_mtl.pipeline.tokenizer import BioTokenizer

        copy_of_trained.tokenizer = BioTokenizer(copy_of_trained.vocab)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, two = answer(copy_of_trained, [Record("h", text), Record("", "aspirin")], HEADS)
    assert isinstance(one, BadRecord) and one.id == "h" and "cannot be tokenised" in one.reason
    assert isinstance(two, Record) and two.mentions["medicine"]


def test_an_interrupt_is_no_bad_document(copy_of_trained, monkeypatch):
    def interrupt(docs):
        raise KeyboardInterrupt

    monkeypatch.setattr(copy_of_trained.get_pipe("bioner_mtl"), "predict", interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(answer(copy_of_trained, [Record("", "aspirin")], HEADS))


def test_wrong_settings_are_no_bad_documents(copy_of_trained):
    copy_of_trained.get_pipe("bioner_mtl").cfg["thresholds"] = {"nobody": 0.5}
    with pytest.raises(InputError, match="'nobody'"):
        list(answer(copy_of_trained, [Record("", "aspirin")], ["merged"]))


@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, model, monkeypatch, capsys, place):
    source = make_sources(tmp_path / "source", 3, 4)
    replace, names = os.replace, []

    def fill_up(old, new):
        names.append(os.path.basename(new))
        if names[-1] in ("part01.jsonl", "out.jsonl"):
            raise OSError(28, "No space left on device")
        replace(old, new)

    monkeypatch.setattr(os, "replace", fill_up)
    options = ["--from", "lines", "--to", "jsonl"]
    if place == "file":
        assert run(model, source / "part00.txt", tmp_path / "out.jsonl", *options) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["source"]
    else:
        assert run(model, source, tmp_path / "out", *options) == 1
        left = [name for name in tree(tmp_path / "out") if not name.startswith(".annotate")]
        assert left == ["part00.jsonl"]
    error = capsys.readouterr().err
    assert "No space left on device" in error and error.count("\n") == 1
    monkeypatch.undo()
    if place == "folder":
        assert run(model, source, tmp_path / "out", *options) == 0
        assert "1 files were finished before" in capsys.readouterr().out


def test_a_folder_that_cannot_be_made(tmp_path, model, capsys):
    source = make_sources(tmp_path / "source", 1, 1)
    write_lines(tmp_path / "file", "as it was")
    assert run(model, source, tmp_path / "file" / "out", "--from", "lines", "--to", "jsonl") == 1
    assert "cannot be written" in capsys.readouterr().err
