"""Every block of code in README and docs runs, or says why not; commands have their options.

A comment before a block says what becomes of it:

- ``not run: REASON``: it is not run. Commands in it exist all the same, and Python compiles.
- ``run shorter: COMMAND OPTIONS``: such commands in it are given these options more.
- ``file: NAME``: it is a file of the reader's.
- ``output``: what the Python before it prints.
- ``install``, ``sample``, ``test``: .ci/run runs it on a clean clone.

Without a comment, Python is executed, configs are resolved and shells run, page by page, in a
folder with assets/, configs/ and what the page says that the reader has.
"""

import contextlib
import gzip
import io
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import spacy
import srsly
import typer
from commands import find_click_command
from conftest import ROOT
from doc_blocks import PAGES, command_lines, inline_commands, is_plain, read_blocks, split_line
from spacy.cli import app as spacy_app
from spacy.tokens import DocBin
from spacy.util import registry
from spacy.vocab import Vocab
from thinc.api import Config

from benchmarks.__main__ import app as benchmarks_app
from spacy_bioner_mtl.cli import app, main

NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
#: Marks of blocks that .ci/run looks for.
BY_CI = {"install", "sample", "test"}
#: Programs of others, which the tests cannot look into.
OTHERS = {"pip", "python3", "source", "export", "pytest", "ruff", "mypy", "prodigy", "lint-imports"}
OTHERS |= {"cp", "zcat", "git", "pre-commit", "curl", "docker"}
#: Commands that take settings of a config, or variables of the project, as options.
PROGRAMS = {"bioner-mtl": app, "spacy": spacy_app, "spacy_bioner_mtl": app}
PROGRAMS["benchmarks"] = benchmarks_app


def corpus(name, target, suffix="tsv"):
    """The splits of a sample corpus under another name."""
    return {
        f"{target}/{mine}.{suffix}": ROOT / "assets" / "corpora" / name / f"{theirs}.tsv"
        for mine, theirs in (("train", "train"), ("dev", "devel"), ("test", "test"))
    }


CORPORA = {**corpus("genes", "my_genes"), **corpus("chemicals", "drugs", "iob")}
#: What pages take for the reader's files: copies of files, or their content.
FILES = {
    "README.md": CORPORA,
    "docs/training.md": {
        **CORPORA,
        **corpus("cell_biology", "my_other_genes"),
        "abstracts.txt.gz": gzip.compress((ROOT / "assets" / "abstracts.txt").read_bytes()),
    },
    "docs/annotation.md": {
        "abstracts.txt": ROOT / "assets" / "abstracts.txt",
        "notes.txt.gz": gzip.compress(b"Tamoxifen was given."),
        "pubmed/one.xml.gz": gzip.compress(
            b"<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article>"
            b"<ArticleTitle>Tamoxifen was given.</ArticleTitle></Article></MedlineCitation>"
            b"</PubmedArticle></PubmedArticleSet>"
        ),
    },
}


def blocks_of(name):
    return read_blocks(ROOT / name)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_run_or_say_why_not(name):
    for block in blocks_of(name):
        if (reason := block.argument("not run")) is not None:
            assert len(reason.split()) > 2, f"{block}: a reason"
        elif block.argument("file") or block.mark == "output":
            assert block.code.strip(), block
        elif block.argument("run shorter"):
            assert block.language == "bash", block
        else:
            assert not block.mark or (block.mark in BY_CI and name == "README.md"), block
            assert block.language in ("bash", "python", "ini"), f"{block}: say what it is"


def test_the_blocks_of_the_script_are_there():
    marks = [block.mark for block in blocks_of("README.md")]
    assert set(marks) >= BY_CI
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert set(re.findall(r"readme (\w+)", script)) == BY_CI


