"""Which files a request reads and writes. One source file is one shard of the work."""

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import STANDARD_INPUT
from spacy_bioner_mtl.formats.registry import Format

#: What stands in a folder of answers beside the answers.
ERRORS, MANIFEST, STATE = "errors.jsonl", "manifest.json", ".annotate"
_COMPRESSED = ".gz"


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
    """

    shards: list[Shard]
    bulk: bool


def plan_shards(source: Path, out: Path, source_format: Format, target_format: Format) -> Plan:
    """Find the files of a request.

    source (Path): A file, STANDARD_INPUT, a folder, or a pattern. Of a folder all files are taken,
        at any depth, whose names end as the format's do, with or without ".gz"; hidden ones and
        hidden folders are left out. What a pattern matches is taken unless it lies in OUT.
    out (Path): The file or folder to write.
    source_format (Format): The format to read.
    target_format (Format): The format to write.
    RETURNS (Plan): The work.
    RAISES (InputError): If there is nothing to read, or answers would overwrite sources, each
        other, or anything else.
    """
    if source == STANDARD_INPUT or (source.exists() and not source.is_dir()):
        _check_single(source, out, target_format)
        return Plan([Shard(str(source), source, out)], bulk=False)
    # Absolute paths mean the same in every process.
    folder = Path(os.path.abspath(out))
    if source.is_dir():
        _check_apart(source, out)
        root = Path(os.path.abspath(source))
        names = sorted(_walk(root, source_format), key=_by_parts)
        if not names:
            raise InputError(
                f"{source}: no file in this folder ends in {_list_suffixes(source_format)}, as "
                f"files of --from {source_format.name} do; rename them, or give a pattern "
                f"such as '{source}/*'"
            )
    elif glob.has_magic(str(source)):
        root, names = _match(source, folder)
        if not names:
            raise InputError(
                f"{source}: no file matches this pattern{' outside of OUT' if out.exists() else ''}"
                "; correct it, and quote it, so that it comes as it is"
            )
    else:
        raise InputError(f"{source}: there is no such file; name the file to annotate")
    shards = [
        Shard(name, root / name, folder / _output_name(name, source_format, target_format))
        for name in names
    ]
    _check_outputs(shards, folder)
    _check_out_folder(out)
    return Plan(shards, bulk=True)


def _check_single(source: Path, out: Path, target_format: Format) -> None:
    if target_format.folder:
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise InputError(
                f"{out}: this exists already; --to {target_format.name} writes a folder, name a "
                "new one"
            )
    elif out.is_dir():
        raise InputError(f"{out}: this is a folder; name the file to write")
    if out.exists() and source.exists() and out.samefile(source):
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


def _walk(root: Path, source_format: Format) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and _suffix(name, source_format):
                yield (Path(folder) / name).relative_to(root).as_posix()


def _match(pattern: Path, out: Path) -> tuple[Path, list[str]]:
    """The folder that a pattern begins with, and the names of files inside of it."""
    root = Path(os.path.abspath(Path(*_parts_before(pattern))))
    found = {Path(os.path.abspath(name)) for name in glob.glob(str(pattern), recursive=True)}
    files = (path for path in found if path.is_file() and out not in path.parents)
    return root, sorted((path.relative_to(root).as_posix() for path in files), key=_by_parts)


def _parts_before(pattern: Path) -> Iterable[str]:
    for part in pattern.parts[:-1]:
        if glob.has_magic(part):
            return
        yield part


def _by_parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts


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


def _list_suffixes(source_format: Format) -> str:
    return ", ".join(f"{suffix} or {suffix}{_COMPRESSED}" for suffix in source_format.suffixes)
