"""A batch of lattices: all that a CRF needs to know of sequences."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

#: Score of what is impossible; finite, so that differences of impossible scores are not NaN.
IMPOSSIBLE = -1e30
#: If scores of one token, and transitions, lie closer together than this, sums over paths may
#: leave log space in double precision: a tag is at most a few such steps behind the best, and
#: exp(-600) is a number.
NEAR = 100.0


@dataclass
class Lattice:
    """Scores of all taggings of a batch of sequences.

    emissions (Tensor): Shape (L, N, T): tokens, sequences, tags. Scores of the first and the last
        tag are part of the emissions of these tokens. What lies behind a sequence is ignored.
    transitions (Tensor): Shape (N, T, T), indexed [from, to], or (L - 1, N, T, T) where they
        depend on the token (the "large" CRF); entry t leads from token t to token t + 1.
    lengths (Tensor): Shape (N,), int64, each at least 1.
    """

    emissions: Tensor
    transitions: Tensor
    lengths: Tensor

    def allow(self, allowed: Tensor) -> "Lattice":
        """Forbid all tags but the allowed.

        allowed (Tensor): Shape (L, N, T), bool.
        RETURNS (Lattice): The same scores, where allowed.
        """
        emissions = self.emissions.masked_fill(~allowed, IMPOSSIBLE)
        return Lattice(emissions, self.transitions, self.lengths)

    def pad(self, n_tags: int) -> "Lattice":
        """Add impossible tags behind the others.

        n_tags (int): Number of tags, at least T.
        RETURNS (Lattice): The same scores, of more tags.
        """
        missing = n_tags - self.emissions.shape[2]
        if not missing:
            return self
        emissions = nn.functional.pad(self.emissions, (0, missing), value=IMPOSSIBLE)
        transitions = nn.functional.pad(self.transitions, (0, missing, 0, missing))
        return Lattice(emissions, transitions, self.lengths)

    def crop(self, n_tags: int) -> "Lattice":
        """Leave tags out that are impossible.

        n_tags (int): Number of tags to keep, the first ones.
        RETURNS (Lattice): The same scores, of fewer tags.
        """
        transitions = self.transitions[..., :n_tags, :n_tags]
        return Lattice(self.emissions[:, :, :n_tags], transitions, self.lengths)

    def select(self, chosen: Tensor) -> "Lattice":
        """Keep some sequences.

        chosen (Tensor): Shape (M,), int64: their indices.
        RETURNS (Lattice): Their scores.
        """
        transitions = self.transitions
        return Lattice(
            self.emissions[:, chosen],
            transitions[chosen] if transitions.dim() == 3 else transitions[:, chosen],
            self.lengths[chosen],
        )

    def transitions_at(self, t: int) -> Tensor:
        """Scores from token t to token t + 1. Shape (N, T, T)."""
        return self.transitions if self.transitions.dim() == 3 else self.transitions[t]

    def is_near(self) -> bool:
        """Check whether possible scores are so near to each other that their ratios are numbers."""
        return bool(_spread(self.emissions, -1) + _spread(self.transitions, (-2, -1)) < NEAR)

    def is_finite(self) -> bool:
        """Check whether all scores are numbers, neither NaN nor infinite."""
        extremes = [*torch.aminmax(self.emissions)]
        if self.transitions.numel():
            extremes += torch.aminmax(self.transitions)
        return bool(torch.isfinite(torch.stack(extremes)).all())

    def active(self) -> Tensor:
        """Mask of tokens; padding is False. Shape (L, N), bool."""
        positions = torch.arange(self.emissions.shape[0], device=self.emissions.device)
        return positions[:, None] < self.lengths[None, :]


def _spread(scores: Tensor, dims: int | tuple[int, ...]) -> Tensor:
    """Largest difference of possible scores along some dimensions."""
    possible = scores > IMPOSSIBLE / 2
    lowest = torch.where(possible, scores, torch.inf).amin(dims)
    highest = torch.where(possible, scores, -torch.inf).amax(dims)
    return (highest - lowest).amax() if scores.numel() else scores.sum()


def stack(first: Lattice, second: Lattice) -> Lattice:
    """Put two batches of the same L, T and kind into one; the first's sequences come first."""
    sequences = -3
    return Lattice(
        torch.cat([first.emissions, second.emissions], dim=1),
        torch.cat([first.transitions, second.transitions], dim=sequences),
        torch.cat([first.lengths, second.lengths]),
    )


def temper(lattice: Lattice, temperatures: NDArray[np.float64]) -> Lattice:
    """Divide scores by temperatures (Guo et al. 2017): above 1, what is probable becomes less so.

    The order of taggings by their scores, and so the best one, stays.

    lattice (Lattice): The scores of N sequences.
    temperatures (NDArray[float64]): Shape (N,).
    RETURNS (Lattice): The scores divided; what is impossible stays so.
    """
    if (temperatures == 1.0).all():
        return lattice
    divisors = torch.as_tensor(temperatures).to(lattice.emissions)

    def divide(scores: Tensor, by: Tensor) -> Tensor:
        return torch.where(scores > IMPOSSIBLE / 2, scores / by, scores)

    return Lattice(
        divide(lattice.emissions, divisors[:, None]),
        divide(lattice.transitions, divisors[:, None, None]),
        lattice.lengths,
    )