def check_command(words, place):
    """A command exists and takes the options that are named."""
    words = [word for word in words if not re.fullmatch(r"\w+=\S*", word)]
    if words[:2] == ["python", "-m"]:
        words = words[2:]
    if words[0] == "python":
        assert (ROOT / words[1]).is_file(), place
        return
    if words[0] not in PROGRAMS:
        assert words[0] in OTHERS, f"{place}: unknown program {words[0]}"
        return
    program = PROGRAMS[words[0]]
    command, arguments = find_click_command(program, words[1:])
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    given = [word.split("=")[0] for word in arguments if re.match(r"--?[a-z]", word)]
    others = [word for word in given if word not in known | {"--help", "--quiet", "--verbose"}]
    if command.context_settings.get("ignore_unknown_options"):
        configs = [word for word in arguments if word.endswith(".cfg")]
        for option in [option for option in others if "." in option]:
            if option.startswith("--vars."):
                assert option.removeprefix("--vars.") in project()["vars"], f"{place}: {option}"
            else:
                assert all(has_setting(path, option) for path in configs), f"{place}: {option}"
        others = [option for option in others if "." not in option]
    assert not others, f"{place}: {' '.join(words[:3])} has no {' '.join(others)}"
    if program is not spacy_app:
        # Typer checks the number of arguments and the types of options.
        try:
            command.make_context(command.name, list(arguments))
        except Exception as error:
            raise AssertionError(f"{place}: {error}") from error
    if words[1:3] == ["project", "run"] and len(words) > 3:
        runnable = {*project()["workflows"], *(each["name"] for each in project()["commands"])}
        assert words[3] in runnable, place


def project():
    return srsly.read_yaml(ROOT / "project.yml")


def has_setting(path, option):
    """Whether a config of the project has a setting."""
    section, name = option.removeprefix("--").rsplit(".", 1)
    parts = Config().from_disk(ROOT / path, interpolate=False)
    for part in section.split("."):
        parts = parts.get(part, {})
    architecture = registry.architectures.get("spacy_bioner_mtl.LSTMCRF.v1")
    return name in parts or (section.endswith(".model") and name in architecture.__kwdefaults__)


@pytest.mark.parametrize("name", NAMES)
def test_commands_and_options_exist(name):
    for block in blocks_of(name):
        if block.language == "bash":
            for line in command_lines(block.code):
                for words in split_line(line):
                    check_command(words, f"{block}: {line}")
        elif block.language == "python":
            compile(block.code, str(block), "exec")


@pytest.mark.parametrize(
    "line",
    [
        "bioner-mtl annotate MODEL a b --formt text",
        "bioner-mtl annotate MODEL a",
        "bioner-mtl vectors floret out --epochs many",
        "bioner-mtl nothing a",
        "python -m benchmarks speed MODEL",
        "python -m benchmarks training configs/mtl.cfg --paths.test a",
        "python docs/nothing.py",
        "spacy train configs/mtl.cfg --training.optimizer.rate 1",
        "spacy train configs/mtl.cfg --out a",
        "spacy project run nothing",
        "spacy project run all . --vars.step 1",
        "zcat a | bioner-mtl annotate MODEL - - --too text",
        "wget a",
    ],
)
def test_what_does_not_exist_is_found(line):
    with pytest.raises(AssertionError):
        for words in split_line(line):
            check_command(words, line)


@pytest.mark.parametrize("name", NAMES)
def test_commands_within_sentences_exist(name):
    for line in inline_commands(ROOT / name):
        words = [word for word in shlex.split(line) if word not in ("…", "...")]
        program = PROGRAMS[words[2] if words[1] == "-m" else words[0]]
        command, arguments = find_click_command_or_group(
            program, words[3:] if words[1] == "-m" else words[1:]
        )
        known = {option for each in command.params for option in each.opts}
        given = {word for word in arguments if re.match(r"--?[a-z]", word) and "." not in word}
        assert given <= known | {"--help"}, f"{name}: {line}"


def find_click_command_or_group(program, words):
    """Like find_click_command, where a sentence may name a group, such as `spacy debug …`."""
    command = typer.main.get_command(program)
    while hasattr(command, "commands") and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    options_alone = all(word.startswith("-") for word in words)
    assert not hasattr(command, "commands") or options_alone, f"no such command: {words}"
    return command, words


