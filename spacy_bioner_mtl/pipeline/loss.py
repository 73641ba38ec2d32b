"""Losses of CRF heads and their gradients, as differences of expectations.

The gradient of a CRF's log partition is what it expects (marginals of tags, expected numbers of
transitions). Both losses here are differences of log partitions, so their gradients are differences
of expectations and need no automatic differentiation through the recursions.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.training import Example
from torch import Tensor

from spacy_bioner_mtl.models.sequences import Sequences
from spacy_bioner_mtl.models.types import Gradients
from spacy_bioner_mtl.nn.crf import Expectations, ForwardBackward, path_expectations
from spacy_bioner_mtl.nn.excluded_spans import expect_without
from spacy_bioner_mtl.nn.lattice import IMPOSSIBLE, Lattice, stack
from spacy_bioner_mtl.nn.tagset import UNKNOWN_TAG, Head
from spacy_bioner_mtl.pipeline.gold import gold_tags, rejected_spans
from spacy_bioner_mtl.pipeline.spans import annotated_heads


@dataclass
class Targets:
    """Gold tags of a batch.

    pairs (NDArray[int64]): Shape (P, 2): index of a sequence, index of a head it is annotated for.
    tags (NDArray[int64]): Shape (L, P): gold tags; UNKNOWN_TAG where unknown and in padding.
    rejected (NDArray[int64]): Shape (R, 4): spans that are no mentions: index of a pair, first
        token, token after the last, label.
    """

    pairs: NDArray[np.int64]
    tags: NDArray[np.int64]
    rejected: NDArray[np.int64]


def gold_targets(examples: list[Example], heads: list[Head], sequences: Sequences) -> Targets:
    """Collect the gold of a batch.

    examples (list[Example]): The batch.
    heads (list[Head]): The network's heads.
    sequences (Sequences): Sequences of the examples' predicted documents, in their order.
    RETURNS (Targets): The gold tags of all pairs of sequence and head that are annotated, and the
        rejected spans.
    """
    pairs: list[tuple[int, int]] = []
    rejected: list[tuple[int, int, int, int]] = []
    tags = [np.empty(0, dtype=np.int64)]
    tokens = sequences.split(sequences.tokens)
    bounds = np.searchsorted(sequences.docs, np.arange(len(examples) + 1)).tolist()
    for example, (first, last) in zip(examples, pairwise(bounds), strict=True):
        annotated = set(annotated_heads(example.reference))
        for head_index, head in enumerate(heads):
            if head.name in annotated:
                of_head = rejected_spans(example, head, tokens[first:last])
                rejected.extend((len(pairs) + sequence, *span) for sequence, span in of_head)
                pairs.extend((sequence, head_index) for sequence in range(first, last))
                tags.append(gold_tags(example, head, tokens[first:last]))
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Targets(
        array,
        sequences.select(array[:, 0]).pad(np.concatenate(tags), UNKNOWN_TAG),
        np.array(rejected, dtype=np.int64).reshape(-1, 4),
    )


def likelihood(lattice: Lattice, targets: Targets) -> tuple[float, Gradients]:
    """Negative log likelihood of the gold, summed over what is unknown of it.

    For each rejected span -log(1 - p) is added, where p is the probability of the span among all
    taggings that the tags of the gold allow. Several spans of a sequence are several terms, as if
    each were rejected in a text of its own: a composite likelihood (Varin, Reid and Firth 2011).

    lattice (Lattice): Scores of the targets' pairs.
    targets (Targets): The gold.
    RETURNS (tuple[float, Gradients]): The mean over pairs, and its gradients.
    """
    tags = torch.as_tensor(targets.tags, device=lattice.emissions.device)
    # Shorter targets than the lattice: pairs are fewer than sequences, and the longest has none.
    tags = torch.nn.functional.pad(
        tags, (0, 0, 0, len(lattice.emissions) - len(tags)), value=UNKNOWN_TAG
    )
    if bool(((tags != UNKNOWN_TAG) | ~lattice.active()).all()):
        expected = ForwardBackward(lattice).expectations()
        return _difference(expected, path_expectations(lattice, tags.clamp(min=0)))
    numbers = torch.arange(lattice.emissions.shape[2], device=tags.device)
    allowed = (tags[:, :, None] == numbers) | (tags[:, :, None] == UNKNOWN_TAG)
    possible = lattice.allow(allowed)
    mine, wanted = _expect_both(lattice, possible)
    loss, gradients = _difference(mine, wanted)
    if not len(targets.rejected):
        return loss, gradients
    term, (emissions, transitions) = _rejection(possible, wanted, targets.rejected)
    return loss + term, (gradients[0] + emissions, gradients[1] + transitions)


def _rejection(
    possible: Lattice, expected: Expectations, rejected: NDArray[np.int64]
) -> tuple[float, Gradients]:
    """What rejected spans add to the likelihood: differences of log partitions, as all else here.

    possible (Lattice): The scores, where the gold's tags allow them.
    expected (Expectations): What these expect.
    rejected (NDArray[int64]): As in Targets.
    RETURNS (tuple[float, Gradients]): The sum over rejected spans, by the number of pairs, and its
        gradients.
    """
    without = expect_without(possible, rejected)
    # A span that the tags of the gold leave no way round is gold: nothing is learned from it.
    kept = torch.nonzero(without.log_partition > IMPOSSIBLE / 2)[:, 0]
    pairs = torch.as_tensor(rejected[:, 0], device=kept.device)[kept]
    n_pairs = len(expected.log_partition)

    def spread(mine: Tensor, wanted: Tensor, dim: int) -> Tensor:
        differences = mine.index_select(dim, pairs) - wanted.index_select(dim, kept)
        return torch.zeros_like(mine).index_add(dim, pairs, differences) / n_pairs

    loss = expected.log_partition[pairs] - without.log_partition[kept]
    return float(loss.sum()) / n_pairs, (
        spread(expected.unary, without.unary, 1),
        spread(expected.pairwise, without.pairwise, expected.pairwise.dim() - 3),
    )


def rehearsal(
    lattice: Lattice, teacher: Lattice, n_tags: NDArray[np.int64]
) -> tuple[float, Gradients]:
    """Divergence of the model's distribution over taggings from its teacher's (Kullback-Leibler).

    Taggings with other tags than those that the teacher has learned do not count.

    lattice (Lattice): The model's scores.
    teacher (Lattice): The teacher's scores of the same pairs; it may have fewer tags.
    n_tags (NDArray[int64]): Shape (P,): number of tags that the teacher has learned; the first.
    RETURNS (tuple[float, Gradients]): The mean over pairs, and its gradients.
    """
    numbers = torch.arange(lattice.emissions.shape[2], device=lattice.emissions.device)
    learned = numbers < torch.as_tensor(n_tags, device=numbers.device)[:, None]
    lattice = lattice.allow(learned.expand_as(lattice.emissions))
    teacher = teacher.pad(len(numbers)).allow(learned.expand_as(lattice.emissions))
    mine, expected = _expect_both(lattice, teacher)
    log_ratio, gradients = _difference(mine, expected)
    emissions = expected.unary * (teacher.emissions - lattice.emissions)
    moves = expected.pairwise * (teacher.transitions - lattice.transitions)
    n_pairs = len(mine.log_partition)
    return log_ratio + float(emissions.sum() + moves.sum()) / n_pairs, gradients


def _difference(mine: Expectations, wanted: Expectations) -> tuple[float, Gradients]:
    """Mean difference of log partitions, and its gradients for the scores of the first."""
    n_pairs = len(mine.log_partition)
    loss = float((mine.log_partition - wanted.log_partition).mean())
    emissions = (mine.unary - wanted.unary) / n_pairs
    transitions = (mine.pairwise - wanted.pairwise) / n_pairs
    return loss, (emissions, transitions)


def _expect_both(first: Lattice, second: Lattice) -> tuple[Expectations, Expectations]:
    """Expectations of two lattices of one shape, in one pass."""
    both = ForwardBackward(stack(first, second)).expectations()
    n_pairs = first.emissions.shape[1]
    return tuple(  # type: ignore[return-value]
        Expectations(both.log_partition[half], both.unary[:, half], both.pairwise[..., half, :, :])
        for half in (slice(0, n_pairs), slice(n_pairs, None))
    )
