"""Files: opened as they come, and written so that they appear whole or not at all."""

import errno
import gzip
import hashlib
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from spacy_bioner_mtl.errors import InputError

#: The path that stands for standard input.
STANDARD_INPUT = Path("-")
#: The path that stands for standard output.
STANDARD_OUTPUT = Path("-")
#: How many bytes of a source can be looked at before it is read.
HEAD_SIZE = 65_536
#: The first bytes of what gzip compressed.
_GZIP = b"\x1f\x8b"
_STANDARD_OUTPUT_DESCRIPTOR = 1
# As many links as Linux follows.
_MOST_LINKS = 40
_PARTIAL = ".partial"
# Longer names, with dots and an ending, may be too long for a file system.
_LONGEST_PLAIN_NAME = 200
# Names that every file system takes. Some know no difference between upper and lower case.
_SAFE_NAME = re.compile(
    r"(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[a-z0-9][a-z0-9._-]{0,99}", re.I | re.A
)


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
    """Tell the path of a source.

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


def safe_name(name: str, taken: Collection[str] = ()) -> str:
    """Make the name of a file of a name that anybody may have chosen.

    A name that is not safe as that of a file on every system - it holds other characters than Latin
    letters, digits, ".", "_" and "-", is empty, longer than 100 characters, or begins with a sign -
    or that is taken, is changed so that it is safe, and eight digits of its SHA-256 are put after
    it; a number after that where it is taken all the same.

    name (str): The name.
    taken (Collection[str]): Names that are taken, as ``str.casefold`` gives them.
    RETURNS (str): The name of a file, without any folder and suffix.
    """
    safe = name
    if not _SAFE_NAME.fullmatch(name) or name.casefold() in taken:
        plain = re.sub("[^A-Za-z0-9._-]", "_", name)[:80].lstrip("._-") or "document"
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        safe = f"{plain}-{digest}"
    unique = safe
    number = 1
    while unique.casefold() in taken:
        number += 1
        unique = f"{safe}-{number}"
    return unique


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a disk into one message.

    path (Path): What is being written or removed.
    RAISES (InputError): The disk is full or the like.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); check the folder and its free "
            "space. Nothing half-written was left."
        ) from error


@contextmanager
def write_whole(path: Path, mode: str = "w") -> Iterator[IO[str]]:
    """Write a file under a temporary name beside its own; it gets its own when all is on the disk.

    Its folder is made when it is missing. The target of a link is written, and the link stays. What
    is no file but a stream, see is_stream, is written through and never replaced.

    path (Path): The file.
    mode (str): "w" for text in UTF-8 with the line ends as written, "wb" for bytes.
    YIELDS (IO): The open file.
    RAISES (InputError): The folder cannot be written to, or the disk is full.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    if is_stream(path):
        with _stream(path, mode, text) as file:
            yield file
        return
    with writing(path):
        target = resolve_links(path)
        partial = partial_path(target)
        make_folder(target.parent)
        try:
            with partial.open(mode, **text) as file:  # type: ignore[call-overload]
                yield file
                sync_file(file)
            replace(partial, target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def is_stream(path: Path) -> bool:
    """Check whether an output can only be written through, from its first byte to its last.

    path (Path): The output.
    RETURNS (bool): Whether it is standard output or another open file of this process, by any of
        their names, or a pipe, a device or a socket, or a link to one of these.
    """
    if _descriptor(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def is_standard_output(path: Path) -> bool:
    """Check whether an output is what messages go to as well.

    path (Path): The output.
    RETURNS (bool): Whether it is "-", /dev/stdout or another name of standard output.
    """
    return _descriptor(path) == _STANDARD_OUTPUT_DESCRIPTOR


def resolve_links(path: Path) -> Path:
    """Follow the links that a path ends in.

    path (Path): The path of a file or folder, which need not exist.
    RETURNS (Path): What is to be written, so that the links stay.
    RAISES (OSError): The links lead in a circle.
    """
    if not path.is_symlink():
        return path
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def hidden_path(path: Path, ending: str) -> Path:
    """Name what belongs to a file or folder while it is written.

    path (Path): Its own name.
    ending (str): What the hidden name ends in.
    RETURNS (Path): A hidden name beside it. Of names near the limit of the file system it holds a
        checksum in place of the name.
    """
    return path.with_name(_hidden_prefix(path) + ending)


def partial_path(path: Path) -> Path:
    """Name a file or folder while it is written.

    path (Path): Its own name.
    RETURNS (Path): A hidden name beside it, with the number of this process.
    """
    return hidden_path(path, f"{os.getpid()}{_PARTIAL}")


def find_partials(path: Path) -> list[Path]:
    """Find what killed processes left of a file or folder.

    path (Path): Its own name.
    RETURNS (list[Path]): What partial_path of any process names. Partial files of other files,
        whose names only begin like this one, are not among them.
    """
    prefix = _hidden_prefix(path)
    return sorted(
        one
        for one in path.parent.iterdir()
        if one.name.startswith(prefix)
        and one.name.endswith(_PARTIAL)
        and one.name[len(prefix) : -len(_PARTIAL)].isdecimal()
    )


def is_partial(name: str) -> bool:
    """Check whether a name is one that partial_path gives.

    name (str): The name.
    RETURNS (bool): Whether it is, of whatever file and process.
    """
    hidden, _, process = name.removesuffix(_PARTIAL).rpartition(".")
    return name.endswith(_PARTIAL) and process.isdecimal() and hidden.startswith(".")


def make_folder(folder: Path) -> None:
    """Make a folder and those that it is in, and see to it that they are on the disk.

    folder (Path): The folder; it may be there already.
    RAISES (OSError): It cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


def replace(partial: Path, path: Path) -> None:
    """Give a file or folder that is on the disk its own name, and see to it that this is, too.

    partial (Path): Its temporary name.
    path (Path): Its own name; a file that has it is replaced.
    RAISES (OSError): It cannot be renamed.
    """
    os.replace(partial, path)
    sync_folder(path.parent)


def sync_file(file: IO[Any]) -> None:
    """Wait until what was written to a file is on the disk.

    file (IO): The open file.
    RAISES (OSError): The disk is full or broken.
    """
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the platform can tell.

    folder (Path): The folder.
    RAISES (OSError): The disk is broken.
    """
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems have no such call for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _stream(path: Path, mode: str, text: dict[str, str]) -> Iterator[IO[str]]:
    """Open what is written through; what was written stays, whatever happens."""
    try:
        descriptor = _descriptor(path)
        # A copy: closing it leaves the process's own open.
        opened = path if descriptor is None else os.dup(descriptor)
        with open(opened, mode, **text) as file:  # type: ignore[call-overload]
            yield file
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); check what it is, and whether "
            "what reads from it still does"
        ) from error


def _descriptor(path: Path) -> int | None:
    """The number of the open file of this process that a path names, at once or through links."""
    if path == STANDARD_OUTPUT:
        return _STANDARD_OUTPUT_DESCRIPTOR
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(path.parent)
        if folder in ("/dev/fd", f"/proc/{os.getpid()}/fd") and path.name.isdecimal():
            return int(path.name)
        # Followed to its end, the name of a file would be taken that was redirected to.
        if not os.path.islink(path):
            return None
        path = Path(folder, os.readlink(path))
    return None


def _hidden_prefix(path: Path) -> str:
    name = os.fsencode(path.name)
    if len(name) > _LONGEST_PLAIN_NAME:
        return f".{hashlib.sha256(name).hexdigest()}."
    return f".{path.name}."
