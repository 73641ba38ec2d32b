"""The command line as a whole: it answers quickly, and ends with one line."""

import inspect
import re
import subprocess
import sys
import warnings

import pytest
from conftest import ROOT

from spacy_bioner_mtl import annotate as annotate_module
from spacy_bioner_mtl.cli import app, main
from spacy_bioner_mtl.errors import InputError

#: What takes long to import, and what draws help in boxes.
HEAVY = ["spacy", "torch", "thinc", "numpy", "srsly", "tqdm", "rich"]
COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]
HELP = """
import sys
from spacy_bioner_mtl.cli import main
for arguments in {arguments}:
    try:
        main([*arguments, "--help"])
    except SystemExit as end:
        assert not end.code
print("imported:", *({heavy} & sys.modules.keys()))
"""


def test_help_imports_nothing_heavy():
    """Neither that of the program nor that of any of its commands."""
    names = [name.replace("_", "-") for name in COMMANDS]
    arguments = [[], *([name] for name in names), ["vectors"], ["vectors", "floret"]]
    code = HELP.format(arguments=arguments, heavy=set(HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *helps, imported = done.stdout.splitlines()
    assert imported.split() == ["imported:"]
    assert sum(line.startswith("Usage: bioner-mtl") for line in helps) == len(arguments)


@pytest.mark.parametrize("arguments", [[], ["vectors"]])
def test_every_command_is_listed_with_all_of_its_description(arguments, capsys):
    with pytest.raises(SystemExit):
        main([*arguments, "--help"])
    out = capsys.readouterr().out
    commands = out.partition("Commands:\n")[2].splitlines()
    assert commands and not [line for line in commands if line.endswith("...")]
    if arguments:
        assert '`[initialize] vectors = "OUT"`' in out, "brackets are no markup"
    else:
        for name in COMMANDS:
            assert f"  {name.replace('_', '-')} " in out


def test_ctrl_c_is_one_line(monkeypatch, capsys, tmp_path):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(annotate_module, "check_request", interrupt)
    with pytest.raises(SystemExit) as end:
        main(["annotate", "model", str(tmp_path / "in.tsv"), str(tmp_path / "out.tsv")])
    assert end.value.code == 130
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.splitlines() == [captured.err.strip()]
    assert captured.err.strip().endswith("Interrupted")


def test_a_mistake_is_one_line(capsys, tmp_path):
    with pytest.raises(SystemExit) as end:
        main(["verify", str(tmp_path / "none.yml")])
    assert end.value.code == 1
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert str(tmp_path / "none.yml") in captured.err
    assert "Traceback" not in captured.err


def words_without_tags(folder):
    (folder / "a.tsv").write_text("TNF\n")
    return str(folder / "a.tsv")


@pytest.mark.parametrize(
    ("command", "make", "more", "page"),
    [
        (
            "convert",
            words_without_tags,
            ["--from", "conll", "--head", "H"],
            "corpora.md#files-of-tokens-conll",
        ),
        (
            "convert",
            words_without_tags,
            ["--from", "word", "--head", "H"],
            "corpora.md#formats",
        ),
        ("convert", lambda folder: str(folder / "no"), ["--head", "H"], "corpora.md#formats"),
        ("convert-corpora", lambda folder: str(folder), [], "corpora.md#lists-of-corpora"),
    ],
    ids=["a reader", "a format", "a command", "a list"],
)
def test_errors_tell_where_to_read_on(command, make, more, page, capsys, tmp_path):
    source = make(tmp_path)
    with pytest.raises(SystemExit) as end:
        main([command, source, str(tmp_path / "out.spacy"), *more])
    error = capsys.readouterr().err
    assert end.value.code == 1
    assert error.count("\n") == 1 and error.endswith(f" (see docs/{page})\n")


@pytest.mark.parametrize("command", app.registered_commands, ids=COMMANDS)
def test_every_command_knows_a_page_that_helps(command, monkeypatch, capsys):
    def fail(*_):
        raise InputError("nothing works")

    parameters = [
        each.name
        for each in inspect.signature(command.callback).parameters.values()
        if each.default is inspect.Parameter.empty
    ]
    monkeypatch.setattr("spacy_bioner_mtl.cli.console.showing", fail)
    with pytest.raises(InputError) as error:
        command.callback(**dict.fromkeys(parameters))
    assert re.fullmatch(r"docs/\w+\.md#[\w-]+", *error.value.__notes__)


def test_help_of_python_m(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "spacy_bioner_mtl", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("Usage: bioner-mtl")


def test_warnings_are_messages_without_lines_of_code(capsys, monkeypatch, tmp_path):
    def warn(*_):
        warnings.warn("Something is odd.", stacklevel=1)

    monkeypatch.setattr("spacy_bioner_mtl.corpora.listing.read_corpora_list", warn)
    for options, expected in ([], "Something is odd."), (["--quiet"], ""):
        with pytest.raises((SystemExit, AttributeError)):
            main(["verify", str(tmp_path), *options])
        error = capsys.readouterr().err
        assert expected in error and "warnings.warn" not in error
        assert ("odd" in error) == bool(expected)
