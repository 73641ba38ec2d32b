"""``bioner-mtl init``: a project for corpora of one's own, and what it does."""

import subprocess
import sys

import pytest
import spacy
import srsly
from conftest import ROOT
from spacy.util import load_config

from spacy_bioner_mtl.cli import main

GENES = ROOT / "assets" / "corpora" / "genes"
#: What differs from the config of the shipped pipeline
OWN = [
    "components.bioner_mtl.merge",
    "training.eval_frequency",
    "training.optimizer.learn_rate.total_steps",
]


def init(*arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["init", *map(str, arguments)])
    return exit_info.value.code or 0


def corpus(head, *files):
    return ["--corpus", f"{head}={','.join(map(str, files))}"]


def write_brat(folder):
    """A text with a type that no other corpus has."""
    folder.mkdir(parents=True)
    (folder / "1.txt").write_text("The kidney of a mouse was removed.\nNo organ was lost.\n")
    (folder / "1.ann").write_text("T1\tOrgan 4 10\tkidney\n")
    return folder


def read_project(folder):
    project = srsly.read_yaml(folder / "project.yml")
    return project, {each["name"]: each for each in project["commands"]}


def test_a_project_names_every_file_and_head(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    brat = write_brat(tmp_path / "my texts" / "brat")
    files = [GENES / f"{name}.tsv" for name in ("train", "devel", "test")]
    arguments = [
        *corpus("genes", *files),
        *corpus('an "organ"', "my texts/brat", brat),
        "--start",
        "none",
    ]
    assert init("sub/My project", *arguments) == 0
    assert "spacy project run all" in capsys.readouterr().out
    folder = tmp_path / "sub" / "My project"
    project, commands = read_project(folder)
    assert project["title"] == "My project"
    assert project["vars"]["start"] == "null"
    script = commands["convert"]["script"]
    assert len(script) == 5
    assert f"convert {files[0]} gold/train/genes.spacy --head genes" in script[0]
    assert "convert '../../my texts/brat' gold/train/" in script[3]
    assert script[3].endswith("""--head 'an "organ"'""")
    assert all((folder / source).exists() for source in commands["convert"]["deps"])
    assert "gold/test" in commands["evaluate"]["script"][0]
    # The last step is scored.
    assert project["vars"]["steps"] % project["vars"]["scored_every"] == 0
    assert "--training.eval_frequency ${vars.scored_every}" in commands["train"]["script"][0]
    assert "--name my_project" in commands["package"]["script"][0]
    assert not [line for line in (folder / "project.yml").read_text().splitlines() if "@" in line]


def test_a_head_that_no_test_file_scores_is_said(tmp_path, capsys):
    files = [GENES / f"{name}.tsv" for name in ("train", "devel", "test")]
    arguments = [*corpus("genes", *files), *corpus("more", *files[:2]), "--start", "none"]
    assert init(tmp_path / "new", *arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "more: no test file" in said and "genes:" not in said


def test_without_a_test_set_dev_is_scored(tmp_path):
    arguments = corpus("genes", GENES / "train.tsv", GENES / "devel.tsv")
    assert init(tmp_path / "new", *arguments, "--start", "none") == 0
    _, commands = read_project(tmp_path / "new")
    assert "gold/dev" in commands["evaluate"]["script"][0]


def test_its_config_is_that_of_the_shipped_pipeline(tmp_path):
    """But for what a corpus of one's own wants otherwise."""
    arguments = corpus("genes", GENES / "train.tsv", GENES / "devel.tsv")
    assert init(tmp_path / "new", *arguments, "--start", "none") == 0
    configs = [
        load_config(path, interpolate=False)
        for path in (tmp_path / "new" / "config.cfg", ROOT / "configs" / "types.cfg")
    ]
    for config in configs:
        for key in OWN:
            *sections, name = key.split(".")
            place = config
            for section in sections:
                place = place[section]
            assert place.pop(name)
    assert configs[0] == configs[1]


@pytest.mark.parametrize(
    ("corpora", "message"),
    [
        (["genes"], "HEAD=TRAIN,DEV"),
        (["genes=one.tsv"], "HEAD=TRAIN,DEV"),
        (["genes=a,b,c,d"], "HEAD=TRAIN,DEV"),
        (["genes=no.tsv,no.tsv"], "no.tsv"),
        (["genes=a,b.tsv,c.tsv"], "no commas"),
        ([f"${{x}}={GENES},{GENES}"], "variable"),
        (["all=no.tsv,no.tsv"], "cannot name a head"),
        ([f"genes={GENES},{GENES}", f"genes={GENES},{GENES}"], "once for each head"),
    ],
)
def test_what_is_no_corpus_is_refused(tmp_path, capsys, corpora, message):
    arguments = [part for each in corpora for part in ("--corpus", each)]
    assert init(tmp_path / "new", *arguments, "--start", "none") == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten_and_a_missing_start_is_said(tmp_path, capsys):
    arguments = corpus("genes", GENES / "train.tsv", GENES / "devel.tsv")
    (tmp_path / "mine.txt").write_text("mine")
    assert init(tmp_path, *arguments, "--start", "none") == 1
    assert "name a new folder" in capsys.readouterr().err
    assert init(tmp_path / "new", *arguments, "--start", "no_such_pipeline") == 1
    assert "--start none" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_the_project_runs_from_files_to_a_wheel(tmp_path, trained):
    """With a corpus of another format and a type of its own."""
    brat = write_brat(tmp_path / "brat")
    arguments = [
        *corpus("genes", GENES / "train.tsv", GENES / "devel.tsv", GENES / "test.tsv"),
        *corpus("organs", brat, brat),
    ]
    folder = tmp_path / "project"
    assert init(folder, *arguments, "--start", "none") == 0
    command = [sys.executable, "-m", "spacy", "project", "run", "all", ".", "--vars.steps", "3"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    nlp = spacy.load(folder / "training" / "model-last")
    assert [head.name for head in nlp.get_pipe("bioner_mtl").heads] == ["genes", "organs"]
    assert list(srsly.read_json(folder / "metrics" / "test.json")["gold_mentions"]) == ["genes"]
    assert len(list((folder / "packages").rglob("en_project-*.whl"))) == 1
