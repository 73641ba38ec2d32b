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

from spacy_bioner_mtl.models.sequences import Sequences
from spacy_bioner_mtl.models.types import Gradients
from spacy_bioner_mtl.nn.crf import Expectations, ForwardBackward, path_expectations
from spacy_bioner_mtl.nn.lattice import Lattice, stack
from spacy_bioner_mtl.nn.tagset import UNKNOWN_TAG, Head
from spacy_bioner_mtl.pipeline.gold import gold_tags
from spacy_bioner_mtl.pipeline.spans import annotated_heads


@dataclass
class Targets:
    """Gold tags of a batch.

    pairs (NDArray[int64]): Shape (P, 2): index of a sequence, index of a head it is annotated for.
    tags (NDArray[int64]): Shape (L, P): gold tags; UNKNOWN_TAG where unknown and in padding.
    """

    pairs: NDArray[np.int64]
    tags: NDArray[np.int64]


def gold_targets(examples: list[Example], heads: list[Head], sequences: Sequences) -> Targets:
    """Collect the gold of a batch.

    examples (list[Example]): The batch.
    heads (list[Head]): The network's heads.
    sequences (Sequences): Sequences of the examples' predicted documents, in their order.
    RETURNS (Targets): The gold tags of all pairs of sequence and head that are annotated.
    """
    pairs: list[tuple[int, int]] = []
    tags = [np.empty(0, dtype=np.int64)]
    tokens = sequences.split(sequences.tokens)
    bounds = np.searchsorted(sequences.docs, np.arange(len(examples) + 1)).tolist()
    for example, (first, last) in zip(examples, pairwise(bounds), strict=True):
        annotated = set(annotated_heads(example.reference))
        for head_index, head in enumerate(heads):
            if head.name in annotated:
                pairs.extend((sequence, head_index) for sequence in range(first, last))
                tags.append(gold_tags(example, head, tokens[first:last]))
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Targets(array, sequences.select(array[:, 0]).pad(np.concatenate(tags), UNKNOWN_TAG))


def likelihood(lattice: Lattice, targets: Targets) -> tuple[float, Gradients]:
    """Negative log likelihood of the gold, summed over what is unknown of it.

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
    return _difference(*_expect_both(lattice, lattice.allow(allowed)))


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
