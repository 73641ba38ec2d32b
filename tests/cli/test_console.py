"""What all commands share: --quiet, --verbose, --version, -h, and a free standard output."""

import json
import subprocess
import sys

import pytest
import spacy
from annotating import write_lines
from conftest import ROOT
from spacy.tokens import DocBin

from spacy_bioner_mtl import __version__
from spacy_bioner_mtl.cli import app, main
from spacy_bioner_mtl.console import progress as progress_module

LIST = ROOT / "assets" / "corpora.yml"


def run(*arguments):
    """The exit status of a command."""
    with pytest.raises(SystemExit) as exit_info:
        main([*map(str, arguments)])
    return exit_info.value.code or 0


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    trained.to_disk(folder)
    return folder


@pytest.fixture
def source(tmp_path):
    return write_lines(tmp_path / "source.txt", "TKR2 protects from renal failure", "aspirin")


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out == f"bioner-mtl {__version__}\n"


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(capsys, option):
    for command in ([], ["annotate"], ["vectors"], ["vectors", "glove"]):
        assert run(*command, option) == 0
        out = capsys.readouterr().out
        assert out.startswith("Usage: bioner-mtl") and "-h, --help" in out
        assert "--quiet" in out and "--verbose" in out and "--no-quiet" not in out


def test_every_command_takes_them():
    for group in (app, *(each.typer_instance for each in app.registered_groups)):
        for command in group.registered_commands:
            assert {"quiet", "verbose"} <= command.callback.__annotations__.keys()


@pytest.mark.parametrize("place", ["before", "after", "both"])
def test_quiet_says_nothing(capsys, place):
    before = ["--quiet"] * (place != "after")
    after = ["--quiet"] * (place != "before")
    assert run(*before, "verify", LIST, *after) == 0
    assert capsys.readouterr() == ("", "")
    assert run("verify", LIST) == 0
    assert "genes" in capsys.readouterr().out, "the next command speaks again"


def test_quiet_says_what_went_wrong(capsys, tmp_path, monkeypatch):
    assert run("verify", tmp_path / "none.yml", "--quiet") == 1
    captured = capsys.readouterr()
    assert not captured.out and captured.err.count("\n") == 1 and "none.yml" in captured.err
    assert progress_module._command is None


