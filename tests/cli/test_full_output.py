"""Commands that print, where what they print cannot be written or shown."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from annotating import write_lines
from conftest import ROOT

from spacy_bioner_mtl.cli import main

LIST = ROOT / "assets" / "corpora.yml"
FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    trained.to_disk(folder)
    return folder


def start(*arguments, **options):
    """Run a command in a process whose standard output is the test's to choose."""
    command = [sys.executable, "-m", "spacy_bioner_mtl", *map(str, arguments)]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", LIST],
        ["card", "MODEL"],
        ["evaluate", "MODEL", "GOLD"],
        ["matrix", "MODEL", "GOLD"],
        ["calibrate", "MODEL", "GOLD"],
        ["convert", ROOT / "assets" / "corpora" / "genes" / "devel.tsv", "OUT", "--head", "x"],
        ["--help"],
        ["--version"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_full_disk_is_one_message(
    model, sample_docbins, tmp_path, monkeypatch, capsys, arguments
):
    names = {
        "MODEL": model,
        "GOLD": sample_docbins / "dev" / "genes.spacy",
        "OUT": tmp_path / "o.spacy",
    }
    with FULL.open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as end:
            main([str(names.get(each, each)) for each in arguments])
    assert end.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "Standard output cannot be written (No space left on device); check where" in line


#: Programs in containers often run without a buffer.
BUFFERS = {"buffer": "", "no buffer": "1"}


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize("buffer", BUFFERS)
def test_python_does_not_complain_at_its_end(buffer):
    environment = {**os.environ, "PYTHONUNBUFFERED": BUFFERS[buffer]}
    with FULL.open("w") as full:
        done = start("verify", LIST, stdout=full, env=environment)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "No space left on device" in done.stderr


@pytest.mark.parametrize("buffer", BUFFERS)
def test_nobody_reads_on(buffer):
    environment = {**os.environ, "PYTHONUNBUFFERED": BUFFERS[buffer]}
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = start("verify", LIST, stdout=write_end, env=environment)
    finally:
        os.close(write_end)
    assert done.returncode == 1 and not done.stderr


def test_other_mistakes_of_the_system_are_told_as_they_are(monkeypatch, capsys, tmp_path):
    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("spacy_bioner_mtl.corpora.listing.read_corpora_list", fail)
    with pytest.raises(OSError, match="Input/output error"):
        main(["verify", str(tmp_path)])
    assert "Standard output" not in capsys.readouterr().err


#: Locale C, without Python's remedies for it
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "OMP_NUM_THREADS": "1"}
NAME = "Größe 中 😀"


@pytest.mark.slow
def test_locale_c(trained, tmp_path):
    """Paths, texts and heads that ASCII lacks, and paths with blanks."""
    folder = tmp_path / NAME
    folder.mkdir()
    trained.to_disk(folder / "a model")
    source = write_lines(folder / "some texts.txt", "TKR2 protects from Größe 中", "😀 aspirin")
    tags = write_lines(folder / "tags.tsv", "TKR2\tS-Größe", "binds\tO")
    environment = {**os.environ, **PLAIN}
    environment.pop("LANG", None)

    def run(*arguments):
        done = start(*arguments, stdout=subprocess.PIPE, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    out = folder / "answers to it.jsonl"
    run("annotate", folder / "a model", source, out, "--from", "lines", "--to", "jsonl")
    lines = out.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 and "Größe 中" in lines[0] and "😀" in lines[1]
    assert NAME.encode("ascii", "backslashreplace").decode() not in lines[0]
    told = run("convert", tags, folder / "gold.spacy", "--by-type")
    assert "Gr\\xf6\\xdfe" in told or "Gr\\udcc3" in told
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["a model", "answers to it.jsonl", "gold.spacy", "some texts.txt", "tags.tsv"]
    )
