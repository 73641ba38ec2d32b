"""Runs that were killed: the next one goes on, and what is there at the end tells nothing of it."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from annotating import make_sources, rows_of, run, tree
from killing import OPTIONS, count_finished, kill_while_it_works, start, wait_for

from spacy_bioner_mtl.annotate import processes
from spacy_bioner_mtl.annotate.lock import locked_beside
from spacy_bioner_mtl.annotate.out_folder import OutFolder

N_FILES, N_DOCUMENTS = 20, 120


@pytest.fixture(scope="module")
def model(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    trained.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Files of more than 2,000 documents, with two that cannot be read and a file that cannot."""
    folder = make_sources(tmp_path_factory.mktemp("source"), N_FILES, N_DOCUMENTS)
    for number in (3, 7):
        with (folder / f"part{number:02}.txt").open("ab") as file:
            file.write(b"not UTF-8: \xff\n")
    (folder / "part11.txt").write_bytes(b"\x1f\x8b cut off")
    return folder


@pytest.fixture(scope="module")
def uninterrupted(model, source, tmp_path_factory):
    """What a run leaves that nobody disturbed."""
    out = tmp_path_factory.mktemp("uninterrupted") / "out"
    assert run(model, source, out, *OPTIONS) == 1
    files = tree(out)
    assert {row["source"] for row in rows_of(out / "errors.jsonl")} == {
        "part03.txt",
        "part07.txt",
        "part11.txt",
    }
    assert sum(name.endswith(".jsonl") for name in files) == N_FILES
    return files


@pytest.mark.slow
def test_killed_ten_times(tmp_path, model, source, uninterrupted):
    out = tmp_path / "out"
    moments = sorted(random.Random(1).sample(range(1, 14), 10))
    assert kill_while_it_works(moments, model, source, out) == 10
    assert moments[-1] <= count_finished(out) < N_FILES
    assert run(model, source, out, *OPTIONS) == 1
    assert tree(out) == uninterrupted


@pytest.mark.slow
def test_killed_with_two_processes(tmp_path, model, source, uninterrupted):
    out = tmp_path / "out"
    assert kill_while_it_works([2, 7, 11], model, source, out, "--processes", 2) == 3
    assert run(model, source, out, *OPTIONS, "--processes", 2) == 1
    assert tree(out) == uninterrupted


class Killed(BaseException):
    """What nothing catches, as nothing catches a signal."""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_every_file(tmp_path, model, monkeypatch, moment):
    """Wherever a file gets its name, the run may end, and no clean-up comes after that."""
    source = make_sources(tmp_path / "source", 2, 3)
    (source / "part00.txt").write_bytes(b"aspirin\n\xff\n")
    options = ["--from", "lines", "--to", "brat"]
    assert run(model, source, tmp_path / "whole", *options) == 1
    expected = tree(tmp_path / "whole")
    replace, unlink, rmtree = os.replace, Path.unlink, shutil.rmtree
    dead = False

    def kill_at(number):
        calls = iter(range(number, -1, -1))

        def replace_or_die(old, new):
            nonlocal dead
            dies = next(calls) == 0
            if not dies or moment == "after":
                replace(old, new)
            if dies:
                dead = True
                raise Killed

        return replace_or_die

    monkeypatch.setattr(Path, "unlink", lambda self, **how: dead or unlink(self, **how))
    monkeypatch.setattr(shutil, "rmtree", lambda *path, **how: dead or rmtree(*path, **how))
    kills = 0
    while True:
        out = tmp_path / f"out{kills}"
        monkeypatch.setattr(os, "replace", kill_at(kills))
        try:
            run(model, source, out, *options)
            break
        except Killed:
            dead = False
            kills += 1
        monkeypatch.setattr(os, "replace", replace)
        if moment == "before":
            assert [path for path in out.rglob("*") if path.name.endswith(".partial")]
        assert run(model, source, out, *options) == 1
        assert tree(out) == expected
    # The request; two folders, errors of one, what is known of both; all errors; the manifest.
    assert kills == 8


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--processes", "2"]], ids=["one", "two"])
def test_ctrl_c(tmp_path, model, source, uninterrupted, options):
    out = tmp_path / "out"
    process = start(model, source, out, *options)
    wait_for(lambda: count_finished(out) >= 3, process)
    os.killpg(process.pid, signal.SIGINT)
    shown, error = (stream.decode() for stream in process.communicate())
    assert process.returncode == 130
    assert "the same command goes on from there" in shown + error
    assert "Traceback" not in shown + error
    assert count_finished(out) < N_FILES - 1
    assert run(model, source, out, *OPTIONS) == 1
    assert tree(out) == uninterrupted


