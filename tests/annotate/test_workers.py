"""Processes that die: a file is tried a bounded number of times, on every engine."""

import importlib
import os
import signal
from pathlib import Path

import pytest
from annotating import make_sources, rows_of, run, tree
from conftest import make_pipeline

from spacy_bioner_mtl.annotate.shards import ATTEMPTS

OPTIONS = ["--from", "lines", "--to", "jsonl", "--threads", "1"]
#: A component that a package declares, so that other processes know it, too. It kills its process
#: over the word "poison", as often as a file tells.
DEADLY = """
import os, signal
from spacy.language import Language

@Language.factory("deadly")
def make(nlp, name):
    return die_of_poison

def die_of_poison(doc):
    if "poison" in doc.text:
        deaths, lives = os.environ["DEATHS"], int(os.environ["LIVES"])
        with open(deaths, "a+") as file:
            file.seek(0)
            if len(file.read()) < lives:
                file.write("x")
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
    return doc
"""


@pytest.fixture
def deadly_model(tmp_path, trained_bytes, monkeypatch):
    """A model that kills processes, and the file that counts how often."""
    site = tmp_path / "site"
    information = site / "deadly-0.1.dist-info"
    information.mkdir(parents=True)
    (site / "deadly_component.py").write_text(DEADLY)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 0.1\n")
    (information / "entry_points.txt").write_text(
        "[spacy_factories]\ndeadly = deadly_component:make"
    )
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("DEATHS", str(tmp_path / "deaths"))
    importlib.import_module("deadly_component")
    nlp = make_pipeline()
    nlp.from_bytes(trained_bytes)
    nlp.add_pipe("deadly", first=True)
    nlp.to_disk(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def source(tmp_path):
    folder = make_sources(tmp_path / "source", 6, 3)
    with (folder / "part02.txt").open("a") as file:
        file.write("a poison\n")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_file_whose_processes_die_costs_nobody_else(
    tmp_path, deadly_model, source, monkeypatch, capfd, engine
):
    if engine == "ray":
        pytest.importorskip("ray", reason="Ray Data is not installed: pip install 'ray[data]'")
    monkeypatch.setenv("LIVES", "1000")
    out = tmp_path / "out"
    assert run(deadly_model, source, out, *OPTIONS, "--processes", 2, "--engine", engine) == 1
    assert Path(os.environ["DEATHS"]).read_text() == "x" * ATTEMPTS
    (row,) = rows_of(out / "errors.jsonl")
    assert row["source"] == "part02.txt" and "the process that annotated it died" in row["reason"]
    if engine == "local":
        assert signal.SIGKILL.name in row["reason"]
    assert len(list(out.glob("part*.jsonl"))) == 5
    assert not [path for path in out.rglob("*") if path.name.endswith(".partial")]
    error = capfd.readouterr().err
    assert "1 file could not be answered" in error and "Traceback" not in error
    monkeypatch.setenv("LIVES", "0")
    assert run(deadly_model, source, out, *OPTIONS) == 0
    assert run(deadly_model, source, tmp_path / "whole", *OPTIONS) == 0
    assert tree(out) == tree(tmp_path / "whole")


@pytest.mark.slow
def test_a_process_that_dies_once_costs_nothing(tmp_path, deadly_model, source, monkeypatch):
    monkeypatch.setenv("LIVES", "1")
    out = tmp_path / "out"
    assert run(deadly_model, source, out, *OPTIONS, "--processes", 2) == 0
    assert Path(os.environ["DEATHS"]).read_text() == "x"
    monkeypatch.setenv("LIVES", "0")
    assert run(deadly_model, source, tmp_path / "whole", *OPTIONS) == 0
    assert tree(out) == tree(tmp_path / "whole")
