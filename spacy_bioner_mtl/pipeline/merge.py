"""One answer from many heads: which of their spans become ``doc.ents``, by a written policy.

``doc.ents`` cannot overlap. Whatever a policy leaves out or renames stays as it is in the heads'
span groups. No policy depends on the order of the heads: what is equal otherwise is decided by
position and names. Where the component is told to leave scores out, they count as equal.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import prod
from typing import Any

from spacy_bioner_mtl.errors import InputError, see
from spacy_bioner_mtl.pipeline.spans import FoundSpan

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
    return partial(_most_trusted, {head: rank for rank, head in enumerate(heads)})


def configure_longest_first() -> MergePolicy:
    """Create the policy "longest first": of spans that cross, the one with most tokens stays.

    What is equally long is decided as by the policy "highest score first".

    RETURNS (MergePolicy): The policy.
    """
    return _longest


def configure_only_heads(heads: list[str], policy: MergePolicy | None = None) -> MergePolicy:
    """Create the policy "only these heads": another policy decides between the spans of some heads.

    Such as heads of one entity type each, beside those of single corpora, which have other labels.

    heads (list[str]): Names of heads; names that the pipeline has no head for do nothing.
    policy (MergePolicy | None): What decides between their spans; None for the policy "highest
        score first".
    RETURNS (MergePolicy): The policy.
    """
    return partial(_of_heads, frozenset(heads), policy or configure_highest_score())


def configure_type_map(
    labels: dict[str, str | None], policy: MergePolicy | None = None
) -> MergePolicy:
    """Create the policy "type map": labels get other names, and another policy decides.

    labels (dict[str, str | None]): New names of labels, such as ``GENE = "Gene"`` and
        ``protein = "Gene"``; null leaves a label's spans out of doc.ents. Labels that are not
        listed keep theirs.
    policy (MergePolicy | None): What decides between the renamed spans; None for the policy
        "highest score first".
    RETURNS (MergePolicy): The policy.
    """
    return partial(_renamed, labels, configure_highest_score() if policy is None else policy)


def configure_whole_names(
    within: dict[str, list[str]], policy: MergePolicy | None = None
) -> MergePolicy:
    """Create the policy "whole names": spans within a longer one with some label are left out, and
    another policy decides between the rest.

    Such as the species in "Ebola virus disease" and the gene in "CDKL5 deficiency disorder", of
    which the heads are often surer than of the disease.

    within (dict[str, list[str]]): For labels of longer spans, which labels are left out within
        them, such as ``Disease = ["Gene", "Species"]``.
    policy (MergePolicy | None): What decides between the others; None for the policy "highest score
        first".
    RETURNS (MergePolicy): The policy.
    """
    labels = {label: frozenset(shorter) for label, shorter in within.items()}
    return partial(_whole_names, labels, policy or configure_highest_score())


@see("settings.md#one-answer-from-many-heads")
def configure_agreement(minimum: int = 1) -> MergePolicy:
    """Create the policy "agreement": heads that find the same span with the same label add up.

    Their spans are one candidate, and its score is 1 - (1 - p) (1 - q) ...: the noisy-or of their
    probabilities. By it, agreement never lowers a score, as a mean would; but heads that share a
    network err together, so it ranks candidates and is no probability. Of candidates that cross,
    the one with the higher score stays, then the one that more heads found; what is equal by that
    is decided as by the policy "highest score first". The head that is surest of a candidate
    stands for it.

    Heads name their labels as their corpora do; the policy "type map" around this one makes them
    agree.

    minimum (int): How many heads must agree; candidates of fewer are left out.
    RETURNS (MergePolicy): The policy.
    RAISES (InputError): The minimum is below 1.
    """
    if minimum < 1:
        raise InputError(
            f"spacy_bioner_mtl.agreement.v1: minimum is {minimum}, but must be a number of heads: "
            "give 1 or more."
        )
    return partial(_agreed, minimum)


def _score(span: FoundSpan) -> float:
    return 0.0 if span.score is None else span.score


def _preference(span: FoundSpan) -> tuple[Any, ...]:
    """Sorts spans by the policy "highest score first"."""
    return -_score(span), span.start - span.end, span.start, span.head, span.label


def _most_trusted(ranks: dict[str, int], candidates: Sequence[FoundSpan]) -> list[FoundSpan]:
    last = len(ranks)
    return _pick(
        sorted(candidates, key=lambda span: (ranks.get(span.head, last), _preference(span)))
    )


def _longest(candidates: Sequence[FoundSpan]) -> list[FoundSpan]:
    return _pick(sorted(candidates, key=lambda span: (span.start - span.end, _preference(span))))


def _of_heads(
    heads: frozenset[str], policy: MergePolicy, candidates: Sequence[FoundSpan]
) -> list[FoundSpan]:
    return policy([span for span in candidates if span.head in heads])


def _whole_names(
    within: dict[str, frozenset[str]], policy: MergePolicy, candidates: Sequence[FoundSpan]
) -> list[FoundSpan]:
    names = [span for span in candidates if span.label in within]

    def is_part(span: FoundSpan) -> bool:
        return any(
            name.start <= span.start
            and span.end <= name.end
            and span.end - span.start < name.end - name.start
            and span.label in within[name.label]
            for name in names
        )

    return policy([span for span in candidates if not is_part(span)])


def _renamed(
    labels: dict[str, str | None], policy: MergePolicy, candidates: Sequence[FoundSpan]
) -> list[FoundSpan]:
    """Rename labels and let another policy decide."""
    renamed = []
    for span in candidates:
        label = labels.get(span.label, span.label)
        if label is not None:
            renamed.append(span if label == span.label else span._replace(label=label))
    return policy(renamed)


def _agreed(minimum: int, candidates: Sequence[FoundSpan]) -> list[FoundSpan]:
    """Take spans that enough heads agree on."""
    groups: dict[tuple[int, int, str], list[FoundSpan]] = {}
    for span in sorted(set(candidates), key=_preference):
        groups.setdefault((span.start, span.end, span.label), []).append(span)
    ranked = []
    for group in groups.values():
        # No head agrees with itself.
        surest = {span.head: span for span in reversed(group)}
        if len(surest) >= minimum:
            score = 1.0 - prod(1.0 - _score(surest[head]) for head in sorted(surest))
            ranked.append((-score, -len(surest), _preference(group[0]), group[0]))
    return _pick(span for *_, span in sorted(ranked))


def _pick(ranked: Iterable[FoundSpan]) -> list[FoundSpan]:
    """Take the first span, drop all that share a token with it, and so on."""
    taken: set[int] = set()
    kept = []
    for span in ranked:
        tokens = range(span.start, span.end)
        if taken.isdisjoint(tokens):
            taken.update(tokens)
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)
