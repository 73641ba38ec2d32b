"""brat's standoff files: NAME.txt holds a text, NAME.ann beside it what is annotated in it.

Of the lines of NAME.ann, these are read and written: text-bound annotations ("T"), the concepts
that they refer to ("N"), and notes ("#") in which this package keeps heads and scores, such as
"head=BC5CDR; score=0.98". Events, relations, attributes and other notes are passed over.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files import STANDARD_INPUT, Source, open_source, source_path
from spacy_bioner_mtl.formats.record import (
    MERGED_HEAD,
    SOURCE_HEAD,
    BadRecord,
    Mention,
    ReadRecord,
    Record,
    check_offsets,
)

# Programs in Python end a line at any of these, and an annotation is one line.
_LINE_BREAKS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_SPAN = re.compile(r"(?P<type>\S+) (?P<pieces>\d+ \d+(;\d+ \d+)*)")
_REFERENCE = re.compile(r"\S+ (?P<target>T\S*) (?P<concept>\S+)")
_NOTE = re.compile(r"AnnotatorNotes (?P<target>T\S*)")
_NOTED = re.compile(r"(head=(?P<head>.+?))?(; )?(score=(?P<score>\d*\.?\d+(e-?\d+)?))?")
# brat wants the name of a database before a concept; this one is for concepts without.
_NO_DATABASE = "Concept:"
# Names that every file system takes. Some know no difference between upper and lower case.
_SAFE_NAME = re.compile(
    r"(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[a-z0-9][a-z0-9._-]{0,99}", re.I | re.A
)


def read_brat(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a text, byte for byte, and its annotations.

    A mention in several pieces is one with fragments; line breaks do not count as gaps, because
    brat marks no mention across them in one piece.

    source (Path | Source): The text file, in UTF-8; standard input is read without annotations.
        Without a file of annotations (.ann, or .ann.gz) beside it the text is not annotated for any
        head.
    gold (bool): Whether to read the annotations. Otherwise their file is not opened.
    YIELDS (ReadRecord): The one record; its id is the name of the file without suffix. It is a
        BadRecord if a file is not UTF-8 or an annotation does not fit the text.
    RAISES (InputError): If a file cannot be read.
    """
    path = source_path(source)
    name = "" if path == STANDARD_INPUT else re.sub(r"(\.txt)?(\.gz)?$", "", path.name)
    beside = [path.with_name(f"{name}.ann"), path.with_name(f"{name}.ann.gz")]
    annotations = next((each for each in beside if gold and name and each.exists()), None)
    here: Path | Source = source
    try:
        text = _read_text(source)
        mentions = {}
        if annotations is not None:
            here = annotations
            mentions = _read_annotations(text, _read_text(annotations))
    except InputError:
        raise
    except ValueError as error:
        yield BadRecord(name, f"{here}:{error}")
        return
    yield Record(name, text, mentions)


