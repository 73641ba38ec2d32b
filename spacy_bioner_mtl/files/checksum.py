"""Checksums of files and folders."""

import hashlib
from pathlib import Path


def hash_folder(folder: Path) -> str:
    """Compute a checksum over the names and contents of a folder's files.

    folder (Path): The folder; what Python compiled in it is left out.
    RETURNS (str): SHA-256 in hexadecimal digits.
    """
    total = hashlib.sha256()
    files = (path for path in folder.rglob("*") if path.is_file())
    for path in sorted(path for path in files if "__pycache__" not in path.parts):
        total.update(
            f"{path.relative_to(folder).as_posix()}\0{hash_file(path)}\n".encode(
                "utf-8", "surrogateescape"
            )
        )
    return total.hexdigest()


def hash_file(path: Path) -> str:
    """Compute the checksum of a file.

    path (Path): The file.
    RETURNS (str): SHA-256 in hexadecimal digits.
    RAISES (OSError): If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
