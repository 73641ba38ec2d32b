"""Found spans as a document's annotation: span groups of the heads, and entities."""

from collections.abc import Iterable, Sequence

from spacy.tokens import Doc, Span, SpanGroup

from spacy_bioner_mtl.confidence import RENAMED, SCORES
from spacy_bioner_mtl.found_span import FoundSpan
from spacy_bioner_mtl.merge import MergePolicy


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
    if kept and found:
        taken = {token for entity in kept for token in range(entity.start, entity.end)}
        found = [span for span in found if taken.isdisjoint(range(span.start, span.end))]
    merged = merge(found) if found else []
    entities = [Span(doc, span.start, span.end, label=span.label) for span in merged]
    doc.set_ents([*kept, *entities], default="outside")
    _note_renamed(doc, found, merged)


def _note_renamed(doc: Doc, found: Sequence[FoundSpan], merged: Sequence[FoundSpan]) -> None:
    """Write down which labels the policy renamed, so that entities find their scores."""
    labels = {(span.head, span.start): span.label for span in found} if merged else {}
    renamed: dict[str, set[tuple[str, str]]] = {}
    for span in merged:
        own = labels.get((span.head, span.start), span.label)
        if own != span.label:
            renamed.setdefault(span.head, set()).add((own, span.label))
    for head, pairs in renamed.items():
        doc.spans[head].attrs[RENAMED] = [list(pair) for pair in sorted(pairs)]
