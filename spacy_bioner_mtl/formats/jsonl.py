"""A JSON object a line, with a text and entities: the formats of spaCy, Prodigy and doccano.

Offsets count characters (code points). ::

    {"id": "7", "text": "Acute gout", "spans": [{"start": 0, "end": 10, "label": "Disease"}]}
    {"id": "7", "text": "Acute gout", "label": [[0, 10, "Disease"]]}
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy_bioner_mtl.files import Source
from spacy_bioner_mtl.formats.lines import read_any_lines
from spacy_bioner_mtl.formats.record import (
    MERGED_HEAD,
    SOURCE_HEAD,
    BadRecord,
    Mention,
    ReadRecord,
    Record,
)

# "data" is what doccano once called the text.
_TEXTS = ("text", "data")
_ANNOTATIONS = ("spans", "ents", "entities", "label", "labels")
_IDENTIFIERS = ("id", "_id", "pmid")
_STARTS = ("start", "start_offset")
_ENDS = ("end", "end_offset")


def read_jsonl(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a file of JSON objects line by line.

    The text is "text" or "data". Entities are read from "spans", "ents", "entities", "label" and
    "labels" where these hold a list of objects with start, end and label, or of lists of the three.
    Those with a "head" are filed under it, the others under SOURCE_HEAD. What else the object says
    is kept in the record's meta; what else an entity says is not.

    source (Path | Source): The file, in UTF-8, compressed with gzip or not, or "-" for standard
        input.
    gold (bool): Whether to read the entities. Otherwise they are left out, whatever they are, and
        relations between them.
    YIELDS (ReadRecord): The documents. Their identifier is "id", "_id", "pmid" or the "id" in
        "meta", or the number of the line where there is none. Lines of nothing but white space are
        passed over.
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
                yield _make_record(identifier, fields, gold)
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
        spans = [
            _make_span(head, mention)
            for head, mentions in record.mentions.items()
            for mention in mentions
        ]
        spans.sort(key=lambda span: (span["start"], span["end"]))
        yield _dump(record, {"spans": spans})


def write_doccano(records: Iterable[Record]) -> Iterator[str]:
    """Write records with "text" and "label", as doccano reads them.

    The mentions of all heads are put together; those of the same span and label are one. Fields of
    the record's meta follow.

    records (Iterable[Record]): The records.
    YIELDS (str): The lines, line ends included.
    """
    for record in records:
        labels = {
            (mention.start, mention.end, mention.label)
            for mentions in record.mentions.values()
            for mention in mentions
        }
        yield _dump(record, {"label": sorted(labels)})


def _load(line: str) -> dict[str, Any]:
    """Read an object; a ValueError says what is wrong with the line and what to do."""
    try:
        fields = json.loads(line)
        # What cannot be written again is found here, where it costs one document and not the file.
        json.dumps(fields, ensure_ascii=False).encode()
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


def _make_record(identifier: str, fields: dict[str, Any], gold: bool) -> Record:
    meta = dict(fields)
    named = [name for name in _TEXTS if name in meta]
    if not named:
        raise ValueError('no "text" in this object; add it')
    text = meta.pop(named[0])
    if not isinstance(text, str):
        raise ValueError(f'"{named[0]}" is no string; write the text of the document there')
    mentions: dict[str, list[Mention]] = {}
    if not gold:
        for name in _ANNOTATIONS:
            if name == "spans" or _holds_entities(meta.get(name)):
                meta.pop(name, None)
        meta.pop("relations", None)
        return Record(identifier, text, meta=meta)
    annotated = [name for name in _ANNOTATIONS if _holds_entities(meta.get(name))]
    if meta.get("spans") is not None and "spans" not in annotated:
        raise ValueError('"spans" is no list of entities; correct it or leave it out')
    for name in annotated:
        for number, entity in enumerate(meta.pop(name), start=1):
            try:
                head, mention = _read_entity(entity, text)
            except ValueError as error:
                raise ValueError(f'entity {number} in "{name}": {error}') from None
            mentions.setdefault(head, []).append(mention)
    if annotated and not mentions:
        mentions[SOURCE_HEAD] = []
    return Record(identifier, text, mentions, meta=meta)


def _holds_entities(value: Any) -> bool:
    """Tell entities from labels of the text as a whole, which the same names are used for."""
    return isinstance(value, list) and all(isinstance(one, list | dict) for one in value)


def _read_entity(entity: list[Any] | dict[str, Any], text: str) -> tuple[str, Mention]:
    fields: dict[str, Any]
    if isinstance(entity, list):
        fields = dict(zip(("start", "end", "label"), entity, strict=False))
    else:
        fields = entity
    start = next((fields[name] for name in _STARTS if name in fields), None)
    end = next((fields[name] for name in _ENDS if name in fields), None)
    label, head = fields.get("label"), fields.get("head")
    score, identifier = fields.get("score"), fields.get("kb_id")
    # The type itself is asked for: True is an instance of int.
    if type(start) is not int or type(end) is not int:
        raise ValueError("no start and end; write the offsets of its characters as whole numbers")
    if not isinstance(label, str) or not label.strip():
        raise ValueError("no label; write its type as a string")
    if head is not None and not isinstance(head, str):
        raise ValueError('"head" is no string; correct it or leave it out')
    if score is not None and type(score) not in (int, float):
        raise ValueError('"score" is no number; correct it or leave it out')
    if not 0 <= start < end <= len(text):
        raise ValueError(
            f"offsets {start}-{end} lie outside the text of {len(text)} characters or are empty; "
            "count characters (code points) from 0, not bytes or units of UTF-16"
        )
    identifier = "" if identifier is None else str(identifier)
    return head or SOURCE_HEAD, Mention(start, end, label, score, identifier)


def _make_span(head: str, mention: Mention) -> dict[str, Any]:
    span: dict[str, Any] = {"start": mention.start, "end": mention.end, "label": mention.label}
    if head not in (SOURCE_HEAD, MERGED_HEAD):
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
