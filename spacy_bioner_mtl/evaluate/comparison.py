"""Two pipelines, each trained once or with several seeds, on the same gold documents."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spacy_bioner_mtl.corpora.gold_files import check_corpora
from spacy_bioner_mtl.errors import InputError
from spacy_bioner_mtl.evaluate.gold_docs import annotate_gold, count_pairs
from spacy_bioner_mtl.evaluate.significance import ROUNDS, f_scores, p_value
from spacy_bioner_mtl.pipeline.loading import head_names, load_pipeline

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from spacy_bioner_mtl.pipeline.judge import Key


@dataclass(frozen=True)
class Difference:
    """A sentence that one side alone gets right, with each of its seeds; the other with none.

    right (str): "A" or "B".
    text (str): The sentence.
    gold (list[tuple[int, int, str]]): Its mentions: offsets of characters in it, and label.
    wrong (list[tuple[int, int, str]]): What the first seed of the other side found.
    """

    right: str
    text: str
    gold: list[tuple[int, int, str]]
    wrong: list[tuple[int, int, str]]


@dataclass(frozen=True)
class Comparison:
    """Two sides under one head.

    head (str): The head.
    documents (int): Documents that are annotated for it.
    f_a (float): F1 of the first side, of its seeds' counts together, from 0 to 1.
    f_b (float): F1 of the second side.
    seeds_a (list[float]): F1 of each of its pipelines.
    seeds_b (list[float]): F1 of each of its pipelines.
    p_value (float): How often chance alone makes F1 differ by as much: see significance.p_value.
    differences (list[Difference]): Sentences that one side alone gets right.
    """

    head: str
    documents: int
    f_a: float
    f_b: float
    seeds_a: list[float]
    seeds_b: list[float]
    p_value: float
    differences: list[Difference] = field(default_factory=list)

    def only(self, side: str) -> int:
        """Count the sentences that one side alone gets right.

        side (str): "A" or "B".
        RETURNS (int): Their number.
        """
        return sum(each.right == side for each in self.differences)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers, without the head's name, for a JSON file."""
        return {
            "documents": self.documents,
            "f_a": self.f_a,
            "f_b": self.f_b,
            "seeds_a": self.seeds_a,
            "seeds_b": self.seeds_b,
            "difference": self.f_b - self.f_a,
            "p_value": self.p_value,
            "only_a": self.only("A"),
            "only_b": self.only("B"),
        }


@dataclass(frozen=True)
class _Answers:
    """What a pipeline says under one head, document by document.

    docs (list[Doc]): The gold documents.
    gold (list[set[Key]]): Their mentions.
    found (list[set[Key]]): What it found, in tokens of the gold documents.
    """

    docs: "list[Doc]"
    gold: "list[set[Key]]"
    found: "list[set[Key]]"

    def counts(self) -> NDArray[np.int64]:
        """Shape (documents, 3): true positives, predicted mentions, gold mentions."""
        return count_pairs(zip(self.found, self.gold, strict=True))