@pytest.mark.slow
def test_a_process_that_dies_costs_its_own_file_alone(tmp_path, model, monkeypatch, capsys):
    source, out = make_sources(tmp_path / "source", 5, 4), tmp_path / "out"
    assert run(model, source, tmp_path / "whole", *OPTIONS) == 0
    begin = processes._Worker.begin

    def begin_and_kill(worker, shard):
        future = begin(worker, shard)
        if shard.name == "part01.txt":
            worker._context.process.kill()
        return future

    monkeypatch.setattr(processes._Worker, "begin", begin_and_kill)
    capsys.readouterr()
    assert run(model, source, out, *OPTIONS, "--processes", 2) == 1
    error = capsys.readouterr().err
    assert "1 file could not be answered" in error and "tries the files again" in error
    (row,) = rows_of(out / "errors.jsonl")
    assert (row["source"], row["id"]) == ("part01.txt", "")
    assert "part01.txt: the process that annotated it died (killed by SIGKILL)" in row["reason"]
    assert len(list(out.glob("part*.jsonl"))) == 4
    monkeypatch.undo()
    assert run(model, source, out, *OPTIONS) == 0
    assert tree(out) == tree(tmp_path / "whole")


@pytest.mark.slow
def test_a_process_that_dies_between_two_files_costs_none(tmp_path, model, monkeypatch):
    source, out = make_sources(tmp_path / "source", 5, 4), tmp_path / "out"
    begin, killed = processes._Worker.begin, []

    def kill_and_begin(worker, shard):
        if hasattr(worker, "shard") and not killed:
            process = worker._context.process
            process.kill()
            # Its executor, not the test, takes notice.
            while not worker._executor._broken:
                time.sleep(0.01)
            killed.append(shard.name)
        return begin(worker, shard)

    monkeypatch.setattr(processes._Worker, "begin", kill_and_begin)
    monkeypatch.setattr(processes, "ATTEMPTS", 1)
    assert run(model, source, out, *OPTIONS, "--processes", 2) == 0
    assert len(killed) == 1
    assert run(model, source, tmp_path / "whole", *OPTIONS) == 0
    assert tree(out) == tree(tmp_path / "whole")


@pytest.mark.slow
def test_a_mistake_in_a_process_ends_the_run(tmp_path, model, monkeypatch, capsys):
    """A disk that is full is told of once, not for each file."""
    source, out = make_sources(tmp_path / "source", 4, 2), tmp_path / "out"
    (out / ".annotate").mkdir(parents=True)
    (out / ".annotate" / "finished").write_text("a file in place of a folder")
    assert run(model, source, out, *OPTIONS, "--processes", 2) == 1
    assert not multiprocessing.active_children()
    error = capsys.readouterr().err
    assert "cannot be written" in error and error.count("\n") == 1
    assert not (out / "manifest.json").exists()


# What changed in between


@pytest.fixture
def finished(tmp_path, model):
    """A source and a folder that is finished."""
    source, out = make_sources(tmp_path / "source", 3, 4), tmp_path / "out"
    assert run(model, source, out, *OPTIONS) == 0
    return source, out


def test_nothing_is_done_twice(finished, model, monkeypatch, capsys):
    source, out = finished
    before = tree(out)
    times = {path: path.stat().st_mtime_ns for path in out.glob("*.jsonl")}
    capsys.readouterr()
    assert run(model, source, out, *OPTIONS) == 0
    assert "3 files were finished before" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.glob("*.jsonl")} == times
    assert tree(out) == before


