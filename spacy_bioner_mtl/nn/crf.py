"""Linear-chain conditional random fields over batches of lattices, in log space.

A lattice is all that a CRF needs to know of a sequence: how well each tag fits each token
(emissions) and each pair of neighbours (transitions). The functions here have no parameters, so
heads of different sizes, constrained (partially annotated) and unconstrained sequences, and both
forms of CRF run through them in one batch.

Recursions are rescaled at every token, and marginals are normalised per token: the result is as
exact for a sequence of 100,000 tokens as for one of ten.
"""

from dataclasses import dataclass

import torch
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

    def transitions_at(self, t: int) -> Tensor:
        """Scores from token t to token t + 1. Shape (N, T, T)."""
        return self.transitions if self.transitions.dim() == 3 else self.transitions[t]

    def is_near(self) -> bool:
        """Tell whether possible scores are so near to each other that their ratios are numbers."""
        return bool(_spread(self.emissions, -1) + _spread(self.transitions, (-2, -1)) < NEAR)

    def active(self) -> Tensor:
        """Tell tokens from padding. Shape (L, N), bool."""
        positions = torch.arange(self.emissions.shape[0], device=self.emissions.device)
        return positions[:, None] < self.lengths[None, :]


def _spread(scores: Tensor, dims: int | tuple[int, ...]) -> Tensor:
    """Largest difference of possible scores along some dimensions."""
    possible = scores > IMPOSSIBLE / 2
    lowest = torch.where(possible, scores, torch.inf).amin(dims)
    highest = torch.where(possible, scores, -torch.inf).amax(dims)
    return (highest - lowest).amax() if scores.numel() else scores.sum()


@dataclass
class Expectations:
    """What a CRF expects of a batch of sequences.

    log_partition (Tensor): Shape (N,), float64: log of the summed exp(score) of all taggings.
    unary (Tensor): Shape (L, N, T): probability of each tag at each token; 0 in padding.
    pairwise (Tensor): Expected number of each transition, of the shape of the lattice's
        transitions: summed over the tokens where these do not depend on the token.
    """

    log_partition: Tensor
    unary: Tensor
    pairwise: Tensor


def stack(first: Lattice, second: Lattice) -> Lattice:
    """Put two batches of the same L, T and kind into one; the first's sequences come first."""
    sequences = -3
    return Lattice(
        torch.cat([first.emissions, second.emissions], dim=1),
        torch.cat([first.transitions, second.transitions], dim=sequences),
        torch.cat([first.lengths, second.lengths]),
    )


def reversal(lengths: Tensor, length: int) -> Tensor:
    """Index that reverses each sequence in its own bounds and leaves padding where it is.

    lengths (Tensor): Shape (N,).
    length (int): L.
    RETURNS (Tensor): Shape (L, N), int64.
    """
    positions = torch.arange(length, device=lengths.device)[:, None]
    return torch.where(positions < lengths[None, :], lengths[None, :] - 1 - positions, positions)


def _reversed(lattice: Lattice) -> Lattice:
    """Turn every sequence round, each in its own bounds."""
    length, n_sequences, n_tags = lattice.emissions.shape
    index = reversal(lattice.lengths, length)
    emissions = lattice.emissions.gather(0, index[:, :, None].expand(-1, -1, n_tags))
    transitions = lattice.transitions.transpose(-1, -2)
    if transitions.dim() == 4:
        pairs = reversal((lattice.lengths - 1).clamp(min=0), length - 1)
        shape = (length - 1, n_sequences, n_tags, n_tags)
        transitions = transitions.gather(0, pairs[:, :, None, None].expand(shape))
    return Lattice(emissions, transitions, lattice.lengths)


def _forward(lattice: Lattice) -> tuple[Tensor, Tensor]:
    """Sum over all beginnings.

    lattice (Lattice): The scores.
    RETURNS (tuple[Tensor, Tensor]): The rescaled forward scores, shape (L, N, T), and what was
        taken off them at each token, shape (L, N), 0 in padding.
    """
    active = lattice.active()
    scores = lattice.emissions[0]
    offset = scores.amax(dim=1)
    scores = scores - offset[:, None]
    all_scores, all_offsets = [scores], [offset]
    for t in range(1, lattice.emissions.shape[0]):
        sums = torch.logsumexp(scores[:, :, None] + lattice.transitions_at(t - 1), dim=1)
        following = lattice.emissions[t] + sums
        offset = following.amax(dim=1) * active[t]
        scores = torch.where(active[t][:, None], following - offset[:, None], scores)
        all_scores.append(scores)
        all_offsets.append(offset)
    return torch.stack(all_scores), torch.stack(all_offsets)


