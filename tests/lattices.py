"""Random lattices, and every path through them."""

import itertools

import torch

from spacy_bioner_mtl.nn.lattice import IMPOSSIBLE, Lattice
from spacy_bioner_mtl.nn.tagset import legal_ends, legal_starts, legal_transitions


def random_lattice(seed, length=5, n_sequences=4, n_tags=5, large=False, scale=2.0):
    generator = torch.Generator().manual_seed(seed)
    emissions = torch.randn(length, n_sequences, n_tags, generator=generator) * scale
    shape = (n_sequences, n_tags, n_tags)
    if large:
        shape = (length - 1, *shape)
    transitions = torch.randn(shape, generator=generator) * scale
    lengths = torch.randint(1, length + 1, (n_sequences,), generator=generator)
    lengths[0] = length
    return Lattice(emissions, transitions, lengths)


def constrain(lattice):
    """Make what IOBES forbids impossible, as the network does."""
    n_tags = lattice.emissions.shape[2]
    penalty = torch.as_tensor(~legal_transitions(n_tags)) * IMPOSSIBLE
    emissions = lattice.emissions.clone()
    emissions[0] += torch.as_tensor(~legal_starts(n_tags)) * IMPOSSIBLE
    for n, length in enumerate(lattice.lengths):
        emissions[length - 1, n] += torch.as_tensor(~legal_ends(n_tags)) * IMPOSSIBLE
    return Lattice(emissions, lattice.transitions + penalty, lattice.lengths)


def enumerate_paths(lattice, n):
    """Every path of sequence n with its score, in float64."""
    length = int(lattice.lengths[n])
    for path in itertools.product(range(lattice.emissions.shape[2]), repeat=length):
        score = sum(float(lattice.emissions[t, n, tag]) for t, tag in enumerate(path))
        for t in range(length - 1):
            score += float(lattice.transitions_at(t)[n, path[t], path[t + 1]])
        yield path, score
