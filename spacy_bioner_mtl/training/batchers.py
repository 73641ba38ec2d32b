"""Batchers that mix corpora.

spaCy hands a batcher all examples of an epoch, shuffled. An example's corpus is told by the heads
that its gold document is annotated for: that is all the mixing needs, and it is in the DocBin.
"""

import random
from collections.abc import Callable, Iterable, Iterator

from spacy.training import Example

from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.pipeline.spans import annotated_heads

Batcher = Callable[[Iterable[Example]], Iterator[list[Example]]]


def configure_one_corpus(size: int) -> Batcher:
    """Create the batcher of Wang et al. 2019: an epoch is one pass over one corpus.

    The corpus is drawn uniformly, whatever its size.

    size (int): Documents in a batch: 10 sentences in the paper.
    RETURNS (Batcher): The batcher.
    """

    def batch(examples: Iterable[Example]) -> Iterator[list[Example]]:
        corpora = _by_corpus(examples)
        chosen = corpora[random.choice(sorted(corpora))]
        for start in range(0, len(chosen), size):
            yield chosen[start : start + size]

    return batch


def configure_mixed_corpora(size: int, temperature: float) -> Batcher:
    """Create a batcher whose batches hold documents of similar length from all corpora.

    Corpora are drawn in proportion to (their number of tokens) ** (1 / temperature): 1 is
    proportional to size, so that an epoch sees each document once; the higher the temperature, the
    more uniform. An epoch has about as many tokens as the corpora together.

    size (int): Padded tokens in a batch, at most; a longer document is a batch of its own.
    temperature (float): At least 1.
    RETURNS (Batcher): The batcher.
    """
    if temperature < 1:
        raise InputError(f"The batcher's temperature is {temperature}; give 1 or more.")

    def batch(examples: Iterable[Example]) -> Iterator[list[Example]]:
        corpora = _by_corpus(examples)
        drawn: list[Example] = []
        sizes = {name: sum(map(len, chosen)) for name, chosen in corpora.items()}
        if not any(sizes.values()):
            raise InputError("No training document has a token; look into the training corpus.")
        weights = {name: count ** (1 / temperature) for name, count in sizes.items()}
        for name in sorted(corpora):
            share = weights[name] / sum(weights.values())
            wanted = share * sum(sizes.values()) / max(sizes[name], 1)
            drawn.extend(_passes(corpora[name], wanted))
        batches = list(_similar_lengths(drawn, size))
        random.shuffle(batches)
        yield from batches

    return batch


def _by_corpus(examples: Iterable[Example]) -> dict[tuple[str, ...], list[Example]]:
    """Group examples by the heads that they are annotated for."""
    corpora: dict[tuple[str, ...], list[Example]] = {}
    for example in examples:
        corpora.setdefault(tuple(sorted(annotated_heads(example.reference))), []).append(example)
    return corpora


def _passes(examples: list[Example], number: float) -> list[Example]:
    """Take whole passes over a corpus, and a random part of one for the fraction."""
    whole = int(number)
    part = random.sample(examples, round((number - whole) * len(examples)))
    return examples * whole + part


def _similar_lengths(examples: list[Example], size: int) -> Iterator[list[Example]]:
    """Group documents of similar length; which equally long ones meet is left to chance."""
    batch: list[Example] = []
    for example in sorted(examples, key=lambda each: len(each.predicted) + random.random()):
        if batch and (len(batch) + 1) * len(example.predicted) > size:
            yield batch
            batch = []
        batch.append(example)
    if batch:
        yield batch
