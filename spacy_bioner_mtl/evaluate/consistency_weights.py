"""Weights by which a head judges repeated strings of a document together.

An occurrence's new probability is a logistic regression on its own logit and the mean of the other
occurrences' (see pipeline/consistency.py). The weights are those that make the outcomes on gold
documents most probable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spacy_bioner_mtl.evaluate.calibration import batches_by_annotation, prepare_gold
from spacy_bioner_mtl.pipeline.loading import bioner_pipes
from spacy_bioner_mtl.pipeline.settings import WEIGHTS

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

    from spacy_bioner_mtl.pipeline.bioner_mtl import BioNERMTL

#: Fewer repeated occurrences, or right or wrong ones, say too little: the head gets no weights.
LEAST = 100


@dataclass
class Evidence:
    """What is known of the spans of a head: of repeated strings, one by one, and of all others.

    logits (list[NDArray[float64]]): Each of shape (occurrences, 2): the own one, and the mean of
        the others.
    right (list[NDArray[bool]]): Each of shape (occurrences,): whether the gold has them.
    found (list[NDArray[bool]]): Each of shape (occurrences,): whether the head has found them.
    alone (int): Spans that are not repeated.
    alone_right (int): Those of them that the gold has.
    gold (int): Spans of the gold.
    """

    logits: list[NDArray[np.float64]] = field(default_factory=list)
    right: list[NDArray[np.bool_]] = field(default_factory=list)
    found: list[NDArray[np.bool_]] = field(default_factory=list)
    alone: int = 0
    alone_right: int = 0
    gold: int = 0

    @property
    def is_enough(self) -> bool:
        """Whether there are enough repeated occurrences, right and wrong ones."""
        total, right = sum(map(len, self.right)), sum(int(each.sum()) for each in self.right)
        return min(right, total - right) >= LEAST


@dataclass(frozen=True)
class Fit:
    """What the documents say of a head.

    weights (dict[str, float]): The weights that make them most probable.
    before (float): F1 of the head without weights, from 0 to 1.
    after (float): F1 with them.
    """

    weights: dict[str, float]
    before: float
    after: float

    @property
    def helps(self) -> bool:
        """Whether the head finds no less with its weights: probable and right are not the same."""
        return self.after >= self.before


def fit_consistency(nlp: "Language", paths: Sequence[Path]) -> dict[str, Fit]:
    """Find the weights of each head. The pipeline stays as it is.

    nlp (Language): The pipeline, with the temperatures that it will have.
    paths (Sequence[Path]): Whole documents that the pipeline was not trained on: .spacy files, or
        folders with such files anywhere in them.
    RETURNS (dict[str, Fit]): What was found for heads of which there are enough repeated strings,
        some right and some wrong.
    RAISES (InputError): If a path holds no DocBin.
    """
    examples = prepare_gold(nlp, paths)
    evidence: dict[str, Evidence] = {}
    for pipe in bioner_pipes(nlp):
        for heads, batch in batches_by_annotation(examples, pipe):
            _collect(pipe, heads, batch, evidence)
    return {head: _fit(known) for head, known in sorted(evidence.items()) if known.is_enough}


def _fit(known: Evidence) -> Fit:
    logits, right = np.concatenate(known.logits), np.concatenate(known.right)
    weights = fit_logistic(logits, right)
    kept = logits @ weights[:2] + weights[2] > 0.0

    def f1(predicted: NDArray[np.bool_]) -> float:
        true = known.alone_right + int((predicted & right).sum())
        return 2.0 * true / (known.alone + int(predicted.sum()) + known.gold)

    return Fit(dict(zip(WEIGHTS, weights, strict=True)), f1(np.concatenate(known.found)), f1(kept))


def fit_logistic(values: NDArray[np.float64], right: NDArray[np.bool_]) -> list[float]:
    """Fit a logistic regression with an intercept.

    values (NDArray[float64]): Shape (cases, features).
    right (NDArray[bool]): Shape (cases,): the outcomes, of both kinds.
    RETURNS (list[float]): The coefficients, and the intercept, to three digits.
    """
    import torch

    features = torch.from_numpy(np.column_stack([values, np.ones(len(values))]))
    outcomes = torch.from_numpy(right.astype(np.float64))
    weights = torch.zeros(features.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(features @ weights, outcomes)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return [float(f"{weight:.3g}") for weight in weights.tolist()]


def _collect(
    pipe: "BioNERMTL", heads: list[str], examples: "list[Example]", evidence: dict[str, Evidence]
) -> None:
    """Add what some documents tell, which are annotated for these heads."""
    from spacy_bioner_mtl.pipeline.decode import find_occurrences
    from spacy_bioner_mtl.pipeline.judge import Judge

    settings = pipe.head_settings(active_heads=heads, consistency={})
    numbers = {number: head for number, head in enumerate(pipe.heads) if head.name in heads}
    wanted = np.isin(np.arange(len(pipe.heads)), list(numbers))
    judges = {
        (i, number): Judge(example, head.name)
        for i, example in enumerate(examples)
        for number, head in numbers.items()
    }
    for head in numbers.values():
        evidence.setdefault(head.name, Evidence())
    for (_, number), judge in judges.items():
        evidence[numbers[number].name].gold += len(judge.gold)
    for part, answers in pipe.ask([example.predicted for example in examples], settings):
        occurrences = find_occurrences(part, answers, settings, wanted)
        rows, repeated, logits = occurrences.rows, occurrences.repeated, occurrences.evidence()
        docs = part.sequences.docs[rows["sequence"]] + part.first_doc
        starts, ends = part.sequences.spans_to_doc(rows["sequence"], rows["start"], rows["end"])
        verdicts = np.full(len(rows), -1)
        for index, (doc, head, start, end, label) in enumerate(
            np.stack([docs, rows["head"], starts, ends, rows["label"]], axis=1).tolist()
        ):
            right = judges[doc, head].is_right(start, end, numbers[head].labels[label])
            if right is not None:
                verdicts[index] = right
        for number, head in numbers.items():
            mine = (rows["head"] == number) & (verdicts >= 0)
            known, together = evidence[head.name], mine & repeated
            known.logits.append(logits[together])
            known.right.append(verdicts[together] == 1)
            known.found.append(occurrences.found[together])
            known.alone += int((mine & ~repeated).sum())
            known.alone_right += int((verdicts[mine & ~repeated] == 1).sum())
