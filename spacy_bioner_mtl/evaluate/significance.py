"""Is one pipeline better than another, or were the test documents kind to it?

Paired approximate randomisation (Noreen 1989, *Computer-Intensive Methods for Testing Hypotheses*;
Yeh 2000, doi 10.3115/992730.992783, for F1): if both pipelines were equally good, it would not
matter which of the two answers to a document is whose. So the answers are swapped at random,
document by document, and the p-value tells how often F1 then differs by as much as it did.

The unit that is swapped is the document of the DocBin. In corpora that were converted from files
without ``-DOCSTART-`` lines that is the sentence.
"""

import numpy as np
from numpy.typing import NDArray

#: Rounds of randomisation by default: p-values near 0.05 are then good to about 0.004.
ROUNDS = 10_000
#: Random numbers that are drawn at once, 8 bytes each.
_DRAWN_AT_ONCE = 1 << 21
#: Swaps may reach the observed difference by other sums, hence with another rounding error.
_ROUNDING = 1e-12


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
