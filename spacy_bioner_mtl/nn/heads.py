"""CRF heads: from hidden states to the potentials of lattices, for several heads at once."""

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn

from spacy_bioner_mtl.nn.lattice import IMPOSSIBLE
from spacy_bioner_mtl.nn.tagset import legal_ends, legal_starts, legal_transitions

CRFKind = Literal["small", "large"]
#: Weights, shape (outputs, width), and biases, shape (outputs,).
Output = tuple[Tensor, Tensor]


class HeadLayer(nn.Module):
    """The parameters of one head.

    The small CRF scores tags by the hidden state and transitions by a matrix; the large one scores
    each pair of tags by the hidden state (Ma and Hovy 2016; the original program's default).
    """

    def __init__(self, n_tags: int, input_width: int, kind: CRFKind):
        """Make the parameters.

        n_tags (int): Number of tags.
        input_width (int): Width of the hidden states.
        kind (CRFKind): Small or large.
        """
        super().__init__()
        self.n_tags = n_tags
        self.kind = kind
        n_outputs = n_tags if kind == "small" else (n_tags + 1) * n_tags
        self.output = nn.Linear(input_width, n_outputs)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        if kind == "small":
            self.transitions = nn.Parameter(torch.zeros(n_tags, n_tags))
            self.start = nn.Parameter(torch.zeros(n_tags))
            self.end = nn.Parameter(torch.zeros(n_tags))

    def grow(self, n_tags: int) -> "HeadLayer":
        """Make a head with more tags that scores the present ones as this one does.

        n_tags (int): Number of tags of the new head.
        RETURNS (HeadLayer): The new head.
        """
        grown = HeadLayer(n_tags, self.output.in_features, self.kind)
        old, new = self.n_tags, grown.n_tags
        with torch.no_grad():
            for name, theirs in grown.named_parameters():
                mine = self.get_parameter(name)
                if self.kind == "large":
                    wide, narrow = _block(theirs, new), _block(mine, old)
                    wide[:old, :old], wide[new, :old] = narrow[:old], narrow[old]
                else:
                    theirs[tuple(slice(0, size) for size in mine.shape)] = mine
        return grown.to(self.output.weight.device)


def _block(values: Tensor, n_tags: int) -> Tensor:
    """See outputs of the large CRF as [from, to]; its last row scores the first token's tag."""
    return values.view(n_tags + 1, n_tags, *values.shape[1:])


def score_pairs(
    heads: list[HeadLayer],
    states: list[Tensor],
    lengths: Tensor,
    sequences: Tensor,
    position: Tensor,
) -> tuple[Tensor, Tensor]:
    """Score all taggings of P pairs of sequence and head.

    heads (list[HeadLayer]): The heads, all of one kind.
    states (list[Tensor]): For each head, hidden states of shape (L, N, width).
    lengths (Tensor): Shape (N,): number of tokens of each sequence.
    sequences (Tensor): Shape (P,): column of each pair's sequence.
    position (Tensor): Shape (P,): index of each pair's head among the heads.
    RETURNS (tuple[Tensor, Tensor]): Emissions and transitions of a lattice; T is the largest number
        of tags. Tags that a head does not have, and what IOBES forbids, are impossible.
    """
    n_tags = max(head.n_tags for head in heads)
    masks = [_penalties(head.n_tags, n_tags) for head in heads]
    owned, moves, starts, ends = (
        torch.stack(kind).to(states[0].device) for kind in zip(*masks, strict=True)
    )
    if heads[0].kind == "small":
        emissions = _small_emissions(heads, states, n_tags, sequences, position)
        transitions = torch.stack([_pad(head.transitions, n_tags) for head in heads])[position]
        starts = starts + torch.stack([_pad(head.start, n_tags) for head in heads])
        ends = ends + torch.stack([_pad(head.end, n_tags) for head in heads])
    else:
        emissions, transitions = _large_scores(heads, states, n_tags)
        emissions = _of_pairs(emissions, sequences, position)
        transitions = _of_pairs(transitions, sequences, position)
    # What stands in the place of tags that a head does not have gets no gradient.
    emissions = torch.where(owned[position], emissions, IMPOSSIBLE)
    # Only the first and the last tokens are touched: in between, these are most of the numbers.
    emissions[0] += starts[position]
    last = (lengths - 1)[sequences], torch.arange(len(sequences), device=emissions.device)
    emissions[last] += ends[position]
    return emissions, transitions + moves[position]


