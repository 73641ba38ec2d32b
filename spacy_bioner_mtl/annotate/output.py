"""Write the answers of a source; a record that its format cannot hold does not lose the others."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from spacy_bioner_mtl.annotate.shards import ShardFault
from spacy_bioner_mtl.files.writing import (
    find_partials,
    is_partial,
    make_folder,
    partial_path,
    replace,
    resolve_links,
    sync_file,
    sync_folder,
    write_whole,
    writing,
)
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
        self._write_file = None if target.folder else target.load_writer()

    def check(self, record: Record, source: str) -> ReadRecord:
        """Check whether a record can be written, by writing it for itself.

        record (Record): The record.
        source (str): The name of its source, for the message.
        RETURNS (ReadRecord): The record, or why it cannot be written.
        """
        try:
            if self._write_folder:
                pieces = [piece for file in self._write_folder([record]) for piece in file]
            else:
                assert self._write_file
                pieces = list(self._write_file([record]))
            # Half of a surrogate pair, in an identifier for example, cannot be encoded.
            "".join(pieces).encode()
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
            with _whole_folder(path) as folder:
                for name, content in _pieces(self._write_folder(records)):
                    _write_new(folder / name, content)
        else:
            assert self._write_file
            with write_whole(path) as file:
                file.writelines(_pieces(self._write_file(records)))


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


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    """A new folder under a temporary name; it gets its own when all is on the disk."""
    with writing(path):
        target = resolve_links(path)
        partial = partial_path(target)
        make_folder(target.parent)
        try:
            partial.mkdir()
            yield partial
            sync_folder(partial)
            remove(target)
            replace(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there.

    path (Path): The file or folder.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove what killed runs had begun to write of a file or folder.

    path (Path): The file or folder.
    """
    for partial in find_partials(path):
        remove(partial)


def remove_all_leftovers(folder: Path) -> None:
    """Remove what killed runs had begun to write anywhere in a folder.

    folder (Path): The folder.
    """
    for path in [each for each in folder.rglob(".*") if is_partial(each.name)]:
        remove(path)
