"""Which files a folder or a pattern holds, and what in it is left out and why."""

import glob
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spacy_bioner_mtl.errors import InputError

#: What `annotate` writes beside its answers in a folder: who made them, and what was not answered.
MANIFEST, ERRORS = "manifest.json", "errors.jsonl"
_LINK = "it is a link, which is not followed; name it by a pattern, or copy what it leads to"
_ALONE = "the file of text beside it, of the same name, is missing; put it there"
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True)
class LeftOut:
    """Something in a folder, or that a pattern matches, that is not annotated.

    name (str): Its path inside of SOURCE, with slashes; of a folder it ends in one.
    reason (str): Why it is left out.
    fault (bool): Whether it may be one of the files that were asked for, so that not all of them
        are answered. Files with another ending are not.
    """

    name: str
    reason: str
    fault: bool


@dataclass(frozen=True)
class Found:
    """What a folder or a pattern holds.

    root (Path): The folder, or that which the pattern begins with.
    names (list[str]): The regular files to annotate, as paths inside of it, with slashes, in order.
    left_out (list[LeftOut]): What else there is, in order. Hidden files and folders are not
        mentioned.
    """

    root: Path
    names: list[str]
    left_out: list[LeftOut]


def is_report(folder: Path, name: str) -> bool:
    """Check whether a file is what `annotate` wrote beside its answers.

    folder (Path): The folder of answers.
    name (str): The file's path inside of it.
    RETURNS (bool): Whether it is.
    """
    return name in (MANIFEST, ERRORS) and (folder / MANIFEST).is_file()


def search_folder(
    source: Path, is_wanted: Callable[[str], bool], companions: tuple[str, ...] = ()
) -> Found:
    """Find the files of a folder, at any depth. No link in it is followed.

    source (Path): The folder.
    is_wanted (Callable[[str], bool]): Whether a file of this name is to be annotated.
    companions (tuple[str, ...]): How names of files end that belong to such a file of the same
        name; they are not mentioned, unless it is missing.
    RETURNS (Found): The files, and all others.
    RAISES (InputError): The folder itself cannot be read.
    """
    # An absolute path means the same in every process.
    root = Path(os.path.abspath(source))
    names: list[str] = []
    left_out: list[LeftOut] = []
    folders = [""]
    while folders:
        inside = folders.pop()
        try:
            with os.scandir(root / inside) as listed:
                entries = list(listed)
        except OSError as error:
            if not inside:
                raise InputError(
                    f"{source}: cannot be read ({error.strerror or error}); check the folder"
                ) from error
            reason = f"this folder cannot be read ({error.strerror or error})"
            left_out.append(LeftOut(inside, reason, fault=True))
            continue
        stems = {_stem(entry.name) for entry in entries if is_wanted(entry.name)}
        for entry in entries:
            name = inside + entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(f"{name}/")
            elif entry.is_symlink() and os.path.isdir(entry.path):
                left_out.append(LeftOut(f"{name}/", _LINK, fault=True))
            elif entry.name.removesuffix(".gz").endswith(companions):
                if _stem(entry.name) not in stems:
                    left_out.append(LeftOut(name, _ALONE, fault=True))
            elif not is_wanted(entry.name):
                left_out.append(LeftOut(name, "its name ends otherwise", fault=False))
            elif is_report(root, name):
                left_out.append(LeftOut(name, "it is a report of `annotate`", fault=False))
            elif entry.is_symlink():
                left_out.append(LeftOut(name, _LINK, fault=True))
            elif not entry.is_file(follow_symlinks=False):
                left_out.append(LeftOut(name, _describe_kind(Path(entry.path)), fault=True))
            else:
                names.append(name)
    return Found(root, sorted(names, key=_by_parts), sorted(left_out, key=_by_name))


def search_pattern(pattern: Path, out: Path) -> Found:
    """Find what a pattern matches.

    pattern (Path): The pattern.
    out (Path): The folder of answers; what lies in it is not mentioned.
    RETURNS (Found): The regular files, and links to such files; and all others.
    """
    root = Path(os.path.abspath(Path(*_parts_before(pattern))))
    out = Path(os.path.abspath(out))
    names: list[str] = []
    left_out: list[LeftOut] = []
    circular = _Circular(root)
    for path in _matches(str(pattern)):
        if path == out or out in path.parents or circular(path.parent):
            continue
        name = path.relative_to(root).as_posix()
        if path.is_file():
            names.append(name)
        elif not path.is_dir():
            left_out.append(LeftOut(name, _describe_kind(path), fault=True))
        elif "**" not in pattern.parts:
            reason = "it is a folder; name the files in it by a pattern as well"
            left_out.append(LeftOut(f"{name}/", reason, fault=False))
    for folder in set(_unreadable_folders(pattern)):
        if folder != out and out not in folder.parents and not circular(folder):
            name = folder.relative_to(root).as_posix()
            left_out.append(LeftOut(f"{name}/", "this folder cannot be read", fault=True))
    return Found(root, sorted(names, key=_by_parts), sorted(left_out, key=_by_name))


def _stem(name: str) -> str:
    return os.path.splitext(name.removesuffix(".gz"))[0]


def _parts_before(pattern: Path) -> Iterator[str]:
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            return
        yield part


def _matches(pattern: str) -> set[Path]:
    return {Path(os.path.abspath(name)) for name in glob.iglob(pattern, recursive=True)}


class _Circular:
    """Whether a folder is reached through a link to a folder that it is in.

    All that is in it has another, shorter path, which the same pattern matches.
    """

    def __init__(self, root: Path) -> None:
        self._known = {root: False}

    def __call__(self, folder: Path) -> bool:
        if folder not in self._known:
            self._known[folder] = self(folder.parent) or (
                folder.is_symlink()
                and Path(os.path.realpath(folder))
                in (real := Path(os.path.realpath(folder.parent)), *real.parents)
            )
        return self._known[folder]


def _unreadable_folders(pattern: Path) -> Iterator[Path]:
    """The folders that a pattern leads into and that glob passes over without a word."""
    for number, part in enumerate(pattern.parts):
        if glob.has_magic(part):
            before = pattern.parts[:number] if part != "**" else pattern.parts[: number + 1]
            # The slash leaves files out.
            for folder in _matches(os.path.join(*before, "") if before else "."):
                if not os.access(folder, os.R_OK | os.X_OK):
                    yield folder


def _describe_kind(path: Path) -> str:
    """Say what something is that is no regular file."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"it cannot be read ({error.strerror or error})"
    return f"it is {_KINDS.get(stat.S_IFMT(mode), 'no regular file')}, not a file"


def _by_parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts


def _by_name(left_out: LeftOut) -> tuple[str, ...]:
    return _by_parts(left_out.name)
