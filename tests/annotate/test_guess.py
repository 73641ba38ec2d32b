"""annotate without --from: it says what it took, and refuses where it cannot know."""

import gzip
import os
import subprocess
import sys
import threading

import pytest
from annotating import rows_of, run, write_lines

PROSE = "Severe renal failure follows ibuprofen . Nothing was found in the liver ."
PUBTATOR = ["1|t|Renal failure", "1|a|TKR2 protects from renal failure .", "", ""]
TOKENS = ["TKR2", "protects", "from", "renal", "failure", "."]


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    trained.to_disk(folder)
    return folder


def test_it_says_what_it_took(tmp_path, model, capsys):
    source = write_lines(tmp_path / "abstracts.txt", *PUBTATOR)
    assert run(model, source, tmp_path / "out.jsonl", "--to", "jsonl") == 0
    assert f"{source}: read as pubtator" in capsys.readouterr().out
    assert [row["id"] for row in rows_of(tmp_path / "out.jsonl")] == ["1"]
    assert run(model, source, tmp_path / "out.jsonl", "--to", "jsonl", "--from", "lines") == 0
    assert "read as" not in capsys.readouterr().out


def test_prose_is_refused(tmp_path, capsys):
    source = write_lines(tmp_path / "notes.txt", *[PROSE] * 10)
    for place in (source, tmp_path, tmp_path / "*.txt"):
        assert run("no_model", place, tmp_path.parent / "out.tsv") == 1
        error = capsys.readouterr().err
        assert "looks like prose" in error and "--from lines" in error and "--from text" in error
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("source", ["folder", "pattern"])
def test_many_files(tmp_path, model, capsys, source):
    write_lines(tmp_path / "in" / "a.txt", *TOKENS)
    with gzip.open(tmp_path / "in" / "b.txt.gz", "wt") as file:
        file.write("\n".join(TOKENS) + "\n")
    place = tmp_path / "in" if source == "folder" else tmp_path / "in" / "*"
    assert run(model, place, tmp_path / "out") == 0
    assert f"{place}: read as conll" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tsv")) == ["a.tsv", "b.tsv"]
    # What it was read as is part of what the answers depend on.
    assert run(model, place, tmp_path / "out", "--from", "conll") == 0
    assert "2 files were finished before" in capsys.readouterr().out
    write_lines(tmp_path / "in" / "c.txt", *PUBTATOR)
    assert run(model, place, tmp_path / "out") == 1
    assert "of several formats" in capsys.readouterr().err


def test_the_column_of_the_words(tmp_path, model, capsys):
    rows = [f"x\t{word}\tO" for word in TOKENS]
    source, out = write_lines(tmp_path / "a.tsv", *rows), tmp_path / "out.tsv"
    assert run(model, source, out, "--word-column", 2) == 0
    words = [line.split("\t")[0] for line in out.read_text().splitlines() if line]
    assert words == TOKENS
    write_lines(tmp_path / "in" / "a.tsv", *rows)
    options = ["--from", "conll", "--word-column"]
    assert run(model, tmp_path / "in", tmp_path / "many", *options, 2) == 0
    assert run(model, tmp_path / "in", tmp_path / "many", *options, 3) == 1
    assert "word_column: 2 there, 3 now" in capsys.readouterr().err
    assert run("no_model", source, out, "--from", "lines", "--word-column", 2) == 1
    assert "--word-column is for files of columns" in capsys.readouterr().err


def annotate_in_process(model, source, out, **how):
    command = [sys.executable, "-m", "spacy_bioner_mtl", "annotate", model, source, out]
    return subprocess.run([*map(str, [*command, "--to", "jsonl"])], capture_output=True, **how)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_stream_is_read_once_and_whole(tmp_path, model, compressed):
    """More than is looked at for the guess, from standard input to standard output."""
    text = "".join(f"{number}|t|Renal failure No {number}\n\n" for number in range(5_000))
    given = gzip.compress(text.encode(), mtime=0) if compressed else text.encode()
    done = annotate_in_process(model, "-", "-", input=given, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\n") == 5_000
    assert b"-: read as pubtator" in done.stderr and b"5,000 documents" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [[], ["--from", "conll"]], ids=["guessed", "told"])
def test_a_pipe_is_read_once(tmp_path, model, options):
    pipe, out = tmp_path / "pipe", tmp_path / "out.tsv"
    os.mkfifo(pipe)
    tokens = "".join(f"word{number}\nof\nit\n\n" for number in range(8_000))
    writer = threading.Thread(target=lambda: pipe.write_text(tokens), daemon=True)
    writer.start()
    assert run(model, pipe, out, *options) == 0
    writer.join()
    words = [line.split("\t")[0] for line in out.read_text().splitlines() if line]
    assert words == tokens.split()


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("out.csv", "\ufeffdocument,"),
        ("out.html", "<!DOCTYPE html>"),
        ("out.PubTator", "1|t|Renal failure\n"),
        ("out.xml", "<?xml"),
        ("out.jsonl", '{"id"'),
        ("out.tsv", "-DOCSTART-\tO\n"),
        ("out.txt", "-DOCSTART-\tO\n"),
        ("out", "-DOCSTART-\tO\n"),
    ],
)
def test_the_name_of_the_result_tells_its_format(tmp_path, model, name, begin):
    source = write_lines(tmp_path / "abstracts.txt", *PUBTATOR)
    assert run(model, source, tmp_path / name) == 0
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(begin)
