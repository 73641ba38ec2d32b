"""What is kept of finished shards, in JSON files that are believed only if they are whole."""

import errno
import json
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spacy_bioner_mtl.annotate.annotator import ShardReport
from spacy_bioner_mtl.files.checksum import hash_file, hash_folder
from spacy_bioner_mtl.files.writing import write_whole

#: Counts of a report.
COUNTS = ("documents", "words", "mentions")


def write_report(path: Path, report: ShardReport) -> None:
    """Keep what became of a shard.

    path (Path): The file.
    report (ShardReport): What became of it.
    RAISES (InputError): The disk is full or the like.
    """
    write_json(path, asdict(report))


def read_report(path: Path) -> ShardReport | None:
    """Read what became of a shard.

    path (Path): The file.
    RETURNS (ShardReport | None): What became of it; None if the file is damaged, or of a version
        that kept less.
    RAISES (FileNotFoundError): There is no such file.
    """
    content = read_json(path)
    empty = asdict(ShardReport(""))
    if content is None or content.keys() != empty.keys():
        return None
    # Texts are not less than none, and numbers not less than 0.
    fits = all(
        type(content[name]) is type(value) and content[name] >= value
        for name, value in empty.items()
    )
    return ShardReport(**content) if fits else None


def measure_answers(path: Path) -> tuple[int, str]:
    """Compute size and checksum of a shard's answers.

    path (Path): The file or folder.
    RETURNS (tuple[int, str]): Bytes, of all files of a folder together; SHA-256 in hexadecimal
        digits.
    RAISES (OSError): They are not there, or cannot be read.
    """
    if not path.is_dir():
        return regular_size(path), hash_file(path)
    sizes = (file.stat().st_size for file in path.rglob("*") if file.is_file())
    return sum(sizes), hash_folder(path)


def regular_size(path: Path) -> int:
    """Look up the size of a file; what is no file, such as a pipe, might never be read to its end.

    path (Path): The file.
    RETURNS (int): Its bytes.
    RAISES (OSError): There is no such file.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    return status.st_size


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file.

    path (Path): The file.
    content (dict[str, Any]): What to write.
    RAISES (InputError): The disk is full or the like.
    """
    with write_whole(path, "wb") as file:
        file.write(to_json(content, indent=2) + b"\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON file that write_json wrote.

    path (Path): The file.
    RETURNS (dict[str, Any] | None): Its object; None if it is damaged, or there is none in it.
    RAISES (FileNotFoundError): There is no such file.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def to_json(content: dict[str, Any], indent: int | None = None) -> bytes:
    """Write JSON in UTF-8.

    content (dict[str, Any]): What to write. Halves of surrogate pairs, as in odd file names, stay
        escaped.
    indent (int | None): Spaces of each level; None for a single line.
    RETURNS (bytes): The JSON.
    """
    return json.dumps(content, ensure_ascii=False, indent=indent).encode(
        "utf-8", "backslashreplace"
    )
