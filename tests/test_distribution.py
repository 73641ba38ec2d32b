"""What is uploaded: a source distribution from which the wheel is built, with all that it needs."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from conftest import ROOT

from spacy_bioner_mtl import __version__

#: What setuptools reads; nothing else of the repository is there.
SOURCES = ["pyproject.toml", "setup.cfg", "README.md", "LICENSE"]
BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, f"build_{sys.argv[1]}")(sys.argv[2]))
"""


def build(kind, source, out):
    """Build a distribution of a folder of sources; returns its path."""
    out.mkdir(exist_ok=True)
    command = [sys.executable, "-c", BUILD, kind, str(out)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    source = folder / "source"
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "spacy_bioner_mtl", source / "spacy_bioner_mtl", ignore=skip)
    for name in SOURCES:
        shutil.copy(ROOT / name, source / name)
    return build("sdist", source, folder / "dist")


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """Built from the source distribution, which has to have everything."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return build("wheel", source, folder / "dist")


def files_of_the_package():
    package = ROOT / "spacy_bioner_mtl"
    files = [path for path in package.rglob("*") if path.is_file()]
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}


def test_the_source_distribution_has_the_package_and_its_license(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert sdist.name == f"spacy_bioner_mtl-{__version__}.tar.gz"
    assert names >= {*files_of_the_package(), *SOURCES}


def test_the_wheel_has_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    ours = {name for name in names if ".dist-info/" not in name}
    assert ours == files_of_the_package()
    assert {path.rpartition(".")[2] for path in ours} >= {"py", "typed", "cfg", "yml"}
    assert any(name.endswith("LICENSE") for name in names - ours)


def test_it_works_without_the_sources(wheel, tmp_path):
    site = tmp_path / "site"
    options = ["--no-deps", "--no-index", "--quiet", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    train = ROOT / "assets" / "corpora" / "genes" / "train.tsv"
    program = f"""
import sys, spacy_bioner_mtl
from spacy_bioner_mtl.cli import main
print(spacy_bioner_mtl.__file__)
main(["init", "project", "--corpus", "genes={train},{train}", "--start", "none"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith(str(site))
    assert (tmp_path / "project" / "config.cfg").is_file()
    assert (tmp_path / "project" / "project.yml").is_file()
