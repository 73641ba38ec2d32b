"""--engine ray: the same answers as without, by the real Ray on this machine."""

import os
import subprocess
import sys

import pytest
from annotating import make_sources, rows_of, run, tree
from killing import count_finished, kill_while_it_works

ray = pytest.importorskip("ray", reason="Ray Data is not installed: pip install 'ray[data]'")

OPTIONS = ["--from", "lines", "--to", "jsonl", "--head", "all", "--scores", "--threads", "1"]
RAY = [*OPTIONS, "--engine", "ray", "--processes", "2"]


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    trained.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = make_sources(tmp_path_factory.mktemp("source"), 8, 40)
    (folder / "part03.txt").write_bytes(b"aspirin\n\xff\n")
    (folder / "part05.txt").write_bytes(b"\x1f\x8b cut off")
    return folder


@pytest.fixture(scope="module")
def local(model, source, tmp_path_factory):
    """What a run without Ray leaves."""
    out = tmp_path_factory.mktemp("local") / "out"
    assert run(model, source, out, *OPTIONS) == 1
    assert len(rows_of(out / "errors.jsonl")) == 2
    return tree(out)


def test_the_same_answers(tmp_path, model, source, local, capfd):
    out = tmp_path / "out"
    assert run(model, source, out, *RAY) == 1
    assert tree(out) == local
    assert not ray.is_initialized()
    shown = capfd.readouterr()
    assert "1 document and 1 file could not be answered" in shown.err
    assert "Traceback" not in shown.err and "INFO" not in shown.err


@pytest.mark.slow
def test_killed_runs_go_on(tmp_path, model, source, local):
    out = tmp_path / "out"
    assert kill_while_it_works([1, 4], model, source, out, "--engine", "ray") == 2
    assert count_finished(out) >= 4
    assert run(model, source, out, *RAY) == 1
    assert tree(out) == local


@pytest.mark.slow
def test_a_ray_that_runs_already_is_used_and_left_alone(tmp_path, model, source, local):
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        assert run(model, source, tmp_path / "out", *RAY) == 1
        assert tree(tmp_path / "out") == local
        assert ray.is_initialized()
        address = ray.get_runtime_context().gcs_address
        command = [sys.executable, "-m", "spacy_bioner_mtl", "annotate", model, source]
        done = subprocess.run(
            [*map(str, [*command, tmp_path / "other", *RAY])],
            env={**os.environ, "RAY_ADDRESS": address},
            capture_output=True,
        )
        assert done.returncode == 1 and b"could not be answered" in done.stderr
        assert tree(tmp_path / "other") == local
    finally:
        ray.shutdown()


@pytest.mark.slow
def test_a_mistake_in_a_process_is_told_of_once(tmp_path, model, source, capfd):
    out = tmp_path / "out"
    (out / ".annotate").mkdir(parents=True)
    (out / ".annotate" / "finished").write_text("a file in place of a folder")
    assert run(model, source, out, *RAY) == 1
    error = capfd.readouterr().err
    assert "cannot be written" in error and error.count("\n") == 1
    assert not (out / "manifest.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "pip install 'spacy_bioner_mtl[ray]'"),
        (["--gpu-id", "0"], "runs on CPUs only"),
        (["one file"], "spreads the files of a folder or of a pattern"),
    ],
)
def test_what_cannot_work(tmp_path, model, source, monkeypatch, capsys, options, message):
    if not options:
        monkeypatch.setattr("spacy_bioner_mtl.annotate.request.find_spec", lambda name: None)
    if options == ["one file"]:
        options, source = [], source / "part00.txt"
    assert run(model, source, tmp_path / "out", *RAY, *options) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
