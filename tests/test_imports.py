"""The import linter's contracts fail when they should: on an import of a folder above."""

import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from conftest import ROOT

LINTER = Path(sysconfig.get_path("scripts")) / "lint-imports"

#: A module, a line planted in it, the contract that it breaks and the import that is named.
PLANTED = [
    (
        "nn/padding.py",
        "import spacy_bioner_mtl.cli",
        "Folders import those below them, never those above",
        "spacy_bioner_mtl.nn.padding -> spacy_bioner_mtl.cli",
    ),
    (
        "formats/text.py",
        "import spacy_bioner_mtl.pipeline.merge",
        "Folders import those below them, never those above",
        "spacy_bioner_mtl.formats.text -> spacy_bioner_mtl.pipeline.merge",
    ),
    (
        "nn/padding.py",
        "import thinc",
        "The network is plain torch and numpy",
        "spacy_bioner_mtl.nn.padding -> thinc",
    ),
    (
        "annotate/run.py",
        "import uvicorn",
        "Only the service knows its libraries",
        "spacy_bioner_mtl.annotate.run -> uvicorn",
    ),
]


@pytest.fixture
def copy(tmp_path):
    """The package and its contracts."""
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "spacy_bioner_mtl", tmp_path / "spacy_bioner_mtl", ignore=ignored)
    return tmp_path


def lint(folder):
    return subprocess.run(
        [LINTER, "--no-cache"],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
    )


def broken(output):
    """The contracts that are broken, as the linter lists them."""
    return re.findall(r"^(.*\S) +BROKEN", output, re.MULTILINE)


def test_the_package_keeps_its_contracts(copy):
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "KEPT" in done.stdout and not broken(done.stdout)


@pytest.mark.parametrize(("module", "line", "contract", "named"), PLANTED)
def test_a_planted_import_is_found(copy, module, line, contract, named):
    path = copy / "spacy_bioner_mtl" / module
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    done = lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert contract in broken(done.stdout)
    assert named in re.sub(r"\s+", " ", done.stdout)


def test_contributors_read_the_same_layers():
    """The table in CONTRIBUTING.md names the folders of setup.cfg, in its order."""
    contract = (ROOT / "setup.cfg").read_text(encoding="utf-8").split("layers =\n")[1]
    layers = re.findall(r"spacy_bioner_mtl\.(\w+)", contract.split("\n\n")[0])
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Folders")[1]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(rows)) == layers
