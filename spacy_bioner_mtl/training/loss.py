"""Losses of CRF heads and their gradients, as differences of expectations.

The gradient of a CRF's log partition is what it expects (marginals of tags, expected numbers of
transitions). Both losses here are differences of log partitions, so their gradients are differences
of expectations and need no automatic differentiation through the recursions.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from spacy.training import Example

from spacy_bioner_mtl.gold import gold_tags
from spacy_bioner_mtl.heads import UNKNOWN_TAG, Head
from spacy_bioner_mtl.model import Gradients
from spacy_bioner_mtl.nn.crf import Expectations, ForwardBackward, Lattice, stack
from spacy_bioner_mtl.sequences import Sequence
from spacy_bioner_mtl.span_groups import annotated_heads


@dataclass
class Targets:
    """Gold tags of a batch.

    pairs (NDArray[int64]): Shape (P, 2): index of a sequence, index of a head it is annotated for.
    tags (NDArray[int64]): Shape (L, P): gold tags; UNKNOWN_TAG where unknown and in padding.
    """

    pairs: NDArray[np.int64]
    tags: NDArray[np.int64]


def gold_targets(examples: list[Example], heads: list[Head], sequences: list[Sequence]) -> Targets:
    """Collect the gold of a batch.

    examples (list[Example]): The batch.
    heads (list[Head]): The network's heads.
    sequences (list[Sequence]): Sequences of the examples' predicted documents.
    RETURNS (Targets): The gold tags of all pairs of sequence and head that are annotated.
    """
    of_doc: list[list[int]] = [[] for _ in examples]
    for index, sequence in enumerate(sequences):
        of_doc[sequence.doc].append(index)
    pairs: list[tuple[int, int]] = []
    tags: list[NDArray[np.int64]] = []
    for example, indices in zip(examples, of_doc, strict=True):
        annotated = set(annotated_heads(example.reference))
        own = [sequences[index] for index in indices]
        for head_index, head in enumerate(heads):
            if head.name in annotated:
                pairs.extend((index, head_index) for index in indices)
                tags.extend(gold_tags(example, head, own))
    padded = np.full((max(map(len, tags), default=0), len(tags)), UNKNOWN_TAG, dtype=np.int64)
    for column, values in enumerate(tags):
        padded[: len(values), column] = values
    return Targets(np.array(pairs, dtype=np.int64).reshape(-1, 2), padded)


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
    numbers = torch.arange(lattice.emissions.shape[2], device=tags.device)
    allowed = (tags[:, :, None] == numbers) | (tags[:, :, None] == UNKNOWN_TAG)
    return _difference(lattice, lattice.allow(allowed))


def rehearsal(lattice: Lattice, teacher: Lattice) -> tuple[float, Gradients]:
    """Divergence of the model's distribution over taggings from its teacher's (Kullback-Leibler).

    lattice (Lattice): The model's scores.
    teacher (Lattice): The teacher's scores of the same pairs.
    RETURNS (tuple[float, Gradients]): The mean over pairs, and its gradients.
    """
    log_ratio, gradients = _difference(lattice, teacher)
    expected = ForwardBackward(teacher).expectations()
    n_pairs = lattice.emissions.shape[1]
    possible = teacher.emissions - lattice.emissions
    moves = teacher.transitions - lattice.transitions
    energy = (expected.unary * possible).sum() + (expected.pairwise * moves).sum()
    return log_ratio + float(energy) / n_pairs, gradients


def _difference(lattice: Lattice, other: Lattice) -> tuple[float, Gradients]:
    """Mean difference of two log partitions, and gradients for the first lattice's scores."""
    n_pairs = lattice.emissions.shape[1]
    both = ForwardBackward(stack(lattice, other)).expectations()
    mine, theirs = _halves(both, n_pairs)
    loss = float((mine.log_partition - theirs.log_partition).mean())
    emissions = (mine.unary - theirs.unary) / n_pairs
    transitions = (mine.pairwise - theirs.pairwise) / n_pairs
    return loss, (emissions, transitions)


def _halves(both: Expectations, n_pairs: int) -> tuple[Expectations, Expectations]:
    """Undo the stacking of two lattices."""
    first = Expectations(
        both.log_partition[:n_pairs],
        both.unary[:, :n_pairs],
        both.pairwise[..., :n_pairs, :, :],
    )
    second = Expectations(
        both.log_partition[n_pairs:],
        both.unary[:, n_pairs:],
        both.pairwise[..., n_pairs:, :, :],
    )
    return first, second
