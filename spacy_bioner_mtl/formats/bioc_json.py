"""BioC as JSON. What is kept of a document is said in formats/bioc.py."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from bioc import BioCDocument, biocjson

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import open_source
from spacy_bioner_mtl.formats.bioc import SOURCE, make_document, read_document
from spacy_bioner_mtl.formats.record import BadRecord, ReadRecord, Record

# That of the collections that PubTator 3 gives out has a name of its own.
_LISTS = ("documents", "PubTator3")
_HEADER = (
    f'{{"bioctype": "BioCCollection", "source": "{SOURCE}", "date": "", "key": "", '
    '"version": "1.0", "infons": {}, "documents": ['
)
_FOOTER = "\n]}\n"


def read_bioc_json(path: Path) -> Iterator[ReadRecord]:
    """Read a collection, or a list of collections, or such a value a line (BioC JSON Lines).

    Lines are read one at a time; a collection is one JSON value and is decoded as a whole, so that
    memory grows with the file.

    path (Path): The file, in UTF-8, or standard input.
    YIELDS (ReadRecord): The documents. One whose annotations do not fit its text is a BadRecord,
        and so is a line that is no JSON.
    RAISES (InputError): If a file that is one JSON value is malformed.
    """
    with open_source(path) as file:
        first = file.readline()
        try:
            value = json.loads(first)
        except (ValueError, RecursionError):
            yield from _read_documents(_load_whole(path, first + file.read()), f"{path}")
            return
        yield from _read_documents(value, f"{path}:1")
        for number, line in enumerate(file, start=2):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield BadRecord("", f"{path}:{number}: no JSON ({error}); correct the line")
            else:
                yield from _read_documents(value, f"{path}:{number}")


def write_bioc_json(records: Iterable[Record]) -> Iterator[str]:
    """Write records as one collection.

    records (Iterable[Record]): The records.
    RETURNS (Iterator[str]): The head of the file, a piece for each record, the end of the file. It
        raises ValueError in place of a record that holds half of a surrogate pair, or whose offsets
        are wrong, and goes on with the next.
    """
    separators = chain(["\n"], repeat(",\n"))

    def write_document(record: Record) -> str:
        written = _write_document(record)
        return next(separators) + written

    return chain([_HEADER], map(write_document, records), [_FOOTER])


def _load_whole(path: Path, content: bytes) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        line, reason = error.lineno, error.msg
    except UnicodeDecodeError as error:
        line, reason = content.count(b"\n", 0, error.start) + 1, "not UTF-8"
    except RecursionError:
        line, reason = 1, "nested too deep"
    raise InputError(f"{path}:{line}: no JSON ({reason}); correct the file or copy it again")


def _read_documents(value: Any, where: str) -> Iterator[ReadRecord]:
    for each in value if isinstance(value, list) else [value]:
        documents = [each]
        for key in _LISTS:
            if isinstance(each, dict) and isinstance(each.get(key), list):
                documents = each[key]
        for document in documents:
            identifier = str(document.get("id", "")) if isinstance(document, dict) else ""
            yield read_document(_decode, document, identifier, where)


def _decode(value: Any) -> BioCDocument:
    return biocjson.fromJSON(value, "BioCDocument")


def _write_document(record: Record) -> str:
    value = biocjson.toJSON(make_document(record))
    written = json.dumps(value, ensure_ascii=False, default=str)
    try:
        written.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"record {record.id!r}: it holds half of a surrogate pair, which UTF-8 cannot; remove "
            "it"
        ) from None
    return written