class Reader:
    """Does what a page says, in a folder."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.variables = {"__name__": "__main__"}
        self.printed = ""
        for path in ("assets", "configs", "project.yml"):
            (folder / path).symlink_to(ROOT / path)
        for path, content in FILES.get(name, {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                (folder / path).write_bytes(content)
            else:
                shutil.copy(content, folder / path)

    def follow(self):
        for block in blocks_of(self.name):
            if file := block.argument("file"):
                (self.folder / file).write_text(block.code, encoding="utf-8")
            elif block.mark == "output":
                assert self.printed == block.code, block
            elif block.argument("not run") is None and block.mark not in BY_CI:
                getattr(self, block.language)(block)

    def python(self, block):
        out = io.StringIO()
        # Errors show the page and the line.
        code = compile("\n" * (block.line - 1) + block.code, str(block.page), "exec")
        with contextlib.redirect_stdout(out):
            exec(code, self.variables)
        self.printed = out.getvalue()

    def bash(self, block):
        shorter, options, values = (block.argument("run shorter") or "").partition(" --")
        for line in command_lines(block.code):
            if options and line.startswith(f"{shorter} "):
                line = f"{line} {options}{values}"
            words = shlex.split(line)
            if words[0] == "bioner-mtl" and is_plain(line):
                with pytest.raises(SystemExit) as end:
                    main(words[1:])
                assert not end.value.code, f"{block}: {line}"
                continue
            python = shlex.quote(sys.executable)
            line = re.sub(r"(^|\| )spacy ", rf"\1{python} -m spacy ", line)
            line = re.sub(r"(^|\| )bioner-mtl ", rf"\1{python} -m spacy_bioner_mtl ", line)
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", line], capture_output=True, encoding="utf-8"
            )
            assert done.returncode == 0, f"{block}: {line}\n{done.stdout}{done.stderr}"

    def ini(self, block):
        """What a config names is registered, and takes what stands beside the name."""
        sections = re.findall(r"^\[(.*)\]$", block.code, re.MULTILINE)
        parts = [section.split(".") for section in sections]
        above = {".".join(each[:end]) for each in parts for end in range(1, len(each))}
        missing = "".join(f"[{name}]\n" for name in sorted(above - set(sections)))
        config = Config().from_str(missing + block.code, interpolate=False)
        for name in re.findall(r'^@\w+ = "(.*)"$', block.code, re.MULTILINE):
            assert name.startswith("spacy_bioner_mtl."), block
        registry.resolve(config, validate=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != "docs/reference.md"])
def test_pages_do_what_they_say(name, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    if "training/sample" in (ROOT / name).read_text(encoding="utf-8"):
        (tmp_path / "training" / "sample").mkdir(parents=True)
        trained = request.getfixturevalue("sample_run") / "model" / "model-best"
        (tmp_path / "training" / "sample" / "model-best").symlink_to(trained)
    reader = Reader(name, tmp_path)
    reader.follow()
    check = AFTER.get(name)
    if check:
        check(tmp_path, reader.variables)


def after_readme(folder, variables):
    answers = list(srsly.read_jsonl(folder / "answers.jsonl"))
    assert [len(each["spans"]) > 5 for each in answers] == [True] * 3
    assert all(0 < span["score"] <= 1 for each in answers for span in each["spans"])
    heads = spacy.load(folder / "out" / "model-best").get_pipe("bioner_mtl").heads
    assert {head.name: head.labels for head in heads} == {
        "drugs": ("Chemical",),
        "genes": ("GENE",),
    }


def after_start(folder, variables):
    assert "genes" in variables["doc"].spans


def after_training(folder, variables):
    docs = list(DocBin().from_disk(folder / "gold" / "train" / "genes.spacy").get_docs(Vocab()))
    labels = {span.label_ for doc in docs for span in doc.spans["genes"]}
    assert {"GENE", "cell_type"} <= labels
    vectors = spacy.load(folder / "vectors").vocab.vectors
    assert vectors.mode == "floret" and vectors.data.any()


def after_annotation(folder, variables):
    assert len((folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()) == 3
    assert "tamoxifen" in (folder / "notes.html").read_text(encoding="utf-8").lower()
    assert "Tamoxifen" in (folder / "answers" / "one.xml").read_text(encoding="utf-8")


def after_going_on(folder, variables):
    pipe = spacy.load(folder / "with_organs").get_pipe("bioner_mtl")
    assert [head.name for head in pipe.heads if head.labels == ("Organ",)] == ["organs"]


AFTER = {
    "README.md": after_readme,
    "docs/start.md": after_start,
    "docs/training.md": after_training,
    "docs/annotation.md": after_annotation,
    "docs/going_on.md": after_going_on,
}