def write_brat(records: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Write a text file and a file of annotations for each record.

    Files are named after the record's id. An id that is not safe as the name of a file on every
    system - it holds other characters than Latin letters, digits, ".", "_" and "-", is empty,
    longer than 100 characters, or begins with a sign - or that differs from one before it in upper
    and lower case only, is changed so that it is, and eight digits of its SHA-256 are put after it.
    A repeated id gets a number after that.

    A mention is broken into pieces at line breaks, without those at its ends; white space in types,
    heads and concepts becomes "_". Scores are rounded to four digits.

    records (Iterable[Record]): The records.
    YIELDS (tuple[str, str]): Name and content of each file, first .txt, then .ann.
    RAISES (ValueError): If a record holds half of a surrogate pair, a mention without a label or of
        nothing but line breaks, or one outside of the text. Nothing of that record is yielded.
    """
    taken: set[str] = set()
    for record in records:
        annotations = "".join(_write_annotations(record))
        try:
            (record.text + annotations).encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"record {record.id!r}: it holds half of a surrogate pair, which UTF-8 cannot; "
                "remove it"
            ) from None
        name = _choose_name(record.id, taken)
        taken.add(name.casefold())
        yield f"{name}.txt", record.text
        yield f"{name}.ann", annotations


def _read_text(source: Path | Source) -> str:
    with open_source(source) as file:
        content = file.read()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{line}: not UTF-8 (byte {error.start} of the file); convert the file to UTF-8"
        ) from None


def _read_annotations(text: str, annotations: str) -> dict[str, list[Mention]]:
    """Read the lines of a file of annotations; messages begin with the number of the line."""
    mentions: dict[str, Mention] = {}
    heads: dict[str, str] = {}
    concepts: dict[str, list[str]] = {}
    for number, line in enumerate(annotations.split("\n"), start=1):
        identifier, _, rest = line.removesuffix("\r").partition("\t")
        data, _, said = rest.partition("\t")
        if identifier.startswith("T"):
            if identifier in mentions:
                raise ValueError(f"{number}: a second annotation {identifier!r}; rename it")
            try:
                mentions[identifier] = _make_mention(text, data, said)
            except ValueError as error:
                raise ValueError(
                    f"{number}: annotation {identifier!r}{error}; correct it"
                ) from None
        elif match := identifier.startswith("N") and _REFERENCE.fullmatch(data):
            concept = match["concept"].removeprefix(_NO_DATABASE)
            concepts.setdefault(match["target"], []).append(concept)
        elif match := identifier.startswith("#") and _NOTE.fullmatch(data):
            noted = _NOTED.fullmatch(said)
            target = match["target"]
            if noted and noted["head"]:
                heads[target] = noted["head"]
            if noted and noted["score"] and target in mentions:
                mentions[target] = replace(mentions[target], score=float(noted["score"]))
    by_head: dict[str, list[Mention]] = {}
    for identifier, mention in mentions.items():
        found = by_head.setdefault(heads.get(identifier, SOURCE_HEAD), [])
        found.append(replace(mention, identifier="|".join(concepts.get(identifier, ()))))
    return by_head or {SOURCE_HEAD: []}


def _make_mention(text: str, data: str, said: str) -> Mention:
    match = _SPAN.fullmatch(data)
    if match is None:
        raise ValueError(" is no type with offsets (Type 0 5, or Type 0 5;8 9)")
    pieces = []
    for piece in match["pieces"].split(";"):
        start, end = map(int, piece.split(" "))
        if not start < end <= len(text):
            raise ValueError(
                f": offsets {start}-{end} lie outside of the text of {len(text)} characters, or "
                "are empty"
            )
        pieces.append((start, end))
    covered = " ".join(text[start:end] for start, end in pieces)
    if said and said.split() != covered.split():
        raise ValueError(
            f" is {said!r}, but the text at its place is {covered!r}; offsets count code points"
        )
    pieces.sort()
    joined = pieces[:1]
    for start, end in pieces[1:]:
        if _LINE_BREAKS.fullmatch(text[joined[-1][1] : start]):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    last = max(end for _, end in joined)
    return Mention(
        joined[0][0], last, match["type"], fragments=tuple(joined) if len(joined) > 1 else ()
    )


def _write_annotations(record: Record) -> Iterator[str]:
    check_offsets(record)
    found = [(mention, head) for head, some in record.mentions.items() for mention in some]
    found.sort(key=lambda pair: (pair[0].start, pair[0].end))
    references = notes = 0
    for number, (mention, head) in enumerate(found, start=1):
        pieces = [
            piece
            for start, end in mention.fragments or ((mention.start, mention.end),)
            for piece in _break_lines(record.text, start, end)
        ]
        if not pieces or not mention.label:
            raise ValueError(
                f"record {record.id!r}: the mention at {mention.start}-{mention.end} has no label "
                "or holds nothing but line breaks, which brat cannot show"
            )
        offsets = ";".join(f"{start} {end}" for start, end in pieces)
        text = " ".join(record.text[start:end] for start, end in pieces)
        yield f"T{number}\t{_one_word(mention.label)} {offsets}\t{text}\n"
        if mention.identifier:
            references += 1
            concept = _one_word(mention.identifier)
            if not re.match("[^:]+:.", concept):
                concept = _NO_DATABASE + concept
            yield f"N{references}\tReference T{number} {concept}\t{text}\n"
        noted = []
        if head not in (SOURCE_HEAD, MERGED_HEAD):
            noted.append(f"head={_one_word(head)}")
        if mention.score is not None:
            noted.append(f"score={round(mention.score, 4)}")
        if noted:
            notes += 1
            yield f"#{notes}\tAnnotatorNotes T{number}\t{'; '.join(noted)}\n"


def _break_lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _LINE_BREAKS.finditer(text, start, end):
        if match.start() > start:
            yield start, match.start()
        start = match.end()
    if start < end:
        yield start, end


def _one_word(text: str) -> str:
    return re.sub(r"\s+", "_", text)


def _choose_name(identifier: str, taken: set[str]) -> str:
    name = identifier
    if not _SAFE_NAME.fullmatch(name) or name.casefold() in taken:
        plain = re.sub("[^A-Za-z0-9._-]", "_", identifier)[:80].lstrip("._-") or "document"
        digest = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        name = f"{plain}-{digest}"
    unique = name
    number = 1
    while unique.casefold() in taken:
        number += 1
        unique = f"{name}-{number}"
    return unique
