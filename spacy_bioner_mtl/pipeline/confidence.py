"""How sure the heads are of an entity: ``ent._.bioner_score``, wherever the entity comes from.

Scores are kept in the heads' span groups, and so come along with ``Doc.to_bytes`` and a DocBin.
Entities are found again by their characters, not by their tokens: these change when a component
such as ``merge_entities`` follows.

``Doc.from_docs`` and ``Span.as_doc`` drop what span groups tell of their spans, and ``Doc.to_json``
never has it. Hence the scores of entities also stand in ``doc.user_data``, as spaCy stores custom
attributes of spans: that is kept by the first, by the second with ``copy_user_data=True``, and by
the third with ``underscore=["bioner_score"]``.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from spacy.tokens import Doc, Span

#: Attribute of a span group: the probability of each of its spans.
SCORES = "scores"
#: Attribute of a span group: pairs of a label, and what the policy of doc.ents has renamed it to.
RENAMED = "renamed"
#: Name of the extension of Span.
EXTENSION = "bioner_score"

#: How the keys of doc.user_data begin under which spaCy stores the attribute; then follow the
#: entity's first character, and the one after its last.
_STORED = ("._.", EXTENSION)

#: First character, character after the last, label.
_Key = tuple[int, int, str]


def entity_score(entity: Span) -> float | None:
    """Return how probable an entity is; ``ent._.bioner_score`` for an entity of doc.ents.

    entity (Span): The entity.
    RETURNS (float | None): The highest score among the spans of its document's span groups that
        have scores, with the same characters and the same label, or one that the policy of doc.ents
        has renamed to it. None if there is no such span: another component found the entity, or
        scores were not asked for. Where no group has scores any more, what doc.user_data says.
    """
    return _entity_scores(entity.doc, [entity])[0]


def entity_scores(doc: Doc) -> list[float | None]:
    """Return how probable the entities of a document are, reading its span groups only once.

    doc (Doc): The document.
    RETURNS (list[float | None]): For each entity of doc.ents, what entity_score tells.
    """
    return _entity_scores(doc, doc.ents)


def store_scores(
    doc: Doc, kept: Iterable[Span], scores: Iterable[tuple[Span, float | None]]
) -> None:
    """Write scores of entities to doc.user_data, in place of those of entities that are gone.

    doc (Doc): The document.
    kept (Iterable[Span]): Entities that were there before; what is known of them stays.
    scores (Iterable[tuple[Span, float | None]]): New entities and their scores, as far as known.
    """
    data: dict[Any, Any] = doc.user_data
    if data:
        known = {_key(entity) for entity in kept}
        for key in [key for key in data if isinstance(key, tuple) and key[:2] == _STORED]:
            if key not in known:
                del data[key]
    for entity, score in scores:
        if score is not None:
            data[_key(entity)] = score


def _key(entity: Span) -> tuple[str, str, int, int]:
    return (*_STORED, entity.start_char, entity.end_char)


def _entity_scores(doc: Doc, entities: Sequence[Span]) -> list[float | None]:
    scores: dict[_Key, float] = {}
    for key, score in _scored_spans(doc):
        scores[key] = max(score, scores.get(key, score))
    if scores:
        return [scores.get((one.start_char, one.end_char, one.label_)) for one in entities]
    data: dict[Any, Any] = doc.user_data
    return [data.get(_key(one)) for one in entities]


def _scored_spans(doc: Doc) -> Iterable[tuple[_Key, float]]:
    """Spans of all groups with their scores, under their own label and under later ones."""
    for group in doc.spans.values():
        scores = group.attrs.get(SCORES)
        if scores is None or len(scores) != len(group):
            continue
        names: dict[str, list[str]] = {}
        for label, name in group.attrs.get(RENAMED, ()):
            names.setdefault(label, []).append(name)
        for span, score in zip(group, scores, strict=True):
            for label in (span.label_, *names.get(span.label_, ())):
                yield (span.start_char, span.end_char, label), float(score)


def register_extension() -> None:
    """Add the attribute to Span, unless it is there."""
    if not Span.has_extension(EXTENSION):
        Span.set_extension(EXTENSION, getter=entity_score)
