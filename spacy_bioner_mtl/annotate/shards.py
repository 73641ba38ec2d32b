"""Which files a request reads and writes. One source file is one shard of the work."""

import glob
import os
from dataclasses import dataclass, field
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import STANDARD_INPUT, Source
from spacy_bioner_mtl.files.writing import is_stream, partial_path
from spacy_bioner_mtl.formats.folder import (
    ERRORS,
    MANIFEST,
    Found,
    LeftOut,
    search_folder,
    search_pattern,
)
from spacy_bioner_mtl.formats.recognise import LOOKED_AT, recognise
from spacy_bioner_mtl.formats.registry import FORMATS, Format

#: What stands in a folder of answers beside the answers and the reports of them.
STATE = ".annotate"
#: How often a file is tried whose process dies.
ATTEMPTS = 2
#: How many names of files a message shows.
SHOWN = 3
_COMPRESSED = ".gz"
_TOO_LONG = "its name is too long: with the endings of what is written, no file can have it"


class ShardFault(Exception):
    """A source file that cannot be answered as a whole; the others can. It says why."""


@dataclass(frozen=True)
class Shard:
    """A source file and what its answers become.

    name (str): The source's path inside of SOURCE, with slashes; a single file's path as given.
    source (Path): The file to read.
    output (Path): The file to write, or the folder, for formats that write one.
    """

    name: str
    source: Path
    output: Path


@dataclass(frozen=True)
class Plan:
    """The whole work.

    shards (list[Shard]): The shards in order.
    bulk (bool): Whether OUT is a folder of many shards' answers, or the answer of the one shard.
    source_format (Format): What the files are read as.
    source (Source | None): The one file, which is read once; None where there are many.
    left_out (list[LeftOut]): What SOURCE holds beside them.
    """

    shards: list[Shard]
    bulk: bool
    source_format: Format
    source: Source | None = None
    left_out: list[LeftOut] = field(default_factory=list)


def plan_shards(
    source: Path, out: Path, source_format: Format | None, target_format: Format
) -> Plan:
    """Find the files of a request.

    source (Path): A file, STANDARD_INPUT, a folder, or a pattern. Of a folder all regular files are
        taken, at any depth, whose names end as the format's do, with or without ".gz"; hidden ones
        and hidden folders are not looked at. Of what a pattern matches, regular files and links to
        them are taken unless they lie in OUT.
    out (Path): The file or folder to write.
    source_format (Format | None): The format to read; None recognises it.
    target_format (Format): The format to write.
    RETURNS (Plan): The work.
    RAISES (InputError): If there is nothing to read, its format cannot be recognised, or answers
        would overwrite sources, each other, or anything else.
    """
    if source == STANDARD_INPUT or (source.exists() and not source.is_dir()):
        _check_single(source, out, target_format)
        once = Source(source)
        return Plan(
            [Shard(str(source), source, out)],
            bulk=False,
            source_format=source_format or recognise(once),
            source=once,
        )
    if is_stream(out):
        raise InputError(
            f"{out}: the answers to a folder or a pattern are a folder, and this is no place for "
            "one; name a folder"
        )
    if source.is_dir():
        _check_apart(source, out)
        read_as = source_format or recognise(Source(source))
        found = search_folder(source, lambda name: bool(_suffix(name, read_as)), read_as.companions)
        if not found.names:
            raise InputError(
                f"{source}: no file in this folder ends in {_list_suffixes(read_as)}, as "
                f"files of --from {read_as.name} do{_list_left_out(found)}; rename them, or "
                f"give a pattern such as '{source}/*'"
            )
    elif glob.has_magic(str(source)):
        found = search_pattern(source, out)
        if not found.names:
            raise InputError(
                f"{source}: no file matches this pattern{' outside of OUT' if out.exists() else ''}"
                f"{_list_left_out(found)}; correct it, and quote it, so that it comes as it is"
            )
        read_as = source_format or _recognise_files(source, found)
    else:
        raise InputError(f"{source}: there is no such file; name the file to annotate")
    # Absolute paths mean the same in every process.
    folder = Path(os.path.abspath(out))
    shards = [
        Shard(name, found.root / name, folder / _output_name(name, read_as, target_format))
        for name in found.names
    ]
    _check_outputs(shards, folder)
    _check_out_folder(out)
    limits = _Limits(folder)
    fitting, left_out = [], found.left_out
    for shard in shards:
        if limits.too_long(shard.output) or limits.too_long(state_path(folder, shard.name)):
            left_out.append(LeftOut(shard.name, _TOO_LONG, fault=True))
        else:
            fitting.append(shard)
    return Plan(fitting, bulk=True, source_format=read_as, left_out=left_out)


def state_path(folder: Path, name: str) -> Path:
    """Name the file that tells that a shard is finished.

    folder (Path): The folder of answers.
    name (str): The shard's name.
    RETURNS (Path): The file.
    """
    return folder / STATE / "finished" / f"{name}.json"


def errors_path(folder: Path, name: str) -> Path:
    """Name the file that lists what was not answered of a shard.

    folder (Path): The folder of answers.
    name (str): The shard's name.
    RETURNS (Path): The file.
    """
    return folder / STATE / "errors" / name


def errors_beside(out: Path) -> Path:
    """Name the file that lists what was not answered of a single file.

    out (Path): The file or folder of answers.
    RETURNS (Path): The file.
    """
    return out.with_name(f"{out.name}.{ERRORS}")


