"""Files: opened as they come, and written so that they appear whole or not at all."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.names import _LONGEST_PLAIN_NAME

#: The path that stands for standard output.
STANDARD_OUTPUT = Path("-")
_STANDARD_OUTPUT_DESCRIPTOR = 1
# As many links as Linux follows.
_MOST_LINKS = 40
_PARTIAL = ".partial"


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
