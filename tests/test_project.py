"""project.yml: its parts fit each other, the command line and the corpora; and it runs."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import srsly
from commands import find_click_command
from conftest import ROOT
from real_data import CORPORA, PUBTATOR, needs
from weasel.util import load_project_config

from spacy_bioner_mtl.cli import app
from spacy_bioner_mtl.corpora.listing import read_corpora_list

OUTPUT_FOLDERS = {"corpora", "vectors", "training", "metrics", "annotated", "packages"}
SOURCE = "corpora/source"
LISTS = ("corpora.yml", "corpora_types.yml")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project with its variables filled in, as weasel reads it."""
    copy = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "project.yml", copy)
    return load_project_config(copy)


@pytest.fixture
def copy(tmp_path):
    """A copy of the project's own files."""
    shutil.copy(ROOT / "project.yml", tmp_path)
    for folder in ("assets", "configs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def spacy_project(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "spacy", "project", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
        # With more threads, other work on the machine slows training down five times.
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def commands_of(project):
    return {command["name"]: command for command in project["commands"]}


def scripts(project):
    return [shlex.split(line) for command in project["commands"] for line in command["script"]]


def test_order_of_sections():
    keys = list(srsly.read_yaml(ROOT / "project.yml"))
    assert keys == [
        "title",
        "description",
        "vars",
        "directories",
        "assets",
        "workflows",
        "commands",
    ]


def default_assets(project):
    """What is fetched without being asked for by --extra."""
    return [asset for asset in project["assets"] if not asset.get("extra")]


def test_every_asset_belongs_to_a_corpus(project):
    lists = [read_corpora_list(ROOT / "configs" / name).corpora for name in LISTS]
    files = {
        f"{SOURCE}/{file.path}": (corpus, file)
        for corpora in lists
        for corpus in corpora
        for file in corpus.files
    }
    assert sorted(asset["dest"] for asset in project["assets"]) == sorted(files)
    for asset in project["assets"]:
        corpus, file = files[asset["dest"]]
        assert asset["url"] == corpus.url(file)
        assert asset.get("extra", False) == (corpus.name == "BC4CHEMD")
    for asset in default_assets(project):
        assert re.fullmatch("[0-9a-f]{32}", asset["checksum"])


@needs(CORPORA, PUBTATOR)
def test_checksums_of_assets(project):
    for asset in default_assets(project):
        path = Path(asset["dest"]).relative_to(SOURCE)
        file = PUBTATOR / path.name if path.parts[0] == "AIONER" else CORPORA / path
        assert hashlib.md5(file.read_bytes()).hexdigest() == asset["checksum"], asset["dest"]


def test_scripts_call_what_exists(project):
    called = set()
    for words in scripts(project):
        assert words[:2] == ["python", "-m"]
        if words[2] == "spacy":
            assert words[3] in ("train", "package")
            if words[3] == "train":
                assert (ROOT / words[4]).suffix == ".cfg"
                continue
            # `spacy package` does not make the folder that it writes into.
            made = {Path(path) for path in project["directories"]}
            assert Path(words[5]) in made | {parent for path in made for parent in path.parents}
            continue
        assert words[2] == "spacy_bioner_mtl"
        command, arguments = find_click_command(app, words[3:])
        called.add(command.name)
        options = {name for parameter in command.params for name in parameter.opts}
        given = [word for word in arguments if word.startswith("--")]
        if command.context_settings.get("ignore_unknown_options"):
            # Settings of a config
            given = [word for word in given if "." not in word]
        assert set(given) <= options, words
        # Typer checks the number of arguments and the types of options.
        command.make_context(command.name, list(arguments))
    assert called == {
        "verify",
        "convert-corpora",
        "floret",
        "glove",
        "pipeline",
        "pretrain",
        "calibrate",
        "evaluate",
        "evaluate-text",
        "annotate",
        "silver",
    }


def test_names_in_configs_that_training_sets(project):
    for words in scripts(project):
        if words[2:4] != ["spacy", "train"]:
            continue
        config = (ROOT / words[4]).read_text(encoding="utf-8")
        for option in [word for word in words[5:] if word.startswith("--") and "." in word]:
            section, name = option.removeprefix("--").rsplit(".", 1)
            body = config.split(f"\n[{section}]\n")[1].split("\n[")[0]
            assert re.search(rf"^{name} = ", body, re.M), (words[4], option)


def test_paths_of_commands_fit_each_other(project):
    assert {Path(path).parts[0] for path in project["directories"]} == OUTPUT_FOLDERS
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert {f"/{folder}/" for folder in OUTPUT_FOLDERS} <= set(ignored)
    commands = commands_of(project)
    fetched = {Path(asset["dest"]) for asset in project["assets"]} | {Path(SOURCE)}
    for workflow, steps in project["workflows"].items():
        made: set[Path] = set()
        for step in steps:
            command = commands[step]
            for dependency in map(Path, command["deps"]):
                if dependency.parts[0] in OUTPUT_FOLDERS and dependency not in fetched:
                    before = {dependency, *dependency.parents}
                    assert before & made, f"{workflow}: nobody makes {dependency} before {step}"
                elif dependency not in fetched:
                    assert (ROOT / dependency).exists(), dependency
            outputs = set(map(Path, command.get("outputs", ())))
            assert all(path.parts[0] in OUTPUT_FOLDERS for path in outputs)
            made |= outputs
            # What a script reads is declared, so that it runs again when that changes.
            declared = outputs | set(map(Path, command["deps"]))
            words = [word for line in command["script"] for word in shlex.split(line)]
            for word in chain.from_iterable(
                json.loads(word) if word.startswith("[") else [word] for word in words
            ):
                if "/" in word and not word.startswith("--"):
                    path = Path(word)
                    covered = declared & {path, *path.parents}
                    parts_declared = any(path in other.parents for other in declared)
                    assert covered or parts_declared, (step, word)


def test_workflows_and_commands(project):
    commands = commands_of(project)
    steps = [step for steps in project["workflows"].values() for step in steps]
    assert set(steps) == set(commands)
    for steps in project["workflows"].values():
        assert steps[0].startswith("verify")
    for name, command in commands.items():
        assert command["help"]
        # A command without outputs is never skipped: files are checked before every run.
        assert name.startswith("verify") == (not command.get("outputs"))


def test_outputs_are_made_by_one_command(project):
    outputs = [path for command in project["commands"] for path in command.get("outputs", ())]
    assert len(set(outputs)) == len(outputs)


def mirrored(url, pubtator):
    """The options that name mirrors of all assets."""
    return "--vars.corpora_url", url, "--vars.aioner_url", pubtator


def fake_mirror(folder, project):
    for asset in default_assets(project):
        file = folder / Path(asset["dest"]).relative_to(SOURCE)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("not the real corpus\tO\n", encoding="utf-8")


@pytest.mark.parametrize("as_url", [False, True])
def test_a_folder_serves_as_a_mirror(tmp_path, copy, project, as_url):
    """weasel takes a wrong file with exit status 0; verify does not."""
    mirror = tmp_path / "mirror"
    fake_mirror(mirror, project)
    url = mirror.as_uri() if as_url else mirror
    fetched = spacy_project(copy, "assets", copy, *mirrored(url, f"{url}/AIONER"))
    assert fetched.returncode == 0, fetched.stdout + fetched.stderr
    for asset in default_assets(project):
        assert (copy / asset["dest"]).read_text(encoding="utf-8") == "not the real corpus\tO\n"
    verified = spacy_project(copy, "run", "corpora")
    assert verified.returncode == 1
    of_paper = [asset for asset in default_assets(project) if "AIONER" not in asset["dest"]]
    assert verified.stderr.count("Delete it and download it") == len(of_paper)
    assert not (copy / "corpora" / "docbin").exists()


@needs(CORPORA, PUBTATOR)
def test_the_real_corpora_pass(copy):
    fetched = spacy_project(copy, "assets", copy, *mirrored(CORPORA, PUBTATOR))
    assert "Checksum doesn't match" not in fetched.stdout
    verified = spacy_project(copy, "run", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "BC4CHEMD: 3 missing of 3 files: skipped" in verified.stdout
    by_type = spacy_project(copy, "run", "verify-types")
    assert by_type.returncode == 0, by_type.stdout + by_type.stderr
    strict = spacy_project(copy, "run", "verify", copy, "--vars.missing", "")
    assert strict.returncode == 1 and "BC4CHEMD-IOBES/train.tsv: missing" in strict.stderr


def test_assets_must_be_fetched_first(copy):
    refused = spacy_project(copy, "run", "corpora")
    assert refused.returncode == 1
    assert "Missing dependency" in refused.stdout and "assets" in refused.stdout


def tokens_of(path):
    lines = path.read_text(encoding="utf-8").split("\n")
    return [line.split("\t") for line in lines if line and not line.startswith("-DOCSTART-")]


def test_all_runs(copy):
    """The whole of it on the sample corpora, with little training."""
    ran = spacy_project(copy, "run", "all", copy, "--vars.max_steps", 40)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    scores = srsly.read_json(copy / "metrics" / "sample.json")
    heads = ["cell_biology", "chemicals", "diseases", "drug_effects", "genes"]
    assert sorted(scores["gold_mentions"]) == heads
    for head in heads:
        percent = f"{100 * scores[f'spans_{head}_f']:.2f}"
        gold = sum(scores["gold_mentions"][head].values())
        assert re.search(rf"^{head} .* {re.escape(percent)} +{gold}$", ran.stdout, re.M)
    source = copy / "assets" / "corpora" / "cell_biology" / "test.tsv"
    rows = tokens_of(copy / "annotated" / "sample.tsv")
    assert [row[0] for row in rows] == [row[0] for row in tokens_of(source)]
    assert {len(row) for row in rows} == {1 + len(heads)}
    inline = (copy / "annotated" / "sample.txt").read_text(encoding="utf-8").split()
    assert [word for word in inline if not re.fullmatch("</?[A-Za-z_]+>", word)] == [
        row[0] for row in rows
    ]
    again = spacy_project(copy, "run", "all", copy, "--vars.max_steps", 40)
    assert again.stdout.count("nothing changed") == 4
    # Training that is cut off is not taken for done.
    shutil.rmtree(copy / "training")
    dry = spacy_project(copy, "run", "train-sample", copy, "--vars.max_steps", 40, "--dry")
    assert "nothing changed" not in dry.stdout