def test_quiet_shows_no_progress(capsys, model, source, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    options = ["--from", "lines", "--to", "jsonl"]
    assert run("annotate", model, source, tmp_path / "a.jsonl", *options) == 0
    assert "annotate: " in capsys.readouterr().err
    assert run("--quiet", "annotate", model, source, tmp_path / "b.jsonl", *options) == 0
    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


@pytest.mark.parametrize("place", ["before", "after"])
def test_verbose_shows_where_an_error_came_from(capsys, tmp_path, place):
    missing = tmp_path / "none"
    arguments = ["annotate", missing, write_lines(tmp_path / "a.tsv", "a", "b"), tmp_path / "out"]
    assert run(*arguments) == 1
    quiet = capsys.readouterr().err
    assert quiet.count("\n") == 1 and "Traceback" not in quiet
    assert (
        run(*["--verbose"] * (place == "before"), *arguments, *["--verbose"] * (place == "after"))
        == 1
    )
    verbose = capsys.readouterr().err
    assert verbose.endswith(quiet)
    assert "Traceback (most recent call last)" in verbose and "OSError" in verbose


def annotate_in_process(model, source, out, *options, **how):
    command = [sys.executable, "-m", "spacy_bioner_mtl", "annotate", model, source, out]
    return subprocess.run(
        [*map(str, [*command, "--from", "lines", "--to", "jsonl", *options])],
        capture_output=True,
        **how,
    )


@pytest.mark.slow
@pytest.mark.parametrize("out", ["-", "/dev/stdout"])
def test_standard_output_holds_the_answers_and_nothing_else(model, source, tmp_path, out):
    to_file = annotate_in_process(model, source, tmp_path / "out.jsonl", "--head", "all")
    assert to_file.returncode == 0 and b"Heads: genes, medicine" in to_file.stdout
    through = annotate_in_process(model, source, out, "--head", "all", cwd=tmp_path)
    assert through.returncode == 0
    assert through.stdout == (tmp_path / "out.jsonl").read_bytes()
    assert b"Heads: genes, medicine" in through.stderr and b"2 documents" in through.stderr
    assert not (tmp_path / "-").exists()
    quiet = annotate_in_process(model, source, out, "--head", "all", "--quiet")
    assert quiet.stdout == through.stdout and not quiet.stderr


def test_what_was_not_answered_is_listed_on_standard_error(model, tmp_path):
    source = write_lines(tmp_path / "a.jsonl", '{"text": "aspirin"}', "no JSON", '{"id": "x"}')
    done = annotate_in_process(model, source, "-", "--from", "jsonl", cwd=tmp_path)
    assert done.returncode == 1
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["aspirin"]
    first, second, _, summary = done.stderr.splitlines()[-4:]
    assert b"a.jsonl:2: not JSON" in first and b'a.jsonl:3: no "text"' in second
    assert b"2 documents could not be answered, as told above" in summary
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_gold_documents_on_standard_output(tmp_path):
    source = write_lines(tmp_path / "a.tsv", "TKR2\tS-GENE", "binds\tO")
    command = [sys.executable, "-m", "spacy_bioner_mtl", "convert", source, "-", "--head", "genes"]
    done = subprocess.run([*map(str, command)], capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (doc,) = DocBin().from_bytes(done.stdout).get_docs(spacy.blank("en").vocab)
    assert [span.text for span in doc.spans["genes"]] == ["TKR2"]
    assert b"1 documents" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.tsv"]


def test_scores_on_standard_output(model, sample_docbins, tmp_path):
    """Any command with an output file: its table goes to standard error."""
    command = [sys.executable, "-m", "spacy_bioner_mtl", "evaluate", model]
    command += [sample_docbins / "dev" / "genes.spacy", "--output", "-"]
    done = subprocess.run([*map(str, command)], capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "spans_genes_f" in json.loads(done.stdout)
    assert b"macro average" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def always(monkeypatch):
    """Lines of progress one after the other, as in a command that takes hours."""
    monkeypatch.setattr(progress_module, "INTERVAL", 0.0)


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize(
    "arguments",
    [
        ["annotate", "MODEL", "SOURCE", "OUT.jsonl", "--from", "lines", "--to", "jsonl"],
        ["convert", "CORPUS", "OUT.spacy", "--head", "genes"],
        ["convert-corpora", LIST, "OUT", "--only", "genes"],
        ["evaluate", "MODEL", "GOLD"],
        ["calibrate", "MODEL", "GOLD"],
        ["compare", "MODEL", "MODEL", "GOLD", "--rounds", "10"],
        ["evaluate-text", "MODEL", "PUBTATOR", "--head", "genes"],
        ["vectors", "floret", "OUT", "--text", "TEXTS", "--epochs", "1", "--min-count", "1"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_long_commands_say_how_far_they_are(
    tmp_path, model, sample_docbins, source, capsys, arguments
):
    mention = "1\t0\t4\tTKR2\tGENE"
    names = {
        "MODEL": model,
        "SOURCE": source,
        "CORPUS": ROOT / "assets" / "corpora" / "genes" / "devel.tsv",
        "GOLD": sample_docbins / "dev" / "genes.spacy",
        "PUBTATOR": write_lines(tmp_path / "a.txt", "1|t|TKR2 binds", "1|a|", mention, "", ""),
        "TEXTS": write_lines(tmp_path / "b.txt", *["TKR2 protects from renal failure ."] * 200),
    }
    given = [
        tmp_path / each if str(each).startswith("OUT") else names.get(each, each)
        for each in arguments
    ]
    assert run(*given) == 0
    lines = capsys.readouterr().err.splitlines()
    command = arguments[1] if arguments[0] == "vectors" else arguments[0]
    assert lines and all(line.startswith(f"{command}: ") for line in lines)
