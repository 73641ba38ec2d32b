"""Write the answers of a source; a record that its format cannot hold does not lose the others."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from spacy_bioner_mtl.annotate.shards import ShardFault
from spacy_bioner_mtl.files.writing import sync_file, write_whole, write_whole_folder
from spacy_bioner_mtl.formats.record import BadRecord, ReadRecord, Record
from spacy_bioner_mtl.formats.registry import Format

_Piece = TypeVar("_Piece")


class Output:
    """Writes files, or folders, of a format.

    target (Format): The format.
    """

    def __init__(self, target: Format) -> None:
        """Import the writer.

        RAISES (InputError): If a library is missing.
        """
        self._write_folder = target.load_folder_writer() if target.folder else None
        self._write_bytes = target.load_bytes_writer() if target.binary else None
        self._write_text = None if target.folder or target.binary else target.load_writer()

    def check(self, record: Record, source: str) -> ReadRecord:
        """Check whether a record can be written, by writing it for itself.

        record (Record): The record.
        source (str): The name of its source, for the message.
        RETURNS (ReadRecord): The record, or why it cannot be written.
        """
        try:
            # Half of a surrogate pair, in an identifier for example, cannot be encoded.
            if self._write_folder:
                for name, content in self._write_folder([record]):
                    f"{name}{content}".encode()
            elif self._write_bytes:
                list(self._write_bytes([record]))
            else:
                assert self._write_text
                "".join(self._write_text([record])).encode()
        except ValueError as error:
            return BadRecord(record.id, f"{source}: cannot be written: {error}")
        return record

    def write(self, path: Path, records: Iterable[Record]) -> None:
        """Write records; all of them appear, or nothing does.

        path (Path): The file or folder; what was there is replaced. A stream is written through.
        records (Iterable[Record]): The records.
        RAISES (ShardFault): The records cannot be written together, though each for itself can.
        RAISES (InputError): The disk is full or the like.
        """
        if self._write_folder:
            with write_whole_folder(path) as folder:
                for name, content in _pieces(self._write_folder(records)):
                    _write_new(folder / name, content)
        elif self._write_bytes:
            with write_whole(path, "wb") as file:
                file.writelines(_pieces(self._write_bytes(records)))
        else:
            assert self._write_text
            with write_whole(path) as file:
                file.writelines(_pieces(self._write_text(records)))


def _pieces(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    try:
        yield from pieces
    except ValueError as error:
        raise ShardFault(f"cannot be written: {error}") from error


def _write_new(path: Path, content: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(content)
            sync_file(file)
    except FileExistsError:
        raise ShardFault(
            f"cannot be written: two of its documents would both be {path.name}; rename one"
        ) from None
