"""Sources are read once, in one direction; names of documents never become paths."""

import gzip
import io
import os
import sys
import threading
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.names import safe_name
from spacy_bioner_mtl.files.reading import HEAD_SIZE, Content, Source, open_source, source_path

CONTENT = bytes(index % 251 for index in range(2 * HEAD_SIZE))


def stand_in(content):
    return io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))


@pytest.mark.parametrize("size", [0, 1, 10, HEAD_SIZE - 1, HEAD_SIZE, HEAD_SIZE + 1, len(CONTENT)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_looking_does_not_take_anything_away(tmp_path, size, pack):
    path = tmp_path / "file"
    path.write_bytes(pack(CONTENT[:size]))
    source = Source(path)
    assert source.head() == source.head() == CONTENT[:size][:HEAD_SIZE]
    with open_source(source) as file:
        assert file.read() == CONTENT[:size]
    with open_source(path) as file:
        assert b"".join(iter(lambda: file.read(1_000), b"")) == CONTENT[:size]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("look", [True, False])
def test_pipes_are_read_whole(tmp_path, pack, look):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    packed = pack(CONTENT)

    def write():
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(packed), 1_001):
                file.write(packed[start : start + 1_001])

    writer = threading.Thread(target=write)
    writer.start()
    source = Source(path)
    if look:
        assert source.head() == CONTENT[:HEAD_SIZE]
    with open_source(source) as file:
        assert file.read() == CONTENT
    writer.join()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_standard_input_stays_open(monkeypatch, pack):
    stream = stand_in(pack(CONTENT))
    monkeypatch.setattr(sys, "stdin", stream)
    source = Source(Path("-"))
    assert (str(source), source_path(source)) == ("-", Path("-"))
    assert source.head() == CONTENT[:HEAD_SIZE]
    with open_source(source) as file:
        assert file.read() == CONTENT
    assert not stream.buffer.closed
    with open_source(Path("-")) as file:
        assert file.read() == b""


def test_what_is_in_memory_is_read_and_no_file_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").write_bytes(b"a file")
    content = Content("here", b"in memory")
    assert str(content) == "here" and content.head() == b"in memory"
    with open_source(content) as file:
        assert file.read() == b"in memory"


def test_what_cannot_be_opened_is_one_message(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match=f"{path}: cannot be read"):
            Source(path).head()
    (tmp_path / "cut").write_bytes(gzip.compress(CONTENT, mtime=0)[:-20])
    with (
        pytest.raises(InputError, match="cut: damaged or cut off inside"),
        open_source(tmp_path / "cut") as file,
    ):
        file.read()


@given(st.text(), st.lists(st.text(), max_size=3))
def test_safe_names_are_names_of_files(name, taken):
    folded = {each.casefold() for each in taken}
    safe = safe_name(name, folded)
    assert safe.casefold() not in folded
    assert PurePath(safe).name == safe and safe not in (".", "..")
    assert len(safe) <= 120 and safe.isascii() and safe.isprintable()
    assert safe_name(safe) == safe


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a/b", "x\0", "n" * 300, "con", "", ".x"])
def test_names_that_are_no_files(name):
    safe = safe_name(name)
    assert safe != name and "/" not in safe and not safe.startswith(".")
