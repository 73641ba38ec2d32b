"""The network's answers as spans with probabilities."""

from dataclasses import dataclass

import numpy as np
import torch

from spacy_bioner_mtl.heads import OUTSIDE, Head, tags_to_spans
from spacy_bioner_mtl.model import Answer
from spacy_bioner_mtl.nn.crf import ForwardBackward, Lattice, viterbi
from spacy_bioner_mtl.sequences import Sequence


@dataclass(frozen=True)
class FoundSpan:
    """A span that a head found in a document.

    start (int): Its first token.
    end (int): The token after its last.
    label (str): Its entity type.
    head (str): The head that found it.
    score (float): Its probability under the head's CRF, whatever the rest of the sequence is.
    """

    start: int
    end: int
    label: str
    head: str
    score: float


def decode(
    answers: list[Answer], heads: list[Head], sequences: list[Sequence], n_docs: int
) -> list[list[FoundSpan]]:
    """Read the most probable tagging of every pair of sequence and head, all heads at once.

    answers (list[Answer]): The network's answers.
    heads (list[Head]): Its heads.
    sequences (list[Sequence]): The sequences asked about.
    n_docs (int): Number of documents they come from.
    RETURNS (list[list[FoundSpan]]): For each document, its spans in order of head and text.
    """
    found: list[list[FoundSpan]] = [[] for _ in range(n_docs)]
    for answer in answers:
        tags = viterbi(answer.lattice)
        # Only what has a span needs probabilities: in most pairs a head finds nothing.
        pairs = torch.nonzero((tags != OUTSIDE).any(dim=0))[:, 0]
        if not len(pairs):
            continue
        lattice, tags = _select(answer.lattice, pairs), tags[:, pairs]
        columns, starts, ends, labels = tags_to_spans(tags.T.cpu().numpy())
        alone, given = (step.cpu().numpy() for step in ForwardBackward(lattice).path_steps(tags))
        given = np.cumsum(given, axis=0)
        log_scores = alone[starts, columns] + given[ends - 1, columns] - given[starts, columns]
        scores = np.exp(np.minimum(log_scores, 0.0))
        asked = answer.pairs[pairs.cpu().numpy()[columns]]
        for (index, head_index), start, end, label, score in zip(
            asked.tolist(),
            starts.tolist(),
            ends.tolist(),
            labels.tolist(),
            scores.tolist(),
            strict=True,
        ):
            sequence, head = sequences[index], heads[head_index]
            first, last = int(sequence.tokens[start]), int(sequence.tokens[end - 1])
            found[sequence.doc].append(
                FoundSpan(first, last + 1, head.labels[label], head.name, score)
            )
    order = {head.name: index for index, head in enumerate(heads)}
    for spans in found:
        spans.sort(key=lambda span: (order[span.head], span.start))
    return found


def _select(lattice: Lattice, pairs: torch.Tensor) -> Lattice:
    """Keep some of a batch's sequences."""
    transitions = lattice.transitions
    return Lattice(
        lattice.emissions[:, pairs],
        transitions[pairs] if transitions.dim() == 3 else transitions[:, pairs],
        lattice.lengths[pairs],
    )
