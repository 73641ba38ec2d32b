"""brat's standoff files: NAME.txt holds a text, NAME.ann beside it what is annotated in it.

Of the lines of NAME.ann, these are read and written: text-bound annotations ("T"), the concepts
that they refer to ("N"), and notes ("#") in which this package keeps heads and scores, such as
"head=BC5CDR; score=0.98". Events, relations, attributes and other notes are passed over.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.files.names import safe_name
from spacy_bioner_mtl.files.reading import STANDARD_INPUT, Source, source_path
from spacy_bioner_mtl.formats.encoding import check_surrogates, read_whole_text
from spacy_bioner_mtl.formats.flaws import MentionCheck, is_written_otherwise
from spacy_bioner_mtl.formats.lines import BYTE_ORDER_MARK
from spacy_bioner_mtl.formats.record import (
    SOURCE_HEAD,
    BadRecord,
    ReadRecord,
    Record,
    check_offsets,
    join_pieces,
    sort_mentions,
)
from spacy_bioner_mtl.formats.scores import parse_score

# Programs in Python end a line at any of these, and an annotation is one line.
_LINE_BREAKS = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_SPAN = re.compile(r"(?P<type>\S+) (?P<pieces>\d+ \d+(;\d+ \d+)*)")
_REFERENCE = re.compile(r"\S+ (?P<target>T\S*) (?P<concept>\S+)")
_NOTE = re.compile(r"AnnotatorNotes (?P<target>T\S*)")
# brat wants the name of a database before a concept; this one is for concepts without.
_NO_DATABASE = "Concept:"
# Lines of other kinds than mentions: events, relations, attributes, normalisations, notes
_OTHER = re.compile(r"[ERAMN]\S*$|[*#]")
_LINE_END = re.compile("\r\n|\n|\r")
_CRLF = re.compile("\r\n")
# More digits than any offset has
_DIGITS = 18


@dataclass(frozen=True)
class _Line:
    """A line that marks a mention.

    place (str): The file and the number of the line.
    identifier (str): The annotation's.
    type (str): Its type.
    pieces (list[tuple[int, int]]): Start and end of each of its pieces.
    said (str): The text that it is said to have; empty if none is given.
    """

    place: str
    identifier: str
    type: str
    pieces: list[tuple[int, int]]
    said: str


def read_brat(source: Path | Source, gold: bool = True) -> Iterator[ReadRecord]:
    """Read a text, byte for byte, and its annotations.

    A mention in several pieces is one with fragments; line breaks do not count as gaps, because
    brat marks no mention across them in one piece. brat itself counts a line break of two
    characters as one: offsets are read in the way in which more mentions have the text that they
    are said to have.

    source (Path | Source): The text file, or the file of annotations beside it, in UTF-8; standard
        input is read without annotations. Without a file of annotations (.ann, or .ann.gz) the text
        is not annotated for any head.
    gold (bool): Whether to read the annotations. Otherwise their file is not opened.
    YIELDS (ReadRecord): The one record; its id is the name of the file without suffix. Annotations
        that do not fit the text are flaws. It is a BadRecord if a file is not UTF-8, or
        holds NUL.
    RAISES (InputError): If a file cannot be read.
    """
    path = source_path(source)
    if re.search(r"\.ann(\.gz)?$", path.name):
        source = path = _find_beside(path, ".txt") or path.with_suffix(".txt")
    name = "" if path == STANDARD_INPUT else re.sub(r"(\.txt)?(\.gz)?$", "", path.name)
    annotations = _find_beside(path, ".ann") if gold and name else None
    here: Path | Source = source
    try:
        record = Record(name, read_whole_text(source))
        if annotations is not None:
            here = annotations
            _read_annotations(annotations, read_whole_text(annotations), record)
    except InputError:
        raise
    except ValueError as error:
        yield BadRecord(name, f"{here}:{error}")
        return
    yield record


def _find_beside(path: Path, suffix: str) -> Path | None:
    name = re.sub(r"(\.txt|\.ann)?(\.gz)?$", "", path.name)
    beside = (path.with_name(f"{name}{suffix}{packed}") for packed in ("", ".gz"))
    return next((each for each in beside if each.exists()), None)


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
        check_surrogates(record.id, record.text + annotations)
        name = safe_name(record.id, taken)
        taken.add(name.casefold())
        yield f"{name}.txt", record.text
        yield f"{name}.ann", annotations


def _read_annotations(path: Path, annotations: str, record: Record) -> None:
    """Read the lines of a file of annotations into a record."""
    lines: list[_Line] = []
    heads: dict[str, str] = {}
    scores: dict[str, float | None] = {}
    concepts: dict[str, list[str]] = {}
    check = MentionCheck(record.text)
    record.flaws = check.flaws
    lines_of_file = _LINE_END.split(annotations.removeprefix(BYTE_ORDER_MARK))
    for number, line in enumerate(lines_of_file, start=1):
        identifier, _, rest = line.lstrip().partition("\t")
        data, _, said = rest.partition("\t")
        if identifier.startswith("T"):
            place = f"{path}:{number}"
            span = _SPAN.fullmatch(data)
            if span:
                pieces = [_read_piece(piece) for piece in span["pieces"].split(";")]
                lines.append(_Line(place, identifier, span["type"], pieces, said))
                continue
            reason = (
                f"{place}: annotation {identifier!r} is no type with offsets (Type 0 5, or "
                "Type 0 5;8 9); correct it"
            )
            check.add_malformed(place, reason)
        elif match := identifier.startswith("N") and _REFERENCE.fullmatch(data):
            concept = match["concept"].removeprefix(_NO_DATABASE)
            concepts.setdefault(match["target"], []).append(concept)
        elif match := identifier.startswith("#") and _NOTE.fullmatch(data):
            heads[match["target"]], scores[match["target"]] = _read_note(said)
        elif line.strip() and not _OTHER.match(identifier):
            place = f"{path}:{number}"
            check.add_malformed(
                place,
                f"{place}: no annotation: begin the line with an identifier such as T1, and a tab",
            )
    for each in _count_line_breaks(record.text, lines):
        pieces = sorted(each.pieces)
        what = f"annotation {each.identifier!r}"
        if check.accept(pieces, each.type, each.said or None, place=each.place, what=what):
            mention = join_pieces(
                _join_lines(record.text, pieces),
                each.type,
                scores.get(each.identifier),
                "|".join(concepts.get(each.identifier, ())),
            )
            head = heads.get(each.identifier) or SOURCE_HEAD
            record.mentions.setdefault(head, []).append(mention)
    record.mentions = record.mentions or {SOURCE_HEAD: []}


def _read_piece(piece: str) -> tuple[int, int]:
    start, end = (int(number[:_DIGITS]) for number in piece.split(" "))
    return start, end


def _read_note(said: str) -> tuple[str, float | None]:
    """Read head and score from a note that this package wrote; an annotator's is neither."""
    rest, _, number = said.rpartition("score=")
    score = parse_score(number) if "score=" in said else None
    if score is None:
        rest = said
    head = rest.removesuffix("; ") if score is not None else rest
    if head and not head.startswith("head="):
        return "", None
    return head.removeprefix("head="), score


