"""Vectors in the formats of word2vec (text and binary) and GloVe (text without a header)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source, open_source
from spacy_bioner_mtl.vectors.table import VectorSource

_CHUNK = 1 << 22
_LONGEST_WORD = 10_000
# Text has no control characters but white space; of the bytes of binary numbers many are such.
_CONTROL_CHARACTERS = bytes(set(range(32)) - set(b"\t\n\v\f\r"))


@contextmanager
def open_word2vec(path: Path) -> Iterator[VectorSource[Any]]:
    """Open a file of word vectors; its format is recognised by its content.

    path (Path): Text of a word and its numbers on each line, with or without a first line that
        gives the number of words and of dimensions; or the binary format of word2vec. Either may
        be compressed with gzip.
    YIELDS (VectorSource): The stream of its rows.
    RAISES (InputError): If the file is none of these, or is cut off: also when that shows only
        while it is read inside the block.
    """
    source = Source(path)
    sample = source.head()
    with open_source(source) as content:
        if not sample.strip():
            raise InputError(f"{path}: the file is empty. Give a file of word vectors.")
        first_line, line_end, rest = sample.partition(b"\n")
        fields = first_line.split()
        has_header = len(fields) == 2 and all(number.isdigit() for number in fields)
        if not has_header:
            if len(fields) < 2 or not _are_numbers(fields[1:]):
                raise InputError(
                    f"{path}: the first line is neither the number of words and dimensions nor a "
                    "word and its vector. Give vectors in word2vec's or GloVe's format."
                )
            yield _text_source(path, content, None, len(fields) - 1)
            return
        count, dimensions = map(int, fields)
        if dimensions < 1:
            raise InputError(f"{path}: the first line promises vectors without dimensions.")
        content.read(len(first_line + line_end))
        if _is_binary(rest, dimensions):
            yield _binary_source(path, content, count, dimensions)
        else:
            yield _text_source(path, content, count, dimensions)


def _are_numbers(fields: list[bytes]) -> bool:
    try:
        for field in fields:
            float(field)
    except ValueError:
        return False
    return True


def _is_binary(rows: bytes, dimensions: int) -> bool:
    row = rows.partition(b"\n")[0]
    fields = row.split()
    if len(fields) == dimensions + 1 and _are_numbers(fields[1:]):
        return False
    try:
        row.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return len(rows.translate(None, _CONTROL_CHARACTERS)) < len(rows)


def _truncated(path: Path, count: int, found: int) -> InputError:
    return InputError(
        f"{path}: the first line promises {count:,} words, but the file ends after {found:,}. It "
        "is cut off: get it again."
    )


def _text_source(
    path: Path, content: IO[bytes], count: int | None, dimensions: int
) -> VectorSource[tuple[int, list[bytes]]]:
    first_number = 1 if count is None else 2

    def rows() -> Iterator[tuple[bytes, tuple[int, list[bytes]]]]:
        found = 0
        for number, line in enumerate(content, start=first_number):
            fields = line.split()
            if not fields:
                continue
            word_fields = len(fields) - dimensions
            # Some words of GloVe's hold spaces; but a number is not the end of such a word.
            if word_fields < 1 or (word_fields > 1 and _are_numbers(fields[1:word_fields])):
                raise InputError(
                    f"{path}, line {number}: {len(fields) - 1} numbers instead of {dimensions}. "
                    "The file is damaged: get it again."
                )
            found += 1
            yield b" ".join(fields[:word_fields]), (number, fields[word_fields:])
        if count is not None and found < count:
            raise _truncated(path, count, found)

    def parse(payload: tuple[int, list[bytes]]) -> NDArray[np.float32]:
        number, fields = payload
        try:
            with np.errstate(over="ignore"):
                return np.array([float(field) for field in fields]).astype(np.float32)
        except ValueError as error:
            raise InputError(
                f"{path}, line {number}: the vector holds something else than numbers ({error}). "
                "The file is damaged: get it again."
            ) from error

    return VectorSource(str(path), dimensions, count, rows(), parse)


def _binary_source(
    path: Path, content: IO[bytes], count: int, dimensions: int
) -> VectorSource[bytes]:
    width = 4 * dimensions

    def rows() -> Iterator[tuple[bytes, bytes]]:
        buffer, position = b"", 0
        for found in range(count):
            space = buffer.find(b" ", position)
            while space < 0 or len(buffer) < space + 1 + width:
                if space < 0 and len(buffer) - position > _LONGEST_WORD:
                    break
                chunk = content.read(_CHUNK)
                if not chunk:
                    raise _truncated(path, count, found)
                buffer, position = buffer[position:] + chunk, 0
                space = buffer.find(b" ")
            if not 0 <= space - position <= _LONGEST_WORD:
                raise InputError(
                    f"{path}: word {found + 1:,} has more than {_LONGEST_WORD:,} bytes. This is "
                    f"no word2vec file of {dimensions} dimensions, or it is damaged: get it again."
                )
            # word2vec itself ends each row with a line break, other writers do not.
            word = buffer[position:space].lstrip(b"\n")
            position = space + 1 + width
            yield word, buffer[space + 1 : position]

    def parse(payload: bytes) -> NDArray[np.float32]:
        return np.frombuffer(payload, dtype="<f4").astype(np.float32)

    return VectorSource(str(path), dimensions, count, rows(), parse)
