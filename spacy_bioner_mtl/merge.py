"""One answer from many heads: which of their spans become ``doc.ents``, by a written policy.

``doc.ents`` cannot overlap. Whatever a policy leaves out stays in the heads' span groups.
"""

from collections.abc import Callable, Sequence
from functools import partial

from spacy_bioner_mtl.decode import FoundSpan

#: A policy: picks spans of which no two share a token. Pipelines are pickled with theirs.
MergePolicy = Callable[[Sequence[FoundSpan]], list[FoundSpan]]


def configure_highest_score() -> MergePolicy:
    """Create the policy "highest score first": of spans that cross, the most probable one stays.

    Equal scores are decided by length (longer first), then position, then the names of head and
    label, so that the answer never depends on the order of the heads.

    RETURNS (MergePolicy): The policy.
    """
    return configure_head_priority([])


def configure_head_priority(heads: list[str]) -> MergePolicy:
    """Create the policy "most trusted head first": of spans that cross, that of the head named
    first stays, and of spans of one head, or of heads that are not named, the most probable one.

    What is equal by that is decided as by the policy "highest score first".

    heads (list[str]): Names of heads, the most trusted first. Heads that are not named come last;
        names that the pipeline has no head for do nothing.
    RETURNS (MergePolicy): The policy.
    """
    return partial(_pick, {head: rank for rank, head in enumerate(heads)})


def _pick(ranks: dict[str, int], candidates: Sequence[FoundSpan]) -> list[FoundSpan]:
    """Take the best span, drop all that share a token with it, and so on."""
    ranked = sorted(
        candidates,
        key=lambda span: (
            ranks.get(span.head, len(ranks)),
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
