"""Raw text: a document a file, or a document a line."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source, source_path
from spacy_bioner_mtl.formats.encoding import read_whole_text
from spacy_bioner_mtl.formats.lines import BYTE_ORDER_MARK, read_any_lines
from spacy_bioner_mtl.formats.record import BadRecord, ReadRecord, Record


def read_text(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a file as one document.

    The text is the file's, decoded and not changed: line breaks of any kind and all other
    characters stay as they are; NUL is none of a text's and is refused. Only a byte order mark at
    the beginning, which tells the encoding and is no part of the text, is dropped; offsets count
    from the character after it.

    source (Path | Source): The file, in UTF-8, compressed with gzip or not, or "-" for standard
        input.
    gold (bool): Of no effect: there are no annotations.
    YIELDS (ReadRecord): The document; its identifier is the name of the file without ".gz" and
        without the suffix before that. An empty file is an empty document.
    RAISES (InputError): If the file cannot be read, or is in UTF-16 or UTF-32.
    """
    identifier = Path(source_path(source).name.removesuffix(".gz")).stem
    try:
        text = read_whole_text(source)
    except InputError:
        raise
    except ValueError as error:
        yield BadRecord(identifier, f"{source}:{error}")
    else:
        yield Record(identifier, text.removeprefix(BYTE_ORDER_MARK))


def read_text_lines(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a file line by line, each a document.

    Lines end at LF or CRLF only, which are no part of the text. Lines of nothing but white space
    are passed over. A file of one line, with CR inside, is refused.

    source (Path | Source): The file, in UTF-8, compressed with gzip or not, or "-" for standard
        input.
    gold (bool): Of no effect: there are no annotations.
    YIELDS (ReadRecord): The documents; their identifiers are the numbers of their lines, from 1.
    RAISES (InputError): If the file cannot be read.
    """
    lines = read_any_lines(source)
    first = list(islice(lines, 2))
    if len(first) == 1 and "\r" in first[0].text.strip() and not first[0].fault:
        yield BadRecord(
            "1",
            f"{source}:1: one line with carriage returns (CR) inside; end lines with LF, as in: "
            "tr '\\r' '\\n' < OLD > NEW",
        )
        return
    for line in chain(first, lines):
        if line.fault:
            yield BadRecord(str(line.number), line.fault)
        elif line.text.strip():
            yield Record(str(line.number), line.text)
