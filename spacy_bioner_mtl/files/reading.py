"""Sources: files, pipes and standard input, read once and in one direction."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from spacy_bioner_mtl.errors import InputError

#: The path that stands for standard input.
STANDARD_INPUT = Path("-")

#: How many bytes of a source can be looked at before it is read.
HEAD_SIZE = 65_536

#: The first bytes of what gzip compressed.
_GZIP = b"\x1f\x8b"


class Source:
    """A file that is read once, in one direction, so that it may be a pipe.

    path (Path): The file, or STANDARD_INPUT. Messages name the source as ``str`` gives it.
    """

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self.path = path
        self._files = ExitStack()
        self._file: IO[bytes] | None = None
        self._head: bytes | None = None

    def __str__(self) -> str:
        """Give the path."""
        return str(self.path)

    def head(self) -> bytes:
        """Look at the first bytes, decompressed; whoever reads the source gets them as well.

        RETURNS (bytes): At most HEAD_SIZE bytes, fewer only where there are no more.
        RAISES (InputError): The file cannot be read, or is compressed and damaged.
        """
        if self._head is None:
            with _reading(self):
                file = self._open()
                self._head = _read_up_to(file, HEAD_SIZE)
                if len(self._head) < HEAD_SIZE:
                    self._files.close()
                    file = cast(IO[bytes], io.BytesIO())
                self._file = _rejoin(self._head, file)
        return self._head

    def close(self) -> None:
        """Close what is open; standard input stays open."""
        self._files.close()

    def _open(self) -> IO[bytes]:
        """Open the file, decompressed if its content is gzip's; a second time nothing is left."""
        if self._file is None:
            self._file = self._decompress(self._open_as_it_is())
        return self._file

    def _open_as_it_is(self) -> IO[bytes]:
        if self.path == STANDARD_INPUT:
            if sys.stdin is None:
                raise InputError(f"{self}: standard input is closed; give a file, or pipe one in")
            return sys.stdin.buffer
        return self._files.enter_context(self.path.open("rb"))

    def _decompress(self, file: IO[bytes]) -> IO[bytes]:
        first = _read_up_to(file, len(_GZIP))
        joined = _rejoin(first, file)
        if first != _GZIP:
            return joined
        packed = self._files.enter_context(gzip.GzipFile(fileobj=joined))
        return cast(IO[bytes], io.BufferedReader(cast(Any, packed), HEAD_SIZE))


class _Rejoined(io.RawIOBase):
    """Bytes that were read already, and the rest of their file, which is not closed with them."""

    def __init__(self, first: bytes, rest: Any) -> None:
        self._first = io.BytesIO(first)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # Of a pipe, what is there already.
        data = self._first.read(len(buffer)) or self._rest.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _rejoin(first: bytes, rest: IO[bytes]) -> IO[bytes]:
    return io.BufferedReader(_Rejoined(first, rest), HEAD_SIZE)


def _read_up_to(file: IO[bytes], size: int) -> bytes:
    """Read so many bytes; a pipe may give them piece by piece."""
    pieces = b""
    while len(pieces) < size and (piece := file.read(size - len(pieces))):
        pieces += piece
    return pieces


def source_path(source: Path | Source) -> Path:
    """Return the path of a source.

    source (Path | Source): The source.
    RETURNS (Path): Its path; STANDARD_INPUT for standard input.
    """
    return source.path if isinstance(source, Source) else source


@contextmanager
def open_source(source: Path | Source) -> Iterator[IO[bytes]]:
    """Open a file to read, decompressed if its content is gzip's, whatever its name is.

    source (Path | Source): The file, or STANDARD_INPUT.
    YIELDS (IO[bytes]): The open file.
    RAISES (InputError): The file cannot be read, or is compressed and damaged or cut off; the
        latter also while it is read.
    """
    if isinstance(source, Path):
        source = Source(source)
    with _reading(source), closing(source):
        yield source._open()


@contextmanager
def _reading(source: Source) -> Iterator[None]:
    """Turn what goes wrong with a file into one message."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{source}: damaged or cut off inside ({error}); copy or download the file again"
        ) from error
    except OSError as error:
        raise InputError(
            f"{source}: cannot be read ({error.strerror or error}); check the path"
        ) from error
