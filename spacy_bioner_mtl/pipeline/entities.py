"""Found spans as a document's annotation: span groups of the heads, and entities."""

from collections.abc import Iterable, Sequence

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup

from spacy_bioner_mtl.pipeline.confidence import RENAMED, SCORES, store_scores
from spacy_bioner_mtl.pipeline.merge import MergePolicy
from spacy_bioner_mtl.pipeline.spans import FoundSpan

#: What ENT_IOB is at the first token of an entity.
_BEGIN = 3


def write_annotation(
    doc: Doc,
    found: Sequence[FoundSpan],
    heads: Iterable[str],
    *,
    scores: bool,
    merge: MergePolicy,
    overwrite: bool,
) -> None:
    """Write one span group per head, and the merged answer to doc.ents.

    Tokens that are blocked (``doc.set_ents(..., blocked=...)``) stay so, and get no entity.

    doc (Doc): The document.
    found (Sequence[FoundSpan]): The spans of all heads.
    heads (Iterable[str]): The heads that were asked; each gets a span group, even an empty one.
    scores (bool): Whether the groups tell the scores of their spans.
    merge (MergePolicy): Which spans become doc.ents.
    overwrite (bool): Whether to replace entities that are there already; else they are kept, and
        spans that share a token with them stay out of doc.ents.
    """
    groups: dict[str, list[FoundSpan]] = {head: [] for head in heads}
    for span in found:
        groups[span.head].append(span)
    spans = doc.spans
    for head, own in groups.items():
        spans[head] = SpanGroup(
            doc,
            name=head,
            attrs={SCORES: [span.score for span in own]} if scores else {},
            spans=[Span(doc, span.start, span.end, label=span.label) for span in own],
        )
    kept = [] if overwrite else list(doc.ents)
    blocked = _blocked_tokens(doc)
    if (kept or blocked) and found:
        taken = {token for entity in kept for token in range(entity.start, entity.end)}
        taken.update(blocked)
        found = [span for span in found if taken.isdisjoint(range(span.start, span.end))]
    merged = merge(found) if found else []
    entities = [Span(doc, span.start, span.end, label=span.label) for span in merged]
    doc.set_ents(
        [*kept, *entities],
        blocked=[Span(doc, token, token + 1) for token in blocked],
        default="outside",
    )
    renamed = _find_renamed(found, merged)
    for head, pairs in renamed.items():
        doc.spans[head].attrs[RENAMED] = [list(pair) for pair in sorted(pairs)]
    best = _best_scores(found, merged, renamed) if scores else []
    store_scores(doc, kept, zip(entities, best, strict=False))


def _blocked_tokens(doc: Doc) -> list[int]:
    """Tokens that spaCy marks as the beginning of an entity without a type."""
    tags, types = doc.to_array(["ENT_IOB", "ENT_TYPE"]).T
    blocked: list[int] = np.flatnonzero((tags == _BEGIN) & (types == 0)).tolist()
    return blocked


def _find_renamed(
    found: Sequence[FoundSpan], merged: Sequence[FoundSpan]
) -> dict[str, set[tuple[str, str]]]:
    """For each head, which labels the policy renamed to what: entities find their scores by it."""
    labels = {(span.head, span.start): span.label for span in found} if merged else {}
    renamed: dict[str, set[tuple[str, str]]] = {}
    for span in merged:
        own = labels.get((span.head, span.start), span.label)
        if own != span.label:
            renamed.setdefault(span.head, set()).add((own, span.label))
    return renamed


def _best_scores(
    found: Sequence[FoundSpan],
    merged: Sequence[FoundSpan],
    renamed: dict[str, set[tuple[str, str]]],
) -> list[float | None]:
    """The highest score that any head gave the tokens and the label of each merged span."""
    scores: dict[tuple[int, int, str], float] = {}
    for span in found:
        labels = [new for old, new in renamed.get(span.head, ()) if old == span.label]
        for label in (span.label, *labels):
            key = (span.start, span.end, label)
            scores[key] = max(span.score or 0.0, scores.get(key, 0.0))
    # A policy of the user's may make spans that no head has found.
    return [scores.get((span.start, span.end, span.label)) for span in merged]