def _count_line_breaks(text: str, lines: list[_Line]) -> list[_Line]:
    """Turn offsets that count a line break of two characters as one into those of the text."""
    # Where the breaks are in a text in which each is one character
    breaks = [match.start() - index for index, match in enumerate(_CRLF.finditer(text))]
    if not breaks:
        return lines

    def shift(offset: int) -> int:
        return offset + bisect_left(breaks, offset)

    shifted = [
        replace(line, pieces=[(shift(start), shift(end)) for start, end in line.pieces])
        for line in lines
    ]
    fitting = [sum(_fits(text, line) for line in some) for some in (lines, shifted)]
    return shifted if fitting[1] > fitting[0] else lines


def _fits(text: str, line: _Line) -> bool:
    covered = " ".join(text[start:end] for start, end in line.pieces)
    return bool(line.said) and is_written_otherwise(covered, line.said)


def _join_lines(text: str, pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined = pieces[:1]
    for start, end in pieces[1:]:
        if _LINE_BREAKS.fullmatch(text, joined[-1][1], start):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _write_annotations(record: Record) -> Iterator[str]:
    check_offsets(record)
    references = notes = 0
    for number, (mention, head) in enumerate(sort_mentions(record), start=1):
        pieces = [
            piece
            for start, end in mention.pieces
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
        if head:
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
