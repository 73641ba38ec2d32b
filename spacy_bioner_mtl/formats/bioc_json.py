"""BioC as JSON. What is kept of a document is said in formats/bioc.py."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from bioc import BioCDocument, biocjson

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import Source, open_source
from spacy_bioner_mtl.formats.bioc import SOURCE, make_document, read_document
from spacy_bioner_mtl.formats.record import BadRecord, ReadRecord, Record

# That of the collections that PubTator 3 gives out has a name of its own.
_LISTS = ("documents", "PubTator3")
_OFTEN_MISSING: dict[str, Any] = {"infons": {}, "annotations": [], "sentences": []}
_HEADER = (
    f'{{"bioctype": "BioCCollection", "source": "{SOURCE}", "date": "", "key": "", '
    '"version": "1.0", "infons": {}, "documents": ['
)
_FOOTER = "\n]}\n"


def read_bioc_json(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a collection, or a list of collections, or such a value a line (BioC JSON Lines).

    Lines are read one at a time; a collection is one JSON value and is decoded as a whole, so that
    memory grows with the file.

    source (Path | Source): The file, in UTF-8, or standard input.
    gold (bool): Whether to read the annotations.
    YIELDS (ReadRecord): The documents. One whose annotations do not fit its text is a BadRecord,
        and so is a line that is no JSON.
    RAISES (InputError): If a file that is one JSON value is malformed.
    """
    with open_source(source) as file:
        first = file.readline()
        try:
            value = json.loads(first)
        except (ValueError, RecursionError):
            yield from _read_documents(_load_whole(source, first + file.read()), f"{source}", gold)
            return
        yield from _read_documents(value, f"{source}:1", gold)
        for number, line in enumerate(file, start=2):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield BadRecord("", f"{source}:{number}: no JSON ({error}); correct the line")
            else:
                yield from _read_documents(value, f"{source}:{number}", gold)


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


def _load_whole(source: Path | Source, content: bytes) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        line, reason = error.lineno, error.msg
    except UnicodeDecodeError as error:
        line, reason = content.count(b"\n", 0, error.start) + 1, "not UTF-8"
    except RecursionError:
        line, reason = 1, "nested too deep"
    raise InputError(f"{source}:{line}: no JSON ({reason}); correct the file or copy it again")


def _read_documents(value: Any, where: str, gold: bool) -> Iterator[ReadRecord]:
    for each in value if isinstance(value, list) else [value]:
        documents = [each]
        for key in _LISTS:
            if isinstance(each, dict) and isinstance(each.get(key), list):
                documents = each[key]
        for document in documents:
            identifier = str(document.get("id", "")) if isinstance(document, dict) else ""
            _tidy(document, gold)
            yield read_document(_decode, document, identifier, where, gold)


def _tidy(part: Any, gold: bool) -> None:
    """Add what lean collections leave out and the library wants, and take out what is not read."""
    if not isinstance(part, dict):
        return
    for key, empty in _OFTEN_MISSING.items():
        if part.get(key) is None:
            part[key] = empty.copy()
    part.setdefault("id", "")
    part["relations"] = []
    if not gold:
        part["annotations"] = []
    for key in ("passages", "sentences"):
        for inner in part.get(key) or ():
            _tidy(inner, gold)


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
