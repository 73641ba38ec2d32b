"""One answer from many heads: which of their spans become ``doc.ents``, by a written policy.

``doc.ents`` cannot overlap. Whatever a policy leaves out stays in the heads' span groups.
"""

from collections.abc import Callable, Sequence

from spacy_bioner_mtl.decode import FoundSpan

#: A policy: picks spans of which no two share a token.
MergePolicy = Callable[[Sequence[FoundSpan]], list[FoundSpan]]


def configure_highest_score() -> MergePolicy:
    """Create the policy "highest score first": of spans that cross, the most probable one stays.

    RETURNS (MergePolicy): The policy.
    """
    return highest_score


def highest_score(candidates: Sequence[FoundSpan]) -> list[FoundSpan]:
    """Pick the most probable span, drop all that share a token with it, and so on.

    Equal scores are decided by length (longer first), then position, then the names of head and
    label, so that the answer never depends on the order of the heads.

    candidates (Sequence[FoundSpan]): Spans of all heads.
    RETURNS (list[FoundSpan]): Spans that do not overlap, in order of the text.
    """
    ranked = sorted(
        candidates,
        key=lambda span: (
            -span.score,
            span.start - span.end,
            span.start,
            span.head,
            span.label,
        ),
    )
    taken: set[int] = set()
    kept = []
    for span in ranked:
        tokens = range(span.start, span.end)
        if taken.isdisjoint(tokens):
            taken.update(tokens)
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)
