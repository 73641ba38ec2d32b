"""Plain text, a paragraph on each line."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import open_source


def read_paragraphs(paths: Sequence[Path]) -> Iterator[str]:
    """Read text files.

    paths (Sequence[Path]): Text in UTF-8, a paragraph on each line; may be compressed with gzip.
    YIELDS (str): A paragraph.
    RAISES (InputError): If a file is missing, damaged or not UTF-8.
    """
    for path in paths:
        with open_source(path) as content:
            for number, line in enumerate(content, start=1):
                try:
                    yield line.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise InputError(
                        f"{path}, line {number}: not UTF-8 ({error}). Convert the file to UTF-8."
                    ) from error