def _of_pairs(scores: Tensor, sequences: Tensor, position: Tensor) -> Tensor:
    """Take the scores of pairs, no two of them alike, out of those of all heads.

    scores (Tensor): Shape (L, N, heads, ...).
    RETURNS (Tensor): Shape (L, P, ...).
    """
    length, n_sequences, n_heads = scores.shape[:3]
    first = torch.arange(length, device=scores.device)[:, None] * (n_sequences * n_heads)
    rows = first + (sequences * n_heads + position)
    taken = scores.flatten(0, 2).index_select(0, rows.flatten())
    return taken.view(length, len(sequences), *scores.shape[3:])


@lru_cache(maxsize=256)
def _penalties(n_own: int, n_tags: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Which tags a head has; penalties of transitions, first and last tags; padded to n_tags."""

    def penalty(legal: object) -> Tensor:
        return (~torch.as_tensor(legal)).float() * IMPOSSIBLE

    return (
        torch.arange(n_tags) < n_own,
        _pad(penalty(legal_transitions(n_own)), n_tags),
        _pad(penalty(legal_starts(n_own)), n_tags),
        _pad(penalty(legal_ends(n_own)), n_tags),
    )


def _pad(values: Tensor, n_tags: int) -> Tensor:
    """Pad every dimension, a number of tags, with zeros to n_tags."""
    padding = [size for own in reversed(values.shape) for size in (0, n_tags - own)]
    return nn.functional.pad(values, padding)


def _small_emissions(
    heads: list[HeadLayer],
    states: list[Tensor],
    n_tags: int,
    sequences: Tensor,
    position: Tensor,
) -> Tensor:
    """Emissions of pairs, in one product for all heads that share states. Shape (L, P, T).

    A head with fewer tags than T gets scores of the next head's tags for those that it has not.
    """
    sizes = [head.n_tags for head in heads]
    first = [sum(sizes[:index]) for index in range(len(heads))]
    # So that T tags follow the first one of the last head, too
    missing = first[-1] + n_tags - sum(sizes)
    outputs: list[Output] = [(head.output.weight, head.output.bias) for head in heads]
    weights, biases = outputs[-1]
    outputs[-1] = (
        nn.functional.pad(weights, (0, 0, 0, missing)),
        nn.functional.pad(biases, (0, missing)),
    )
    scores = _products(outputs, states)
    columns = torch.tensor(first, device=position.device)[position] + sequences * scores.shape[2]
    index = columns[:, None] + torch.arange(n_tags, device=position.device)
    taken = scores.flatten(1, 2).gather(1, index.flatten().expand(len(scores), -1))
    return taken.view(len(scores), *index.shape)


def _products(outputs: list[Output], states: list[Tensor]) -> Tensor:
    """Multiply states by outputs of their heads, in one product where the heads share them.

    outputs (list[Output]): For each head, weights of shape (its outputs, width) and biases.
    states (list[Tensor]): For each head, shape (L, N, width).
    RETURNS (Tensor): Shape (L, N, all outputs).
    """
    if all(state is states[0] for state in states):
        weights, biases = (torch.cat(kind) for kind in zip(*outputs, strict=True))
        return nn.functional.linear(states[0], weights, biases)
    products = [
        nn.functional.linear(state, *output) for state, output in zip(states, outputs, strict=True)
    ]
    return torch.cat(products, dim=2)


def _large_scores(
    heads: list[HeadLayer], states: list[Tensor], n_tags: int
) -> tuple[Tensor, Tensor]:
    """Emissions, shape (L, N, heads, T), and transitions, shape (L - 1, N, heads, T, T)."""
    outputs: list[Output] = []
    for head in heads:
        weights = _wide_block(head.output.weight, head.n_tags, n_tags)
        biases = _wide_block(head.output.bias[:, None], head.n_tags, n_tags)
        outputs.append((weights, biases[:, 0]))
    scores = _products(outputs, states)
    scores = scores.view(*scores.shape[:2], len(heads), n_tags + 1, n_tags)
    first = torch.arange(len(scores), device=scores.device) == 0
    return scores[..., -1, :] * first[:, None, None, None], scores[1:, ..., :-1, :]


def _wide_block(values: Tensor, n_own: int, n_tags: int) -> Tensor:
    """Outputs of the large CRF, padded with zeros from a head's tags to n_tags."""
    block = _block(values, n_own)
    pad = n_tags - n_own
    moves = nn.functional.pad(block[:-1], (0, 0, 0, pad, 0, pad))
    start = nn.functional.pad(block[-1:], (0, 0, 0, pad))
    return torch.cat([moves, start]).flatten(0, 1)
