"""Linear-chain conditional random fields over batches of lattices, in log space.

A lattice is all that a CRF needs to know of a sequence: how well each tag fits each token
(emissions) and each pair of neighbours (transitions). The functions here have no parameters, so
heads of different sizes, constrained (partially annotated) and unconstrained sequences, and both
forms of CRF run through them in one batch.

Recursions are rescaled at every token, and marginals are normalised per token: the result is as
exact for a sequence of 100,000 tokens as for one of ten.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spacy_bioner_mtl.nn.lattice import IMPOSSIBLE, Lattice, stack
from spacy_bioner_mtl.nn.padding import reversal

#: Smaller than any sum that counts.
_TINY = 1e-300
#: After so many tokens the scores of best paths are brought back to near zero, where single
#: precision tells them apart best.
_STEPS_UNSCALED = 8


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


def _both_directions(lattice: Lattice) -> Lattice:
    """The sequences, and the same turned round: sums over beginnings and endings in one loop."""
    return stack(lattice, _reversed(lattice))


def _turn_back(values: Tensor, lattice: Lattice) -> Tensor:
    """Take the reversed sequences of _both_directions out of (L, 2 N, T), in their own order."""
    _, n_sequences, n_tags = lattice.emissions.shape
    index = reversal(lattice.lengths, len(values))[:, :, None].expand(-1, -1, n_tags)
    return values[:, n_sequences:].gather(0, index)


def _last(values: Tensor, lengths: Tensor) -> Tensor:
    """What stands at the last token of each sequence. Shape (N, T)."""
    return values[lengths - 1, torch.arange(len(lengths), device=lengths.device)]


class _LogSums:
    """Sums over beginnings and endings of paths, in log space: exact whatever the scores are."""

    def __init__(self, lattice: Lattice):
        n_sequences = len(lattice.lengths)
        self._lattice = lattice
        scores, offsets = self._run(_both_directions(lattice))
        self._forward, self._offsets = scores[:, :n_sequences], offsets[:, :n_sequences]
        self._backward = _turn_back(scores, lattice)
        # A token that is first and last may be impossible twice over.
        joint = self._forward + self._backward - lattice.emissions.clamp(min=IMPOSSIBLE)
        self._normaliser = torch.logsumexp(joint, dim=2)
        self._log_unary = joint - self._normaliser[:, :, None]

    @staticmethod
    def _run(lattice: Lattice) -> tuple[Tensor, Tensor]:
        """Rescaled sums, shape (L, N, T), and what was taken off them, (L, N), 0 in padding."""
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

    def log_partition(self) -> Tensor:
        last = torch.logsumexp(_last(self._forward, self._lattice.lengths), dim=1)
        return self._offsets.double().sum(dim=0) + last.double()

    def unary(self) -> Tensor:
        return self._log_unary.exp()

    def pairwise(self, active: Tensor) -> Tensor:
        transitions = self._lattice.transitions
        scale = self._offsets[1:] + self._normaliser[1:]
        ahead = self._backward[1:] - scale[:, :, None]
        # Behind a sequence the terms do not belong together, and may overflow.
        ahead = ahead.masked_fill(~active[1:, :, None], IMPOSSIBLE)
        joint = (self._forward[:-1, :, :, None] + ahead[:, :, None] + transitions).exp()
        return joint.sum(dim=0) if transitions.dim() == 3 else joint

    def along(self, tags: Tensor) -> tuple[Tensor, Tensor]:
        forward = self._forward[:-1].gather(2, tags[:-1, :, None])[:, :, 0]
        backward = self._backward[1:].gather(2, tags[1:, :, None])[:, :, 0]
        step = _transitions_along(self._lattice.transitions, tags)
        joint = forward + step + backward - self._offsets[1:] - self._normaliser[1:]
        return self._log_unary.gather(2, tags[:, :, None])[:, :, 0].double(), joint.double()


class _NearSums:
    """The same outside of log space, as matrix products, in double precision: several times faster.

    It takes a lattice whose scores are near each other, and may fail even so: see exist.
    """

    def __init__(self, lattice: Lattice):
        n_sequences = len(lattice.lengths)
        self._lattice = lattice
        self._peaks = lattice.emissions.amax(dim=2)
        factors = (lattice.emissions - self._peaks[:, :, None]).double().exp()
        self._ratios = lattice.transitions.double().exp()
        both = _both_directions(Lattice(factors, self._ratios, lattice.lengths))
        sums, sizes = self._run(both.emissions, both.transitions)
        self._forward, self._sizes = sums[:, :n_sequences], sizes[:, :n_sequences]
        self._backward = _turn_back(sums, lattice)
        # What is impossible is 0 / 0 here, and 0.
        self._joint = self._forward * self._backward / factors.clamp(min=_TINY)
        self._normaliser = self._joint.sum(dim=2)
        self._all_sizes = torch.cat([sizes, self._normaliser], dim=1)

    @staticmethod
    def _run(factors: Tensor, ratios: Tensor) -> tuple[Tensor, Tensor]:
        """Rescaled sums, shape (L, N, T), and what they were divided by, shape (L, N)."""
        steps = [ratios] * len(factors) if ratios.dim() == 3 else ratios.unbind()
        first, *others = factors[:, :, None].unbind()
        all_sums, all_sizes = [first], [torch.ones_like(first[:, :, :1])]
        # Sums run on in padding: nothing reads them, and every call in this loop counts.
        for factor, step in zip(others, steps, strict=False):
            sums = torch.bmm(all_sums[-1], step) * factor
            size = sums.amax(dim=2, keepdim=True)
            all_sums.append(sums / size)
            all_sizes.append(size)
        return torch.stack(all_sums)[:, :, 0], torch.stack(all_sizes)[:, :, 0, 0]

    def exist(self, active: Tensor) -> bool:
        """Check whether all sums are numbers.

        They are not if the only way on leads from tags that have fallen behind by more than a
        number holds: inside a very long entity of unknown tokens.
        """
        return bool(((self._all_sizes > 0.0) | ~active.repeat(1, 3)).all())

    def log_partition(self) -> Tensor:
        active = self._lattice.active()
        offsets = self._peaks.double() + self._sizes.log()
        last = _last(self._forward, self._lattice.lengths).sum(dim=1)
        return torch.where(active, offsets, 0.0).sum(dim=0) + last.log()

    def unary(self) -> Tensor:
        unary = self._joint / self._normaliser[:, :, None]
        return unary.to(self._lattice.emissions.dtype)

    def pairwise(self, active: Tensor) -> Tensor:
        scale = self._sizes[1:] * self._normaliser[1:]
        # Behind a sequence the terms do not belong together.
        ahead = (self._backward[1:] / scale[:, :, None]).masked_fill(~active[1:, :, None], 0.0)
        before = self._forward[:-1]
        if self._ratios.dim() == 3:
            sums = torch.bmm(before.permute(1, 2, 0), ahead.transpose(0, 1)) * self._ratios
        else:
            sums = before[:, :, :, None] * ahead[:, :, None] * self._ratios
        return sums.to(self._lattice.emissions.dtype)

    def along(self, tags: Tensor) -> tuple[Tensor, Tensor]:
        alone = (self._joint.gather(2, tags[:, :, None])[:, :, 0] / self._normaliser).log()
        forward = self._forward[:-1].gather(2, tags[:-1, :, None])[:, :, 0]
        backward = self._backward[1:].gather(2, tags[1:, :, None])[:, :, 0]
        step = _transitions_along(self._ratios, tags)
        return alone, (forward * step * backward / (self._sizes[1:] * self._normaliser[1:])).log()


class ForwardBackward:
    """The forward-backward algorithm on a batch of lattices, both directions in one loop."""

    def __init__(self, lattice: Lattice):
        """Run it.

        lattice (Lattice): The scores.
        """
        self.active = lattice.active()
        self._transitions = lattice.transitions
        near = _NearSums(lattice) if lattice.is_near() else None
        exists = near is not None and near.exist(self.active)
        self._sums = near if near is not None and exists else _LogSums(lattice)

    def log_partition(self) -> Tensor:
        """Log of the summed exp(score) of all taggings. Shape (N,), float64."""
        return self._sums.log_partition()

    def unary(self) -> Tensor:
        """Probability of each tag at each token, 0 in padding. Shape (L, N, T)."""
        return self._sums.unary().masked_fill(~self.active[:, :, None], 0.0)

    def pairwise(self) -> Tensor:
        """Expected number of each transition; see Expectations."""
        if len(self.active) == 1:
            return torch.zeros_like(self._transitions)
        return self._sums.pairwise(self.active)

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
        alone, joint = self._sums.along(tags)
        return alone, torch.cat([alone[:1], joint - alone[:-1]])


def _transitions_along(transitions: Tensor, tags: Tensor) -> Tensor:
    """What stands for the transitions along one path. Shape (L - 1, N)."""
    sequences = torch.arange(tags.shape[1], device=tags.device)[None, :]
    if transitions.dim() == 3:
        return transitions[sequences, tags[:-1], tags[1:]]
    steps = torch.arange(len(tags) - 1, device=tags.device)[:, None]
    return transitions[steps, sequences, tags[:-1], tags[1:]]


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
        scores += (_transitions_along(lattice.transitions, tags).double() * active[1:]).sum(dim=0)
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
    emissions = lattice.emissions
    # Sequences last: the largest of T rows of N numbers is found several times as fast as of N
    # blocks of T.
    by_tag = emissions.transpose(1, 2).contiguous()
    transitions = lattice.transitions.movedim(-3, -1).contiguous()
    all_scores = [by_tag[0]]
    # Scores run on in padding: nothing reads them, and every call in this loop counts.
    for t in range(1, len(by_tag)):
        step = transitions if transitions.dim() == 3 else transitions[t - 1]
        scores = (all_scores[-1][:, None] + step).amax(dim=0) + by_tag[t]
        if t % _STEPS_UNSCALED == 0:
            scores = scores - scores.amax(dim=0)
        all_scores.append(scores)
    return _trace_back(torch.stack(all_scores).transpose(1, 2), lattice)


def _trace_back(scores: Tensor, lattice: Lattice) -> Tensor:
    """Follow the best paths from their last tags, in numpy: it is quicker at single numbers.

    scores (Tensor): Shape (L, N, T): of the best path up to each tag.
    lattice (Lattice): The scores of N sequences.
    RETURNS (Tensor): Shape (L, N), int64; 0 in padding.
    """
    active = lattice.active().cpu().numpy()
    tag = _last(scores, lattice.lengths).argmax(dim=1).cpu().numpy()
    reached = np.ascontiguousarray(scores.cpu().numpy())
    moves = np.ascontiguousarray(lattice.transitions.transpose(-1, -2).cpu().numpy())
    columns = np.arange(len(tag))
    path = np.zeros(active.shape, dtype=np.int64)
    path[-1] = tag
    for t in range(len(path) - 1, 0, -1):
        into = moves[columns, tag] if moves.ndim == 3 else moves[t - 1, columns, tag]
        tag = np.where(active[t], (reached[t - 1] + into).argmax(axis=1), tag)
        path[t - 1] = tag
    return torch.as_tensor(path * active, device=lattice.emissions.device)


def span_scores(
    lattice: Lattice,
    tags: Tensor,
    columns: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Compute the probabilities of spans of a path, whatever the rest of it is.

    lattice (Lattice): The scores of N sequences.
    tags (Tensor): Shape (L, N): their paths.
    columns (NDArray[int64]): Shape (spans,): the sequence of each span.
    starts (NDArray[int64]): Shape (spans,): its first token.
    ends (NDArray[int64]): Shape (spans,): the token after its last.
    RETURNS (NDArray[float64]): Shape (spans,).
    """
    alone, given = (step.cpu().numpy() for step in ForwardBackward(lattice).path_steps(tags))
    given = np.cumsum(given, axis=0)
    log_scores = alone[starts, columns] + given[ends - 1, columns] - given[starts, columns]
    scores: NDArray[np.float64] = np.exp(np.minimum(log_scores, 0.0))
    return scores
