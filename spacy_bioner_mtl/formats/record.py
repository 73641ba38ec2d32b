"""The one type between readers, writers and spaCy documents."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from spacy_bioner_mtl.errors import InputError

#: Head under which readers file mentions of sources that name none.
SOURCE_HEAD = "source"
#: Head under which the one answer of all heads together is filed.
MERGED_HEAD = "merged"


@dataclass(frozen=True)
class Mention:
    """A piece of text that names an entity.

    start (int): Offset of its first character in the record's text, in code points.
    end (int): Offset after its last character.
    label (str): The entity type.
    score (float | None): Its probability, where a model gave one.
    identifier (str): The concept in a database, as the source names it; empty if it names none.
    fragments (tuple[tuple[int, int], ...]): Start and end of each piece of a discontinuous mention,
        in order; empty for a mention of one piece. Start and end are those of the whole.
    """

    start: int
    end: int
    label: str
    score: float | None = None
    identifier: str = ""
    fragments: tuple[tuple[int, int], ...] = ()

    @property
    def pieces(self) -> tuple[tuple[int, int], ...]:
        """Start and end of each piece, also where there is only one."""
        return self.fragments or ((self.start, self.end),)


@dataclass(frozen=True)
class Word:
    """A token of a source that comes tokenised, or another piece of a text.

    start (int): Offset of its first character in the record's text, in code points.
    end (int): Offset after its last character.
    """

    start: int
    end: int


class FlawKind(StrEnum):
    """What is wrong with an annotation."""

    WRITTEN_OTHERWISE = "written otherwise than in the text"
    OTHER_TEXT = "another text at the offsets"
    IN_PIECES = "in several pieces"
    EMPTY = "empty"
    OUTSIDE = "outside of the text"
    NO_TYPE = "without a type"
    MALFORMED = "not to be read"
    UNALIGNED = "not aligned with tokens"
    TAG_ORDER = "tags that may not follow each other"
    TAG_CASE = "tags in lower case"

    @property
    def is_used(self) -> bool:
        """Whether the annotation is used all the same."""
        return self in (FlawKind.WRITTEN_OTHERWISE, FlawKind.TAG_ORDER, FlawKind.TAG_CASE)


@dataclass(frozen=True)
class Flaw:
    """Something wrong with an annotation of a document that is otherwise sound.

    kind (FlawKind): What.
    place (str): Where it stands, as "file:line", or the file and the document.
    reason (str): One message that names the place, what is wrong, and the remedy.
    label (str): The entity type; empty if that is not known.
    unknown (tuple[Word, ...]): The pieces of the text of which, because of it, nobody knows whether
        they belong to an entity of that type; none if the annotation is used.
    count (int): How many there are of the kind in the same sentence, of which this is the first.
    """

    kind: FlawKind
    place: str
    reason: str
    label: str = ""
    unknown: tuple[Word, ...] = ()
    count: int = 1


@dataclass(frozen=True)
class Passage:
    """A part of a text that its source tells apart, such as the title or a section.

    start (int): Offset of its first character in the record's text, in code points.
    end (int): Offset after its last character.
    kind (str): What it is: "title", "abstract", or what the source calls it.
    meta (dict[str, Any]): What else the source says of it.
    """

    start: int
    end: int
    kind: str
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass
class Record:
    """One annotated text, as a file gives it or as a model answers it.

    id (str): The source's own identifier; empty where it has none.
    text (str): The text, as it is; words of a source without spacing are joined by single spaces.
    mentions (dict[str, list[Mention]]): Per head, what was annotated. A head with an empty list
        means "annotated, nothing found"; a head that is absent means "not annotated".
    unknown (dict[str, list[Word]]): Per head, pieces of the text whose annotation is unknown, such
        as words with the label "-".
    rejected (dict[str, list[Mention]]): Per head, mentions that an annotator was shown and rejected
        by themselves. What else there may be in their place is for mentions and unknown to say.
    words (list[Word] | None): The source's tokens, or None for raw text.
    sentence_starts (list[int]): Indices into words at which sentences begin.
    passages (list[Passage]): The parts of the text in order, none where the source tells none.
    document (int): In files of sentences, the number of the document that the sentence is of.
    meta (dict[str, Any]): What else the source says of it, for formats that have a place for that.
    flaws (list[Flaw]): What is wrong with annotations, in the order of the source.
    left_out (str): Why it is not gold, where an annotator decided so, such as "rejected".
    scheme (str): The scheme of its tags, in files of tokens with tags.
    """

    id: str
    text: str
    mentions: dict[str, list[Mention]] = field(default_factory=dict)
    unknown: dict[str, list[Word]] = field(default_factory=dict)
    rejected: dict[str, list[Mention]] = field(default_factory=dict, kw_only=True)
    words: list[Word] | None = None
    sentence_starts: list[int] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    document: int = 0
    meta: dict[str, Any] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    left_out: str = ""
    scheme: str = ""

    @property
    def all_mentions(self) -> list[Mention]:
        """The mentions of all heads."""
        return [mention for some in self.mentions.values() for mention in some]


@dataclass(frozen=True)
class BadRecord:
    """A document that cannot be read or written. Those before and after it can.

    id (str): Its identifier, as far as known.
    reason (str): One message that names the file, the line where there is one, and the remedy.
    """

    id: str
    reason: str


#: What a reader yields: a bad document must not lose the others.
ReadRecord = Record | BadRecord


def strict(records: Iterable[ReadRecord]) -> Iterator[Record]:
    """Refuse bad documents, for readers of gold.

    records (Iterable[ReadRecord]): What a reader yields.
    YIELDS (Record): The records.
    RAISES (InputError): At the first document that cannot be read.
    """
    for record in records:
        if isinstance(record, BadRecord):
            raise InputError(record.reason)
        yield record


def join_words(texts: Iterable[str]) -> tuple[str, list[Word]]:
    """Lay words out in one text.

    texts (Iterable[str]): The words.
    RETURNS (tuple[str, list[Word]]): The words joined by single spaces, and where each of them is.
    """
    texts = list(texts)
    words = []
    offset = 0
    for text in texts:
        words.append(Word(offset, offset + len(text)))
        offset += len(text) + 1
    return " ".join(texts), words


def join_pieces(
    pieces: Sequence[tuple[int, int]], label: str, score: float | None, identifier: str
) -> Mention:
    """Make a mention of its pieces.

    pieces (Sequence[tuple[int, int]]): Start and end of each, in the order of the text.
    label (str): The entity type.
    score (float | None): Its probability.
    identifier (str): The concept in a database.
    RETURNS (Mention): The mention, without fragments if there is one piece.
    """
    fragments = tuple(pieces) if len(pieces) > 1 else ()
    end = max(end for _, end in pieces)
    return Mention(pieces[0][0], end, label, score, identifier, fragments)


def sort_mentions(record: Record) -> list[tuple[Mention, str]]:
    """Take the mentions of a record for a format in which each names its head.

    record (Record): The record.
    RETURNS (list[tuple[Mention, str]]): Its mentions in the order of the text, each with its head,
        empty for SOURCE_HEAD and MERGED_HEAD.
    """
    found = [
        (mention, "" if head in (SOURCE_HEAD, MERGED_HEAD) else head)
        for head, some in record.mentions.items()
        for mention in some
    ]
    return sorted(found, key=lambda pair: (pair[0].start, pair[0].end))


def flat_mentions(record: Record) -> list[Mention]:
    """Take the mentions of a record for a format in which they may neither nest nor cross.

    record (Record): The record, annotated for one head at most.
    RETURNS (list[Mention]): Its mentions in the order of the text.
    RAISES (ValueError): If there are several heads, or mentions overlap, are empty or lie outside
        of the text.
    """
    if len(record.mentions) > 1:
        raise ValueError(
            f"record {record.id!r}: mentions of several heads ({', '.join(record.mentions)}), "
            "where this format holds those of one"
        )
    mentions = sorted(record.all_mentions, key=lambda mention: mention.start)
    previous_end = 0
    for mention in mentions:
        if not previous_end <= mention.start < mention.end <= len(record.text):
            raise ValueError(
                f"record {record.id!r}: mention {mention.start}-{mention.end} overlaps another, is "
                f"empty or lies outside of the text of {len(record.text)} characters"
            )
        previous_end = mention.end
    return mentions


def check_offsets(record: Record) -> None:
    """Check that mentions and words lie inside the text, and are not empty.

    record (Record): The record.
    RAISES (ValueError): If one does not.
    """
    spans: list[Mention | Word] = [*record.all_mentions, *(record.words or ())]
    for span in spans:
        if not 0 <= span.start < span.end <= len(record.text):
            raise ValueError(
                f"record {record.id!r}: offsets {span.start}-{span.end} lie outside of the text "
                f"of {len(record.text)} characters, or are empty"
            )
