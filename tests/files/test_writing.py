"""Files appear whole or not at all, and what is no file is written through, never replaced."""

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.writing import (
    is_standard_output,
    is_stream,
    partial_path,
    remove_all_leftovers,
    remove_leftovers,
    write_whole,
    write_whole_folder,
)

WRITE = """
import sys
from pathlib import Path
from spacy_bioner_mtl.files.writing import write_whole
with write_whole(Path(sys.argv[1])) as file:
    file.write("written\\n")
"""


def write_in_process(path, **options):
    """Write to a path in a process of its own, whose open files are the test's to choose."""
    command = [sys.executable, "-c", WRITE, str(path)]
    return subprocess.run(command, capture_output="stdout" not in options, **options)


@pytest.mark.parametrize(
    "name", ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/./fd/../fd/1"]
)
def test_standard_output_by_all_its_names(name):
    assert is_standard_output(Path(name)) and is_stream(Path(name))
    before = os.lstat(name) if name != "-" else None
    done = write_in_process(name, check=True)
    assert done.stdout == b"written\n"
    assert before is None or os.lstat(name).st_mode == before.st_mode
    assert not Path("-").exists()


def test_standard_output_that_is_a_file_is_continued(tmp_path):
    """The shell has opened it; replaced, it would be another file than the one the shell has."""
    path = tmp_path / "log.txt"
    path.write_text("before\n")
    with path.open("a") as file:
        write_in_process("/dev/stdout", stdout=file, check=True)
    assert path.read_text() == "before\nwritten\n"
    assert [one.name for one in tmp_path.iterdir()] == ["log.txt"]


def test_another_open_file(tmp_path):
    path = tmp_path / "open.txt"
    with path.open("w") as file:
        name = Path(f"/dev/fd/{file.fileno()}")
        assert is_stream(name) and not is_standard_output(name)
        with write_whole(name) as through:
            through.write("written")
        assert not file.closed and os.fstat(file.fileno())
    assert path.read_text() == "written"
    with (
        pytest.raises(InputError, match=r"/dev/fd/987: cannot be written"),
        write_whole(Path("/dev/fd/987")),
    ):
        pass


def test_a_link_to_standard_output(tmp_path):
    link = tmp_path / "out.tsv"
    link.symlink_to("/dev/stdout")
    assert is_standard_output(link)
    assert write_in_process(link, check=True).stdout == b"written\n"
    assert link.readlink() == Path("/dev/stdout")


def test_a_pipe_is_written_through(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()), daemon=True)
    reader.start()
    with write_whole(path) as file:
        file.write("written")
    reader.join()
    assert read == ["written"]
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_nobody_reads_a_pipe_to_its_end(tmp_path):
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        with (
            pytest.raises(InputError, match="Broken pipe") as caught,
            write_whole(Path(f"/dev/fd/{write_end}")) as file,
        ):
            file.write("x" * 1_000_000)
        assert "half-written" not in str(caught.value)
    finally:
        os.close(write_end)


def test_a_device_is_written_through_and_stays(tmp_path):
    before = os.stat("/dev/null")
    with write_whole(Path("/dev/null"), "wb") as file:
        file.write(b"written")
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    with write_whole(link) as file:
        file.write("written")
    assert os.stat("/dev/null") == before and link.is_symlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_device_that_is_full(tmp_path):
    with (
        pytest.raises(InputError, match=r"/dev/full: cannot be written \(No space left"),
        write_whole(Path("/dev/full")) as file,
    ):
        file.write("written")


def test_a_socket_cannot_be_written_and_stays(tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        with pytest.raises(InputError, match="cannot be written"), write_whole(path):
            pass
    assert stat.S_ISSOCK(path.lstat().st_mode)


@pytest.mark.parametrize("exists", [True, False], ids=["target", "no target"])
def test_the_target_of_a_link_is_written_in_its_own_folder(tmp_path, exists):
    target, link = tmp_path / "there" / "target.txt", tmp_path / "here" / "link.txt"
    target.parent.mkdir()
    link.parent.mkdir()
    if exists:
        target.write_text("before")
    between = tmp_path / "between.txt"
    between.symlink_to("there/target.txt")
    link.symlink_to(between)
    with write_whole(link) as file:
        file.write("written")
        assert [one.name for one in link.parent.iterdir()] == ["link.txt"]
        assert partial_path(target).exists()
    assert link.is_symlink() and between.is_symlink() and not target.is_symlink()
    assert target.read_text() == link.read_text() == "written"
    assert [one.name for one in target.parent.iterdir()] == ["target.txt"]


def test_links_in_a_circle(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InputError, match="cannot be written"), write_whole(tmp_path / "a"):
        pass
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a", "b"]


def test_nothing_counts_before_it_is_on_the_disk(tmp_path, monkeypatch):
    """The file is flushed before it gets its name, and the folder after that."""
    events = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(descriptor):
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_sync(descriptor)

    def replace(old, new):
        assert Path(old).read_text() == "written"
        events.append("name")
        real_replace(old, new)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    with write_whole(tmp_path / "out.txt") as file:
        file.write("written")
    assert events == ["file", "name", "folder"]
    events.clear()
    with write_whole(tmp_path / "new" / "deep" / "out.txt") as file:
        file.write("written")
    assert events == ["folder", "folder", "file", "name", "folder"]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), write_whole(path) as file:
        file.write("half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["out.txt"]


def test_a_folder_replaces_what_was_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out"
    with write_whole_folder(path) as folder:
        (folder / "a").write_text("first")
        assert not path.exists()
    with pytest.raises(ZeroDivisionError), write_whole_folder(path) as folder:
        (folder / "b").write_text("half")
        raise ZeroDivisionError
    assert [one.name for one in path.iterdir()] == ["a"]
    with write_whole_folder(path) as folder:
        (folder / "c").write_text("second")
    assert [one.name for one in path.iterdir()] == ["c"]
    with pytest.raises(InputError, match="cannot be written"), write_whole(path) as file:
        file.write("no folder is replaced by a file")
    assert [one.name for one in tmp_path.rglob("*")] == ["out", "c"]


@pytest.mark.parametrize("name", ["n" * 250, "ü" * 125, "n" * 255])
def test_names_as_long_as_can_be(tmp_path, name):
    with write_whole(tmp_path / name) as file:
        file.write("written")
        assert partial_path(tmp_path / name).exists()
    assert [one.name for one in tmp_path.iterdir()] == [name]


NAMES = st.text("ax.1\u00fc", min_size=1, max_size=8).filter(lambda name: name not in (".", ".."))


@given(st.lists(NAMES, unique=True, max_size=5), st.data())
def test_partial_files_belong_to_one_file(tmp_path_factory, names, data):
    folder = tmp_path_factory.mktemp("partials")
    for name in names:
        (folder / f"{name}.tsv").touch()
    others = set(folder.iterdir())
    partials = {partial_path(folder / name) for name in names}
    for partial in partials:
        partial.touch()
    for name in names:
        remove_leftovers(folder / name)
        partials.remove(partial_path(folder / name))
        assert set(folder.iterdir()) == others | partials
    deep = folder / "deep" / "er"
    deep.mkdir(parents=True)
    for name in names:
        partial_path(folder / name).touch()
        partial_path(deep / name).mkdir()
        (partial_path(deep / name) / ".x.1.partial").touch()
    remove_all_leftovers(folder)
    assert set(folder.rglob("*")) == others | {deep, deep.parent}
