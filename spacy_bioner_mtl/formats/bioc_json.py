"""BioC as JSON. What is kept of a document is said in formats/bioc.py."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from bioc import BioCDocument, biocjson

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.bioc import SOURCE, make_document, read_document
from spacy_bioner_mtl.formats.encoding import check_surrogates, open_text
from spacy_bioner_mtl.formats.json_values import load_json
from spacy_bioner_mtl.formats.limits import LARGEST_JSON, over
from spacy_bioner_mtl.formats.lines import split_lines
from spacy_bioner_mtl.formats.record import BadRecord, ReadRecord, Record

# That of the collections that PubTator 3 gives out has a name of its own.
_LISTS = ("documents", "PubTator3")
_PARTS = ("passages", "sentences")
_HEADER = (
    f'{{"bioctype": "BioCCollection", "source": "{SOURCE}", "date": "", "key": "", '
    '"version": "1.0", "infons": {}, "documents": ['
)
_FOOTER = "\n]}\n"


def read_bioc_json(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a collection, or a list of collections, or such a value a line (BioC JSON Lines).

    Lines are read one at a time; a collection is one JSON value and is decoded as a whole, so that
    memory grows with the file, up to LARGEST_JSON.

    source (Path | Source): The file, in UTF-8, or standard input.
    gold (bool): Whether to read the annotations.
    YIELDS (ReadRecord): The documents. Annotations that do not fit their text are flaws. A line
        that is no JSON is a BadRecord.
    RAISES (InputError): If a file that is one JSON value is malformed or too large.
    """
    with open_text(source) as file:
        first = file.readline(LARGEST_JSON + 1)
        try:
            value = load_json(first)
        except (ValueError, RecursionError):
            rest = file.read(LARGEST_JSON + 1 - len(first))
            yield from _read_documents(_load_whole(source, first + rest), f"{source}", gold)
            return
        yield from _read_documents(value, f"{source}:1", gold)
        for line in split_lines(file, source, first=2):
            if not line.text.strip():
                continue
            if line.fault:
                yield BadRecord("", line.fault)
                continue
            try:
                value = load_json(line.text)
            except (ValueError, RecursionError) as error:
                yield BadRecord("", f"{source}:{line.number}: no JSON ({error}); correct the line")
            else:
                yield from _read_documents(value, f"{source}:{line.number}", gold)


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
    if len(content) > LARGEST_JSON:
        raise InputError(
            f"{source}: {over('LARGEST_JSON', LARGEST_JSON)} in one JSON value; write a collection "
            "on each line, or BioC XML"
        )
    try:
        return load_json(content)
    except json.JSONDecodeError as error:
        line, reason = error.lineno, error.msg
    except UnicodeDecodeError as error:
        line, reason = content.count(b"\n", 0, error.start) + 1, "not UTF-8"
    except RecursionError:
        line, reason = 1, "nested too deep"
    except ValueError as error:
        line, reason = 1, str(error)
    raise InputError(f"{source}:{line}: no JSON ({reason}); correct the file or copy it again")


def _read_documents(value: Any, where: str, gold: bool) -> Iterator[ReadRecord]:
    for each in value if isinstance(value, list) else [value]:
        documents = [each]
        for key in _LISTS:
            if isinstance(each, dict) and isinstance(each.get(key), list):
                documents = each[key]
        for document in documents:
            identifier = str(document.get("id", "")) if isinstance(document, dict) else ""
            malformed = list(_tidy(document, gold))
            yield read_document(
                _decode, document, identifier, where, malformed=malformed, gold=gold
            )


def _tidy(part: Any, gold: bool) -> Iterator[str]:
    """Add what lean collections leave out and the library wants, and take out what is not read.

    YIELDS (str): What is wrong with annotations that the library cannot decode.
    """
    if not isinstance(part, dict):
        return
    if not isinstance(part.get("infons"), dict):
        part["infons"] = {}
    part.setdefault("id", "")
    annotations = _as_list(part.get("annotations")) if gold else []
    part["relations"], part["annotations"] = [], []
    part["sentences"] = _as_list(part.get("sentences"))
    if part.get("passages"):
        part["passages"] = _as_list(part["passages"])
    for annotation in annotations:
        fault = _find_fault(annotation)
        if fault:
            yield fault
        else:
            part["annotations"].append({"id": "", "text": None, **annotation})
    offset = part.get("offset")
    after = offset if type(offset) is int else 0
    for key in _PARTS:
        inner = part.get(key)
        for each in inner if isinstance(inner, list) else ():
            yield from _tidy(each, gold)
            if isinstance(each, dict):
                if type(each.get("offset")) is not int:
                    each["offset"] = after
                after = each["offset"] + len(str(each.get("text") or "")) + 1


def _as_list(value: Any) -> list[Any]:
    """Take an object in place of a list as a list of one, as programs write it."""
    if isinstance(value, list):
        return value
    return [value] if value else []


def _check_texts(part: dict[str, Any], lists: Sequence[str]) -> None:
    """Refuse a document of which not all text would be read."""
    for key, value in part.items():
        known = (key == "text" and len(lists) < 2) or key in lists[:1]
        if not known and value and key.strip().lower() in ("text", *_PARTS):
            raise ValueError(
                f"its {key!r} is not where BioC has texts; write them into 'passages', each with "
                "its 'text'"
            )
        for each in value if known and isinstance(value, list) else ():
            if isinstance(each, dict):
                _check_texts(each, lists[1:])


def _find_fault(annotation: Any) -> str:
    if not isinstance(annotation, dict):
        return "an annotation is no object"
    what = f"annotation {annotation.get('id', '')!r}"
    for key, empty in (("infons", {}), ("locations", [])):
        if annotation.get(key) is None:
            annotation[key] = empty
        if type(annotation[key]) is not type(empty):
            return f"{what} has {key!r} of another type than BioC's"
    if not isinstance(annotation["infons"].get("type"), str | None):
        return f"{what} has a type that is no string"
    if not isinstance(annotation.get("text"), str | None):
        return f"{what} has a 'text' that is no string"
    for location in annotation["locations"]:
        numbers = location if isinstance(location, dict) else {}
        if any(type(numbers.get(key)) is not int for key in ("offset", "length")):
            return f"{what} has a location without whole numbers for offset and length"
    return ""


def _decode(value: Any) -> BioCDocument:
    if isinstance(value, dict):
        _check_texts(value, _PARTS)
        if value.get("passages") == []:
            raise ValueError("no passage with a text in it; write its text into 'passages'")
    return biocjson.fromJSON(value, "BioCDocument")


def _write_document(record: Record) -> str:
    value = biocjson.toJSON(make_document(record))
    written = json.dumps(value, ensure_ascii=False, default=str)
    check_surrogates(record.id, written)
    return written