def compare_pipelines(
    models_a: Sequence[str],
    models_b: Sequence[str],
    path: Path,
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> list[Comparison]:
    """Compare two sides on gold documents, head by head.

    A side is a pipeline, or the same trained with several seeds. Then a document's counts are those
    of all of them together, so that what is tested is how the sides differ on average.

    models_a (Sequence[str]): The first side: folders of pipelines, or names of packages.
    models_b (Sequence[str]): The second side, as many.
    path (Path): A .spacy file, or a folder with such files anywhere in it.
    rounds (int): How often to swap.
    seed (int): Of the random numbers.
    RETURNS (list[Comparison]): One for each head that all pipelines have and documents are
        annotated for, by name.
    RAISES (InputError): If there is no such head, a path is no pipeline or no corpus, or the sides
        are of different sizes.
    """
    if rounds < 1:
        raise InputError(f"The number of rounds is {rounds}; give 1 or more.")
    if len(models_a) != len(models_b):
        raise InputError(
            f"One side has {len(models_a)} pipelines and the other {len(models_b)}; give both as "
            "many seeds."
        )
    check_corpora([path])
    sides = [[_ask(model, path) for model in models] for models in (models_a, models_b)]
    everybody = [answers for side in sides for answers in side]
    heads = sorted(set.intersection(*(set(answers) for answers in everybody)))
    if not heads:
        first, other = ("; ".join(", ".join(each) or "none" for each in side) for side in sides)
        raise InputError(
            f"{path}: no document is annotated for a head that both {', '.join(models_a)} "
            f"({first}) and {', '.join(models_b)} ({other}) have."
        )
    return [
        _compare(head, *([one[head] for one in side] for side in sides), rounds=rounds, seed=seed)
        for head in heads
    ]


def _ask(model: str, path: Path) -> dict[str, _Answers]:
    """What a pipeline says under each of its heads for which there are annotated documents."""
    from spacy_bioner_mtl.pipeline.judge import Judge

    nlp = load_pipeline(model)
    examples = annotate_gold(nlp, [path])
    answers = {}
    for head in head_names(nlp):
        own = [example for example in examples if head in example.reference.spans]
        if own:
            judges = [Judge(example, head) for example in own]
            answers[head] = _Answers(
                [example.reference for example in own],
                [judge.gold for judge in judges],
                [judge.predicted() for judge in judges],
            )
    return answers


def _compare(
    head: str, a: list[_Answers], b: list[_Answers], *, rounds: int, seed: int
) -> Comparison:
    counts_a, counts_b = ([one.counts() for one in side] for side in (a, b))
    together = [np.sum(counts, axis=0) for counts in (counts_a, counts_b)]
    f_a, f_b = f_scores(np.stack([counts.sum(axis=0) for counts in together])).tolist()
    seeds_a, seeds_b = (
        [float(f_scores(one.sum(axis=0))) for one in counts] for counts in (counts_a, counts_b)
    )
    return Comparison(
        head,
        len(a[0].docs),
        f_a,
        f_b,
        seeds_a,
        seeds_b,
        p_value(*together, rounds=rounds, seed=seed),
        list(_find_differences(a, b)),
    )


def _find_differences(a: list[_Answers], b: list[_Answers]) -> Iterator[Difference]:
    for number, doc in enumerate(a[0].docs):
        gold = a[0].gold[number]
        found_a, found_b = ([one.found[number] for one in side] for side in (a, b))
        if all(one == gold for one in (*found_a, *found_b)):
            continue
        for start, end in _sentences(doc):
            wanted = _inside(gold, start, end)
            right_a, right_b = (
                [_inside(one, start, end) == wanted for one in found]
                for found in (found_a, found_b)
            )
            if all(right_a) and not any(right_b):
                wrong = _inside(found_b[0], start, end)
                yield _describe(doc, start, end, "A", wanted, wrong)
            elif all(right_b) and not any(right_a):
                wrong = _inside(found_a[0], start, end)
                yield _describe(doc, start, end, "B", wanted, wrong)


def _sentences(doc: "Doc") -> list[tuple[int, int]]:
    if not doc.has_annotation("SENT_START"):
        return [(0, len(doc))]
    return [(sentence.start, sentence.end) for sentence in doc.sents]


def _inside(keys: "set[Key]", start: int, end: int) -> "set[Key]":
    """What begins in a sentence; what runs out of it is wrong by that."""
    return {key for key in keys if start <= key[0] < end}


def _describe(
    doc: "Doc", start: int, end: int, right: str, gold: "set[Key]", wrong: "set[Key]"
) -> Difference:
    first = doc[start].idx

    def offsets(keys: "set[Key]") -> list[tuple[int, int, str]]:
        spans = [(doc[key[0] : key[1]], key[2]) for key in sorted(keys)]
        return [(span.start_char - first, span.end_char - first, label) for span, label in spans]

    return Difference(right, doc[start:end].text, offsets(gold), offsets(wrong))
