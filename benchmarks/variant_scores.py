"""Scores of the variants, head by head, over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.variants import Counts, Run
from spacy_bioner_mtl.evaluate.significance import f_scores, p_value

#: The variants that are tested against each other.
TESTED = ("STM", "MTM-CW")
#: A variant and a seed.
Key = tuple[str, int]


@dataclass(frozen=True)
class Scores:
    """F1 of the variants.

    name (str): The head, or that it is the mean of the heads.
    f (dict[str, list[float]]): For each variant F1 of each seed, from 0 to 1, as far as the runs
        are done.
    p_value (float | None): Of the difference between STM and MTM-CW; None where it is not tested.
    """

    name: str
    f: dict[str, list[float]]
    p_value: float | None

    def cell(self, variant: str) -> str:
        """Show mean and standard deviation of a variant, in percent.

        variant (str): The variant.
        RETURNS (str): The two numbers; one seed has no deviation.
        """
        values = [100 * value for value in self.f.get(variant, ())]
        if not values:
            return "-"
        return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")

    def p_cell(self) -> str:
        """Show the p-value.

        RETURNS (str): The number, or nothing where it is not tested.
        """
        return "" if self.p_value is None else f"{self.p_value:.4f}"

    def to_json(self) -> dict[str, Any]:
        """Return everything but the name, for a JSON file.

        RETURNS (dict[str, Any]): For each variant the mean, the sample standard deviation (null for
            one seed) and F1 of each seed; and the p-value.
        """
        variants = {
            variant: {
                "mean": mean(values),
                "standard_deviation": stdev(values) if len(values) > 1 else None,
                "seeds": values,
            }
            for variant, values in self.f.items()
        }
        return {**variants, "p_value": self.p_value}


def collect_scores(runs: Sequence[Run]) -> list[Scores]:
    """Score the runs that are done.

    Under a head that several corpora are annotated for, the documents of all of them count; those
    of an STM are then answered by several models, each trained on its documents' corpus.

    STM and MTM-CW are compared by paired approximate randomisation over documents (significance).
    Seed by seed their answers are to the same documents, so that each document's counts are summed
    over the seeds before the test: what is swapped are all answers of the one to a document with
    all answers of the other.

    runs (Sequence[Run]): The runs.
    RETURNS (list[Scores]): One for each head, by name, and for more than one head the mean.
    """
    counts = _by_head(runs)
    f = {
        head: {key: float(f_scores(rows.sum(axis=0))) for key, rows in answers.items()}
        for head, answers in counts.items()
    }
    scores = [Scores(head, _by_variant(f[head]), _test(counts[head])) for head in sorted(f)]
    if len(f) > 1:
        complete = [
            key for key in next(iter(f.values())) if all(key in each for each in f.values())
        ]
        means = {key: mean(each[key] for each in f.values()) for key in complete}
        scores.append(Scores("macro average", _by_variant(means), None))
    return scores


def _by_head(runs: Sequence[Run]) -> dict[str, dict[Key, NDArray[np.int64]]]:
    """Gather the counts of each head's documents, where no run is missing for some of them."""
    done: dict[Key, Counts] = {}
    for run in runs:
        done.setdefault((run.variant, run.seed), {}).update(run.counts() or {})
    corpora: dict[str, set[str]] = {}
    for counts in done.values():
        for corpus, heads in counts.items():
            for head in heads:
                corpora.setdefault(head, set()).add(corpus)
    return {
        head: {
            key: np.concatenate([counts[corpus][head] for corpus in sorted(names)])
            for key, counts in done.items()
            if names <= counts.keys()
        }
        for head, names in corpora.items()
    }


def _by_variant(f: dict[Key, float]) -> dict[str, list[float]]:
    variants: dict[str, list[float]] = {}
    for (variant, _), value in f.items():
        variants.setdefault(variant, []).append(value)
    return variants


def _test(answers: dict[Key, NDArray[np.int64]]) -> float | None:
    """Test the difference of two variants over the seeds that both have."""
    one, other = TESTED
    seeds = [seed for variant, seed in answers if variant == one and (other, seed) in answers]
    if not seeds:
        return None
    a, b = (np.sum([answers[variant, seed] for seed in seeds], axis=0) for variant in TESTED)
    return p_value(a, b)
