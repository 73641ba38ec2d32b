"""How sure the heads are of an entity: ``ent._.bioner_score``, wherever the entity comes from.

Scores are kept in the heads' span groups, and so come along with ``Doc.to_bytes`` and a DocBin.
Entities are found again by their characters, not by their tokens: these change when a component
such as ``merge_entities`` follows.
"""

from collections.abc import Iterable

from spacy.tokens import Doc, Span

#: Attribute of a span group: the probability of each of its spans.
SCORES = "scores"
#: Attribute of a span group: pairs of a label, and what the policy of doc.ents has renamed it to.
RENAMED = "renamed"
#: Name of the extension of Span.
EXTENSION = "bioner_score"

#: First character, character after the last, label.
_Key = tuple[int, int, str]


def entity_score(entity: Span) -> float | None:
    """Tell how probable an entity is; ``ent._.bioner_score`` for an entity of doc.ents.

    entity (Span): The entity.
    RETURNS (float | None): The highest score among the spans of its document's span groups that
        have scores, with the same characters and the same label, or one that the policy of doc.ents
        has renamed to it. None if there is no such span: another component found the entity, or
        scores were not asked for.
    """
    key = (entity.start_char, entity.end_char, entity.label_)
    return max((score for known, score in _scored_spans(entity.doc) if known == key), default=None)


def entity_scores(doc: Doc) -> list[float | None]:
    """Tell how probable the entities of a document are, reading its span groups only once.

    doc (Doc): The document.
    RETURNS (list[float | None]): For each entity of doc.ents, what entity_score tells.
    """
    scores: dict[_Key, float] = {}
    for key, score in _scored_spans(doc):
        scores[key] = max(score, scores.get(key, score))
    return [scores.get((entity.start_char, entity.end_char, entity.label_)) for entity in doc.ents]


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
