"""Is one pipeline better than another, or were the test documents kind to it?

Paired approximate randomisation (Noreen 1989, *Computer-Intensive Methods for Testing Hypotheses*;
Yeh 2000, doi 10.3115/992730.992783, for F1): if both pipelines were equally good, it would not
matter which of the two answers to a document is whose. So the answers are swapped at random,
document by document, and the p-value tells how often F1 then differs by as much as it did.

The unit that is swapped is the document of the DocBin. In corpora that were converted from files
without ``-DOCSTART-`` lines that is the sentence.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spacy_bioner_mtl.errors import InputError

#: Rounds of randomisation by default: p-values near 0.05 are then good to about 0.004.
ROUNDS = 10_000
#: Random numbers that are drawn at once, 8 bytes each.
_DRAWN_AT_ONCE = 1 << 21
#: Swaps may reach the observed difference by other sums, hence with another rounding error.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Comparison:
    """Two pipelines under one head.

    head (str): The head.
    documents (int): Documents that are annotated for it.
    f_a (float): F1 of the first pipeline, from 0 to 1.
    f_b (float): F1 of the second pipeline.
    p_value (float): How often chance alone makes F1 differ by as much: see p_value.
    """

    head: str
    documents: int
    f_a: float
    f_b: float
    p_value: float

    def to_json(self) -> dict[str, Any]:
        """Return everything but the head's name, for a JSON file."""
        return {
            "documents": self.documents,
            "f_a": self.f_a,
            "f_b": self.f_b,
            "difference": self.f_b - self.f_a,
            "p_value": self.p_value,
        }


def f_scores(totals: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 from counts: 2 * true positives / (predicted + gold); 0 where there is nothing.

    totals (NDArray[int64]): Shape (..., 3): true positives, predicted and gold mentions.
    RETURNS (NDArray[float64]): Shape (...), from 0 to 1.
    """
    found = totals[..., 1] + totals[..., 2]
    return np.asarray(2 * totals[..., 0] / np.maximum(found, 1), dtype=np.float64)


def p_value(
    a: NDArray[np.int64], b: NDArray[np.int64], *, rounds: int = ROUNDS, seed: int = 0
) -> float:
    """Test whether F1 of two pipelines differs, two-sided, by paired approximate randomisation.

    a (NDArray[int64]): Shape (documents, 3): true positives, predicted and gold mentions of each
        document under the first pipeline, as evaluation.count_mentions gives them.
    b (NDArray[int64]): The same documents under the second pipeline.
    rounds (int): How often to swap.
    seed (int): Of the random numbers.
    RETURNS (float): (r + 1) / (rounds + 1), where r is the number of rounds in which the
        difference was at least the observed one.
    """
    total = (a + b).sum(axis=0)
    differences = a - b
    # What a swap does depends on the difference of a document's counts alone, so that only the
    # number of swaps among equal differences is drawn. A difference and its negative are the same
    # to a swap; to take them as one makes the test blind to which pipeline is the first.
    leading = np.take_along_axis(differences, (differences != 0).argmax(axis=1)[:, None], axis=1)
    kinds, sizes = np.unique(differences * np.sign(leading), axis=0, return_counts=True)
    moved = kinds.any(axis=1)
    kinds, sizes = kinds[moved], sizes[moved]

    def gap(difference: NDArray[np.int64]) -> NDArray[np.float64]:
        """The sums under both are (total ± difference) / 2; F1 does not ask for the half."""
        return np.abs(f_scores(total + difference) - f_scores(total - difference))

    observed = gap(differences.sum(axis=0)) - _ROUNDING
    generator = np.random.default_rng(seed)
    step = max(1, _DRAWN_AT_ONCE // max(1, len(kinds)))
    reached = 0
    for start in range(0, rounds, step):
        shape = (min(step, rounds - start), len(kinds))
        swapped = generator.binomial(sizes, 0.5, size=shape)
        reached += int((gap((sizes - 2 * swapped) @ kinds) >= observed).sum())
    return (reached + 1) / (rounds + 1)


def compare_pipelines(
    model_a: str, model_b: str, path: Path, *, rounds: int = ROUNDS, seed: int = 0
) -> list[Comparison]:
    """Compare two trained pipelines on gold documents, head by head.

    model_a (str): The folder of a pipeline, or the name of an installed package.
    model_b (str): Another one.
    path (Path): A .spacy file, or a folder with such files anywhere in it.
    rounds (int): How often to swap.
    seed (int): Of the random numbers.
    RETURNS (list[Comparison]): One for each head that both pipelines have and documents are
        annotated for, by name.
    RAISES (InputError): If there is no such head, or a path is no pipeline or no corpus.
    """
    from spacy_bioner_mtl.corpora.gold_files import check_corpora

    if rounds < 1:
        raise InputError(f"The number of rounds is {rounds}; give 1 or more.")
    check_corpora([path])
    counts_a, counts_b = _count(model_a, path), _count(model_b, path)
    heads = sorted(counts_a.keys() & counts_b.keys())
    if not heads:
        names_a, names_b = (", ".join(counts) or "none" for counts in (counts_a, counts_b))
        raise InputError(
            f"{path}: no document is annotated for a head that both {model_a} ({names_a}) and "
            f"{model_b} ({names_b}) have."
        )
    return [
        compare_counts(head, counts_a[head], counts_b[head], rounds=rounds, seed=seed)
        for head in heads
    ]


def compare_counts(
    head: str,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Comparison:
    """Compare two pipelines by their counts under one head.

    head (str): The head.
    a (NDArray[int64]): As for p_value.
    b (NDArray[int64]): As for p_value.
    rounds (int): How often to swap.
    seed (int): Of the random numbers.
    RETURNS (Comparison): The result.
    """
    f_a, f_b = f_scores(np.stack([a.sum(axis=0), b.sum(axis=0)])).tolist()
    return Comparison(head, len(a), f_a, f_b, p_value(a, b, rounds=rounds, seed=seed))


def _count(model: str, path: Path) -> dict[str, NDArray[np.int64]]:
    """Count under each head of a pipeline for which there are annotated documents."""
    from spacy_bioner_mtl.evaluate.gold_docs import annotate_gold, count_mentions
    from spacy_bioner_mtl.pipeline.loading import head_names, load_pipeline

    nlp = load_pipeline(model)
    examples = annotate_gold(nlp, [path])
    counts = {head: count_mentions(examples, head) for head in head_names(nlp)}
    return {head: values for head, values in counts.items() if len(values)}
