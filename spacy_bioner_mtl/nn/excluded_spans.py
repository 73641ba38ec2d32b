"""What a CRF expects where single spans are excluded."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spacy_bioner_mtl.nn.crf import Expectations, ForwardBackward
from spacy_bioner_mtl.nn.lattice import Lattice
from spacy_bioner_mtl.nn.tagset import spans_to_tags


def expect_without(lattice: Lattice, spans: NDArray[np.int64]) -> Expectations:
    """Compute what a CRF expects of taggings that do not hold a span, for each of several spans.

    A tagging without the span differs from its tags first at its first token, or first at its
    second, and so on: no tagging does two of these, and each is a lattice. What these expect is
    added up; nothing is subtracted, so that it is exact even where the span is all but certain.
    Spans with other bounds or another label stay possible.

    lattice (Lattice): The scores of N sequences.
    spans (NDArray[int64]): Shape (spans, 4): sequence, first token, token after the last, label.
    RETURNS (Expectations): Of as many sequences as there are spans. The log partition lies below
        IMPOSSIBLE / 2 where the lattice has no tagging without the span, and the rest says nothing.
    """
    length, _, n_tags = lattice.emissions.shape
    owners = np.repeat(np.arange(len(spans)), spans[:, 2] - spans[:, 1])
    allowed = np.ones((length, len(owners), n_tags), dtype=np.bool_)
    column = 0
    for _, start, end, label in spans.tolist():
        tags = spans_to_tags([(start, end, label)], length)
        for differs in range(start, end):
            before = np.arange(start, differs)
            allowed[before, column] = False
            allowed[before, column, tags[before]] = True
            allowed[differs, column, tags[differs]] = False
            column += 1
    device = lattice.emissions.device
    parts = lattice.select(torch.as_tensor(spans[owners, 0], device=device))
    parts = parts.allow(torch.as_tensor(allowed, device=device))
    owner = torch.as_tensor(owners, device=device)
    return _add_up(ForwardBackward(parts).expectations(), owner, len(spans))


def _add_up(parts: Expectations, owner: Tensor, n_wholes: int) -> Expectations:
    """What is expected of sets of taggings that consist of parts, each with its share."""
    wholes = parts.log_partition.new_full((n_wholes,), -torch.inf)
    wholes = wholes.scatter_reduce(0, owner, parts.log_partition, "amax")
    shares = (parts.log_partition - wholes[owner]).exp()
    sums = torch.zeros_like(wholes).index_add(0, owner, shares)
    shares = (shares / sums[owner]).to(parts.unary.dtype)

    def add(values: Tensor, share: Tensor, dim: int) -> Tensor:
        # What an impossible part expects is no number.
        values = torch.where(share > 0.0, values * share, 0.0)
        shape = list(values.shape)
        shape[dim] = n_wholes
        return values.new_zeros(shape).index_add(dim, owner, values)

    return Expectations(
        wholes + sums.log(),
        add(parts.unary, shares[:, None], 1),
        add(parts.pairwise, shares[:, None, None], parts.pairwise.dim() - 3),
    )
