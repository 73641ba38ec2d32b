"""What the entities of a JSON object say: those of spaCy, Prodigy and doccano.

An object may say of itself that an annotator accepted, rejected or ignored it, and which question
the annotator was asked. Only what was asked and answered is known.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from spacy_bioner_mtl.formats.flaws import MentionCheck
from spacy_bioner_mtl.formats.record import (
    SOURCE_HEAD,
    Mention,
    Record,
    Word,
)
from spacy_bioner_mtl.formats.scores import parse_score

#: Where objects hold their entities.
ENTITIES = ("spans", "ents", "entities", "label", "labels")

_STARTS = ("start", "start_offset")
_ENDS = ("end", "end_offset")
_LEFT_OUT = {"reject": "rejected", "ignore": "ignored"}
# How much of an unknown answer messages show
_SHOWN = 40
_ACCEPT = "accept"
_REJECT = "reject"
# Prodigy's interfaces: in the first, annotators mark every entity, and a text without spans has no
# entity; in the second, they are asked whether the spans that they see are right; those whose names
# begin like the others ask for something else than entities.
_COMPLETE = frozenset(["ner_manual", "spans_manual", "relations", "review"])
_BINARY = frozenset(["ner", "spans"])
_OTHER = (
    "classification",
    "choice",
    "text",
    "html",
    "image",
    "audio",
    "video",
    "pos",
    "dep",
    "compare",
    "diff",
)


@dataclass(frozen=True)
class _Entity:
    """An entity, taken apart.

    mention (Mention): Its offsets and type.
    head (str): The head that it is filed under.
    said (str | None): Its text, if it is given.
    answer (str): What the annotator answered to it alone; empty if nothing.
    """

    mention: Mention
    head: str
    said: str | None
    answer: str


def hold_entities(value: Any) -> bool:
    """Distinguish entities from labels of the text as a whole, which the same names are used for.

    value (Any): What stands under one of the names.
    RETURNS (bool): Whether it is a list of entities, perhaps an empty one.
    """
    return isinstance(value, list) and all(isinstance(one, list | dict) for one in value)


def read_entities(fields: dict[str, Any], record: Record, place: str) -> None:
    """Add what an object says of entities to its record.

    fields (dict[str, Any]): The object.
    record (Record): The record of its text. It gets no mentions, not even for SOURCE_HEAD, if
        nobody annotated it for entities.
    place (str): The file and the line.
    RAISES (ValueError): If the object has entities, and an answer that nobody knows.
    """
    given, view = fields.get("answer"), str(fields.get("_view_id") or "")
    answer = given.casefold() if isinstance(given, str) else given
    names = [name for name in ENTITIES if hold_entities(fields.get(name))]
    # Of several spans that were shown together, nobody knows which were meant.
    is_one = answer == _REJECT and view in _BINARY and sum(len(fields[name]) for name in names) == 1
    record.left_out = "" if is_one else _LEFT_OUT.get(str(answer), "")
    if record.left_out or view.startswith(_OTHER):
        return
    odd = fields.get("spans") is not None and "spans" not in names
    nothing = answer == _ACCEPT and (view in _COMPLETE or ("spans" in fields and not names))
    if not names and not odd and not nothing:
        return
    if view in _BINARY and not any(fields[name] for name in names):
        # A question about nothing
        return
    _check_answer(given)
    check = MentionCheck(record.text)
    record.flaws = check.flaws
    if odd:
        reason = f'{place}: "spans" is no list of entities; correct it or leave it out'
        check.add_malformed(place, reason)
    unknown = record.unknown.setdefault(SOURCE_HEAD, [])
    for name in names:
        for number, value in enumerate(fields[name], start=1):
            what = f'entity {number} in "{name}"'
            try:
                entity = _read_entity(value)
            except ValueError as error:
                check.add_malformed(place, f"{place}: {what}: {error}")
                continue
            mention, said = entity.mention, entity.said
            if not check.accept(mention.pieces, mention.label, said, place=place, what=what):
                continue
            said_of_it = _REJECT if is_one else entity.answer
            if said_of_it == _REJECT:
                record.rejected.setdefault(entity.head, []).append(mention)
            if said_of_it in _LEFT_OUT:
                unknown.append(Word(mention.start, mention.end))
            else:
                record.mentions.setdefault(entity.head, []).append(mention)
    if view in _BINARY:
        unknown[:] = _find_gaps(record.all_mentions, len(record.text))
    if not unknown:
        del record.unknown[SOURCE_HEAD]
    if not record.mentions:
        record.mentions[SOURCE_HEAD] = []


def _check_answer(answer: Any) -> None:
    known = (_ACCEPT, *_LEFT_OUT)
    if answer in (None, "") or (isinstance(answer, str) and answer.casefold() in known):
        return
    raise ValueError(
        f'"answer" is {str(answer)[:_SHOWN]!r}; write {", ".join(known[:-1])} or {known[-1]}, or '
        "leave it out"
    )


def _find_gaps(mentions: Iterable[Mention], length: int) -> Iterator[Word]:
    """Find what is outside of all mentions."""
    end = 0
    for mention in sorted(mentions, key=lambda mention: mention.start):
        if end < mention.start:
            yield Word(end, mention.start)
        end = max(end, mention.end)
    if end < length:
        yield Word(end, length)


def _read_entity(entity: list[Any] | dict[str, Any]) -> _Entity:
    """Take an entity apart; a ValueError says what is wrong with it and what to do."""
    fields: dict[str, Any]
    if isinstance(entity, list):
        fields = dict(zip(("start", "end", "label"), entity, strict=False))
    else:
        fields = entity
    start = next((fields[name] for name in _STARTS if name in fields), None)
    end = next((fields[name] for name in _ENDS if name in fields), None)
    label, head = fields.get("label"), fields.get("head")
    score, identifier, said = fields.get("score"), fields.get("kb_id"), fields.get("text")
    # The type itself is asked for: True is an instance of int.
    if type(start) is not int or type(end) is not int:
        raise ValueError("no start and end; write the offsets of its characters as whole numbers")
    if not isinstance(label, str | None):
        raise ValueError("no label; write its type as a string")
    if head is not None and not isinstance(head, str):
        raise ValueError('"head" is no string; correct it or leave it out')
    if score is not None and type(score) not in (int, float):
        raise ValueError('"score" is no number; correct it or leave it out')
    _check_answer(fields.get("answer"))
    identifier = "" if identifier is None else str(identifier)
    return _Entity(
        Mention(start, end, label or "", parse_score(str(score)), identifier),
        head or SOURCE_HEAD,
        said if isinstance(said, str) else None,
        str(fields.get("answer") or "").casefold(),
    )