def _forward_near(lattice: Lattice) -> tuple[Tensor, Tensor] | None:
    """Do what _forward does where is_near allows it: outside of log space, as matrix products.

    RETURNS (tuple[Tensor, Tensor] | None): None if the only way on leads from tags that have fallen
        behind by more than a number holds: inside a very long entity of unknown tokens.
    """
    active = lattice.active()
    peaks = lattice.emissions.amax(dim=2)
    factors = (lattice.emissions - peaks[:, :, None]).double().exp()[:, :, None].unbind()
    ratios = lattice.transitions.double().exp()
    steps = [ratios] * len(factors) if ratios.dim() == 3 else ratios.unbind()
    sums = factors[0]
    all_sums, all_sizes = [sums], [torch.ones_like(sums[:, :, :1])]
    # Sums run on in padding: nothing reads them, and every step of this loop counts.
    for factor, step in zip(factors[1:], steps, strict=False):
        sums = torch.bmm(sums, step) * factor
        size = sums.amax(dim=2, keepdim=True)
        sums = sums / size
        all_sums.append(sums)
        all_sizes.append(size)
    sizes = torch.stack(all_sizes)[:, :, 0, 0]
    if not bool(((sizes > 0.0) | ~active).all()):
        return None
    offsets = torch.where(active, peaks + sizes.log(), 0.0)
    scores = torch.stack(all_sums)[:, :, 0].log().to(peaks.dtype).clamp(min=IMPOSSIBLE)
    return scores, offsets.to(peaks.dtype)


class ForwardBackward:
    """The forward-backward algorithm on a batch of lattices, both directions in one loop."""

    def __init__(self, lattice: Lattice):
        """Run it.

        lattice (Lattice): The scores.
        """
        n_sequences, n_tags = lattice.emissions.shape[1:]
        self.lattice = lattice
        self.active = lattice.active()
        both = stack(lattice, _reversed(lattice))
        near = _forward_near(both) if lattice.is_near() else None
        self._near = near is not None
        scores, offsets = _forward(both) if near is None else near
        self._forward = scores[:, :n_sequences]
        self._offsets = offsets[:, :n_sequences]
        index = reversal(lattice.lengths, len(scores))[:, :, None].expand(-1, -1, n_tags)
        self._backward = scores[:, n_sequences:].gather(0, index)
        # A token that is first and last may be impossible twice over.
        joint = self._forward + self._backward - lattice.emissions.clamp(min=IMPOSSIBLE)
        self._normaliser = torch.logsumexp(joint, dim=2)
        self._log_unary = joint - self._normaliser[:, :, None]

    def log_partition(self) -> Tensor:
        """Log of the summed exp(score) of all taggings. Shape (N,), float64."""
        sequences = torch.arange(len(self.lattice.lengths), device=self.lattice.lengths.device)
        last = torch.logsumexp(self._forward[self.lattice.lengths - 1, sequences], dim=1)
        return self._offsets.double().sum(dim=0) + last.double()

    def unary(self) -> Tensor:
        """Probability of each tag at each token, 0 in padding. Shape (L, N, T)."""
        return self._log_unary.exp() * self.active[:, :, None]

    def pairwise(self) -> Tensor:
        """Expected number of each transition; see Expectations."""
        transitions = self.lattice.transitions
        if len(self._forward) == 1:
            return torch.zeros_like(transitions)
        scale = self._offsets[1:] + self._normaliser[1:]
        ahead = self._backward[1:] - scale[:, :, None]
        # Behind a sequence the terms do not belong together, and may overflow.
        ahead = ahead.masked_fill(~self.active[1:, :, None], IMPOSSIBLE)
        if transitions.dim() == 3 and self._near:
            before = self._forward[:-1].double().exp().permute(1, 2, 0)
            sums = torch.bmm(before, ahead.double().exp().transpose(0, 1))
            return (sums * transitions.double().exp()).to(transitions.dtype)
        joint = (self._forward[:-1, :, :, None] + ahead[:, :, None] + transitions).exp()
        return joint.sum(dim=0) if transitions.dim() == 3 else joint

    def expectations(self) -> Expectations:
        """All that training needs."""
        return Expectations(self.log_partition(), self.unary(), self.pairwise())

    def path_steps(self, tags: Tensor) -> tuple[Tensor, Tensor]:
        """Log probabilities along one path, from which those of its parts follow.

        A CRF is a Markov chain: the probability of the tags of tokens s to e is that of the tag of
        s times those of each next tag given the one before it.

        tags (Tensor): Shape (L, N), int64: the path.
        RETURNS (tuple[Tensor, Tensor]): Log probability of each tag of the path by itself, and,
            given the tag before it (for the first token the same); each of shape (L, N), float64.
        """
        alone = self._log_unary.gather(2, tags[:, :, None])[:, :, 0].double()
        given = alone.clone()
        if len(tags) > 1:
            forward = self._forward[:-1].gather(2, tags[:-1, :, None])[:, :, 0]
            backward = self._backward[1:].gather(2, tags[1:, :, None])[:, :, 0]
            step = _transitions_along(self.lattice, tags)
            joint = forward + step + backward - self._offsets[1:] - self._normaliser[1:]
            given[1:] = joint.double() - alone[:-1]
        return alone, given


