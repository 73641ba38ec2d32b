"""The files of a folder that are in a format."""

import os
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.formats.registry import Format

_COMPRESSED = ".gz"


def list_files(folder: Path, source_format: Format) -> tuple[list[Path], list[Path]]:
    """List the files of a folder, at any depth, by whether their names are those of a format.

    folder (Path): The folder.
    source_format (Format): The format.
    RETURNS (tuple[list[Path], list[Path]]): The files of the format, sorted; and what else is there
        and is passed over: other names, folders that cannot be read or are links, links to files
        outside, and what is no file. Hidden names, and files that belong to those of the format,
        are in neither.
    RAISES (InputError): If there is none of the format, or the folder cannot be read.
    """
    found: list[Path] = []
    others: list[Path] = []

    def refuse(error: OSError) -> None:
        others.append(Path(str(error.filename)))

    for inside, folders, files in os.walk(folder, onerror=refuse):
        here = Path(inside)
        folders[:] = [name for name in folders if not name.startswith(".")]
        others += [here / name for name in folders if (here / name).is_symlink()]
        for name in files:
            path = here / name
            if name.startswith("."):
                continue
            if source_format.reads(name) and path.is_file() and _is_inside(path, folder):
                found.append(path)
            elif not _is_companion(path, source_format):
                others.append(path)
    if not found:
        suffixes = ", ".join(f"{each} or {each}{_COMPRESSED}" for each in source_format.suffixes)
        raise InputError(
            f"{folder}: no file in this folder ends in {suffixes}, as files of --from "
            f"{source_format.name} do; rename them, or name the files"
        )
    return sorted(found), sorted(others)


def _is_inside(path: Path, folder: Path) -> bool:
    return not path.is_symlink() or folder.resolve() in path.resolve().parents


def _is_companion(path: Path, source_format: Format) -> bool:
    """Whether it is read together with another file."""
    bare = path.name.removesuffix(_COMPRESSED)
    stem, dot, suffix = bare.rpartition(".")
    if not dot or f".{suffix}" not in source_format.companions:
        return False
    texts = (path.with_name(f"{stem}{each}") for each in source_format.suffixes)
    return any(each.exists() or each.with_name(each.name + _COMPRESSED).exists() for each in texts)
