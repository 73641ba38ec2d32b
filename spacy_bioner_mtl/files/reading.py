"""Sources: files, pipes and standard input, read once and in one direction."""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Any

from spacy_bioner_mtl.errors import InputError

#: The path that stands for standard input.
STANDARD_INPUT = Path("-")

#: How many bytes of a source can be looked at before it is read.
HEAD_SIZE = 65_536

#: The first bytes of what gzip compressed.
GZIP = b"\x1f\x8b"


class Source:
    """A file that is read once, in one direction, so that it may be a pipe.

    path (Path): The file, or STANDARD_INPUT. Messages name the source as ``str`` gives it.
    """

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self.path = path
        self._files = ExitStack()
        self._file: io.BufferedReader | None = None

    def __str__(self) -> str:
        """Give the path."""
        return str(self.path)

    def head(self) -> bytes:
        """Look at the first bytes, decompressed; whoever reads the source gets them as well.

        RETURNS (bytes): At most HEAD_SIZE bytes, fewer only where there are no more.
        RAISES (InputError): The file cannot be read, or is compressed and damaged.
        """
        with _reading(self):
            return self._open().peek(HEAD_SIZE)

    def close(self) -> None:
        """Close what is open; standard input stays open."""
        self._files.close()

    def _open(self) -> io.BufferedReader:
        """Open the file, decompressed if its content is gzip's."""
        if self._file is None:
            file = self._open_as_it_is()
            if file.peek().startswith(GZIP):
                file = _buffered(self._files.enter_context(gzip.GzipFile(fileobj=file)))
            self._file = file
        return self._file

    def _open_as_it_is(self) -> io.BufferedReader:
        if self.path != STANDARD_INPUT:
            return _buffered(self._files.enter_context(self.path.open("rb")))
        if sys.stdin is None:
            raise InputError(f"{self}: standard input is closed; give a file, or pipe one in")
        file = _buffered(sys.stdin.buffer)
        # Or it would close standard input with itself.
        self._files.callback(file.detach)
        return file


class Content(Source):
    """What is in memory already, read like standard input: no file is looked for.

    name (str): What messages call it.
    content (bytes): What it holds.
    """

    def __init__(self, name: str, content: bytes) -> None:
        """Keep both."""
        super().__init__(STANDARD_INPUT)
        self._name = name
        self._content = content

    def __str__(self) -> str:
        """Give the name."""
        return self._name

    def _open_as_it_is(self) -> io.BufferedReader:
        return _buffered(self._files.enter_context(io.BytesIO(self._content)))


def _buffered(file: Any) -> io.BufferedReader:
    """Buffer HEAD_SIZE bytes of a buffered file, which fills them even if it is a slow pipe."""
    return io.BufferedReader(file, HEAD_SIZE)


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