def _transitions_along(lattice: Lattice, tags: Tensor) -> Tensor:
    """Transition scores along one path. Shape (L - 1, N)."""
    sequences = torch.arange(tags.shape[1], device=tags.device)[None, :]
    if lattice.transitions.dim() == 3:
        return lattice.transitions[sequences, tags[:-1], tags[1:]]
    steps = torch.arange(len(tags) - 1, device=tags.device)[:, None]
    return lattice.transitions[steps, sequences, tags[:-1], tags[1:]]


def path_scores(lattice: Lattice, tags: Tensor) -> Tensor:
    """Score of one path per sequence.

    lattice (Lattice): The scores.
    tags (Tensor): Shape (L, N), int64; padding is ignored.
    RETURNS (Tensor): Shape (N,), float64.
    """
    active = lattice.active()
    emissions = lattice.emissions.gather(2, tags[:, :, None])[:, :, 0].double()
    scores = (emissions * active).sum(dim=0)
    if len(tags) > 1:
        scores += (_transitions_along(lattice, tags).double() * active[1:]).sum(dim=0)
    return scores


def path_expectations(lattice: Lattice, tags: Tensor) -> Expectations:
    """What a CRF expects that is sure of one path: its score, its tags and its transitions.

    lattice (Lattice): The scores.
    tags (Tensor): Shape (L, N), int64; padding is ignored.
    RETURNS (Expectations): The log partition is the score of the path.
    """
    n_tags = lattice.emissions.shape[2]
    active = lattice.active()
    unary = nn.functional.one_hot(tags, n_tags) * active[:, :, None]
    pairwise = torch.zeros_like(lattice.transitions)
    steps, sequences = torch.nonzero(active[1:], as_tuple=True)
    move = (sequences, tags[steps, sequences], tags[steps + 1, sequences])
    where = move if pairwise.dim() == 3 else (steps, *move)
    one = torch.ones((), device=pairwise.device, dtype=pairwise.dtype)
    pairwise.index_put_(where, one, accumulate=True)
    return Expectations(path_scores(lattice, tags), unary.to(lattice.emissions.dtype), pairwise)


def viterbi(lattice: Lattice) -> Tensor:
    """Find the best path of every sequence, exactly.

    lattice (Lattice): The scores.
    RETURNS (Tensor): Shape (L, N), int64; 0 in padding.
    """
    active = lattice.active()
    scores = lattice.emissions[0]
    pointers = []
    stay = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
    for t in range(1, len(lattice.emissions)):
        best, pointer = (scores[:, :, None] + lattice.transitions_at(t - 1)).max(dim=1)
        following = best + lattice.emissions[t]
        following = following - following.amax(dim=1, keepdim=True)
        scores = torch.where(active[t][:, None], following, scores)
        pointers.append(torch.where(active[t][:, None], pointer, stay))
    tag = scores.argmax(dim=1)
    path = [tag]
    for pointer in reversed(pointers):
        tag = pointer.gather(1, tag[:, None])[:, 0]
        path.append(tag)
    return torch.stack(path[::-1]) * active