def test_a_source_that_changed_is_annotated_again(finished, tmp_path, model, capsys):
    source, out = finished
    path = source / "part01.txt"
    # The same size and the same time: only the content tells.
    before, status = path.read_bytes(), path.stat()
    path.write_bytes(before.replace(b"No 1 ", b"No 7 "))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    make_sources(source / "new", 1, 2)
    capsys.readouterr()
    assert run(model, source, out, *OPTIONS) == 0
    assert "2 files were finished before" in capsys.readouterr().out
    assert any("No 7" in row["text"] for row in rows_of(out / "part01.jsonl"))
    assert run(model, source, tmp_path / "again", *OPTIONS) == 0
    assert tree(out) == tree(tmp_path / "again")


def test_a_file_that_was_faulty_and_is_not_any_more(finished, tmp_path, model, capsys):
    source, out = finished
    good = (source / "part02.txt").read_bytes()
    before = tree(out)
    (source / "part02.txt").write_bytes(b"\x1f\x8b cut off")
    assert run(model, source, out, *OPTIONS) == 1
    assert [row["source"] for row in rows_of(out / "errors.jsonl")] == ["part02.txt"]
    assert not (out / "part02.jsonl").exists()
    assert run(model, source, out, *OPTIONS) == 1  # it is tried again
    (source / "part02.txt").write_bytes(good)
    assert run(model, source, out, *OPTIONS) == 0
    assert tree(out) == before


def test_answers_that_were_deleted_are_made_again(finished, model):
    source, out = finished
    before = tree(out)
    (out / "part00.jsonl").unlink()
    (out / ".annotate" / "finished" / "part01.txt.json").write_text("{")
    assert run(model, source, out, *OPTIONS) == 0
    assert tree(out) == before


def empty(path):
    path.write_bytes(b"")


def cut(path):
    path.write_bytes(path.read_bytes()[:-10])


def change(path):
    """The same size: only the content tells."""
    path.write_bytes(path.read_bytes().replace(b"No 1 ", b"No 7 "))


@pytest.mark.parametrize("damage", [empty, cut, change, os.unlink])
def test_answers_that_were_damaged_are_made_again(finished, model, capsys, damage):
    source, out = finished
    before = tree(out)
    damage(out / "part01.jsonl")
    assert tree(out) != before
    capsys.readouterr()
    assert run(model, source, out, *OPTIONS) == 0
    shown = capsys.readouterr().out
    assert "2 files were finished before" in shown
    assert "1 files that were finished before were annotated again" in shown
    assert tree(out) == before


@pytest.mark.parametrize("damage", ["missing", "more", "cut"])
def test_folders_of_answers_that_were_damaged_are_made_again(tmp_path, model, damage):
    source, out = make_sources(tmp_path / "source", 2, 3), tmp_path / "out"
    options = ["--from", "lines", "--to", "brat"]
    assert run(model, source, out, *options) == 0
    before = tree(out)
    if damage == "missing":
        (out / "part01" / "2.txt").unlink()
    elif damage == "more":
        (out / "part01" / "9.txt").write_text("not ours")
    else:
        cut(out / "part01" / "2.txt")
    assert run(model, source, out, *options) == 0
    assert tree(out) == before


def without(state, *names):
    return {name: value for name, value in state.items() if name not in names}


STATES = {
    "empty": lambda state: b"",
    "cut off": lambda state: json.dumps(state).encode()[:-5],
    "not UTF-8": lambda state: b"\xff\xfe{}",
    "no object": lambda state: b"[]",
    "null": lambda state: b"null",
    "an empty object": lambda state: b"{}",
    "too deep": lambda state: b"[" * 100_000,
    "of 0.1.0": lambda state: without(state, "output_bytes", "output_sha256"),
    "one name less": lambda state: without(state, "mentions"),
    "one name more": lambda state: {**state, "more": 1},
    "a text for a number": lambda state: {**state, "documents": "4"},
    "true for a number": lambda state: {**state, "documents": True},
    "less than nothing": lambda state: {**state, "words": -1},
    "a number for a text": lambda state: {**state, "sha256": 1},
    "errors as a list": lambda state: {**state, "errors": []},
    "more errors": lambda state: {**state, "errors": 1},
    "of another file": lambda state: {**state, "source": "part00.txt"},
}


