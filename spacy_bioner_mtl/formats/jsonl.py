"""A JSON object a line, with a text and entities: the formats of spaCy, Prodigy and doccano.

Offsets count characters (code points). ::

    {"id": "7", "text": "Acute gout", "spans": [{"start": 0, "end": 10, "label": "Disease"}]}
    {"id": "7", "text": "Acute gout", "label": [[0, 10, "Disease"]]}
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from spacy_bioner_mtl.files.reading import Source
from spacy_bioner_mtl.formats.encoding import find_nul
from spacy_bioner_mtl.formats.json_entities import ENTITIES, hold_entities, read_entities
from spacy_bioner_mtl.formats.json_values import load_json
from spacy_bioner_mtl.formats.lines import read_any_lines
from spacy_bioner_mtl.formats.record import (
    BadRecord,
    Mention,
    ReadRecord,
    Record,
    sort_mentions,
)

# "data" is what doccano once called the text.
_TEXTS = ("text", "data")
_IDENTIFIERS = ("id", "_id", "pmid")
# Where doccano's entities stand, and where a label of the text itself goes instead
_LABEL, _OWN_LABEL = "label", "text_label"


def read_jsonl(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a file of JSON objects line by line.

    The text is "text" or "data". Entities are read from "spans", "ents", "entities", "label" and
    "labels" where these hold a list of objects with start, end and label, or of lists of the three.
    Those with a "head" are filed under it, the others under SOURCE_HEAD. What else the object says
    is kept in the record's meta, without relations, and null for NaN and Infinity; what
    else an entity says is not.

    Prodigy's "answer" and "_view_id" are heeded: objects that were rejected or ignored are left
    out, spans that were rejected or ignored by themselves are unknown, the former rejected as well,
    and of a text about which only single spans were asked all else is unknown. An object that was
    rejected where a single span was asked about stands for that span.

    source (Path | Source): The file, in UTF-8, compressed with gzip or not, or "-" for standard
        input.
    gold (bool): Whether to read the entities. Otherwise they are left out, whatever they are, and
        relations between them.
    YIELDS (ReadRecord): The documents. Their identifier is "id", "_id", "pmid" or the "id" in
        "meta", or the number of the line where there is none. Entities that do not fit the text
        are flaws. Lines of nothing but white space are passed over.
    RAISES (InputError): If the file cannot be read.
    """
    for line in read_any_lines(source):
        if line.fault:
            yield BadRecord(str(line.number), line.fault)
        elif line.text.strip():
            place = f"{source}:{line.number}"
            try:
                fields = _load(line.text)
            except ValueError as error:
                yield BadRecord(str(line.number), f"{place}: {error}")
                continue
            identifier = _find_identifier(fields) or str(line.number)
            try:
                yield _make_record(identifier, fields, gold, place)
            except ValueError as error:
                yield BadRecord(identifier, f"{place}: {error}")


def write_jsonl(records: Iterable[Record]) -> Iterator[str]:
    """Write records with "text" and "spans", as spaCy and Prodigy read them.

    A span has "start", "end" and "label"; "head" if a single head gave it; "score" and "kb_id", its
    identifier, where they are known. Fields of the record's meta follow.

    records (Iterable[Record]): The records.
    YIELDS (str): The lines, line ends included.
    """
    for record in records:
        spans = [_make_span(mention, head) for mention, head in sort_mentions(record)]
        yield _dump(record, {"spans": spans})


def write_doccano(records: Iterable[Record]) -> Iterator[str]:
    """Write records with "text" and "label", as doccano reads them.

    The mentions of all heads are put together; those of the same span and label are one. Fields of
    the record's meta follow; what it calls "label" is then called "text_label".

    records (Iterable[Record]): The records.
    YIELDS (str): The lines, line ends included.
    """
    for record in records:
        labels = {(each.start, each.end, each.label) for each in record.all_mentions}
        meta = dict(record.meta)
        if _LABEL in meta:
            name = _OWN_LABEL
            while name in meta:
                name += "_"
            meta[name] = meta.pop(_LABEL)
        yield _dump(replace(record, meta=meta), {_LABEL: sorted(labels)})


def _load(line: str) -> dict[str, Any]:
    """Read an object; a ValueError says what is wrong with the line and what to do."""
    try:
        fields = load_json(line)
        # What cannot be written again is found here, where it costs one document and not the file.
        json.dumps(fields, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON ({error.msg} at character {error.pos + 1}); write one JSON object a line"
        ) from None
    except UnicodeEncodeError as error:
        raise ValueError(
            f"\\u{ord(error.object[error.start]):04x} is half a character; write the character "
            "itself, or both halves"
        ) from None
    except (RecursionError, ValueError) as error:
        raise ValueError(f"JSON that cannot be read ({error}); simplify it") from None
    if not isinstance(fields, dict):
        raise ValueError('not a JSON object; write one like {"text": "…"} a line')
    return fields


def _find_identifier(fields: dict[str, Any]) -> str:
    meta = fields.get("meta")
    found = [fields.get(name) for name in _IDENTIFIERS]
    found.append(meta.get("id") if isinstance(meta, dict) else None)
    for one in found:
        if isinstance(one, str | int | float) and not isinstance(one, bool) and one != "":
            return str(one)
    return ""


def _make_record(identifier: str, fields: dict[str, Any], gold: bool, place: str) -> Record:
    meta = dict(fields)
    named = [name for name in _TEXTS if name in meta]
    if not named:
        raise ValueError('no "text" in this object; add it')
    text = meta.pop(named[0])
    if not isinstance(text, str):
        raise ValueError(f'"{named[0]}" is no string; write the text of the document there')
    nul = find_nul(text)
    if nul:
        raise ValueError(nul)
    for name in ENTITIES:
        if name == "spans" or hold_entities(meta.get(name)):
            meta.pop(name, None)
    meta.pop("relations", None)
    record = Record(identifier, text, meta=meta)
    if gold:
        read_entities(fields, record, place)
    return record


def _make_span(mention: Mention, head: str) -> dict[str, Any]:
    span: dict[str, Any] = {"start": mention.start, "end": mention.end, "label": mention.label}
    if head:
        span["head"] = head
    if mention.score is not None:
        span["score"] = mention.score
    if mention.identifier:
        span["kb_id"] = mention.identifier
    return span


def _dump(record: Record, annotations: dict[str, Any]) -> str:
    """Write a line: its own fields first, then what the source said besides."""
    fields: dict[str, Any] = {}
    if record.id and _find_identifier(record.meta) != record.id:
        fields["id"] = record.id
    fields |= {"text": record.text, **annotations}
    fields |= {name: value for name, value in record.meta.items() if name not in fields}
    return json.dumps(fields, ensure_ascii=False) + "\n"
