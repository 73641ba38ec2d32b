"""Nothing in a folder is passed over without a word, and nothing in it hangs a run."""

import gc
import json
import os
import socket

import pytest
from annotating import make_sources, rows_of, run, tree, write_lines

from spacy_bioner_mtl.formats import folder as module
from spacy_bioner_mtl.formats.folder import LeftOut, search_folder, search_pattern

OPTIONS = ["--from", "lines", "--to", "jsonl"]


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    trained.to_disk(folder)
    return folder


def is_text(name):
    return name.endswith(".txt")


@pytest.fixture
def folder(tmp_path):
    """A folder with everything in it that is no plain file of texts."""
    root = tmp_path / "in"
    write_lines(root / "a.txt", "aspirin")
    write_lines(root / "deep" / "b.txt", "aspirin")
    write_lines(root / "README.md", "about this")
    write_lines(root / ".hidden.txt", "not read")
    write_lines(root / ".git" / "c.txt", "not read")
    write_lines(tmp_path / "outside" / "d.txt", "not ours")
    (root / "link.txt").symlink_to(tmp_path / "outside" / "d.txt")
    (root / "link.md").symlink_to("README.md")
    (root / "gone.txt").symlink_to("nowhere.txt")
    (root / "elsewhere").symlink_to(tmp_path / "outside")
    (root / "round").symlink_to(".")
    (root / "null.txt").symlink_to("/dev/null")
    os.mkfifo(root / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket.txt"))
    return root


def test_a_folder(folder):
    found = search_folder(folder, is_text)
    assert found.root == folder and found.names == ["a.txt", "deep/b.txt"]
    faults = {each.name: each.reason for each in found.left_out if each.fault}
    assert {name for name, reason in faults.items() if "link" in reason} == {
        "link.txt",
        "gone.txt",
        "null.txt",
        "elsewhere/",
        "round/",
    }
    assert "a pipe" in faults["pipe.txt"] and "a socket" in faults["socket.txt"]
    others = [each.name for each in found.left_out if not each.fault]
    assert others == ["README.md", "link.md"]
    assert len(found.left_out) == len(faults) + len(others)


def test_companions_belong_to_their_files(tmp_path):
    for name in ("a.txt", "a.ann", "b.txt.gz", "b.ann.gz", "c.ann", "annotation.conf"):
        write_lines(tmp_path / name, "aspirin")
    found = search_folder(tmp_path, lambda name: ".txt" in name, (".ann",))
    assert found.names == ["a.txt", "b.txt.gz"]
    faults = [(each.name, each.fault) for each in found.left_out]
    assert faults == [("annotation.conf", False), ("c.ann", True)]


def test_folders_that_cannot_be_read(folder, monkeypatch):
    """Root may read everything; the folder's own listing is what refuses."""
    scan = os.scandir

    def refuse(path):
        if os.path.basename(os.path.normpath(path)) == "deep":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(module.os, "scandir", refuse)
    found = search_folder(folder, is_text)
    assert found.names == ["a.txt"]
    reason = "this folder cannot be read (Permission denied)"
    assert LeftOut("deep/", reason, fault=True) in found.left_out


def test_a_pattern(folder, tmp_path):
    found = search_pattern(folder / "*", tmp_path / "out")
    assert found.names == ["README.md", "a.txt", "link.md", "link.txt"]
    faults = {each.name: each.reason for each in found.left_out if each.fault}
    assert faults.keys() == {"gone.txt", "null.txt", "pipe.txt", "socket.txt"}
    assert "a device" in faults["null.txt"] and "No such file" in faults["gone.txt"]
    assert [each.name for each in found.left_out if not each.fault] == [
        "deep/",
        "elsewhere/",
        "round/",
    ]


def test_a_pattern_at_any_depth(folder, tmp_path):
    """Links that lead in a circle give every file once."""
    found = search_pattern(folder / "**" / "*.txt", tmp_path / "out")
    assert found.names == ["a.txt", "deep/b.txt", "elsewhere/d.txt", "link.txt"]
    assert {each.name for each in found.left_out} == {
        "gone.txt",
        "null.txt",
        "pipe.txt",
        "socket.txt",
    }


@pytest.mark.parametrize("pattern", ["**/*.txt", "*/*.txt"])
def test_patterns_lead_into_folders_that_cannot_be_read(folder, tmp_path, monkeypatch, pattern):
    access = os.access
    monkeypatch.setattr(
        module.os, "access", lambda path, mode: path.name != "deep" and access(path, mode)
    )
    found = search_pattern(folder / pattern, tmp_path / "out")
    assert LeftOut("deep/", "this folder cannot be read", fault=True) in found.left_out
    assert search_pattern(folder / pattern, folder / "deep").left_out == [
        each for each in found.left_out if each.name != "deep/"
    ]


def test_what_is_passed_over_is_told_of(folder, tmp_path, model, capsys):
    out = tmp_path / "out"
    for _ in range(2):
        assert run(model, folder, out, *OPTIONS) == 1
        captured = capsys.readouterr()
        assert "9 passed over: README.md, elsewhere/, gone.txt and 6 more" in captured.out
        assert "7 files could not be answered" in captured.err
        assert str(out / "errors.jsonl") in captured.err
    rows = rows_of(out / "errors.jsonl")
    assert [row["source"] for row in rows] == [
        "elsewhere/",
        "gone.txt",
        "link.txt",
        "null.txt",
        "pipe.txt",
        "round/",
        "socket.txt",
    ]
    assert all(row["reason"].startswith(f"{row['source']}: ") for row in rows)
    manifest = json.loads((out / "manifest.json").read_text())
    assert [one["source"] for one in manifest["left_out"]] == ["README.md", "link.md"]
    assert [one["source"] for one in manifest["files"] if "failed" in one] == [
        row["source"] for row in rows
    ]
    assert manifest["totals"]["files_failed"] == 7 and manifest["totals"]["files_left_out"] == 2
    answers = {path.relative_to(out).as_posix() for path in out.rglob("*.jsonl")}
    assert answers == {"a.jsonl", "deep/b.jsonl", "errors.jsonl"}
    assert run("--verbose", model, folder, out, *OPTIONS) == 1
    assert "README.md: its name ends otherwise" in capsys.readouterr().out


def test_other_files_are_no_failure(tmp_path, model, capsys):
    source, out = make_sources(tmp_path / "in", 1, 2), tmp_path / "out"
    write_lines(source / "README", "about this")
    assert run(model, source, out, *OPTIONS) == 0
    assert "1 passed over: README; manifest.json says why" in capsys.readouterr().out
    assert not (out / "errors.jsonl").exists()


def test_a_folder_without_a_file_says_what_is_in_it(tmp_path, capsys):
    source = tmp_path / "in"
    source.mkdir()
    for number in range(5):
        (source / f"{number}.txt").symlink_to("/dev/null")
    for arguments in ([source], [source / "*.txt"]):
        assert run("no_model", *arguments, tmp_path / "out", *OPTIONS) == 1
        error = capsys.readouterr().err
        assert "0.txt: it is a" in error and "and 2 more" in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_file_that_becomes_a_pipe_hangs_nothing(tmp_path, model, monkeypatch):
    from spacy_bioner_mtl.annotate import run as run_module

    source, out = make_sources(tmp_path / "in", 2, 2), tmp_path / "out"
    load = run_module.load_annotator

    def load_and_replace(request):
        (source / "part00.txt").unlink()
        os.mkfifo(source / "part00.txt")
        return load(request)

    monkeypatch.setattr(run_module, "load_annotator", load_and_replace)
    assert run(model, source, out, *OPTIONS) == 1
    (row,) = rows_of(out / "errors.jsonl")
    assert row["source"] == "part00.txt" and "no regular file" in row["reason"]
    assert (out / "part01.jsonl").exists()


def test_the_pipeline_is_kept_from_garbage_collection_while_it_annotates(
    tmp_path, model, monkeypatch
):
    from spacy_bioner_mtl.annotate import run as run_module

    load, counts = run_module.load_annotator, []

    def load_and_count(request):
        annotator = load(request)
        counts.append(gc.get_freeze_count())
        return annotator

    gc.unfreeze()
    monkeypatch.setattr(run_module, "load_annotator", load_and_count)
    assert run(model, make_sources(tmp_path / "in", 2, 2), tmp_path / "out", *OPTIONS) == 0
    assert counts[0] > 0 and gc.get_freeze_count() == 0


@pytest.mark.parametrize("options", [[], ["--to", "brat"]], ids=["file", "folder"])
def test_names_that_are_too_long_cost_nobody_else(tmp_path, model, capsys, options):
    source, out = tmp_path / "in", tmp_path / "out"
    write_lines(source / "a.txt", "aspirin")
    # 250 bytes: short enough for all that is written of it, partial files included.
    write_lines(source / ("x" * 246 + ".txt"), "aspirin")
    write_lines(source / ("y" * 251 + ".txt"), "aspirin")
    write_lines(source / ("ü" * 125 + "z.txt"), "aspirin")
    assert run(model, source, out, *OPTIONS, *options) == 1
    assert "2 files could not be answered" in capsys.readouterr().err
    rows = rows_of(out / "errors.jsonl")
    assert [row["source"][:1] for row in rows] == ["y", "ü"]
    assert all("too long" in row["reason"] for row in rows)
    manifest = json.loads((out / "manifest.json").read_text())
    assert [one.get("documents") for one in manifest["files"]] == [1, 1, None, None]


def test_a_single_file_whose_name_leaves_no_room(tmp_path, model, capsys):
    source = write_lines(tmp_path / "a.txt", "aspirin")
    out = tmp_path / ("x" * 250)
    assert run("no_model", source, out, *OPTIONS) == 1
    assert "this name is too long" in capsys.readouterr().err
    assert list(tree(tmp_path)) == ["a.txt"]
    out = tmp_path / ("x" * 240)
    assert run(model, source, out, *OPTIONS) == 0
    assert sorted(tree(tmp_path)) == ["a.txt", out.name]


def test_names_that_are_no_text(tmp_path, model, capsys):
    source, out = tmp_path / "in", tmp_path / "out"
    odd = os.fsdecode(b"odd\xff")
    write_lines(source / f"{odd}.txt", "aspirin")
    write_lines(source / f"{odd}.md", "about this")
    (source / f"{odd}2.txt").symlink_to("nowhere")
    for _ in range(2):
        assert run("--verbose", model, source, out, *OPTIONS) == 1
        assert "odd\\udcff.md: its name ends otherwise" in capsys.readouterr().out
    assert (out / f"{odd}.jsonl").exists()
    assert [row["source"] for row in rows_of(out / "errors.jsonl")] == [f"{odd}2.txt"]


@pytest.mark.parametrize(
    "arguments",
    [("x" * 300, "out"), ("a.txt", "x" * 300), ("a.txt", "x" * 300 + "/out"), ("in", "x" * 300)],
)
def test_paths_that_cannot_be(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "a.txt", "aspirin")
    make_sources(tmp_path / "in", 1, 1)
    assert run("no_model", *arguments, *OPTIONS) == 1
    error = capsys.readouterr().err
    assert "x" * 300 in error and "too long" in error and error.count("\n") == 1


@pytest.mark.parametrize("out", ["-", "/dev/null", "/dev/stdout"])
@pytest.mark.parametrize("options", [[], ["--to", "brat"]], ids=["folder", "brat"])
def test_a_folder_cannot_be_written_through(tmp_path, capsys, out, options):
    source = make_sources(tmp_path / "in", 1, 1)
    if options:
        source = source / "part00.txt"
    assert run("no_model", source, out, *OPTIONS, *options) == 1
    assert "name a folder" in capsys.readouterr().err