@pytest.mark.parametrize("damage", STATES)
def test_damaged_states_are_no_traceback(finished, model, capsys, damage):
    source, out = finished
    before = tree(out)
    state = out / ".annotate" / "finished" / "part01.txt.json"
    content = STATES[damage](json.loads(state.read_bytes()))
    state.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    capsys.readouterr()
    assert run(model, source, out, *OPTIONS) == 0
    assert "1 files that were finished before were annotated again" in capsys.readouterr().out
    assert tree(out) == before


@pytest.mark.parametrize("damage", [empty, cut, os.unlink])
def test_lists_of_errors_that_were_damaged_are_made_again(tmp_path, model, capsys, damage):
    source, out = make_sources(tmp_path / "source", 2, 3), tmp_path / "out"
    (source / "part00.txt").write_bytes(b"aspirin\n\xff\n\xff\n")
    assert run(model, source, out, *OPTIONS) == 1
    before = tree(out)
    damage(out / ".annotate" / "errors" / "part00.txt")
    capsys.readouterr()
    assert run(model, source, out, *OPTIONS) == 1
    assert "1 files that were finished before were annotated again" in capsys.readouterr().out
    assert tree(out) == before
    assert len(rows_of(out / "errors.jsonl")) == 2


def test_a_list_of_errors_does_not_stay_when_there_are_none(tmp_path, model):
    source, out = make_sources(tmp_path / "source", 2, 3), tmp_path / "out"
    good = (source / "part00.txt").read_bytes()
    (source / "part00.txt").write_bytes(good + b"\xff\n")
    assert run(model, source, out, *OPTIONS) == 1
    (source / "part00.txt").write_bytes(b"\x1f\x8b cut off")
    assert run(model, source, out, *OPTIONS) == 1
    assert not (out / ".annotate" / "errors" / "part00.txt").exists()
    (source / "part00.txt").write_bytes(good)
    assert run(model, source, out, *OPTIONS) == 0
    assert run(model, source, tmp_path / "again", *OPTIONS) == 0
    assert tree(out) == tree(tmp_path / "again")


def test_a_state_that_is_a_folder(finished, model):
    source, out = finished
    before = tree(out)
    state = out / ".annotate" / "finished" / "part01.txt.json"
    state.unlink()
    state.mkdir()
    assert run(model, source, out, *OPTIONS) == 0
    assert tree(out) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_a_damaged_request_is_one_message(finished, model, capsys, content):
    source, out = finished
    (out / ".annotate" / "request.json").write_bytes(content)
    before = tree(out)
    assert run(model, source, out, *OPTIONS) == 1
    error = capsys.readouterr().err
    assert "request.json: damaged" in error and "name another folder, or delete this one" in error
    assert error.count("\n") == 1
    assert tree(out) == before


def test_answers_without_their_request_are_not_mixed_with_others(finished, model, capsys):
    source, out = finished
    (out / ".annotate" / "request.json").unlink()
    before = tree(out)
    assert run(model, source, out, *OPTIONS) == 1
    assert "request.json: missing, so that nothing tells" in capsys.readouterr().err
    assert tree(out) == before


