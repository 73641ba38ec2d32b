"""Tags of token sequences and the spans they stand for, in the four schemes in use.

Spans are ``(first token, token after the last, entity type)``. A tag is ``O`` (outside), ``-``
(unknown, read like ``O``) or a prefix, a hyphen and an entity type:

- IOB1: I-; B- only where an entity directly follows another of the same type
- IOB2: B- begins every entity, I- continues it
- IOBES: S- is an entity of one token; longer ones run B- I- … E-
- BILUO: the same as IOBES with L- for E- and U- for S-
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

Scheme = Literal["IOB1", "IOB2", "IOBES", "BILUO"]
TagSpan = tuple[int, int, str]

OUTSIDE = "O"
UNKNOWN = "-"

_FAMILY: dict[str, Scheme] = {"E": "IOBES", "S": "IOBES", "L": "BILUO", "U": "BILUO"}
_LETTERS = frozenset([OUTSIDE, "B", "I", *_FAMILY])
_IN_IOBES = {"L": "E", "U": "S"}


class Tag(NamedTuple):
    """A tag taken apart.

    prefix (str): One of B, I, E, S, L, U; empty for ``O`` and ``-``.
    type (str): The entity type; empty for ``O`` and ``-``.
    """

    prefix: str
    type: str


class SchemeConflict(ValueError):
    """Tags that belong to two schemes at once.

    sequence (int): Index of the sequence in which the second scheme shows.
    token (int): Index of the token in that sequence.
    """

    def __init__(self, message: str, sequence: int, token: int) -> None:
        """Store where it was."""
        super().__init__(message)
        self.sequence = sequence
        self.token = token


@lru_cache(maxsize=4096)
def parse_tag(tag: str) -> Tag:
    """Take a tag apart at its first hyphen: entity types may hold more of them.

    tag (str): The tag.
    RETURNS (Tag): Its prefix and entity type.
    RAISES (ValueError): If it is no tag of any of the four schemes.
    """
    if tag in (OUTSIDE, UNKNOWN):
        return Tag("", "")
    prefix, hyphen, entity_type = tag.partition("-")
    if not hyphen or prefix not in ("B", "I", *_FAMILY):
        raise ValueError(
            f"{tag!r} is neither O, - nor one of B, I, E, S, L, U with a type (B-Gene)"
        )
    if not entity_type.strip():
        raise ValueError(f"{tag!r} lacks an entity type after the hyphen")
    return Tag(prefix, entity_type)


def is_like_a_tag(text: str) -> bool:
    """Check whether a column may hold tags, correct ones or not.

    text (str): What stands in it.
    RETURNS (bool): Whether it is a tag of any scheme, with or without a type, in upper or lower
        case.
    """
    return text == UNKNOWN or (text[:1].upper() in _LETTERS and text[1:2] in ("", "-"))


def to_upper(tag: str) -> str:
    """Write the letter of a tag in upper case, as all schemes have it.

    tag (str): The tag.
    RETURNS (str): The tag, its entity type as it is; anything that is no tag as it is.
    """
    return tag[:1].upper() + tag[1:] if is_like_a_tag(tag) else tag


def is_bare(tag: str) -> bool:
    """Check whether a tag of an entity lacks the type, as in files of one type.

    tag (str): The tag.
    RETURNS (bool): Whether it is one of B, I, E, S, L, U alone.
    """
    return len(tag) == 1 and tag in _LETTERS and tag != OUTSIDE


def add_type(tag: str, entity_type: str) -> str:
    """Give a type to a tag that has none.

    tag (str): The tag.
    entity_type (str): The type.
    RETURNS (str): The tag with it; other tags as they are.
    """
    return f"{tag}-{entity_type}" if is_bare(tag) else tag


def detect_scheme(tag_sequences: Iterable[Sequence[str]]) -> Scheme:
    """Find which scheme tags are written in; give it all the tags there are, not a sample.

    Any L- or U- makes it BILUO, any E- or S- IOBES. Otherwise it is IOB1 if at least one entity
    begins with I- (after no entity token of its type) and every B- directly follows an entity
    token of its own type, else IOB2. No entity at all is IOB2.

    tag_sequences (Iterable[Sequence[str]]): The tags, sentence by sentence.
    RETURNS (Scheme): The scheme.
    RAISES (SchemeConflict): If L- or U- stand beside E- or S-.
    """
    family: Scheme | None = None
    begins_with_inside = False
    begin_only_separates = True
    for sequence, tags in enumerate(tag_sequences):
        previous = Tag("", "")
        for token, tag in enumerate(tags):
            current = parse_tag(tag)
            found = _FAMILY.get(current.prefix)
            if found and family and found != family:
                message = f"{tag!r} belongs to {found}, but tags before it to {family}"
                raise SchemeConflict(message, sequence, token)
            family = family or found
            same_type = current.type == previous.type
            begins_with_inside |= current.prefix == "I" and not same_type
            begin_only_separates &= current.prefix != "B" or same_type
            previous = current
    if family:
        return family
    return "IOB1" if begins_with_inside and begin_only_separates else "IOB2"


def tags_to_spans(tags: Sequence[str], scheme: Scheme) -> tuple[list[TagSpan], int]:
    """Read tags as spans; what the scheme forbids is read the way conlleval reads it.

    By conlleval's rules a token continues the entity of the token before it if it is I-, E- or L-
    after B- or I- of the same type. Whatever else is tagged begins an entity.

    tags (Sequence[str]): The tags of one sentence.
    scheme (Scheme): The scheme they are written in.
    RETURNS (tuple[list[TagSpan], int]): The spans in order, and how many transitions between
        neighbouring tags the scheme forbids (see illegal_positions).
    """
    spans = []
    start = 0
    previous = Tag("", "")
    for position, current in enumerate(_iobes([*tags, OUTSIDE])):
        if not _continues(previous, current):
            if previous.prefix:
                spans.append((start, position, previous.type))
            start = position
        previous = current
    return spans, len(illegal_positions(tags, scheme))


def illegal_positions(tags: Sequence[str], scheme: Scheme) -> list[int]:
    """Find the tags that may not follow the one before them.

    tags (Sequence[str]): The tags of one sentence.
    scheme (Scheme): The scheme they are written in.
    RETURNS (list[int]): Their indices; ``len(tags)`` stands for an entity left unfinished at the
        sentence's end.
    """
    positions = []
    previous = Tag("", "")
    for position, current in enumerate(_iobes([*tags, OUTSIDE])):
        if scheme == "IOB1":
            illegal = current.prefix == "B" and current.type != previous.type
        elif _continues(previous, current):
            illegal = False
        elif scheme == "IOB2":
            illegal = current.prefix == "I"
        else:
            illegal = previous.prefix in ("B", "I") or current.prefix in ("I", "E")
        if illegal:
            positions.append(position)
        previous = current
    return positions


def spans_to_tags(spans: Iterable[TagSpan], length: int) -> list[str]:
    """Write spans as tags of IOBES.

    spans (Iterable[TagSpan]): The spans, in any order.
    length (int): Number of tokens in the sentence.
    RETURNS (list[str]): One tag per token.
    RAISES (ValueError): If spans overlap, are empty or lie outside the sentence.
    """
    tags = [OUTSIDE] * length
    previous_end = 0
    for start, end, entity_type in sorted(spans):
        if not previous_end <= start < end <= length:
            raise ValueError(f"span ({start}, {end}) overlaps another, is empty or out of bounds")
        parts = "S" if end - start == 1 else f"B{'I' * (end - start - 2)}E"
        tags[start:end] = [f"{part}-{entity_type}" for part in parts]
        previous_end = end
    return tags


def _continues(previous: Tag, current: Tag) -> bool:
    return (
        previous.prefix in ("B", "I")
        and current.prefix in ("I", "E")
        and previous.type == current.type
    )


def _iobes(tags: Iterable[str]) -> Iterable[Tag]:
    """Take tags apart, with L- and U- under their IOBES names."""
    for tag in tags:
        prefix, entity_type = parse_tag(tag)
        yield Tag(_IN_IOBES.get(prefix, prefix), entity_type)
