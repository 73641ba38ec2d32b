"""The table of mentions as Parquet, for data frames. Written only."""

import io
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow
from pyarrow import parquet

from spacy_bioner_mtl.formats.record import Record
from spacy_bioner_mtl.formats.table import Row, make_rows

_ROWS_AT_ONCE = 10_000
_NUMBERS = {
    "start": pyarrow.int64(),
    "end": pyarrow.int64(),
    "probability": pyarrow.float64(),
}
_SCHEMA = pyarrow.schema([(name, _NUMBERS.get(name, pyarrow.string())) for name in Row._fields])


def write_parquet(records: Iterable[Record]) -> Iterator[bytes]:
    """Write a table for data frames, in Parquet.

    records (Iterable[Record]): The records.
    YIELDS (bytes): Pieces of the file, in order.
    """
    pieces = _Pieces()
    with parquet.ParquetWriter(pieces, _SCHEMA) as writer:
        for rows in _some_at_once(records):
            columns = [list(column) for column in zip(*rows, strict=True)]
            writer.write_table(pyarrow.table(columns, schema=_SCHEMA))
            yield pieces.take()
    yield pieces.take()


class _Pieces(io.RawIOBase):
    """A file that is handed on piece by piece while it is written."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting.append(bytes(data))
        self._size += len(self._waiting[-1])
        return len(self._waiting[-1])

    def tell(self) -> int:
        return self._size

    def take(self) -> bytes:
        piece = b"".join(self._waiting)
        self._waiting.clear()
        return piece


def _some_at_once(records: Iterable[Record]) -> Iterator[list[Row]]:
    """Rows in lists of about _ROWS_AT_ONCE."""
    rows: list[Row] = []
    for record in records:
        rows += make_rows(record)
        if len(rows) >= _ROWS_AT_ONCE:
            yield rows
            rows = []
    if rows:
        yield rows
