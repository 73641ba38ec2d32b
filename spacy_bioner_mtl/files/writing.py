"""Files: opened as they come, and written so that they appear whole or not at all."""

import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
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
# What partial_path puts behind a name.
_PROCESS = r"\d+\.partial"


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
def write_whole(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
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
    with _named_last(path) as partial, partial.open(mode, **text) as file:  # type: ignore[call-overload]
        yield file
        sync_file(file)


@contextmanager
def write_whole_folder(path: Path) -> Iterator[Path]:
    """Write a folder like write_whole, under a temporary name until all is on the disk.

    path (Path): The folder; what was there is replaced.
    YIELDS (Path): The new folder, empty. Whoever writes files into it calls sync_file on each.
    RAISES (InputError): The folder cannot be written to, or the disk is full.
    """
    with _named_last(path) as partial:
        partial.mkdir()
        yield partial
        sync_folder(partial)


def check_replaceable(out: Path, what: str, marks: Sequence[str], *, force: bool) -> None:
    """Check, before the work begins, that a folder may be written.

    out (Path): The folder.
    what (str): What it will be, in the words of messages.
    marks (Sequence[str]): What is in each such folder.
    force (bool): Whether one that is there may be replaced.
    RAISES (InputError): If something is there that must not be replaced.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not all((out / mark).exists() for mark in marks):
        raise InputError(f"{out}: this is there already and is no {what}. Move it away.")
    if not force:
        raise InputError(f"{out}: there is a {what} already. Replace it with --force.")


def check_no_source(out: Path, sources: Iterable[Path]) -> None:
    """Check, before the work begins, that what is to be written is not what is to be read.

    out (Path): The file to write.
    sources (Iterable[Path]): The files and folders to read.
    RAISES (InputError): If it is one of them, or lies in one.
    """
    target = out.resolve()
    for source in sources:
        inside = source.is_dir() and source.resolve() in target.parents and out.exists()
        if inside or target == source.resolve():
            raise InputError(f"{out}: this is read; name another file to write")


def check_outputs(outputs: Iterable[Path | None], sources: Iterable[Path]) -> None:
    """Check, before the work begins, that files that are to be written can be.

    outputs (Iterable[Path | None]): The files; None for one that nobody asked for.
    sources (Iterable[Path]): The files and folders to read.
    RAISES (InputError): If one of them is read, is a folder, or is named twice.
    """
    sources, seen = list(sources), set()
    for out in outputs:
        if out is None:
            continue
        check_no_source(out, sources)
        if out.is_dir():
            raise InputError(f"{out}: this is a folder; name a file to write")
        if out.resolve() in seen:
            raise InputError(f"{out}: this is to be written twice; name two files")
        seen.add(out.resolve())


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
    return hidden_path(path, f"{os.getpid()}.partial")


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes had begun to write of a file or folder, and of no other one.

    path (Path): The file or folder.
    """
    own = re.compile(re.escape(_hidden_prefix(path)) + _PROCESS)
    for one in list(path.parent.iterdir()):
        if own.fullmatch(one.name):
            remove(one)


def remove_all_leftovers(folder: Path) -> None:
    """Remove what killed processes had begun to write anywhere in a folder.

    folder (Path): The folder.
    """
    partial = re.compile(r"\..*\." + _PROCESS, re.DOTALL)
    for one in list(folder.rglob(".*")):
        if partial.fullmatch(one.name):
            remove(one)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there.

    path (Path): The file or folder.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those that it is in, and see to it that they are on the disk.

    folder (Path): The folder; it may be there already.
    RAISES (OSError): It cannot be made.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


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
def _named_last(path: Path) -> Iterator[Path]:
    """A temporary name beside a file or folder, which gets its own at the end, or disappears."""
    with writing(path):
        target = resolve_links(path)
        partial = partial_path(target)
        make_folder(target.parent)
        try:
            yield partial
            if partial.is_dir():
                remove(target)
            os.replace(partial, target)
            sync_folder(target.parent)
        except BaseException:
            remove(partial)
            raise


@contextmanager
def _stream(path: Path, mode: str, text: dict[str, str]) -> Iterator[IO[Any]]:
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
