"""Texts and files to records, and annotated records to JSON and files, all of it in memory."""

import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.reading import GZIP, Content
from spacy_bioner_mtl.formats.encoding import check_surrogates
from spacy_bioner_mtl.formats.recognise import recognise
from spacy_bioner_mtl.formats.record import BadRecord, Mention, ReadRecord, Record
from spacy_bioner_mtl.formats.registry import Format
from spacy_bioner_mtl.serve.batcher import SOURCE
from spacy_bioner_mtl.serve.questions import Choice

#: How many reasons a message tells.
_SHOWN = 3
#: Characters of a text; spaCy's own limit. Once it is begun, nothing can stop a text: all that come
#: after it have to wait, and so has the end of the service.
LONGEST_TEXT = 1_000_000


class TooManyTexts(InputError):
    """A request has more texts than it may."""

    def __init__(self, most: int) -> None:
        """Say what to do."""
        super().__init__(
            f"more than {most:,} texts in one request; send them in several, or start the service "
            "with a larger --max-texts"
        )


def make_records(texts: Sequence[str], most: int) -> list[ReadRecord]:
    """Make records of texts.

    texts (Sequence[str]): The texts.
    most (int): How many there may be.
    RETURNS (list[ReadRecord]): Their identifiers are their numbers, from 1. One that holds half of
        a character, or is longer than LONGEST_TEXT, is a BadRecord.
    RAISES (TooManyTexts): There are more.
    """
    if len(texts) > most:
        raise TooManyTexts(most)
    return [_make_record(str(number), text) for number, text in enumerate(texts, 1)]


def _make_record(identifier: str, text: str) -> ReadRecord:
    try:
        # JSON can write half of a surrogate pair, which no encoding has.
        check_surrogates(identifier, text)
    except ValueError as error:
        return BadRecord(identifier, f"{SOURCE}: {error}")
    return _limited(Record(identifier, text))


def _limited(record: ReadRecord) -> ReadRecord:
    if isinstance(record, BadRecord) or len(record.text) <= LONGEST_TEXT:
        return record
    return BadRecord(
        record.id,
        f"{SOURCE}: a text of {len(record.text):,} characters, more than the {LONGEST_TEXT:,} that "
        "are answered; send it in parts, or give it to `bioner-mtl annotate`",
    )


def read_records(content: bytes, source_format: Format | None, most: int) -> list[ReadRecord]:
    """Read a file.

    content (bytes): What it holds.
    source_format (Format | None): Its format; None recognises it.
    most (int): How many documents it may have.
    RETURNS (list[ReadRecord]): The documents; one that is longer than LONGEST_TEXT is a BadRecord.
    RAISES (InputError): It cannot be read, or there are more.
    """
    if content.startswith(GZIP):
        raise InputError(
            f"{SOURCE}: this is compressed with gzip, and a few kilobytes of that can be "
            "gigabytes; send it decompressed"
        )
    source = Content(SOURCE, content)
    found = source_format or recognise(source)
    records = list(islice(found.load_reader()(source, gold=False), most + 1))
    if len(records) > most:
        raise TooManyTexts(most)
    return [_limited(record) for record in records]


def choose_mentions(record: Record, choice: Choice) -> Record:
    """Take what is wanted of an annotated document.

    record (Record): The document, with the answers of at least the heads that are wanted.
    choice (Choice): What is wanted.
    RETURNS (Record): The document with these mentions.
    """
    return replace(
        record,
        mentions={
            head: [
                each if choice.scores else replace(each, score=None)
                for each in record.mentions[head]
                if _is_wanted(each, choice)
            ]
            for head in choice.heads
        },
    )


def _is_wanted(mention: Mention, choice: Choice) -> bool:
    if choice.labels is not None and mention.label not in choice.labels:
        return False
    # What another component of the pipeline found has no probability.
    return mention.score is None or mention.score >= choice.threshold


def to_json(record: ReadRecord) -> dict[str, Any]:
    """Lay a document out for JSON.

    record (ReadRecord): The document, with the mentions that are wanted.
    RETURNS (dict[str, Any]): Identifier, text and entities, or why it could not be annotated.
    """
    if isinstance(record, BadRecord):
        return {"id": record.id, "error": record.reason}
    entities = []
    for head, mentions in record.mentions.items():
        for each in mentions:
            entity = {
                "start": each.start,
                "end": each.end,
                "text": record.text[each.start : each.end],
                "label": each.label,
                "head": head,
            }
            if each.score is not None:
                entity["score"] = each.score
            entities.append(entity)
    return {"id": record.id, "text": record.text, "entities": entities}


def dump_json(values: Any) -> bytes:
    """Write JSON, whatever a text holds.

    values (Any): The values.
    RETURNS (bytes): UTF-8.
    """
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "replace")


def write_file(records: Iterable[ReadRecord], target: Format) -> bytes:
    """Write annotated documents as a file; a folder becomes a zip archive.

    records (Iterable[ReadRecord]): The documents.
    target (Format): The format.
    RETURNS (bytes): What the file holds.
    RAISES (InputError): A document could not be annotated, or the format cannot hold it: a file has
        no place to say so.
    """
    records = list(records)
    reasons = [each.reason for each in records if isinstance(each, BadRecord)]
    if reasons:
        more = len(reasons) - _SHOWN
        told = "; ".join(reasons[:_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
        raise InputError(f"{told}. The format json answers the other documents all the same.")
    sound = [each for each in records if isinstance(each, Record)]
    try:
        if target.folder:
            return _write_archive(sound, target)
        if target.binary:
            return b"".join(target.load_bytes_writer()(sound))
        return "".join(target.load_writer()(sound)).encode()
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot be written as {target.name}: {error}") from error


def _write_archive(records: list[Record], target: Format) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in target.load_folder_writer()(records):
            # Its own time would make two answers to one question differ.
            file.writestr(zipfile.ZipInfo(name), content.encode(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()