def test_answers_of_sources_that_are_gone_stay_and_are_told_of(finished, model, capsys):
    source, out = finished
    (source / "part00.txt").unlink()
    assert run(model, source, out, *OPTIONS) == 0
    assert "files that are there no longer, such as part00.txt" in capsys.readouterr().out
    assert (out / "part00.jsonl").exists()
    assert b"part00" not in (out / "manifest.json").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", "doccano"], "target_format: jsonl there, doccano now"),
        (["--from", "conll"], "source_format: lines there, conll now"),
        (["--head", "genes"], "heads: ['genes', 'medicine'] there, ['genes'] now"),
        (["--no-scores"], "scores: True there, False now"),
    ],
)
def test_another_request_is_refused(finished, model, capsys, options, message):
    source, out = finished
    before = tree(out)
    given = OPTIONS if "--no-scores" not in options else [o for o in OPTIONS if o != "--scores"]
    assert run(model, source, out, *given, *(o for o in options if o != "--no-scores")) == 1
    error = capsys.readouterr().err
    assert f"{out}: the answers in this folder were made otherwise" in error
    assert error.splitlines()[1:] == [f"{message} (see docs/annotation.md#long-runs)"]
    assert tree(out) == before


def test_another_model_is_refused(finished, tmp_path, copy_of_trained, capsys):
    source, out = finished
    copy_of_trained.meta["version"] = "0.0.1"
    copy_of_trained.to_disk(tmp_path / "other")
    assert run(tmp_path / "other", source, out, *OPTIONS) == 1
    error = capsys.readouterr().err
    assert "model.version: 0.0.0 there, 0.0.1 now" in error and "model.sha256: " in error


def test_two_runs_at_once_are_refused(finished, model, capsys):
    source, out = finished
    with OutFolder(out).locked():
        assert run(model, source, out, *OPTIONS) == 1
        assert f"{out}: another run is writing to this folder" in capsys.readouterr().err
    assert run(model, source, out, *OPTIONS) == 0


def test_two_runs_at_once_on_one_file_are_refused(tmp_path, model, capsys):
    source, out = make_sources(tmp_path / "source", 1, 2) / "part00.txt", tmp_path / "out.jsonl"
    link = tmp_path / "link.jsonl"
    link.symlink_to("out.jsonl")
    for one, other in ((out, out), (out, link), (link, out)):
        with locked_beside(one):
            assert run(model, source, other, *OPTIONS) == 1
            assert f"{other}: another run is writing to this file" in capsys.readouterr().err
            assert not out.exists()
    assert run(model, source, out, *OPTIONS) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.jsonl", "out.jsonl", "source"]


def test_a_lock_that_a_killed_run_left_keeps_nobody_out(tmp_path, model):
    source, out = make_sources(tmp_path / "source", 1, 2) / "part00.txt", tmp_path / "out.jsonl"
    (tmp_path / ".out.jsonl.lock").touch()
    assert run(model, source, out, *OPTIONS) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "source"]


def test_runs_on_files_of_similar_names_leave_each_other_alone(tmp_path, model):
    """What the one has begun to write is no leftover of the other."""
    source = make_sources(tmp_path / "source", 1, 2) / "part00.txt"
    begun = tmp_path / f".x.y.{os.getpid()}.partial"
    begun.write_text("half")
    with locked_beside(tmp_path / "x.y"):
        assert run(model, source, tmp_path / "x", *OPTIONS) == 0
    assert begun.read_text() == "half"
    assert sorted(path.name for path in tmp_path.iterdir()) == [begun.name, "source", "x"]


def test_what_killed_runs_left_is_removed(finished, tmp_path, model):
    source, out = finished
    before = tree(out)
    (out / ".part00.jsonl.1234.partial").write_text("half")
    (out / "new" / ".deep.1234.partial").mkdir(parents=True)
    (out / "new" / ".deep.1234.partial" / "1.txt").write_text("half")
    assert run(model, source, out, *OPTIONS) == 0
    assert tree(out) == before
    single = tmp_path / "single.jsonl"
    (tmp_path / ".single.jsonl.1234.partial").write_text("half")
    (tmp_path / ".other.jsonl.1234.partial").write_text("of somebody else")
    assert run(model, source / "part00.txt", single, *OPTIONS) == 0
    names = [path.name for path in tmp_path.iterdir() if path.name.endswith(".partial")]
    assert names == [".other.jsonl.1234.partial"]
