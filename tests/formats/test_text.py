"""Raw text: not a character changed, lost or made up."""

import gzip
import io
import sys
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.encoding import find_wide_encoding
from spacy_bioner_mtl.formats.record import BadRecord, Record
from spacy_bioner_mtl.formats.text import read_text, read_text_lines

CHARACTERS = st.sampled_from("a \n\r\t\ufeff\u2028\u0085\U0001f9ea\u0301") | st.characters(
    exclude_categories=["Cs"], exclude_characters="\0"
)
TEXTS = st.text(CHARACTERS)


def stand_in(content):
    return io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))


@given(TEXTS.filter(lambda text: text[:1] != "\ufeff"), st.sampled_from(["", "\ufeff"]))
@example("others \x01\x1f stay", "")
@settings(deadline=None)
def test_a_file_is_a_document(tmp_path_factory, text, mark):
    path = tmp_path_factory.mktemp("text") / "trial.2.txt"
    content = (mark + text).encode()
    assume(not find_wide_encoding(content))
    path.write_bytes(content)
    assert list(read_text(path)) == [Record("trial.2", text)]


@given(st.lists(TEXTS.map(lambda text: text.replace("\n", "")), min_size=1))
@settings(deadline=None)
def test_a_line_is_a_document(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("text") / "lines.txt"
    content = "\n".join(lines).encode()
    assume(not find_wide_encoding(content))
    path.write_bytes(content)
    lines[0] = lines[0].removeprefix("\ufeff")
    # A file of nothing but lines that end in CR is refused.
    assume(any(lines[1:]) or len(lines) > 2 or "\r" not in lines[0].strip())
    # The carriage return before a line feed, or before the end of the file, ends the line with it.
    expected = [
        (str(number), line.removesuffix("\r"))
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    read = list(read_text_lines(path))
    assert [(record.id, record.text) for record in read] == expected
    assert all(record.words is None and not record.mentions for record in read)


def test_numbers_are_those_of_the_file(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes(b"one\r\n \t\n\ntwo\r\r\n")
    assert list(read_text_lines(path)) == [Record("1", "one"), Record("4", "two\r")]


def test_lines_that_end_in_carriage_returns_are_refused(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes(b"one\rtwo\rthree\r")
    (bad,) = read_text_lines(path)
    assert bad.reason.startswith(f"{path}:1: one line with carriage returns (CR) inside; end")
    path.write_bytes(b"one\rtwo\nthree\n")
    assert list(read_text_lines(path)) == [Record("1", "one\rtwo"), Record("2", "three")]


def test_compressed_files_are_named_after_what_is_in_them(tmp_path):
    path = tmp_path / "trial.txt.gz"
    path.write_bytes(gzip.compress("β\r\n".encode(), mtime=0))
    assert list(read_text(path)) == [Record("trial", "β\r\n")]
    assert list(read_text_lines(path)) == [Record("1", "β")]


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", stand_in("β\n".encode()))
    assert list(read_text(Path("-"))) == [Record("-", "β\n")]
    monkeypatch.setattr(sys, "stdin", stand_in("β\n".encode()))
    assert list(read_text_lines(Path("-"))) == [Record("1", "β")]


def test_an_empty_file(tmp_path):
    (tmp_path / "empty.txt").touch()
    assert list(read_text(tmp_path / "empty.txt")) == [Record("empty", "")]
    assert list(read_text_lines(tmp_path / "empty.txt")) == []


def test_what_is_not_utf8(tmp_path):
    path = tmp_path / "trial.txt"
    path.write_bytes(b"one\nd\xe9j\xe0\nthree\n")
    assert list(read_text(path)) == [
        BadRecord("trial", f"{path}:2: not UTF-8 (byte 5 of the file); convert the file to UTF-8")
    ]
    first, bad, last = read_text_lines(path)
    assert bad == BadRecord(
        "2", f"{path}:2: not UTF-8 (byte 5 of the file); convert the file to UTF-8"
    )
    assert [first, last] == [Record("1", "one"), Record("3", "three")]


LATER = b"one\n" * 3_000 + "two\n".encode("utf-16-le")


@pytest.mark.parametrize(
    ("content", "n_good"), [(LATER, 3_000), (b"%PDF-1.4\n\0\x01\x02stream\n", 1)]
)
def test_nul_wherever_it_stands(tmp_path, content, n_good):
    path = tmp_path / "trial.txt"
    path.write_bytes(content)
    (bad,) = read_text(path)
    what = "as in UTF-16 and in files that are no text; remove it, or convert the file to UTF-8"
    assert bad.id == "trial" and bad.reason.startswith(
        f"{path}:{n_good + 1}: a NUL character (character "
    )
    assert what in bad.reason
    *good, bad = islice(read_text_lines(path), n_good + 1)
    assert all(isinstance(record, Record) for record in good) and len(good) == n_good
    assert bad.reason.startswith(f"{path}:{n_good + 1}: a NUL character") and what in bad.reason


@pytest.mark.parametrize("read", [read_text, read_text_lines])
def test_files_that_cannot_be_read(tmp_path, read):
    with pytest.raises(InputError, match=r"none\.txt: cannot be read"):
        list(read(tmp_path / "none.txt"))
    path = tmp_path / "cut.txt.gz"
    path.write_bytes(gzip.compress(b"word " * 1000, mtime=0)[:-9])
    with pytest.raises(InputError, match=r"cut\.txt\.gz: damaged or cut off"):
        list(read(path))
