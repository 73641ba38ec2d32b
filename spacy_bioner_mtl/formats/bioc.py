"""What BioC's XML and its JSON share: their documents to records and back.

The text of a record holds the passages at the offsets that the source gives them. The characters
between two passages, which BioC does not hold, are a line break and spaces after it. Where this
cannot be - the first offset is not 0, passages overlap or come in another order, more than
MAXIMUM_GAP characters are missing - a passage follows the one before it after a line break, and its
own offset is kept in the passage's meta under OFFSET, so that it is written again.

Kept are infons of documents (Record.meta) and passages (Passage.meta), types, scores, identifiers
and locations of annotations. Relations, boundaries of sentences, ids and other infons of
annotations are not, nor what a collection says of itself.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bioc import BioCAnnotation, BioCDocument, BioCLocation, BioCPassage

from spacy_bioner_mtl.formats.encoding import find_nul
from spacy_bioner_mtl.formats.flaws import MentionCheck
from spacy_bioner_mtl.formats.record import (
    SOURCE_HEAD,
    BadRecord,
    Mention,
    Passage,
    ReadRecord,
    Record,
    check_offsets,
    join_pieces,
    sort_mentions,
)
from spacy_bioner_mtl.formats.scores import parse_score

#: Key in Passage.meta of the offset in the source, where it is not the position in the text.
OFFSET = "bioc_offset"
#: More missing characters between two passages than this are not filled in.
MAXIMUM_GAP = 1_000
#: What the source of written collections is said to be.
SOURCE = "spacy_bioner_mtl"

_HEAD, _SCORE, _TYPE, _IDENTIFIER = "head", "score", "type", "identifier"
# Collections before PubTator Central name the vocabulary in place of "identifier".
_IDENTIFIERS = (_IDENTIFIER, "MESH")
_KINDS = (_TYPE, "section_type")


@dataclass(frozen=True)
class _Part:
    """A passage, its text put together.

    offset (int): Its offset in the source.
    text (str): Its text.
    annotations (list[tuple[BioCAnnotation, int]]): What is annotated in it, with what is to be
        added to locations so that they count from the beginning of the passage.
    """

    offset: int
    text: str
    annotations: list[tuple[BioCAnnotation, int]]


def read_document(
    decode: Callable[[Any], BioCDocument],
    source: Any,
    identifier: str,
    where: str,
    *,
    malformed: Sequence[str] = (),
    gold: bool,
) -> ReadRecord:
    """Turn a document into a record.

    Annotations with a location become mentions under the head that their infon "head" names, or
    SOURCE_HEAD. Those that do not fit the text are flaws.

    decode (Callable): Makes the document of its source, or raises what the bioc library raises.
    source (Any): The source.
    identifier (str): Its identifier, for messages.
    where (str): The file, and line, for messages.
    malformed (Sequence[str]): What is wrong with annotations that the library cannot decode and
        that were taken out before.
    gold (bool): Whether to keep the mentions.
    RETURNS (ReadRecord): The record, or why there is none.
    """
    place = f"{where}: document {identifier!r}"
    try:
        record = _make_record(decode(source), place, gold)
    except ValueError as error:
        reason = str(error)
    except KeyError as error:
        reason = f"{error} is missing"
    except (AttributeError, TypeError) as error:
        reason = f"a part is missing or of another type than BioC's ({error})"
    else:
        check = MentionCheck(record.text)
        for what in malformed:
            check.add_malformed(place, f"{place}: {what}; correct it")
        record.flaws += check.flaws
        return record
    return BadRecord(identifier, f"{place}: {reason}; correct it")


def make_document(record: Record) -> BioCDocument:
    """Turn a record into a document.

    A text without passages is one passage, and text outside of passages becomes a passage of its
    own. A mention stands in the passage in which it begins, or after which, if it begins between
    two. Scores are rounded to four digits.

    record (Record): The record.
    RETURNS (BioCDocument): The document.
    RAISES (ValueError): If offsets lie outside of the text, or passages overlap.
    """
    check_offsets(record)
    covering = _cover(record)
    starts = [passage.start for passage in covering]
    lengths = [passage.end - passage.start for passage in covering]
    offsets = [_find_offset(passage) for passage in covering]
    if _place(zip(offsets, lengths, strict=True)) != starts:
        offsets = starts
    document = BioCDocument()
    document.id = record.id
    document.infons = dict(record.meta)
    for passage, offset in zip(covering, offsets, strict=True):
        made = BioCPassage()
        made.offset = offset
        made.text = record.text[passage.start : passage.end]
        made.infons = {key: value for key, value in passage.meta.items() if key != OFFSET}
        if passage.kind != _find_kind(made.infons):
            made.infons[_TYPE] = passage.kind
        document.add_passage(made)
    for number, (mention, head) in enumerate(sort_mentions(record), start=1):
        index = bisect_right(starts, mention.start) - 1
        annotation = _make_annotation(record.text, mention, head, offsets[index] - starts[index])
        annotation.id = f"T{number}"
        document.passages[index].add_annotation(annotation)
    return document


def _make_record(document: BioCDocument, place: str, gold: bool) -> Record:
    parts = [_make_part(passage) for passage in document.passages]
    starts = _place((part.offset, len(part.text)) for part in parts)
    text = _join((part.text for part in parts), starts, _fill)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"half of a surrogate pair at {error.start} of its text") from None
    nul = find_nul(text)
    if nul:
        raise ValueError(nul)
    passages = []
    mentions: dict[str, list[Mention]] = {}
    annotations: list[tuple[BioCAnnotation, int]] = []
    for source, part, start in zip(document.passages, parts, starts, strict=True):
        meta = {key: "" if value is None else value for key, value in source.infons.items()}
        kind = _find_kind(meta)
        if part.offset != start:
            meta[OFFSET] = part.offset
        passages.append(Passage(start, start + len(part.text), kind, meta))
        annotations.extend((annotation, shift + start) for annotation, shift in part.annotations)
    n_placed = len(annotations)
    for annotation in document.annotations:
        first = min((location.offset for location in annotation.locations), default=0)
        shifts = [
            start - part.offset
            for part, start in zip(parts, starts, strict=True)
            if part.offset <= first
        ]
        annotations.append((annotation, shifts[-1] if shifts else 0))
    check = MentionCheck(text)
    for number, (annotation, shift) in enumerate(annotations):
        if not annotation.locations:
            # Those of the document as a whole are no mentions, unless they have a text.
            label = _find_label(annotation)
            if annotation.text or (label and number < n_placed):
                reason = f"{place}: annotation {annotation.id!r} has no location; add it"
                unknown = check.find_anywhere(annotation.text, label)
                check.add_malformed(place, reason, label, unknown)
            continue
        mention = _make_mention(annotation, shift)
        what, said = f"annotation {annotation.id!r}", annotation.text or None
        if check.accept(mention.pieces, mention.label, said, place=place, what=what):
            head = str(annotation.infons.get(_HEAD) or SOURCE_HEAD)
            mentions.setdefault(head, []).append(mention)
    if passages == [Passage(0, len(text), "")]:
        passages = []
    return Record(
        id="" if document.id is None else str(document.id),
        text=text,
        mentions=mentions or ({SOURCE_HEAD: []} if gold else {}),
        passages=passages,
        meta={key: "" if value is None else value for key, value in document.infons.items()},
        flaws=check.flaws,
    )


def _make_part(passage: BioCPassage) -> _Part:
    sentences = passage.sentences
    annotations = [(annotation, -passage.offset) for annotation in passage.annotations]
    if passage.text or not sentences:
        of_sentences = [one for sentence in sentences for one in sentence.annotations]
        annotations.extend((annotation, -passage.offset) for annotation in of_sentences)
        return _Part(passage.offset, passage.text or "", annotations)
    texts = [sentence.text or "" for sentence in sentences]
    starts = _place(
        (sentence.offset, len(text)) for sentence, text in zip(sentences, texts, strict=True)
    )
    first = sentences[0].offset
    annotations = [(annotation, -first) for annotation in passage.annotations]
    for sentence, start in zip(sentences, starts, strict=True):
        shift = start - sentence.offset
        annotations.extend((annotation, shift) for annotation in sentence.annotations)
    return _Part(first, _join(texts, starts, lambda size: " " * size), annotations)


def _place(pieces: Iterable[tuple[int, int]]) -> list[int]:
    """Find where pieces of text, given as offset and length, begin in the text of a record."""
    starts: list[int] = []
    end = after = 0
    for offset, length in pieces:
        gap = offset - after
        if not starts:
            gap = 0
        elif not 0 <= gap <= MAXIMUM_GAP:
            gap = 1
        starts.append(end + gap)
        end += gap + length
        after = offset + length
    return starts


def _join(texts: Iterable[str], starts: list[int], fill: Callable[[int], str]) -> str:
    joined: list[str] = []
    end = 0
    for text, start in zip(texts, starts, strict=True):
        joined += [fill(start - end), text]
        end = start + len(text)
    return "".join(joined)


def _fill(size: int) -> str:
    return "\n" + " " * (size - 1) if size else ""


def _find_offset(passage: Passage) -> int:
    offset = passage.meta.get(OFFSET)
    return offset if isinstance(offset, int) else passage.start


def _find_kind(infons: dict[str, Any]) -> str:
    return next((str(infons[key]) for key in _KINDS if infons.get(key)), "")


def _find_label(annotation: BioCAnnotation) -> str:
    label = annotation.infons.get(_TYPE)
    return "" if label is None else str(label)


def _make_mention(annotation: BioCAnnotation, shift: int) -> Mention:
    pieces = sorted(
        (location.offset + shift, location.offset + location.length + shift)
        for location in annotation.locations
    )
    score = annotation.infons.get(_SCORE)
    identifiers = (annotation.infons.get(key) for key in _IDENTIFIERS)
    identifier = next((str(each) for each in identifiers if each), "")
    return join_pieces(pieces, _find_label(annotation), parse_score(str(score)), identifier)


def _cover(record: Record) -> list[Passage]:
    """Add passages where a text holds more between its passages than is filled in when reading."""
    covering: list[Passage] = []
    end = 0
    for passage in record.passages:
        if not end <= passage.start <= passage.end <= len(record.text):
            raise ValueError(
                f"record {record.id!r}: passage {passage.start}-{passage.end} overlaps the one "
                f"before it or lies outside of the text of {len(record.text)} characters"
            )
        gap = record.text[end : passage.start]
        if gap and (not covering or len(gap) > MAXIMUM_GAP or gap != _fill(len(gap))):
            covering.append(Passage(end, passage.start, ""))
        covering.append(passage)
        end = passage.end
    if end < len(record.text) or not covering:
        covering.append(Passage(end, len(record.text), ""))
    return covering


def _make_annotation(text: str, mention: Mention, head: str, shift: int) -> BioCAnnotation:
    annotation = BioCAnnotation()
    annotation.infons = {_TYPE: mention.label}
    if head:
        annotation.infons[_HEAD] = head
    if mention.identifier:
        annotation.infons[_IDENTIFIER] = mention.identifier
    if mention.score is not None:
        annotation.infons[_SCORE] = str(round(mention.score, 4))
    # Of a mention in several pieces, all from its beginning to its end: bioc.validate wants it so.
    annotation.text = text[mention.start : mention.end]
    for start, end in mention.pieces:
        annotation.add_location(BioCLocation(start + shift, end - start))
    return annotation
