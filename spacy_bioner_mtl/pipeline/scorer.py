"""Scores per head, and their averages over heads."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from spacy.training import Example

from spacy_bioner_mtl.pipeline.judge import Judge, LabelScores
from spacy_bioner_mtl.pipeline.spans import annotated_heads

#: Prefix of the averages over heads among spaCy's scores.
MACRO = "bioner_macro"


def make_heads_scorer() -> Callable[..., dict[str, Any]]:
    """Create the scorer of the component "bioner_mtl".

    RETURNS (Callable): score_heads.
    """
    return score_heads


def score_heads(examples: Iterable[Example], **_: Any) -> dict[str, Any]:
    """Score every head on the documents that are annotated for it, and on no others.

    A document without a gold span group for a head says nothing about this head; what the head
    finds there is neither right nor wrong. The same goes for tokens whose annotation is unknown.

    examples (Iterable[Example]): Predicted and gold documents.
    RETURNS (dict[str, Any]): For each head H that any gold document is annotated for:
        spans_H_p, spans_H_r, spans_H_f (0 to 1) and spans_H_per_type; and the means of the heads'
        values, bioner_macro_p, _r, _f.
    """
    examples = list(examples)
    heads = sorted({head for example in examples for head in annotated_heads(example.reference)})
    _warn_of_what_cannot_score(examples, heads)
    scores: dict[str, Any] = {}
    for head in heads:
        scores.update(_score_head(examples, head))
    for part in "prf":
        values = [scores[f"spans_{head}_{part}"] for head in heads]
        # 0, as None would make `spacy train` forget the score's weight for good
        scores[f"{MACRO}_{part}"] = sum(values) / len(values) if values else 0.0
    return scores


def _warn_of_what_cannot_score(examples: list[Example], heads: list[str]) -> None:
    """Say why scores are 0 where that tells nothing of the pipeline."""
    if not heads:
        warnings.warn(
            f"None of the {len(examples):,} documents to score is annotated for any head: they "
            "have no span groups, and all scores are 0. Make them with `bioner-mtl convert`.",
            stacklevel=3,
        )
    found = {head for example in examples for head in example.predicted.spans}
    missing = [head for head in heads if head not in found]
    if missing:
        warnings.warn(
            f"Documents are annotated for heads that the pipeline has not, or that are switched "
            f"off, and that score 0: {', '.join(missing)}. Its span groups are: "
            f"{', '.join(sorted(found)) or 'none'}.",
            stacklevel=3,
        )


def _score_head(examples: list[Example], head: str) -> dict[str, Any]:
    """Score one head on the documents that are annotated for it."""
    labels = LabelScores()
    for example in examples:
        if head in example.reference.spans:
            judge = Judge(example, head)
            labels.add(judge.predicted(), judge.gold)
    key = f"spans_{head}"
    scores: dict[str, Any] = {f"{key}_{k}": v for k, v in labels.total().to_dict().items()}
    return {**scores, f"{key}_per_type": {k: each.to_dict() for k, each in labels.items()}}