class _Limits:
    """How long names may be on the disk that a folder is on, or will be."""

    def __init__(self, folder: Path) -> None:
        folder = Path(os.path.abspath(folder))
        while not folder.exists():
            folder = folder.parent
        try:
            self._name = os.pathconf(folder, "PC_NAME_MAX")
            self._path = os.pathconf(folder, "PC_PATH_MAX")
        except (AttributeError, OSError, ValueError):
            self._name, self._path = 255, 4096

    def too_long(self, path: Path) -> bool:
        """Check whether a file cannot have a path, or not while it is written."""
        return any(
            len(os.fsencode(each)) >= self._path
            or any(len(os.fsencode(part)) > self._name for part in each.parts)
            for each in (path, partial_path(path))
        )


def _recognise_files(pattern: Path, found: Found) -> Format:
    """Recognise what the files that a pattern matches have in common."""
    formats: dict[str, str] = {}
    for name in found.names[:LOOKED_AT]:
        source = Source(found.root / name)
        formats.setdefault(recognise(source).name, name)
        source.close()
    if len(formats) > 1:
        what = ", ".join(f"{name} like {each}" for each, name in formats.items())
        raise InputError(
            f"{pattern}: these files are of several formats ({what}); give --from, or a pattern of "
            "files of one format"
        )
    return FORMATS[next(iter(formats))]


def _check_single(source: Path, out: Path, target_format: Format) -> None:
    if target_format.folder:
        if is_stream(out):
            raise InputError(
                f"{out}: --to {target_format.name} writes a folder, and this is no place for one; "
                "name a folder"
            )
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise InputError(
                f"{out}: this exists already; --to {target_format.name} writes a folder, name a "
                "new one"
            )
    elif out.is_dir():
        raise InputError(f"{out}: this is a folder; name the file to write")
    if not is_stream(out) and _Limits(out.parent).too_long(errors_beside(out)):
        raise InputError(f"{out}: this name is too long; choose a shorter one")
    if out.suffix == ".gz" and not target_format.folder:
        raise InputError(
            f"{out}: results are not compressed; leave out .gz, or write to - and pipe that "
            "through gzip"
        )
    if out.is_file() and source.is_file() and out.samefile(source):
        raise InputError(f"{out}: this is the file to annotate itself; write to another one")


def _check_apart(source: Path, out: Path) -> None:
    inner, outer = out.resolve(), source.resolve()
    if inner == outer:
        raise InputError(f"{out}: this is the folder to annotate itself; write to another one")
    if outer in inner.parents:
        raise InputError(
            f"{out}: this lies in the folder to annotate, {source}, so that answers would be "
            "annotated in turn; write to a folder outside of it"
        )
    if inner in outer.parents:
        raise InputError(
            f"{out}: the folder to annotate, {source}, lies in this one; write to a folder of "
            "its own"
        )


def _check_out_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: this is a file; name the folder to write")
    if out.is_dir() and not (out / STATE).is_dir() and any(out.iterdir()):
        raise InputError(
            f"{out}: this folder holds files that annotate did not write; name a new folder, or "
            "that of a run to go on with"
        )


def _check_outputs(shards: list[Shard], folder: Path) -> None:
    sources: dict[Path, str] = {}
    for shard in shards:
        if shard.output.relative_to(folder).parts[0] in (ERRORS, MANIFEST, STATE):
            raise InputError(
                f"{shard.source}: its answers would be {shard.output}, a name that annotate needs "
                "itself; rename the file"
            )
        if shard.output in sources:
            raise InputError(
                f"{shard.source}: its answers and those of {sources[shard.output]} would both be "
                f"{shard.output}; rename one of them, or annotate them into two folders"
            )
        sources[shard.output] = shard.name
    for shard in shards:
        for parent in shard.output.parents:
            if parent in sources:
                raise InputError(
                    f"{shard.source}: its answers would be inside of those of {sources[parent]}, "
                    f"{parent}; rename one of them, or annotate them into two folders"
                )


def _output_name(name: str, source_format: Format, target_format: Format) -> str:
    parent, _, last = name.rpartition("/")
    bare = _without(last, _COMPRESSED)
    suffix = _suffix(last, source_format)
    stem = _without(bare, suffix) if suffix else Path(bare).stem
    if not target_format.folder:
        stem += target_format.suffixes[0]
    return f"{parent}/{stem}" if parent else stem


def _suffix(name: str, source_format: Format) -> str:
    """The longest of a format's suffixes that a name ends in; empty if there is none."""
    bare = _without(name, _COMPRESSED).lower()
    fitting = [suffix for suffix in source_format.suffixes if bare.endswith(suffix.lower())]
    return max(fitting, key=len, default="")


def _without(name: str, suffix: str) -> str:
    return name[: -len(suffix)] if name.lower().endswith(suffix.lower()) else name


def _list_left_out(found: Found) -> str:
    """What there is beside the files, for the message that there are no files."""
    if not found.left_out:
        return ""
    shown = "; ".join(f"{each.name}: {each.reason}" for each in found.left_out[:SHOWN])
    more = len(found.left_out) - SHOWN
    return f" ({shown}{f'; and {more:,} more' if more > 0 else ''})"


def _list_suffixes(source_format: Format) -> str:
    return ", ".join(f"{suffix} or {suffix}{_COMPRESSED}" for suffix in source_format.suffixes)
